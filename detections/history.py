"""What is usual for a user: learned from every activity, after the policies have judged it.

The order for each activity is: all policies, then `observe`, once. So policies see the user as before the activity, and
an activity never explains itself. Policies ask about whole days before the activity's own, which makes the answers
independent of the order in which a day's activities came.
"""

from typing import Final

import msgspec

from detections import bursts, encounters, login_sessions, sightings, standing, verdicts
from detections.activity_policies import clients, watches
from detections.model import DAY_MS, attributable
from detections.networks import has_place
from detections.seen import mark, outdated
from detections.state import KEPT_DAYS, TEXT_CHARS, History, Seen, UserState
from schemas.activity import Activity

MAX_COUNTRIES: Final = 40
MAX_NETWORKS: Final = 48
"""More than anybody uses in 80 days; of more, those seen most recently are kept."""
MAX_CLIENTS: Final = 8
"""Egnyte knows about six; integrations have names of their own."""
EVERYDAY_ADMINISTRATION: Final = "change_permission"
"""What owners of folders do as well: it makes nobody an administrator."""
_MAX_LOGINS: Final = 254
_MAX_ASN: Final = 1 << 32


def observe(activity: Activity, user: UserState) -> None:
    """Learns `activity`. The first of a new day (UTC) also makes the user forget what is too old.

    Successful activities count: the day, its logins, its clients, and, where interactive, country and network.
    Addresses that stand for no place (VPN, relay, cloud) teach no country. Activities of days that are already
    forgotten teach nothing.
    """
    history = user.history
    day = activity.time_ms // DAY_MS
    if (
        activity.ip
        and activity.ip == history.ip
        and day == history.day
        and (not activity.client or history.clients.get(activity.client) == day)
        and activity.type != "login"
        and not activity.administrative
    ):
        return  # the common case: nothing new
    if not attributable(activity):
        return
    if day > history.day:
        forget(user, activity.time_ms)
    elif day < history.day - KEPT_DAYS:
        return
    if activity.outcome != "success":
        return
    _count_day(history, day, login=activity.type == "login")
    if activity.client:
        _learn_client(history, day, activity.client)
        clients.learn(user.activity_policies, activity.client, day)
    if activity.administrative and activity.type != EVERYDAY_ADMINISTRATION:
        history.admin_day = max(history.admin_day, day)
    if activity.ip and activity.interactive:
        _learn_source(history, day, activity)
        if day == history.day:
            history.ip = activity.ip


def forget(user: UserState, time_ms: int) -> None:
    """Makes `user` what it is at `time_ms`, of a day that is not before its newest: drops all that is too old by then.

    With it, the states of a user who was silent for different times can be compared.
    """
    history, day = user.history, time_ms // DAY_MS
    passed = day - history.day
    history.days = (bytes(min(passed, KEPT_DAYS + 1)) + history.days)[: KEPT_DAYS + 1].rstrip(b"\0")
    history.day = day
    history.ip = ""
    _forget_seen(history.countries, day)
    _forget_seen(history.networks, day)
    history.clients = {client: last for client, last in history.clients.items() if last >= day - KEPT_DAYS}
    if history.admin_day < day - KEPT_DAYS:
        history.admin_day = 0
    user.told = []
    user.journeys.passing = ""
    sightings.forget(user.journeys, time_ms)
    login_sessions.forget(user.failed_logins, time_ms)
    encounters.forget(user.encounters, time_ms)
    bursts.forget_all(user.volumes, time_ms)
    watches.forget(user.activity_policies, time_ms)
    clients.forget(user.activity_policies, day)
    verdicts.forget(user.verdicts, time_ms)
    standing.forget(user.standing, time_ms)


class Learning(msgspec.Struct, frozen=True, gc=False):
    """What is known of a user before a day. `days`: since the first day with a successful activity that is kept, 0 if
    there is none. `active_days`: days with successful activities. `logins`: successful logins."""

    days: int
    active_days: int
    logins: int

    def complete(self, days: int, logins: int) -> bool:
        """Whether the user is known: for `days` days, with `logins` logins.

        A day on which somebody was active counts as much as a login: who keeps a session open for weeks logs in rarely
        and is known all the same.
        """
        return self.days >= days and max(self.logins, self.active_days) >= logins


def learning(user: UserState, day: int) -> Learning:
    """What the whole days before `day` tell about the user."""
    history = user.history
    newest = max(0, history.day - day + 1)
    kept = history.days[newest : max(0, history.day - day + KEPT_DAYS + 1)].rstrip(b"\0")
    if not kept:
        return Learning(0, 0, 0)
    active = len(kept) - kept.count(0)
    return Learning(day - (history.day - newest - len(kept) + 1), active, sum(kept) - active)


def _count_day(history: History, day: int, *, login: bool) -> None:
    index = history.day - day
    days = history.days
    before = days[index] if index < len(days) else 0
    after = min((before or 1) + login, _MAX_LOGINS + 1)
    if after != before:
        history.days = days[:index].ljust(index, b"\0") + bytes((after,)) + days[index + 1 :]


def _learn_source(history: History, day: int, activity: Activity) -> None:
    country, asn = activity.place.country, activity.network.asn
    if len(country) == 2 and has_place(activity.network):
        _mark(history.countries, country, day, MAX_COUNTRIES)
    if 0 < asn < _MAX_ASN:
        _mark(history.networks, str(asn), day, MAX_NETWORKS)


def _mark(known: dict[str, Seen], key: str, day: int, most: int) -> None:
    seen = known.get(key)
    if seen is not None:
        mark(seen, day)
        return
    known[key] = Seen(day, 1)
    if len(known) > most:
        # By last day and key alone: what is kept must follow from what was seen lately, in any order.
        del known[min(known, key=lambda each: (known[each].last_day, each))]


def _learn_client(history: History, day: int, client: str) -> None:
    clients, client = history.clients, client[:TEXT_CHARS]
    clients[client] = max(day, clients.get(client, 0))
    if len(clients) > MAX_CLIENTS:
        del clients[min(clients, key=lambda each: (clients[each], each))]


def _forget_seen(known: dict[str, Seen], day: int) -> None:
    for key in [key for key, seen in known.items() if outdated(seen, day)]:
        del known[key]
