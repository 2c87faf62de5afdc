"""How reading people from one source goes, for whoever asks how the connector fares."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from connectors.directory.publisher import DirectoryPublisher
from schemas.connector import SourceStatus
from schemas.directory import Source


class SourceHealth:
    """One source of people, for the life of a process. What has been read is known to the directory, which remembers it
    from one process to the next; what goes wrong is told here.
    """

    def __init__(self, source: Source, now_ms: Callable[[], int], news: Callable[[], None] = lambda: None) -> None:
        """`news` is called when it goes otherwise than before: well for the first time, not any more, or again."""
        self._now_ms = now_ms
        self._news = news
        self._publisher: DirectoryPublisher | None = None
        self._told = SourceStatus(source=source)

    def follows(self, publisher: DirectoryPublisher) -> None:
        """From now on people are those of this publisher's directory."""
        self._publisher = publisher

    def proven_by(self, credential: Literal["secret", "certificate"], ends_ms: int) -> None:
        """Takes note of what proves who the app is, and when that ends (ms since the epoch, UTC). 0: nobody knows
        now, and what was known holds.
        """
        ends_ms = ends_ms or self._told.credential_ends_ms
        self._told = replace(self._told, credential=credential, credential_ends_ms=ends_ms)

    def well(self, due_ms: int) -> None:
        """People have been read; they are due again at `due_ms` (ms since the epoch, UTC)."""
        self._tell(replace(self._told, next_ms=due_ms, error_kind="", error="", needs_people=False, failing_ms=0))

    def failed(self, kind: str, error: str, due_ms: int, *, needs_people: bool) -> None:
        """People can't be read; that is tried again at `due_ms`. `needs_people`: which alone does not mend it."""
        failing_ms = self._told.failing_ms or self._now_ms()
        self._tell(
            replace(
                self._told, next_ms=due_ms, error_kind=kind, error=error, needs_people=needs_people,
                failing_ms=failing_ms,
            )
        )  # fmt: skip

    def _tell(self, told: SourceStatus) -> None:
        before, self._told = self._told, told
        if not before.next_ms or before.error_kind != told.error_kind:
            self._news()

    def status(self) -> SourceStatus:
        """How it goes by now."""
        read = self._publisher.directory.sources.get(self._told.source) if self._publisher is not None else None
        if read is None:
            return self._told
        return replace(
            self._told, read_ms=read.read_ms, complete_ms=read.complete_ms, position_ms=read.position_ms,
            people=read.people,
        )  # fmt: skip
