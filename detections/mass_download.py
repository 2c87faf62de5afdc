"""Mass download: more files than a person opens, in a minute or in a run."""

from typing import ClassVar

from detections.mass_activity import MassActivity, MassSettings
from detections.model import Metadata, Technique
from detections.state import UserState, Volume
from schemas.activity import Activity


class Settings(MassSettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    interactive_only: bool = True
    sync_clients: tuple[str, ...] = ("desktop app", "desktop sync", "storage sync", "syncengine", "webedit")


class MassDownload(MassActivity):
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="mass_download",
        types=("download",),
        version="1.0",
        title="Mass download",
        description=(
            "One user downloads more different files than people open: within a minute, or in a run much longer than "
            "the user's runs of the last month. Data may be on its way out."
        ),
        techniques=(
            Technique("T1530", "Data from Cloud Storage", "TA0009", "Collection"),
            Technique("T1567", "Exfiltration Over Web Service", "TA0010", "Exfiltration"),
        ),
        severity="medium",
        raises="alert",
        false_positives=(
            "Work before a journey, a handover or an audit.",
            "A client that syncs and is not listed as one.",
        ),
        triage=(
            "Look at which folders were taken, whether they belong to the user's work, and whether place and client "
            "are those of before. Ask the manager whether the user is about to leave."
        ),
        remediation=(
            "If it was not the user: require the user to sign in again and reset the password. If it was: take away "
            "access to the folders until it is clear why, and keep the audit trail."
        ),
    )
    types = frozenset({"download"})
    verb = "downloaded"
    noun = "file"

    settings: Settings

    def __init__(self, settings: Settings | None = None) -> None:
        chosen = settings or Settings()
        super().__init__(chosen)
        self._sync_clients = frozenset(client.casefold() for client in chosen.sync_clients)
        self._interactive_only = chosen.interactive_only

    def counts(self, activity: Activity) -> bool:
        """People's downloads. Sync clients, and by default programs, fetch whatever has changed."""
        if self._interactive_only and not activity.interactive:
            return False
        return activity.client.casefold() not in self._sync_clients

    def volume_of(self, user: UserState) -> Volume:
        """The user's downloads."""
        return user.volumes.downloads
