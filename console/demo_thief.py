"""The demo's thief goes on with the story only while Egnyte lets the account in."""

import asyncio
import time
from collections.abc import Sequence

from console.demo_clouds import Clouds
from simulators.scenario.demo import Timed

TAKES = "Download"


class Thief:
    """Does `events`, each at its time, until there are no more or the account is shut. `done`: how many were done;
    `files`: how many of these took something, of `wanted`.
    """

    def __init__(self, clouds: Clouds, events: Sequence[Timed]) -> None:
        self._clouds = clouds
        self.events = events
        self.wanted = sum(event["action"] == TAKES for event, _ in events)
        self.done = 0
        self.files = 0

    async def work(self) -> None:
        """Returns when it is over."""
        for event, at_ms in self.events:
            await asyncio.sleep(max(0.0, at_ms / 1_000 - time.time()))
            if not self._clouds.lets_in:
                return
            self._clouds.egnyte.append(event)
            self.done += 1
            self.files += event["action"] == TAKES
