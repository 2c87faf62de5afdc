"""Multiple failed logins: more in one session than anybody mistypes, and more than is usual for this user."""

from collections.abc import Sequence
from math import ceil
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from detections import login_sessions
from detections.login_sessions import BASELINE_DAYS, MAX_GAP_MS, Baseline, add_network, baseline, session_of
from detections.model import MINUTE_MS, Candidate, Evidence, Metadata, Number, Severity, Technique, attributable
from detections.networks import prefix_of
from detections.settings import PolicySettings
from detections.state import ADDRESS_CHARS, ID_CHARS, LoginSession, UserState
from detections.wording import clock, count, person
from schemas.activity import Activity


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    min_failures: Annotated[int, Meta(ge=3, le=10_000)] = 10
    sigmas: Annotated[float, Meta(ge=0, le=10)] = 3
    baseline_days: Annotated[int, Meta(ge=1, le=BASELINE_DAYS)] = 30
    gap_minutes: Annotated[int, Meta(ge=1, le=MAX_GAP_MS // MINUTE_MS)] = 30
    success_severity: Severity = "high"


class FailedLogins:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="failed_logins",
        version="1.0",
        title="Multiple failed logins",
        description=(
            "More failed logins of one user in one session than is usual: somebody may be guessing the password. High "
            "where a success from the same network follows: the guess may have been right."
        ),
        techniques=(
            Technique("T1110", "Brute Force", "TA0006", "Credential Access"),
            Technique("T1110.001", "Password Guessing", "TA0006", "Credential Access"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "An app or a mapped drive that goes on with an old password.",
            "A fresh password change, or trouble with the second factor.",
            "A penetration test.",
        ),
        triage=(
            "Look where the failures came from: the user's own network and client speak for an old password somewhere. "
            "Ask the user. After a success, look at what was done from that network."
        ),
        remediation=(
            "Reset the password if the user knows nothing of it, and turn on two-step login. After a success: require "
            "the user to sign in again and look at everything done since."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._gap_ms = self.settings.gap_minutes * MINUTE_MS

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a session, updated while it goes on."""
        sessions = user.failed_logins.sessions
        if activity.outcome == "success":
            if not sessions or activity.time_ms > sessions[-1].last_ms + self._gap_ms or not attributable(activity):
                return ()
            return self._succeeded(activity, sessions)
        if activity.type not in ("failed_login", "lockout") or not attributable(activity):
            return ()
        return self._failed(activity, user)

    def _succeeded(self, activity: Activity, sessions: list[LoginSession]) -> list[Candidate]:
        prefix, time_ms = prefix_of(activity.network, activity.ip)[:ADDRESS_CHARS], activity.time_ms
        told = []
        for session in sessions:
            if prefix not in session.networks or not session.first_ms <= time_ms <= session.last_ms + self._gap_ms:
                continue
            if time_ms > session.success_ms:
                session.success_ms, session.success_id = time_ms, activity.event_id[:ID_CHARS]
            if session.crossed_ms and time_ms >= session.crossed_ms and not session.followed:
                session.followed = True
                told.append(self._candidate("update", activity, session, None))
        return told

    def _failed(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        kept = user.failed_logins
        session = session_of(kept, activity, self._gap_ms)
        new_network = add_network(session, prefix_of(activity.network, activity.ip))
        first_lockout = activity.type == "lockout" and not session.lockouts
        if activity.type == "lockout":
            session.lockouts += 1
        else:
            session.failures += 1
        if session.crossed_ms:
            if session.failures < 2 * session.told and not new_network and not first_lockout:
                return ()
            session.told = session.failures
            return (self._candidate("update", activity, session, None),)
        usual = baseline(kept, session, self.settings.baseline_days)
        if session.failures < self._threshold(usual):
            return ()
        session.crossed_ms, session.told = activity.time_ms, session.failures
        session.followed = session.success_ms >= session.last_ms  # a success that overtook this failure on its way
        return (self._candidate("create", activity, session, usual),)

    def _threshold(self, usual: Baseline) -> float:
        return max(self.settings.min_failures, usual.mean + self.settings.sigmas * usual.sigma)

    def _candidate(
        self, step: Literal["create", "update"], activity: Activity, session: LoginSession, usual: Baseline | None
    ) -> Candidate:
        first = Evidence(session.first_id, session.first_ms, session.first_type, session.first_ip)
        here = Evidence.of(activity)
        evidence = (here,) if here.event_id == first.event_id else (first, here)
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=session.first_id,
            severity=self.settings.success_severity if session.followed else self.settings.severity,
            raises=self.settings.raises,
            message=self._message(activity, session, usual),
            first_ms=session.first_ms,
            last_ms=max(session.last_ms, activity.time_ms),
            count=max(1, session.failures),
            numbers=self._numbers(session, usual),
            evidence=tuple(sorted(evidence, key=lambda each: each.time_ms)),
        )

    def _message(self, activity: Activity, session: LoginSession, usual: Baseline | None) -> str:
        networks = count(len(session.networks), "network")
        if len(session.networks) >= login_sessions.MAX_NETWORKS:
            networks = f"at least {networks}"
        text = (
            f"{person(activity)}: {count(session.failures, 'failed login')} from {clock(session.first_ms)} to "
            f"{clock(session.last_ms, session.first_ms)}, from {networks}"
        )
        if session.networks:
            text += f" ({session.networks[-1]}{' last' if len(session.networks) > 1 else ''})"
        if session.lockouts:
            text += f", {count(session.lockouts, 'lockout')}"
        if usual is not None:
            known = f"a session of this user has {usual.mean:.1f} on average" if usual.sessions else "none is usual"
            text += f"; {known}, {ceil(self._threshold(usual))} are too many"
        if session.followed:
            text += f"; then a success from the same network at {clock(session.success_ms, session.first_ms)}"
        return text + "."

    def _numbers(self, session: LoginSession, usual: Baseline | None) -> tuple[Number, ...]:
        threshold = None if usual is None else round(self._threshold(usual), 2)
        numbers = [Number("failed logins", session.failures, threshold, "logins")]
        if usual is not None and usual.sessions:
            numbers.append(Number("usual failures", round(usual.mean, 2), None, "logins a session"))
        numbers.append(Number("networks", len(session.networks), None, "networks"))
        if session.lockouts:
            numbers.append(Number("lockouts", session.lockouts, None, "lockouts"))
        return tuple(numbers)
