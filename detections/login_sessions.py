"""Failed logins of a user, grouped into sessions, and what is usual among them.

A session is a run of failed logins with gaps of at most `gap_ms`. It is cut after 24 h and at the turn of the week, as
incidents are. When it can't grow any more it goes into the counts of the day on which it began.
"""

from math import sqrt
from typing import Final

import msgspec

from detections.model import DAY_MS, LATENESS_MS, MINUTE_MS
from detections.state import (
    ADDRESS_CHARS,
    ID_CHARS,
    INCIDENT_MS,
    FailedLogins,
    LoginSession,
    SessionDay,
    week_of,
)
from schemas.activity import Activity

MAX_GAP_MS: Final = 120 * MINUTE_MS
"""No setting allows a longer gap; so long (and an hour for those who come late) a session may still grow."""
MAX_SESSIONS: Final = 4
MAX_NETWORKS: Final = 6
"""Networks kept of a session, the last ones. Enough for a person; who attacks from more is found by network."""
BASELINE_DAYS: Final = 30


class Baseline(msgspec.Struct, frozen=True, gc=False):
    """What is usual: how many sessions are known, mean and standard deviation of their failures."""

    sessions: int
    mean: float
    sigma: float


def session_of(kept: FailedLogins, activity: Activity, gap_ms: int) -> LoginSession:
    """The session that a failed login or lockout belongs to, with its times extended; a new one where it fits none.

    One that comes late may join two sessions into one; the earlier keeps its anchor.
    """
    forget(kept, activity.time_ms)
    time_ms = activity.time_ms
    fitting = [each for each in kept.sessions if _fits(each, time_ms, gap_ms)]
    if not fitting:
        session = LoginSession(time_ms, *_beginning(activity), time_ms)
        kept.sessions.append(session)
    else:
        session = fitting[0]
        for later in fitting[1:]:
            if max(later.last_ms, time_ms) - session.first_ms < INCIDENT_MS:
                _merge(session, later)
                kept.sessions.remove(later)
        if time_ms < session.first_ms:
            session.first_ms = time_ms
            if not session.crossed_ms:  # an anchor that has been told does not change
                session.first_id, session.first_type, session.first_ip = _beginning(activity)
        session.last_ms = max(session.last_ms, time_ms)
    kept.sessions.sort(key=_last)
    while len(kept.sessions) > MAX_SESSIONS:
        _count(kept, next(each for each in kept.sessions if each is not session))
    return session


def add_network(session: LoginSession, prefix: str) -> bool:
    """Notes that `session` came from `prefix`, too. True where that is new and few were known before."""
    networks, prefix = session.networks, prefix[:ADDRESS_CHARS]
    if not prefix:
        return False
    if prefix in networks:
        if networks[-1] != prefix:
            networks.remove(prefix)
            networks.append(prefix)
        return False
    few = len(networks) < MAX_NETWORKS
    networks.append(prefix)
    del networks[:-MAX_NETWORKS]
    return few


def baseline(kept: FailedLogins, current: LoginSession, days: int = BASELINE_DAYS) -> Baseline:
    """What is usual among the other sessions of the last `days` days before `current` began.

    The largest of them is left out: one flood must not hide the next for a month.
    """
    day = current.first_ms // DAY_MS
    others = [each for each in kept.sessions if each is not current and each.failures]
    known = [each for each in kept.days if day - days <= each.day <= day]
    sessions = sum(each.sessions for each in known) + len(others) - 1
    if sessions < 1:
        return Baseline(0, 0.0, 0.0)
    largest = max([each.largest for each in known] + [each.failures for each in others])
    failures = sum(each.failures for each in known) + sum(each.failures for each in others) - largest
    squares = sum(each.squares for each in known) + sum(each.failures**2 for each in others) - largest**2
    mean = failures / sessions
    return Baseline(sessions, mean, sqrt(max(0.0, squares / sessions - mean**2)))


def forget(kept: FailedLogins, time_ms: int) -> None:
    """Counts the sessions that can't grow any more at `time_ms`, and drops days that are too old."""
    for session in [each for each in kept.sessions if each.last_ms < time_ms - MAX_GAP_MS - LATENESS_MS]:
        _count(kept, session)
    oldest = time_ms // DAY_MS - BASELINE_DAYS - 1  # a session may have begun the day before
    if kept.days and kept.days[0].day < oldest:
        kept.days = [each for each in kept.days if each.day >= oldest]


def _fits(session: LoginSession, time_ms: int, gap_ms: int) -> bool:
    first, last = min(session.first_ms, time_ms), max(session.last_ms, time_ms)
    return (
        session.first_ms - gap_ms <= time_ms <= session.last_ms + gap_ms
        and last - first < INCIDENT_MS
        and week_of(first) == week_of(last)
    )


def _beginning(activity: Activity) -> tuple[str, str, str]:
    return activity.event_id[:ID_CHARS], activity.type, activity.ip[:ADDRESS_CHARS]


def _merge(session: LoginSession, later: LoginSession) -> None:
    session.last_ms = max(session.last_ms, later.last_ms)
    session.failures += later.failures
    session.lockouts += later.lockouts
    for prefix in later.networks:
        add_network(session, prefix)
    if later.crossed_ms and not session.crossed_ms:  # it has been told: keep telling of that one
        session.first_id, session.first_type, session.first_ip = later.first_id, later.first_type, later.first_ip
        session.crossed_ms = later.crossed_ms
    session.told = max(session.told, later.told)
    session.followed = session.followed or later.followed
    if later.success_ms > session.success_ms:
        session.success_ms, session.success_id = later.success_ms, later.success_id


def _count(kept: FailedLogins, session: LoginSession) -> None:
    kept.sessions.remove(session)
    if not session.failures:
        return
    day, failures = session.first_ms // DAY_MS, session.failures
    found = next((each for each in kept.days if each.day == day), None)
    if found is None:
        kept.days.append(SessionDay(day, 1, failures, failures**2, failures))
        kept.days.sort(key=lambda each: each.day)
        return
    found.sessions += 1
    found.failures += failures
    found.squares += failures**2
    found.largest = max(found.largest, failures)


def _last(session: LoginSession) -> tuple[int, int]:
    return session.last_ms, session.first_ms
