"""A clock that lives in another process: so that a connector that may be killed lives in the trial's time.

The trial's time stands still unless the connector sleeps, or waits for an answer that itself sleeps. Then it jumps to
the next moment at which anything can happen. So ten days pass as fast as the work in them can be done, and every wait
is seen, and counted.

Lines of JSON over a loopback connection. From the connector: `{"sleep": id, "until": ms}`, `{"guard": id, "until": ms}`
(a bound on something under way), `{"drop": id}`, `{"ack": ms}`. To it: `{"now": ms}`, `{"wake": id}`.
"""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

import msgspec

from simulators.clock import VirtualClock

HOUR_MS = 3_600_000


class TimeServer:
    """The trial's side: moves `clock`, and runs what is on the agenda when its time has come."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.port = 0
        self.wakes: Counter[int] = Counter()
        """How often the connector began to sleep, by hour of the clock."""
        self._agenda: list[tuple[int, int, Callable[[], Awaitable[None]]]] = []
        self._number = itertools.count()
        self._sleeps: dict[int, int] = {}
        self._guards: dict[int, int] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._changed = asyncio.Event()
        self._acked = asyncio.Event()

    def at(self, time_ms: int, action: Callable[[], Awaitable[None]]) -> None:
        """Puts `action` on the agenda."""
        self._agenda.append((time_ms, next(self._number), action))
        self._agenda.sort(key=lambda entry: entry[:2])

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listens for connectors, one at a time, and lets time pass."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        driving = asyncio.create_task(self._drive())
        try:
            yield self
        finally:
            driving.cancel()
            server.close()
            if self._writer is not None:
                self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer, self._sleeps, self._guards = writer, {}, {}
        self._send({"now": self.clock.now_ms()})
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._heard(msgspec.json.decode(line))
                self._changed.set()
        if self._writer is writer:
            self._writer, self._sleeps, self._guards = None, {}, {}
            self._acked.set()
        writer.close()

    def _heard(self, said: dict[str, int]) -> None:
        if "sleep" in said:
            self._sleeps[said["sleep"]] = said["until"]
            self.wakes[self.clock.now_ms() // HOUR_MS] += 1
        elif "guard" in said:
            self._guards[said["guard"]] = said["until"]
        elif "drop" in said:
            self._sleeps.pop(said["drop"], None)
            self._guards.pop(said["drop"], None)
        else:
            self._acked.set()

    def _send(self, message: dict[str, int]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")

    async def _drive(self) -> None:
        while True:
            # An answer that begins to sleep tells nobody: hence the look every few ms.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.005):
                    await self._changed.wait()
            self._changed.clear()
            while (target_ms := self._target()) is not None:
                await self._move(target_ms)
                await asyncio.sleep(0)  # an answer whose time has come goes on first

    def _target(self) -> int | None:
        """The next moment at which anything can happen; None while somebody is at work."""
        asleep = self.clock.next_wake_ms
        if not self._sleeps and (not self._guards or asleep is None):
            return None
        wakes = [*self._sleeps.values(), *self._guards.values()] + ([] if asleep is None else [asleep])
        return max(self.clock.now_ms(), min(wakes))

    async def _move(self, target_ms: int) -> None:
        if self._agenda and self._agenda[0][0] <= target_ms:
            time_ms, _, action = self._agenda.pop(0)
            await self._set(max(time_ms, self.clock.now_ms()))
            await action()
            return
        await self._set(target_ms)
        for waits in (self._sleeps, self._guards):
            for name in [name for name, until_ms in waits.items() if until_ms <= target_ms]:
                del waits[name]
                self._send({"wake": name})

    async def _set(self, time_ms: int) -> None:
        """The connector knows the time before the simulator acts on it."""
        if self._writer is not None and time_ms != self.clock.now_ms():
            self._acked.clear()
            self._send({"now": time_ms})
            await self._acked.wait()  # or its connection ends: it is being killed
        self.clock.set(time_ms)


class RemoteClock:
    """The connector's side: see `connectors.egnyte.clock.Clock`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, now_ms: int) -> None:
        self._reader = reader
        self._writer = writer
        self._now_ms = now_ms
        self._number = itertools.count()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self.over = asyncio.create_task(self._listen())
        """Done when the trial has gone."""

    @classmethod
    async def connected(cls, port: int) -> "RemoteClock":
        """A clock of the trial that listens on `port`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, msgspec.json.decode(await reader.readline())["now"])

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        async with self._waits("sleep", seconds) as woken:
            await woken

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        async with self._waits("guard", seconds) as woken, asyncio.timeout(None) as bound:
            woken.add_done_callback(lambda done: None if done.cancelled() else bound.reschedule(0))
            yield

    @contextlib.asynccontextmanager
    async def _waits(self, kind: str, seconds: float) -> AsyncIterator["asyncio.Future[None]"]:
        name = next(self._number)
        woken = self._waiting[name] = asyncio.get_running_loop().create_future()
        self._say({kind: name, "until": self._now_ms + round(seconds * 1_000)})
        try:
            yield woken
        finally:
            if not woken.done():
                woken.cancel()
                self._say({"drop": name})
            self._waiting.pop(name, None)

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):  # the trial is over
            while line := await self._reader.readline():
                said: dict[str, Any] = msgspec.json.decode(line)
                if "now" in said:
                    self._now_ms = said["now"]
                    self._say({"ack": self._now_ms})
                elif (woken := self._waiting.get(said["wake"])) is not None and not woken.done():
                    woken.set_result(None)

    def _say(self, message: dict[str, int]) -> None:
        if not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")
