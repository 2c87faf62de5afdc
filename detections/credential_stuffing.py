"""Credential stuffing: many failed logins of many users at once, from several networks that nobody is known at."""

from typing import Annotated, ClassVar

from msgspec import Meta

from detections import crowd
from detections.assaults import AssaultSettings, MassLogins, WindowMinutes
from detections.crowd import Crowd
from detections.model import DAY_MS, MINUTE_MS, Concerned, Metadata, Technique
from detections.reputation import OWN_CATEGORIES
from detections.sources import PANE_MS, Logins
from detections.wording import count, plain
from schemas.activity import IpCategory
from schemas.attempt import Attempt, By


class Settings(AssaultSettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    min_users: Annotated[int, Meta(ge=3, le=256)] = 10
    min_failures: Annotated[int, Meta(ge=3, le=10_000)] = 30
    window_minutes: WindowMinutes = 10
    min_networks: Annotated[int, Meta(ge=1, le=64)] = 2
    many_tries: Annotated[float, Meta(ge=1, le=1_000)] = 6
    learning_days: Annotated[int, Meta(ge=0, le=14)] = 7
    own_categories: tuple[IpCategory, ...] = OWN_CATEGORIES


class CredentialStuffing(MassLogins):
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="credential_stuffing",
        version="1.0",
        title="Credential stuffing",
        description=(
            "Many failed logins of many users within minutes, from networks that nobody of the organisation got in "
            "from lately: somebody tries stolen names and passwords. High where one of them gets in."
        ),
        techniques=(
            Technique("T1110", "Brute Force", "TA0006", "Credential Access"),
            Technique("T1110.004", "Credential Stuffing", "TA0006", "Credential Access"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "An outage of the sign-in service while many are in new places, at a conference, say.",
            "A penetration test.",
        ),
        triage=(
            "Look who got in: that account is lost until proven otherwise. Passwords that work were used elsewhere "
            "too; see whether the names are in known leaks."
        ),
        remediation=(
            "For whoever got in: reset the password, require the user to sign in again, and look at everything done "
            "since. Block the networks, and turn on two-step login for all."
        ),
    )
    by: ClassVar[By] = "connector"
    settings: Settings

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._panes = -(-self.settings.window_minutes * MINUTE_MS // PANE_MS)

    def too_many(self, attempt: Attempt, kept: Logins) -> Crowd | None:
        """Enough users and failures; from one network alone only where a spray has fewer tries for each user."""
        chosen = self.settings
        if attempt.category in chosen.own_categories:
            return None  # not what makes it an attack
        if len(kept.accounts) + len(kept.guessed) < chosen.min_users:
            return None
        found = crowd.largest(kept, attempt.time_ms // PANE_MS, self._panes)
        if found.outside < chosen.min_users or found.outside <= found.entered:
            return None
        if crowd.failures(kept, found.first_pane, self._panes) < chosen.min_failures:
            return None
        if found.networks < chosen.min_networks and found.tries <= chosen.many_tries * found.users:
            return None
        return found

    def quiet(self, attempt: Attempt, kept: Logins) -> str:
        """While it is not known yet which networks are usual."""
        first_day = min((week.first_day for week in kept.weeks.values()), default=None)
        day = attempt.time_ms // DAY_MS
        return "learning" if first_day is None or day - first_day < self.settings.learning_days else ""

    def words(self, attempt: Attempt, kept: Logins, found: Crowd) -> str:
        """The networks: how many."""
        return f"{count(found.networks, 'network')} that nobody got in from lately, {plain(attempt.prefix)} last"

    def allowed(self, found: Crowd) -> str:
        """By the window."""
        chosen = self.settings
        return f"{chosen.min_failures} failures of {chosen.min_users} users within {chosen.window_minutes} min"

    def concerned(self, attempt: Attempt, kept: Logins) -> tuple[Concerned, ...]:
        """Some of the networks, the last one in any case."""
        prefixes = dict.fromkeys((attempt.prefix, *sorted(kept.prefixes.values())))
        return tuple(Concerned("network", prefix) for prefix in prefixes)
