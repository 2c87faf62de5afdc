"""Following a compacted topic on a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic

from simulators.kafka import DevelopmentKafka
from streams import follower as followers
from streams.cluster import Record
from streams.errors import StreamError
from streams.follower import Follower
from streams.kafka import client_options
from streams.kafka_admin import admin_client
from streams.sections import Settings
from tests.broker.counting_site import settings_of
from tests.broker.waiting import until

Row = tuple[str, str | None]


class Facts:
    """A cache: what is known, and every record it was handed."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.seen: list[Row] = []

    def apply(self, record: Record) -> None:
        key, value = (record.key or b"").decode(), record.value
        if value == b"bad":
            raise ValueError("not for us")
        if value == b"bug":
            raise KeyError("bug")
        self.seen.append((key, None if value is None else value.decode()))
        if value is None:
            self.known.pop(key, None)
        else:
            self.known[key] = value.decode()

    async def until_known(self, key: str, value: str | None) -> None:
        async def known() -> bool:
            return self.known.get(key) == value

        await until(known, f"{key} is {value}")


async def create(settings: Settings, topic: str, partitions: int = 3) -> bool:
    """Makes a compacted topic; False where one of that name is still there."""
    wanted = NewTopic(topic, partitions, 1, topic_configs={"cleanup.policy": "compact"})
    async with admin_client(settings) as client:
        ((_, code, _, *_),) = (await client.create_topics([wanted])).topic_errors
    return bool(code == 0)


async def write(settings: Settings, topic: str, rows: Iterable[Row], transaction: str | None = None) -> None:
    """Writes `rows`; with `transaction` in one of that id, so that markers end each partition."""
    producer = AIOKafkaProducer(**client_options(settings.kafka), transactional_id=transaction)
    await producer.start()
    try:
        if transaction:
            await producer.begin_transaction()
        for key, value in rows:
            await producer.send_and_wait(topic, None if value is None else value.encode(), key=key.encode())
        if transaction == "aborted":
            await producer.abort_transaction()
        elif transaction:
            await producer.commit_transaction()
    finally:
        await producer.stop()


Site = tuple[Settings, str, Facts, Callable[[], Follower]]
"""Settings, a topic of three partitions, a cache, and what makes followers of it."""


@pytest.fixture
async def following(kafka: str, prefix: str) -> AsyncIterator[Site]:
    """A topic of its own; the followers are stopped at the end."""
    settings, topic, facts = settings_of(kafka, prefix), f"{prefix}.facts", Facts()
    await create(settings, topic)
    made: list[Follower] = []

    def follower() -> Follower:
        made.append(Follower(settings, topic, facts.apply))
        return made[-1]

    yield settings, topic, facts, follower
    for each in made:
        await each.stop()


async def test_start_returns_at_the_end_and_later_records_follow(following: Site) -> None:
    settings, topic, facts, follower = following
    await write(settings, topic, [(f"k{n}", "old") for n in range(20)])
    await write(settings, topic, [("k1", None), ("k2", "new"), ("k3", "bad"), ("k4", "new")], "committed")
    await write(settings, topic, [(f"k{n}", "never") for n in range(20)], "aborted")
    one = follower()
    await one.start()
    assert one.ready
    expected = {f"k{n}": "old" for n in range(20)} | {"k2": "new", "k4": "new"}
    del expected["k1"]
    assert facts.known == expected
    await write(settings, topic, [("k1", "back"), ("k5", None)])
    await facts.until_known("k1", "back")
    await facts.until_known("k5", None)
    await one.stop()
    await one.ended()
    await one.stop()


async def test_an_empty_topic_is_at_its_end(following: Site) -> None:
    _, _, facts, follower = following
    one = follower()
    await one.start()
    assert one.ready
    assert facts.seen == []


async def test_a_bug_ends_the_follower_at_once(following: Site) -> None:
    settings, topic, _, follower = following
    one = follower()
    await one.start()
    await write(settings, topic, [("k", "bug")])
    with pytest.raises(KeyError, match="bug"):
        await asyncio.wait_for(one.ended(), 60)
    two = follower()
    with pytest.raises(KeyError, match="bug"):
        await asyncio.wait_for(two.start(), 60)
    assert not two.ready


async def test_a_topic_that_is_not_there_is_waited_for_and_named(kafka: str, prefix: str) -> None:
    settings = settings_of(kafka, prefix, retry_for_ms=60_000)
    facts = Facts()
    early = Follower(settings, f"{prefix}.facts", facts.apply)
    starting = asyncio.create_task(early.start())
    await asyncio.sleep(0)
    await create(settings, f"{prefix}.facts")
    await asyncio.wait_for(starting, 60)
    assert early.ready
    await early.stop()
    impatient = Follower(settings_of(kafka, prefix, retry_for_ms=1_000), f"{prefix}.none", facts.apply)
    with pytest.raises(StreamError, match=f"no topic {prefix}.none: make it with"):
        await asyncio.wait_for(impatient.start(), 60)


async def test_a_broker_that_goes_and_comes_back_is_waited_for_and_nothing_is_lost_or_read_twice() -> None:
    with DevelopmentKafka(heap="256m") as broker:
        settings, facts = settings_of(broker.bootstrap, "gone"), Facts()
        await create(settings, "gone.facts")
        rows: list[Row] = [(f"k{n}", "before") for n in range(50)]
        await write(settings, "gone.facts", rows)
        follower = Follower(settings, "gone.facts", facts.apply)
        await follower.start()
        late = Follower(settings, "gone.facts", lambda record: None)
        await asyncio.to_thread(broker.kill)
        starting = asyncio.create_task(late.start())  # without a broker
        await asyncio.sleep(0)
        await asyncio.to_thread(broker.restart)
        more: list[Row] = [("k1", None), ("k2", "after")]
        await write(settings, "gone.facts", more)
        await facts.until_known("k2", "after")
        await facts.until_known("k1", None)
        await asyncio.wait_for(starting, 120)
        assert sorted(facts.seen, key=repr) == sorted(rows + more, key=repr)
        await follower.stop()
        await late.stop()


async def test_a_topic_that_was_made_anew_is_not_taken_for_the_old_one(following: Site) -> None:
    settings, topic, _, follower = following
    await write(settings, topic, [(f"k{n}", "old") for n in range(9)])
    one = follower()
    await one.start()
    async with admin_client(settings) as client:
        await client.delete_topics([topic])
    await until(lambda: create(settings, topic), f"{topic} is made anew")
    await write(settings, topic, [("k", "new")])
    with pytest.raises(StreamError, match="was made anew, or its broker has lost the end of it"):
        await asyncio.wait_for(one.ended(), 60)


async def test_a_client_that_has_died_is_replaced_where_it_stood(
    following: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, topic, facts, follower = following
    clients: list[Any] = []

    class Watched(AIOKafkaConsumer):
        async def start(self) -> None:
            clients.append(self)
            await super().start()

    monkeypatch.setattr(followers, "AIOKafkaConsumer", Watched)
    monkeypatch.setattr(followers, "LOOK_S", 0.2)
    await write(settings, topic, [(f"k{n}", "before") for n in range(20)])
    one = follower()
    await one.start()
    monkeypatch.setattr(followers, "ANSWER_S", 2.0)
    fetching = clients[0]._fetcher._fetch_task
    while not fetching.done():  # it takes a first cancellation for one of its own requests'
        fetching.cancel()
        await asyncio.sleep(0)
    for key in ("k1", "k2"):  # the first may come by a fetch that was on its way
        await write(settings, topic, [(key, "after")])
        await facts.until_known(key, "after")
    assert len(clients) > 1
    assert len(facts.seen) == 22
