"""Mass deletion: more files and folders deleted than tidying up explains."""

from typing import Annotated, ClassVar

from msgspec import Meta

from detections.mass_activity import MassActivity, MassSettings
from detections.model import Metadata, Technique
from detections.state import UserState, Volume
from schemas.activity import Activity


class Settings(MassSettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    max_in_window: Annotated[int, Meta(ge=1, le=10_000)] = 100
    window_seconds: Annotated[int, Meta(ge=6, le=600)] = 300


class MassDelete(MassActivity):
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="mass_delete",
        types=("delete", "purge"),
        version="1.0",
        title="Mass deletion",
        description=(
            "One user deletes more different files and folders, or purges more from the trash, than people do: within "
            "five minutes, or in a run much longer than the user's runs of the last month."
        ),
        techniques=(Technique("T1485", "Data Destruction", "TA0040", "Impact"),),
        severity="medium",
        raises="alert",
        false_positives=(
            "Tidying up at the end of a project.",
            "A migration, or a program that empties a folder.",
        ),
        triage=(
            "Look at what was deleted and whether it was purged from the trash as well. Ask the user. Look for uploads "
            "with new names at the same time, which would be ransomware."
        ),
        remediation=(
            "If nobody meant it: suspend the user, require a new sign-in, and restore the files from the trash before "
            "it is emptied."
        ),
    )
    types = frozenset({"delete", "purge"})
    verb = "deleted"
    noun = "item"

    settings: Settings

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings or Settings())

    def counts(self, activity: Activity) -> bool:
        """All of them, by whatever client: who destroys does not click."""
        return True

    def volume_of(self, user: UserState) -> Volume:
        """The user's deletions."""
        return user.volumes.deletions
