"""Marks of addresses: into the audit trail as events, and into a list file that workers read; both, or neither."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from connectors.places.errors import PlacesError
from connectors.places.marks import Marked, MarkFile, checked_block
from console.events import Published, event
from schemas import mark as marks
from schemas.event import MARK
from schemas.mark import Mark
from streams.errors import Refused
from streams.sections import Settings

Publish = Callable[[Mark], Awaitable[Published]]


class Marking:
    """The marks in the folder `lists`. `publish`: writes the event of one."""

    def __init__(self, lists: Path, publish: Publish) -> None:
        self._file, self._publish = MarkFile(lists), publish
        self._one_by_one = asyncio.Lock()

    def marks(self) -> tuple[Marked, ...]:
        """All that hold. Raises Refused where they can't be read."""
        try:
            return self._file.read()
        except PlacesError as error:
            raise Refused(str(error)) from None

    async def say(self, mark: Mark, at_ms: int) -> Published:
        """Sets or takes away a mark: checked beside all lists, told to the audit trail, and only then in use. Workers
        take it up within seconds, for what comes from then on.

        Raises Refused, and Kafka's errors: then nothing has changed. `at_ms`: when it is said, ms since the epoch.
        """
        try:
            mark = msgspec.structs.replace(mark, block=checked_block(mark.block))
        except ValueError as error:
            raise Refused(str(error)) from None
        async with self._one_by_one:
            others = [each for each in await asyncio.to_thread(self.marks) if each.block != mark.block]
            mine = [Marked(mark.block, mark.category, mark.by, at_ms, mark.why)] if mark.category else []
            try:
                await asyncio.to_thread(self._file.prepare, [*others, *mine])
                published = await self._publish(mark)
                await asyncio.to_thread(self._file.commit)
            except PlacesError as error:
                raise Refused(str(error)) from None
            finally:
                await asyncio.to_thread(self._file.drop)
        return published


def marking_of(settings: Settings) -> Marking | None:
    """That of `settings`; None where there is no folder of lists."""

    async def publish(mark: Mark) -> Published:
        return await event(settings, marks.CONNECTOR, MARK, marks.KEY.encode(), marks.encode(mark))

    folder = settings.places.lists_dir
    return Marking(Path(folder), publish) if folder else None
