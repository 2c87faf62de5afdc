"""What nobody should send: every piece of it is accounted for, and the work goes on."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from connectors.egnyte.keys import BUCKETS
from connectors.egnyte.service import serve
from schemas.activity import Activity
from schemas.dead_letter import KEPT_BYTES, DeadLetter
from schemas.event import Envelope
from streams.cluster import Record, TopicPartition
from streams.kafka import client_options
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, changelog_name, topic_name
from tests.broker.raw_egnyte import answering, page
from tests.broker.waiting import until
from tests.crash.books import read
from tests.crash.killing import Victim, environment

Headers = list[tuple[str, bytes | None]]
NAMES = 100_000
PAGE_EVENTS = 5_000
GROWTH_MIB = 250
"""What a worker may take while 100,000 strangers come by: what both its agents may prefetch (2 x 32 MiB), with the
overhead of Python's objects, and chunks at work. What was kept of each name would come on top."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(**changes: Any) -> bytes:
    """A good event of now with `changes`; None takes a field away."""
    whole = {
        "date": now_ms() - 1_000,
        "sourcePath": "/Shared/plan.dwg",
        "targetPath": "N/A",
        "user": "Mara Lindqvist ( mara.lindqvist@example.com )",
        "userId": "10427001",
        "action": "Download",
        "access": "Web UI",
        "ipAddress": "198.51.100.23",
        "actionInfo": "",
        "auditSource": "FILE_AUDIT",
    }
    return msgspec.json.encode({name: field for name, field in (whole | changes).items() if field is not None})


class HastyClock:
    """The real time, but what takes a pause after an error is skipped."""

    def __init__(self) -> None:
        self._skipped_ms = 0

    def now_ms(self) -> int:
        return now_ms() + self._skipped_ms

    async def sleep(self, seconds: float) -> None:
        if seconds > 2:
            self._skipped_ms += round(seconds * 1_000)
            seconds = 0
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)


class Pipeline:
    """A worker as a process of its own, and what is on the topics behind it."""

    def __init__(self, settings: Settings, worker: Victim, log_path: Path) -> None:
        self.settings = settings
        self.worker = worker
        self._log_path = log_path
        self._cluster = KafkaCluster(settings, "test")

    async def records(self, name: str) -> list[Record]:
        """All committed records of one of our topics."""
        topic = topic_name(self.settings, name)
        return [record for n in range(PARTITIONS) for record in await read(self._cluster, topic, n)]

    async def activities(self) -> list[Activity]:
        return [msgspec.json.decode(record.value or b"", type=Activity) for record in await self.records("activities")]

    async def letters(self) -> list[tuple[DeadLetter, bytes]]:
        """The dead letters, each with what was kept."""
        found = await self.records("dead-letters")
        return [(DeadLetter.from_headers(list(record.headers)), record.value or b"") for record in found]

    async def count(self, name: str) -> int:
        """How many records are committed, without keeping them."""
        found = 0
        for n in range(PARTITIONS):
            async with aclosing(self._cluster.read(TopicPartition(topic_name(self.settings, name), n), 0)) as chunks:
                async for chunk in chunks:
                    found += len(chunk)
        return found

    async def state_keys(self) -> set[bytes | None]:
        """The keys of detect's state, without the agent's own."""
        changelog = changelog_name(self.settings, "detect")
        kept: dict[bytes | None, bytes | None] = {}
        for n in range(PARTITIONS):
            kept |= {record.key: record.value for record in await read(self._cluster, changelog, n)}
        return {key for key, value in kept.items() if value is not None and not (key or b"").startswith(b"\0")}

    async def until_accounted_for(self, events: int) -> None:
        """Waits until `events` have become activities or dead letters, while the worker lives."""

        async def done() -> bool:
            assert self.worker.running, self._log_path.read_text()[-5_000:]
            return await self.count("activities") + await self.count("dead-letters") >= events

        await until(done, f"{events} events are accounted for")

    async def until_detected(self) -> None:
        """Waits until detect has committed all activities."""
        source, group = topic_name(self.settings, "activities"), f"{self.settings.kafka.topic_prefix}-watch-detect"

        async def behind(n: int) -> int:
            tp = TopicPartition(source, n)
            committed = await self._cluster.committed(group, tp)
            found = 0
            async with aclosing(self._cluster.read(tp, committed.offset if committed else 0)) as chunks:
                async for chunk in chunks:
                    found += len(chunk)
            return found

        async def done() -> bool:
            assert self.worker.running, self._log_path.read_text()[-5_000:]
            return sum([await behind(n) for n in range(PARTITIONS)]) == 0

        await until(done, "all activities are judged")

    async def a_good_event_comes_through(self) -> None:
        """Publishes one to every partition, and waits until each is an activity."""
        before = await self.count("activities")
        good = [Sent(event(), list(Envelope("acme", f"{n:032x}").to_headers())) for n in range(PARTITIONS)]
        await self.publish(good, lambda n: n)

        async def through() -> bool:
            assert self.worker.running, self._log_path.read_text()[-5_000:]
            return await self.count("activities") == before + PARTITIONS

        await until(through, "a good event in each partition")

    async def publish(self, rows: "Sequence[Sent]", partition_of: Any = lambda n: n % PARTITIONS) -> None:
        """Writes `rows` to the events topic as nobody should."""
        producer: Any = AIOKafkaProducer(**client_options(self.settings.kafka), max_request_size=2_000_000)
        topic = topic_name(self.settings, "events")
        await producer.start()
        try:
            for n, (value, headers) in enumerate(rows):
                await producer.send_and_wait(
                    topic, value, b"acme/somebody", partition=partition_of(n), timestamp_ms=now_ms(), headers=headers
                )
        finally:
            await producer.stop()

    async def close(self) -> None:
        await self._cluster.close()


class Sent(NamedTuple):
    """Value and headers of one record."""

    value: bytes | None
    headers: Headers


@asynccontextmanager
async def pipeline(kafka: str, prefix: str, url: str, folder: Path) -> AsyncIterator[Pipeline]:
    variables = environment(kafka, prefix, url, "token") | {"EGNYTE_WATCH_STREAMS__CHUNK_RECORDS": "2500"}
    settings = load(None, variables).settings
    await prepare_topics(settings)
    log_path = folder / "worker.log"
    with closing(log_path.open("ab")) as log:
        worker = Victim("worker", variables, log)
        await worker.start()
        place = Pipeline(settings, worker, log_path)
        try:
            yield place
        finally:
            await place.close()
            code = await worker.stop()
        assert code == 0, log_path.read_text()[-5_000:]


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[None]:
    """A connector at work in this process; it must not end by itself."""
    stop = asyncio.Event()
    connecting = asyncio.create_task(serve(settings, stop=stop, clock=HastyClock()))
    try:
        yield
        assert not connecting.done(), connecting
    finally:
        stop.set()
        await connecting


HUGE = event(sourcePath="/" + "x" * 5_000_000)
FROM_EGNYTE: dict[str, tuple[bytes, set[str] | str]] = {
    # name: the event, and its flags as an activity or the reason of its dead letter
    "good": (event(), set()),
    "a 5 MB path": (HUGE, f"event of {len(HUGE)} bytes, at most 900000 are published"),
    "no user": (event(user=None, userId=None), {"no_user"}),
    "no date": (event(date=None), {"no_date"}),
    "of 1970": (event(date=0), {"dated_past"}),
    "of 2100": (event(date=4_102_444_800_000), {"dated_future"}),
    "unknown source": (event(auditSource="TOASTER_AUDIT", action="Toast", slices=2), set()),
    "not an address": (event(ipAddress="not-an-ip"), {"bad_ip"}),
    "no address": (event(ipAddress=None), {"no_ip"}),
    "a number": (b"17", "JSON, but a number where an object belongs"),
    "nothing": (b"{}", {"no_user", "no_date", "no_ip"}),
}


async def test_what_egnyte_should_not_say_is_accounted_for(kafka: str, prefix: str, tmp_path: Path) -> None:
    odd = [raw for raw, _ in FROM_EGNYTE.values()]
    before, after = event(sourcePath="/before"), event(sourcePath="/after")
    truncated, latin = b'{"date":1763971200000,"sourcePath":"/Sha', event(sourcePath="/caf%").replace(b"%", b"\xe9")
    broken = page("2", [before, truncated, latin, after])
    cut = page("3", [event(sourcePath="/whole")])
    bodies = [page("1", odd), *[broken] * 3, *[cut[:-60]] * 3, cut, page("4", [event(sourcePath="/last")], more=False)]
    async with answering(bodies) as url, pipeline(kafka, prefix, url, tmp_path) as place:
        async with connected(place.settings):
            wanted = (
                len(odd) + 4 + 1 + 1 + 1
            )  # the broken page's four, the cut page as it was, and then whole, the last
            await place.until_accounted_for(wanted)
            await place.until_detected()
        activities, letters = await place.activities(), await place.letters()
        assert len(activities) + len(letters) == wanted

        by_raw = {bytes(activity.raw): activity for activity in activities}
        for name, (raw, expected) in FROM_EGNYTE.items():
            if isinstance(expected, set):
                assert set(by_raw[raw].flags) == expected, name
            else:
                (letter,) = (letter for letter, kept in letters if kept == raw[:KEPT_BYTES])
                assert (letter.error, letter.length) == (expected, len(raw)), name
        assert {by_raw[raw].path for raw in (before, after)} == {"/before", "/after"}
        assert {"/whole", "/last"} <= {activity.path for activity in activities}

        reasons = {kept: (letter.stage, letter.error) for letter, kept in letters}
        assert reasons[truncated][0] == "decode"
        assert "not JSON" in reasons[truncated][1]
        assert reasons[latin] == ("decode", f"not UTF-8: byte 0xe9 at {latin.index(0xE9)} of {len(latin)}")
        assert reasons[cut[:-60]][0] == "fetch"
        assert "is not JSON" in reasons[cut[:-60]][1]
        assert len(letters) == 5
        await place.a_good_event_comes_through()


def whole(event_id: int) -> Headers:
    return list(Envelope("acme", f"{event_id:032x}").to_headers())


def without(name: str) -> Headers:
    return [header for header in whole(0) if header[0] != name]


BIG = event(sourcePath="/" + "x" * 898_600)
ON_THE_TOPIC: dict[str, tuple[Sent, set[str] | tuple[str, str]]] = {
    # name: the record, and its flags as an activity or the stage and reason of its dead letter
    "good": (Sent(event(), whole(1)), set()),
    "899 kB of path": (Sent(BIG, whole(2)), {"oversized_text"}),
    "truncated JSON": (Sent(b'{"date":1763971200000,"sour', whole(3)), ("decode", "not JSON (27 bytes)")),
    "invalid UTF-8": (Sent(b'{"user":"\xff\xfe"}', whole(4)), ("decode", "not UTF-8: byte 0xff at 9")),
    "no value": (Sent(None, whole(5)), ("decode", "empty")),
    "a list": (Sent(b"[1]", whole(6)), ("decode", "an array")),
    "too deep": (Sent(b'{"a":' * 100_000, whole(7)), ("decode", "nested too deeply")),
    "no user": (Sent(event(user=None, userId=None), whole(8)), {"no_user"}),
    "no date": (Sent(event(date=None), whole(9)), {"no_date"}),
    "of 1970": (Sent(event(date="1970-01-01T00:00:00Z"), whole(10)), {"dated_past"}),
    "of 2100": (Sent(event(date=4_102_444_800_000), whole(11)), {"dated_future"}),
    "unknown source": (Sent(event(auditSource="TOASTER_AUDIT"), whole(12)), set()),
    "not an address": (Sent(event(ipAddress="not-an-ip"), whole(13)), {"bad_ip"}),
    "no headers": (Sent(event(), []), ("envelope", "header 'connector' is missing")),
    "no event id": (Sent(event(), without("event-id")), ("envelope", "header 'event-id' is missing")),
    "no source": (Sent(event(), without("source")), ("envelope", "header 'source' is missing")),
    "garbled source": (
        Sent(event(), [*without("source"), ("source", b"gossip")]),
        ("envelope", "header 'source' is 'gossip'"),
    ),
    "garbled connector": (Sent(event(), [("connector", b"\xff\xff"), *whole(14)[1:]]), ("envelope", "not UTF-8")),
    "empty header": (
        Sent(event(), [*without("connector"), ("connector", None)]),
        ("envelope", "'connector' is missing"),
    ),
    "garbled schema": (Sent(event(), [*without("schema"), ("schema", b"one")]), ("envelope", "'one'")),
    "a verdict that is none": (
        Sent(b"?", list(Envelope("acme", "f" * 32, "verdict").to_headers())),
        ("decode", "not a JSON object"),
    ),
}


async def test_what_should_not_be_on_the_topic_is_accounted_for(kafka: str, prefix: str, tmp_path: Path) -> None:
    rows = [sent for sent, _ in ON_THE_TOPIC.values()]
    async with pipeline(kafka, prefix, "http://127.0.0.1:9", tmp_path) as place:
        await place.publish(rows)
        await place.until_accounted_for(len(rows))
        await place.until_detected()
        activities, letters = await place.activities(), await place.letters()
        assert len(activities) + len(letters) == len(rows)
        by_id = {activity.event_id: activity for activity in activities}
        by_place = {(letter.partition, letter.offset): letter for letter, _ in letters}
        offsets: Counter[int] = Counter()
        for n, (name, ((value, headers), expected)) in enumerate(ON_THE_TOPIC.items()):
            partition = n % PARTITIONS
            if isinstance(expected, set):
                activity = by_id[(dict(headers)["event-id"] or b"").decode()]
                assert set(activity.flags) == expected, name
                assert bytes(activity.raw) == value, name
            else:
                letter = by_place[partition, offsets[partition]]
                assert letter.topic == topic_name(place.settings, "events")
                assert (letter.stage, letter.length) == (expected[0], len(value or b"")), name
                assert expected[1] in letter.error, name
            offsets[partition] += 1
        await place.a_good_event_comes_through()


async def test_a_hundred_thousand_invented_names_leave_no_more_than_buckets(
    kafka: str, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {"action": "Failed Login", "auditSource": "LOGIN_AUDIT", "userId": None, "sourcePath": None}
    tries = [event(user=f"guess-{n:06d}", **failed) for n in range(NAMES)]
    pages = [tries[at : at + PAGE_EVENTS] for at in range(0, NAMES, PAGE_EVENTS)]
    bodies = [page(str(n), mine, more=n < len(pages) - 1) for n, mine in enumerate(pages)]
    async with answering(bodies) as url, pipeline(kafka, prefix, url, tmp_path) as place:
        await place.a_good_event_comes_through()
        resting_mib = resident_mib(place.worker.pid)
        async with connected(place.settings):
            await place.until_accounted_for(PARTITIONS + NAMES)
            await place.until_detected()
        grown_mib = resident_mib(place.worker.pid) - resting_mib
        with capsys.disabled():
            print(f"\na worker's memory grew from {resting_mib} by {grown_mib} MiB over {NAMES} names")
        assert grown_mib < GROWTH_MIB
        records = await place.records("activities")
        assert await place.count("dead-letters") == 0
        names = {msgspec.json.decode(record.value or b"", type=Activity).actor.name for record in records}
        assert len(names) == NAMES + 1
        strangers = {record.key for record in records if b"~" in (record.key or b"")}
        assert 0 < len(strangers) <= BUCKETS
        assert len(await place.state_keys()) <= BUCKETS + 1
        await place.a_good_event_comes_through()


def resident_mib(pid: int) -> int:
    """The resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1_024
