"""Mass sharing: links to more files and folders than people pass on."""

from typing import Annotated, ClassVar

from msgspec import Meta

from detections.mass_activity import MassActivity, MassSettings
from detections.model import Metadata, Technique
from detections.state import UserState, Volume
from schemas.activity import Activity


class Settings(MassSettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    min_in_run: Annotated[int, Meta(ge=2, le=60_000)] = 30
    max_in_window: Annotated[int, Meta(ge=1, le=10_000)] = 15
    window_seconds: Annotated[int, Meta(ge=6, le=600)] = 600
    upload_links: bool = False


class MassShare(MassActivity):
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="mass_share",
        types=("share",),
        version="1.0",
        title="Mass sharing by link",
        description=(
            "One user creates links to more different files and folders than people pass on: within ten minutes, or in "
            "a run much longer than the user's runs of the last month."
        ),
        techniques=(
            Technique("T1567", "Exfiltration Over Web Service", "TA0010", "Exfiltration"),
            Technique("T1537", "Transfer Data to Cloud Account", "TA0010", "Exfiltration"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "Documents for a tender, a press day or a new customer.",
            "An integration that creates a link for each mail.",
        ),
        triage=(
            "Look at what was shared, with whom the links work (anyone, or named people), and whether they were "
            "opened. Ask the user what for."
        ),
        remediation="Delete the links that nobody needs. If it was not the user: reset the password and end sessions.",
    )
    types = frozenset({"share"})
    verb = "shared"
    noun = "item"

    settings: Settings

    def __init__(self, settings: Settings | None = None) -> None:
        chosen = settings or Settings()
        super().__init__(chosen)
        self._upload_links = chosen.upload_links

    def counts(self, activity: Activity) -> bool:
        """Links that give something away; those that ask for uploads only where people want it."""
        return self._upload_links or "upload" not in activity.action.casefold()

    def volume_of(self, user: UserState) -> Volume:
        """The links that the user created."""
        return user.volumes.links
