"""New client: a user whose habits are known uses a client for the first time."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from detections.history import learning
from detections.model import DAY_MS, Candidate, Evidence, Metadata, Number, Raise, Severity, Technique, attributable
from detections.settings import PolicySettings
from detections.state import ID_CHARS, KEPT_DAYS, TEXT_CHARS, UserState
from detections.suppression import first_today
from detections.wording import clock, count, person, plain, source
from schemas.activity import Activity

_WHY: Final = {"learning": "what is usual for this user is still being learned"}


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    raises: Raise = "behavior"
    severity: Severity = "low"
    first_severity: Severity = "medium"
    common_severity: Severity = "informational"
    common_users: Annotated[int, Meta(ge=2, le=100_000)] = 3
    learning_days: Annotated[int, Meta(ge=0, le=60)] = 7
    learning_logins: Annotated[int, Meta(ge=0, le=60)] = 10


class NewClient:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="new_client",
        version="1.1",
        title="First use of a client",
        description=(
            "A user whose habits are known uses a client (web, desktop app, mobile, FTP, an integration) that this "
            "user did not use in the last 80 days: a new device, or somebody else's."
        ),
        techniques=(
            Technique("T1078.004", "Cloud Accounts", "TA0001", "Initial Access"),
            Technique("T1550.001", "Application Access Token", "TA0005", "Defense Evasion"),
        ),
        severity="low",
        raises="behavior",
        false_positives=(
            "A new phone, computer or integration.",
            "A client that Egnyte has renamed.",
        ),
        triage=(
            "By itself it says little. Look whether place or provider are new as well, and what was done with it: "
            "FTP and integrations are good for taking much at once."
        ),
        remediation="If the user knows nothing of it: reset the password and revoke the tokens of the integration.",
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """A candidate for the first use of a client."""
        day, clients = activity.time_ms // DAY_MS, user.history.clients
        if not activity.client or clients.get(activity.client, 0) >= day - KEPT_DAYS:
            return ()
        client = activity.client[:TEXT_CHARS]
        if clients.get(client, 0) >= day - KEPT_DAYS:
            return ()
        if activity.outcome != "success" or not attributable(activity):
            return ()
        known = learning(user, day)
        if not known.days:
            return ()  # nothing is known: no client is newer than another
        reason: Literal["learning", ""] = ""
        if not known.complete(self.settings.learning_days, self.settings.learning_logins):
            reason = "learning"
        if not first_today(user, activity.time_ms, self.metadata.id, reason, client):
            return ()  # who makes up ever new names is told of a few times a day
        users = activity.knowledge.client_users
        number = Number("users of the client", users, self.settings.common_users, "users")
        text = (
            f"{person(activity)} uses {plain(client)!r} for the first time in {KEPT_DAYS} days: {activity.type} at "
            f"{clock(activity.time_ms)} from {source(activity)}"
        )
        if users >= 0:
            text += f"; {count(users, 'user') if users else 'nobody'} of the organisation in the last 30 days"
        if reason:
            text += f". Not raised: {_WHY[reason]}"
        return (
            Candidate(
                policy=self.metadata.id,
                step="suppress" if reason else "create",
                anchor=activity.event_id[:ID_CHARS],
                severity=self._severity(users),
                raises=self.settings.raises,
                message=f"{text}.",
                first_ms=activity.time_ms,
                last_ms=activity.time_ms,
                numbers=(number,) if users >= 0 else (),
                evidence=(Evidence.of(activity),),
                suppressed=reason,
            ),
        )

    def _severity(self, users: int) -> Severity:
        """By how many others use the client, -1 where nobody knows."""
        if users == 0:
            return self.settings.first_severity
        return self.settings.common_severity if users >= self.settings.common_users else self.settings.severity
