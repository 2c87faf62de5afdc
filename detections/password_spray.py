"""Password spraying: many users fail at one network where they are not known, few times each."""

from typing import Annotated, ClassVar

from msgspec import Meta

from detections import crowd
from detections.assaults import AssaultSettings, MassLogins, WindowMinutes
from detections.crowd import Crowd
from detections.model import DAY_MS, MINUTE_MS, Concerned, Metadata, Technique
from detections.reputation import OWN_CATEGORIES
from detections.sources import PANE_MS, Logins
from detections.wording import plain
from schemas.activity import IpCategory
from schemas.attempt import Attempt, By


class Settings(AssaultSettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    min_users: Annotated[int, Meta(ge=3, le=256)] = 15
    window_minutes: WindowMinutes = 30
    slow_min_users: Annotated[int, Meta(ge=3, le=256)] = 40
    max_tries: Annotated[float, Meta(ge=1, le=1_000)] = 6
    own_categories: tuple[IpCategory, ...] = OWN_CATEGORIES


class PasswordSpray(MassLogins):
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="password_spray",
        version="1.0",
        title="Password spraying",
        description=(
            "Many users fail to log in from one network that none of them is known at, few times each: somebody tries "
            "a common password on all of them. High where one of them gets in from there."
        ),
        techniques=(
            Technique("T1110", "Brute Force", "TA0006", "Credential Access"),
            Technique("T1110.003", "Password Spraying", "TA0006", "Credential Access"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "A new office, or a training, where many log in for the first time while the password service is out.",
            "A penetration test, or a scanner of your own.",
        ),
        triage=(
            "Look who got in from there: that account is lost until proven otherwise. See whether the names are those "
            "of people (a list of them is known outside) or invented. The network's provider tells much: nobody works "
            "in a data centre."
        ),
        remediation=(
            "For whoever got in: reset the password, require the user to sign in again, and look at everything done "
            "since. Block the network, and turn on two-step login for all."
        ),
    )
    by: ClassVar[By] = "network"
    settings: Settings

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._panes = -(-self.settings.window_minutes * MINUTE_MS // PANE_MS)

    def too_many(self, attempt: Attempt, kept: Logins) -> Crowd | None:
        """Within the window, or slowly within a day; and more than got in at that network meanwhile."""
        chosen, everybody = self.settings, len(kept.accounts) + len(kept.guessed)
        if everybody < min(chosen.min_users, chosen.slow_min_users):
            return None
        pane = attempt.time_ms // PANE_MS
        quick = crowd.largest(kept, pane, self._panes)
        if quick.outside >= chosen.min_users and self._is_spray(kept, quick, self._panes):
            return quick
        slow = crowd.crowd(kept, kept.pane - DAY_MS // PANE_MS)
        if slow.outside >= chosen.slow_min_users and self._is_spray(kept, slow, DAY_MS // PANE_MS):
            return slow
        return None

    def _is_spray(self, kept: Logins, found: Crowd, panes: int) -> bool:
        if found.tries > self.settings.max_tries * found.users:
            return False
        begins_ms = found.first_pane * PANE_MS
        return found.outside > crowd.got_in(kept, begins_ms, begins_ms + panes * PANE_MS)

    def quiet(self, attempt: Attempt, kept: Logins) -> str:
        """Networks of the company's own."""
        return "own_network" if attempt.category in self.settings.own_categories else ""

    def words(self, attempt: Attempt, kept: Logins, found: Crowd) -> str:
        """The network."""
        known = ", ".join(filter(None, (plain(attempt.organisation), plain(attempt.country))))
        return f"{plain(attempt.prefix)} ({known})" if known else plain(attempt.prefix)

    def allowed(self, found: Crowd) -> str:
        """By the window, or by the day where that was long enough."""
        chosen = self.settings
        if found.outside >= chosen.slow_min_users:
            return f"{chosen.min_users} within {chosen.window_minutes} min, or {chosen.slow_min_users} within a day,"
        return f"{chosen.min_users} within {chosen.window_minutes} min"

    def concerned(self, attempt: Attempt, kept: Logins) -> tuple[Concerned, ...]:
        """The network."""
        return (Concerned("network", attempt.prefix),)
