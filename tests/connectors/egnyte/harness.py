"""A connector with all real but Kafka and the time: HTTP to the simulator, a cluster in memory, a clock that jumps."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from connectors.egnyte.audit_event import parse
from connectors.egnyte.reports import SOURCES
from connectors.egnyte.service import serve
from schemas.connector import CursorRecord, StatusRecord, cursor_key, decode_cursor, status_key
from schemas.dead_letter import DeadLetter
from schemas.event import Envelope
from simulators.clock import VirtualClock
from simulators.egnyte import EgnyteSimulator
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.secret import Secret
from streams.settings import EgnyteSettings, KafkaSettings, Settings
from streams.testing import MemoryCluster, MemoryRecord
from streams.topics import PARTITIONS

NOW_MS = 1763971200000
DAY_MS = 86_400_000
ANA = {"user": "Ana Sousa ( ana@example.com )", "userId": "10427781034", "ipAddress": "198.51.100.7"}


class JumpingClock:
    """Whoever sleeps moves the simulator's clock at once. `stop` is set when it reaches `end_ms`."""

    def __init__(self, virtual: VirtualClock, end_ms: int, stop: asyncio.Event) -> None:
        self._virtual = virtual
        self._end_ms = end_ms
        self._stop = stop
        self.slept: list[float] = []

    def now_ms(self) -> int:
        return self._virtual.now_ms()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._virtual.advance(seconds)
        if self._virtual.now_ms() >= self._end_ms:
            self._stop.set()
        await asyncio.sleep(0)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Of real time: this clock only moves when somebody sleeps."""
        return asyncio.timeout(seconds)


class Log(MemoryCluster):
    """The cluster in memory, and what is on it in the words of the connector's topics."""

    async def close(self) -> None:
        """Nothing to close."""

    async def unfit(self, topics: Iterable[str]) -> list[str]:
        """None: the cluster in memory has every topic."""
        return []

    def events(self) -> list[MemoryRecord]:
        return self._all("egnyte.events")

    def dead_letters(self) -> list[tuple[DeadLetter, bytes]]:
        return [(DeadLetter.from_headers(list(r.headers)), r.value or b"") for r in self._all("egnyte.dead-letters")]

    def cursor(self, name: str = "acme") -> CursorRecord:
        return decode_cursor(self._newest(cursor_key(name)))

    def statuses(self, name: str = "acme") -> list[StatusRecord]:
        records = self._all("egnyte.connectors")
        return [msgspec.json.decode(r.value or b"", type=StatusRecord) for r in records if r.key == status_key(name)]

    def _newest(self, key: bytes) -> bytes:
        return [record for record in self._all("egnyte.connectors") if record.key == key][-1].value or b""

    def _all(self, topic: str) -> list[MemoryRecord]:
        return [r for number in range(PARTITIONS) for r in self.committed_records(TopicPartition(topic, number))]


def settings_for(url: str, token: str, **egnyte: Any) -> Settings:
    # People are read beside the stream: two that sleep on one clock would make it run twice as fast.
    fields: dict[str, Any] = {"name": "acme", "url": url, "token": Secret(token), "users_interval_s": 0} | egnyte
    return Settings(kafka=KafkaSettings(topic_prefix="egnyte"), egnyte=EgnyteSettings(**fields))


async def follow(
    simulator: EgnyteSimulator,
    log: Log,
    *,
    for_s: float,
    new_cluster: Callable[[], Log] | None = None,
    **egnyte: Any,
) -> JumpingClock:
    """Runs a connector for `for_s` seconds of the simulator's time."""
    stop = asyncio.Event()
    assert isinstance(simulator.clock, VirtualClock)
    clock = JumpingClock(simulator.clock, simulator.clock.now_ms() + round(for_s * 1_000), stop)
    async with simulator.serve() as url:
        settings = settings_for(url, simulator.token, **egnyte)
        async with asyncio.timeout(60):
            await serve(settings, stop=stop, clock=clock, new_cluster=new_cluster or (lambda: log))
    return clock


def assert_exactly_once(log: Log, simulator: EgnyteSimulator) -> None:
    """Every event that the stream has shown is on the topic once, in its key's partition, under an id of its own."""
    records = log.events()
    assert Counter(record.value for record in records) == Counter(simulator.visible_events())
    envelopes = [Envelope.from_headers(record.headers) for record in records]
    assert len({envelope.event_id for envelope in envelopes}) == len(records)
    for number in range(PARTITIONS):
        for record in log.committed_records(TopicPartition("egnyte.events", number)):
            assert record.key is not None
            assert partition_of(record.key, PARTITIONS) == number


def upload(number: int, *, date: int, user: int = 0) -> dict[str, object]:
    """A raw event of its own."""
    return {
        "date": date,
        "sourcePath": f"/Shared/{number}.txt",
        "targetPath": "N/A",
        "user": f"User {user} ( user{user}@example.com )",
        "userId": f"1000{user}",
        "action": "Upload",
        "access": "Web UI",
        "ipAddress": "198.51.100.23",
        "actionInfo": "",
        "auditSource": "FILE_AUDIT",
    }


def uploads(count: int, *, start_ms: int, every_ms: int, users: int = 20) -> list[dict[str, object]]:
    """`count` raw events of `users` people."""
    return [upload(n, date=start_ms + n * every_ms, user=n % users) for n in range(count)]


def mixed(count: int = 600, *, days: int = 40, until_ms: int = NOW_MS) -> list[dict[str, Any]]:
    """Events of all sources over `days` up to `until_ms`, some of them equal, some in one second."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        date = until_ms - days * DAY_MS + number * (days * DAY_MS // count)
        match number % 5:
            case 0:
                found.append({"date": date, "auditSource": "LOGIN_AUDIT", "action": "Login", "access": "Web UI", **ANA})
            case 1:
                found += [upload(number, date=date + twin, user=number % 7) for twin in (0, 0, 100)]
            case 2:
                actor = {"actor": "Ana Sousa ( ana@example.com )", "action": "Update", "actionInfo": str(number)}
                found.append({"date": date, "auditSource": "USER_AUDIT", "subject": "Ben ( b@example.com )", **actor})
            case _:
                found.append(upload(number, date=date, user=number % 7))
    return found


def told(egnyte: EgnyteSimulator, from_ms: int, joined_ms: int) -> Counter[str]:
    """What happened from the day of `from_ms` on: up to `joined_ms` by the reports, from there by the stream."""
    now_ms, want = egnyte.clock.now_ms(), Counter[str]()
    for report, source in SOURCES.items():
        for row in egnyte.reports.found(report, from_ms - from_ms % DAY_MS, joined_ms, egnyte.switches, now_ms):
            want[essence(msgspec.json.encode({"auditSource": source} | row))] += 1
    for raw in egnyte.visible_events():
        if msgspec.json.decode(raw)["date"] >= joined_ms:
            want[essence(raw)] += 1
    return want


def essence(raw: bytes) -> str:
    """An event, as far as reports and stream tell it alike."""
    event = parse(raw)
    return f"{event.time_ms} {event.audit_source} {event.action} {event.actor.email} {event.path} {event.info}"
