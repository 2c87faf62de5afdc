"""Caches of agents on a cluster in memory."""

import asyncio
import contextlib

from streams.cluster import TopicPartition
from streams.spec import Cache
from streams.testing.memory import MemoryCluster


class MemoryFollower:
    """What `streams.follower.Follower` is on a real cluster; the driver has it follow, at a time of the script's."""

    def __init__(self, cluster: MemoryCluster, cache: Cache, partitions: int) -> None:
        self.ready = False
        self._cluster = cluster
        self._cache = cache
        self._positions = {TopicPartition(cache.topic, n): 0 for n in range(partitions)}
        self._over: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Applies what is there. Raises what `cluster.fail_next("follow", ...)` has ordered."""
        self._over = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0)
        self._cluster.check("follow")
        self.ready = True
        self._apply()

    def follow(self) -> bool:
        """Applies what has come since the last call; whether there was anything. Nothing before the start."""
        if not self.ready:
            return False
        try:
            self._cluster.check("follow")
            return self._apply()
        except Exception as error:  # noqa: BLE001 - it ends the follower, as it would the real one
            self.ready = False
            assert self._over is not None  # noqa: S101 - it was started
            self._over.set_exception(error)
            return True

    async def ended(self) -> None:
        """Returns after `stop`; raises what ended it otherwise."""
        assert self._over is not None  # noqa: S101 - it was started
        await asyncio.shield(self._over)

    async def stop(self) -> None:
        """Nothing is applied after this."""
        self.ready = False
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _apply(self) -> bool:
        applied = False
        for tp, position in self._positions.items():
            for record in self._cluster.committed_records(tp):
                if record.offset >= position:
                    with contextlib.suppress(ValueError):  # none of this topic's
                        self._cache.apply(record)
                    self._positions[tp] = record.offset + 1
                    applied = True
        return applied
