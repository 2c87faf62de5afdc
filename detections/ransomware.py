"""Ransomware: many files in a few minutes get an extension that ransomware gives, or that no file should have."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from detections.bursts import PANES, add, in_window
from detections.extensions import COMMON, RANSOMWARE, extension_of, stem_of
from detections.model import MINUTE_MS, Candidate, Evidence, Metadata, Number, Severity, Step, Technique, attributable
from detections.settings import PolicySettings
from detections.state import ID_CHARS, Burst, UserState
from detections.wording import clock, count, duration, person, source
from schemas.activity import Activity

GAP_MS: Final = 30 * MINUTE_MS
"""So long after the last file an incident goes on."""
_TYPES: Final = frozenset({"upload", "move"})
_Sign = Literal["known", "changed"]


class Settings(PolicySettings, frozen=True, kw_only=True):
    """What people may tune; see `policies/builtin.yaml` for the reasons of the numbers."""

    severity: Severity = "high"
    min_files: Annotated[int, Meta(ge=3, le=1_000)] = 30
    window_seconds: Annotated[int, Meta(ge=6, le=600)] = 300
    changed_extensions: bool = True
    more_extensions: tuple[str, ...] = ()
    allowed_extensions: tuple[str, ...] = ()


class Ransomware:
    """See `metadata`."""

    metadata: ClassVar[Metadata] = Metadata(
        id="ransomware",
        types=("upload", "move"),
        version="1.0",
        title="Ransomware activity",
        description=(
            "Within a few minutes one user uploads, or renames to, many files with an extension that is known of "
            "ransomware; or gives many files an extension in place of or behind the right one that nobody knows. "
            "Files on a synced computer are probably being encrypted."
        ),
        techniques=(Technique("T1486", "Data Encrypted for Impact", "TA0040", "Impact"),),
        severity="high",
        raises="alert",
        false_positives=(
            "Special software with extensions of its own: list them as allowed.",
            "A program that encrypts or marks files on purpose.",
        ),
        triage=(
            "Open none of the files. Look at the names, at the client (a synced computer, or a stolen account), and "
            "for notes that ask for money in the same folders."
        ),
        remediation=(
            "Suspend the user at once, so that the sync stops, and take the computer off the network. Then restore the "
            "files from their versions before the first one of the finding."
        ),
    )

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        allowed = frozenset(_plain(each) for each in self.settings.allowed_extensions)
        self._known = (RANSOMWARE | {_plain(each) for each in self.settings.more_extensions}) - allowed
        self._common = COMMON | allowed
        self._window_ms = self.settings.window_seconds * 1000
        self._pane_ms = self._window_ms // PANES

    def judge(self, activity: Activity, user: UserState) -> Sequence[Candidate]:
        """Candidates for `activity`: one finding a run of such files, updated each time it has doubled."""
        if activity.type not in _TYPES or activity.outcome != "success":
            return ()
        path = activity.target_path if activity.type == "move" else activity.path
        extension = extension_of(path)
        if not extension or (sign := self._sign(activity, path, extension)) is None:
            return ()
        if "parent" in activity.flags or not attributable(activity):
            return ()
        volume, time_ms = user.volumes.encryptions, activity.time_ms
        burst = add(volume, time_ms, path, GAP_MS, self._pane_ms)
        if burst is None or burst.count < self.settings.min_files:
            return ()
        if burst.anchor:
            if burst.count < 2 * burst.told:
                return ()
            burst.told = burst.count
            return (self._candidate("update", activity, burst, extension, sign),)
        if in_window(burst, time_ms, self._pane_ms) < self.settings.min_files:
            return ()
        burst.anchor, burst.told = activity.event_id[:ID_CHARS], burst.count
        return (self._candidate("create", activity, burst, extension, sign),)

    def _sign(self, activity: Activity, path: str, extension: str) -> _Sign | None:
        """Why the extension is a sign of ransomware, None where it is none.

        A changed one is neither common nor a number (as of versions), and stands in place of or behind a common one.
        """
        if extension in self._known:
            return "known"
        if not self.settings.changed_extensions or extension in self._common or extension.isdigit():
            return None
        if activity.type == "move":
            before = extension_of(activity.path)
            return "changed" if before in self._common and before != extension else None
        return "changed" if extension_of(stem_of(path)) in self._common else None

    def _candidate(self, step: Step, activity: Activity, burst: Burst, extension: str, sign: _Sign) -> Candidate:
        what = "which ransomware gives" if sign == "known" else "which is no usual one"
        window = duration(self._window_ms)
        done = "uploaded or renamed" if sign == "known" else "changed"
        text = (
            f"{person(activity)} {done} {count(burst.count, 'different file')} from {clock(burst.first_ms)} to "
            f"{clock(burst.last_ms, burst.first_ms)}, from {source(activity)}; the last one to .{extension}, {what}; "
            f"{self.settings.min_files} within {window} are too many"
        )
        return Candidate(
            policy=self.metadata.id,
            step=step,
            anchor=burst.anchor,
            severity=self.settings.severity,
            raises=self.settings.raises,
            message=f"{text}.",
            first_ms=burst.first_ms,
            last_ms=burst.last_ms,
            count=burst.count,
            numbers=(Number("files", burst.count, self.settings.min_files, f"in {window}"),),
            evidence=(Evidence.of(activity),),
        )


def _plain(extension: str) -> str:
    return extension.removeprefix("*").removeprefix(".").casefold()
