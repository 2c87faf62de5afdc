"""What an agent knows beside its input: compacted topics, followed whole by every worker, without a group.

None of an agent's partitions is worked on before all of its caches have been read to the end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from streams.spec import Cache


class Following(Protocol):
    """A `streams.follower.Follower`, or what stands for it in `streams.testing`."""

    async def start(self) -> None: ...
    async def ended(self) -> None: ...
    async def stop(self) -> None: ...


Follow = Callable[[Cache], Following]


def no_follower(cache: Cache) -> Following:
    """Of an agent without caches."""
    raise NotImplementedError(f"nobody follows {cache.topic}: give `Lanes` a `follow`")


class Caches:
    """The caches of one agent in this process: followed from its first assignment on, all of them or none.

    `crash` ends the process with the reason for which a cache can't be followed (any longer): what would be made of
    the agent's input without it could not be taken back.
    """

    def __init__(
        self, caches: Sequence[Cache], follow: Follow, crash: Callable[[BaseException], Awaitable[None]]
    ) -> None:
        self._followers = [follow(cache) for cache in caches]
        self._crash = crash
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Returns when all have been read to the end; never, should one fail: then the process ends."""
        if not self._followers:
            return
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="caches")
        await self._ready.wait()

    async def stop(self) -> None:
        """The last one first. No record is applied after this."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for follower in reversed(self._followers):
            await follower.stop()

    def abandon(self) -> None:
        """As kill -9 does."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for follower in self._followers:
                    group.create_task(follower.start())
            self._ready.set()
            async with asyncio.TaskGroup() as group:
                for follower in self._followers:
                    group.create_task(follower.ended())
        except* Exception as errors:  # noqa: BLE001 - whatever it is, the process must not go on without its caches
            await self._crash(errors.exceptions[0])
