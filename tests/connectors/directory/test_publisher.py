"""The directory on its topics: exactly once over kill -9, whole listings, and what is doubted of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.directory import DirectoryPublisher, Put
from schemas import directory as schema
from schemas.directory import DirectoryChange, DirectoryEntry
from schemas.event import Envelope
from streams.cluster import TopicPartition
from streams.kafka import partition_of
from streams.sections import KafkaSettings, Settings
from streams.testing import MemoryCluster
from streams.topics import PARTITIONS
from tests.connectors.directory.people import NOW_MS, egnyte, entra

SETTINGS = Settings(kafka=KafkaSettings(topic_prefix="t"))
PEOPLE = [egnyte(str(n), f"p{n}@example.com") for n in range(20)]


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


async def started(cluster: MemoryCluster, connector: str = "acme") -> DirectoryPublisher:
    publisher = DirectoryPublisher(SETTINGS, cluster, connector, now_ms=Clock())
    await publisher.start()
    return publisher


def committed(cluster: MemoryCluster, topic: str) -> list[Any]:
    return [
        record
        for partition in range(PARTITIONS)
        for record in cluster.committed_records(TopicPartition(topic, partition))
    ]


def told(cluster: MemoryCluster) -> list[tuple[str, DirectoryChange]]:
    """The changes on the events topic, by key."""
    return [(record.key.decode(), schema.decode_change(record.value)) for record in committed(cluster, "t.events")]


def table(cluster: MemoryCluster) -> dict[str, bytes]:
    """The newest value of each key of the directory topic."""
    rows = {record.key.decode(): record.value for record in committed(cluster, "t.directory")}
    return {key: value for key, value in rows.items() if value is not None}


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_what_travels() -> None:
    async def story() -> None:
        cluster = MemoryCluster()
        publisher = await started(cluster)
        assert await publisher.put("egnyte", PEOPLE, complete=True) == Put(people=20)
        gone = egnyte("3", "p3@example.com", deleted=True, deleted_ms=NOW_MS - 600_000)
        assert await publisher.put("egnyte", [*PEOPLE[:3], gone]) == Put(people=1, changes=1)
        (record,) = committed(cluster, "t.events")
        envelope = Envelope.from_headers(record.headers)
        assert (envelope.connector, envelope.source, len(envelope.event_id)) == ("acme", "directory", 32)
        assert record.key == b"acme/p3@example.com"
        change = schema.decode_change(record.value)
        assert (change.change, change.at_ms, change.account.deleted) == ("removed", NOW_MS - 600_000, True)
        person = schema.decode(table(cluster)["acme/~id-3"])
        assert (person.user, person.account.deleted_ms, person.entries) == ("p3@example.com", NOW_MS - 600_000, ())
        for key in table(cluster):
            partition = partition_of(key.encode(), PARTITIONS)
            assert key.encode() in {each.key for each in cluster.logs[TopicPartition("t.directory", partition)]}

    run(story)


@pytest.mark.parametrize("call", ["begin_transaction", "send_batch", "commit_transaction"])
@pytest.mark.parametrize("nth", [0, 1])
def test_a_change_is_published_once_however_often_the_process_dies(call: str, nth: int) -> None:
    async def story() -> None:
        whole, cluster = MemoryCluster(), MemoryCluster()
        steps: list[dict[str, Any]] = [
            {"source": "egnyte", "entries": PEOPLE, "complete": True},
            {"source": "entra", "entries": [entra("a-1", "p1@example.com", enabled=False)], "position": "link-1"},
            {"source": "entra", "entries": [entra("a-1", upn="", deleted=True)], "position": "link-2"},
            {"source": "egnyte", "entries": PEOPLE[1:], "complete": True},
        ]
        calm = await started(whole)
        for step in steps:
            await calm.put(**step)
        for step in steps:
            publisher = await started(cluster)
            if nth:
                await publisher.put(**step)
            cluster.fail_next(call, RuntimeError("killed"))
            with pytest.raises(RuntimeError, match="killed"):
                await publisher.put(**step)
            again = await started(cluster)
            await again.put(**step)
        assert [(key, each.change) for key, each in told(cluster)] == [(key, each.change) for key, each in told(whole)]
        assert len({(each.key, each.headers) for each in committed(cluster, "t.events")}) == len(told(whole)) == 3
        assert table(cluster).keys() == table(whole).keys()
        assert (await started(cluster)).position("entra") == "link-2"

    run(story)


def test_a_second_publisher_ends_the_first_and_leaves_other_connectors_alone() -> None:
    async def story() -> None:
        cluster = MemoryCluster()
        first, other = await started(cluster), await started(cluster, "beta")
        await started(cluster)
        await other.put("egnyte", PEOPLE[:1])
        with pytest.raises(Exception, match="another producer"):
            await first.put("egnyte", PEOPLE[:1])
        assert {key.partition("/")[0] for key in table(cluster)} == {"beta"}
        assert len((await started(cluster)).directory) == 0

    run(story)


def test_who_is_missing_of_a_complete_listing_is_gone() -> None:
    async def story() -> None:
        cluster = MemoryCluster()
        publisher = await started(cluster)
        await publisher.put("egnyte", PEOPLE, complete=True)
        assert await publisher.put("egnyte", PEOPLE[2:]) == Put(), "a part of them says nothing of the rest"
        assert await publisher.put("egnyte", PEOPLE[2:], complete=True) == Put(people=2, changes=2)
        assert sorted((key, each.change) for key, each in told(cluster)) == [
            ("acme/p0@example.com", "removed"),
            ("acme/p1@example.com", "removed"),
        ]
        assert {each.at_ms for _, each in told(cluster)} == {NOW_MS + 3}, "dated by when it was seen"

    run(story)


def test_a_listing_cut_short_makes_nobody_a_leaver_until_it_is_confirmed() -> None:
    async def story() -> None:
        cluster = MemoryCluster()
        publisher = await started(cluster)
        await publisher.put("egnyte", PEOPLE, complete=True)
        assert await publisher.put("egnyte", PEOPLE[:5], complete=True) == Put(doubted=15)
        assert await publisher.put("egnyte", PEOPLE, complete=True) == Put()
        assert await publisher.put("egnyte", PEOPLE[:5], complete=True) == Put(doubted=15)
        assert told(cluster) == []
        assert await publisher.put("egnyte", PEOPLE[:5], complete=True) == Put(people=15, changes=15)

    run(story)


def test_names_that_nobody_has_any_more_get_tombstones() -> None:
    async def story() -> None:
        cluster = MemoryCluster()
        publisher = await started(cluster)
        await publisher.put("egnyte", [egnyte("7", "old@example.com", user_name="old")])
        await publisher.put("egnyte", [egnyte("7", "new@example.com", user_name="new")])
        assert sorted(table(cluster)) == ["acme/new@example.com", "acme/~id-7", "acme/~name-new", "acme/~source-egnyte"]

    run(story)


def test_what_is_left_of_nobody_or_unreadable_is_cleared_away() -> None:
    async def story() -> None:
        cluster = MemoryCluster()
        publisher = await started(cluster)
        await publisher.put("egnyte", PEOPLE[:1])
        stray = replace(schema.decode(table(cluster)["acme/~id-0"]), alias="~id-99")
        for alias, value in (("~id-99", schema.encode(stray)), ("p0@example.com", b"{")):
            key = schema.directory_key("acme", alias)
            cluster.append(
                TopicPartition("t.directory", partition_of(key, PARTITIONS)), [(1, key, value, [])], "committed"
            )
        mended = await started(cluster)
        await mended.put("egnyte", PEOPLE[:1])
        assert sorted(table(cluster)) == ["acme/p0@example.com", "acme/~id-0", "acme/~source-egnyte"]
        assert schema.decode(table(cluster)["acme/p0@example.com"]).entries == tuple(PEOPLE[:1])

    run(story)


def test_an_entry_of_another_source_is_refused() -> None:
    async def story() -> None:
        publisher = await started(MemoryCluster())
        wrong: list[DirectoryEntry] = [entra("a-1", "p@example.com")]
        with pytest.raises(ValueError, match="account 'a-1' is of entra, not of egnyte"):
            await publisher.put("egnyte", wrong)

    run(story)
