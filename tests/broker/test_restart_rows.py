"""Every row of the design's table of state and offsets on a real broker: offsets are moved with Kafka's own tools."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from benchmarks.workload import events, publish
from schemas.meta import META_KEY, Meta
from simulators.kafka import tool
from streams.kafka_admin import admin_client
from streams.kafka_cluster import KafkaCluster
from streams.sections import DAY_MS
from streams.settings import load
from streams.topic_admin import prepare_topics
from streams.topics import PARTITIONS, group_name, topic_name
from tests.broker.counting_site import CountingSite, settings_of
from tests.broker.waiting import DEADLINE_S, until
from tests.crash.books import read
from tests.crash.killing import ROOT, Victim, environment

ROWS = [(b"k%d" % (n % 3), b"v") for n in range(30)]
EXPECTED = [b"%d:%d" % (n, n // 3 + 1) for n in range(30)]
"""Each transaction's marker takes an offset of `out`, none of `in`: the first row is at offset 0 of `in`."""
NEW_YEAR_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
async def site(kafka: str, prefix: str) -> AsyncIterator[CountingSite]:
    async with CountingSite(settings_of(kafka, prefix, chunk_records=5)) as made:
        yield made


async def kafka_groups(bootstrap: str, *arguments: str) -> str:
    """Kafka's own `kafka-consumer-groups`."""
    return await asyncio.to_thread(tool, "kafka-consumer-groups", "--bootstrap-server", bootstrap, *arguments)


async def reset(site: CountingSite, *where: str) -> None:
    """What a person does to a group that is stopped."""
    spec = site.spec()
    arguments = ("--group", spec.group, "--topic", spec.source, "--reset-offsets", *where, "--execute")
    said = await kafka_groups(site.settings.kafka.bootstrap, *arguments)
    assert spec.group in said, said


async def replays(site: CountingSite) -> list[bytes | None]:
    """The mark of each output."""
    return [dict(record.headers).get("replay") for record in await site.records("out")]


async def test_fresh_starts_at_the_earliest_offset(site: CountingSite) -> None:
    await site.produce(ROWS)
    async with admin_client(site.settings) as client:
        await client.delete_records({TopicPartition(site.spec().source, 0): RecordsToDelete(6)})
    assert await site.run_until(24) == [b"%d:%d" % (n, n // 3 - 1) for n in range(6, 30)]
    assert await site.meta() == Meta(next=30, schema=1, epoch=0)
    assert await site.committed() == 30


async def test_expired_offsets_resume_at_the_state(site: CountingSite) -> None:
    await site.produce(ROWS[:12])
    await site.run_until(12)
    await kafka_groups(site.settings.kafka.bootstrap, "--group", site.spec().group, "--delete")
    assert await site.committed() is None
    await site.produce(ROWS[12:])
    assert await site.run_until(30) == EXPECTED
    assert await site.meta() == Meta(next=30, schema=1, epoch=0)


async def test_equal_offsets_resume(site: CountingSite) -> None:
    await site.produce(ROWS[:12])
    await site.run_until(12)
    await site.produce(ROWS[12:])
    assert await site.run_until(30) == EXPECTED
    assert await site.meta() == Meta(next=30, schema=1, epoch=0)


async def test_rewound_to_an_offset_learns_anew_and_marks_what_it_publishes_again(site: CountingSite) -> None:
    await site.produce(ROWS)
    await site.run_until(30)
    await reset(site, "--to-offset", "12")
    assert await site.run_until(48) == EXPECTED + EXPECTED[12:]
    assert await replays(site) == [None] * 30 + [b"1"] * 18
    assert await site.meta() == Meta(next=30, schema=1, epoch=1)


async def test_rewound_to_a_day_warms_up_over_the_lookback_only(kafka: str, prefix: str) -> None:
    settings = settings_of(kafka, prefix, chunk_records=5, lookback_ms=8 * DAY_MS)
    async with CountingSite(settings) as site:
        await site.produce([(b"old", b"v"), *ROWS[1:]], timestamp_of=lambda n: NEW_YEAR_MS + n * DAY_MS)
        await site.run_until(30)
        await reset(site, "--to-datetime", "2026-01-25T00:00:00.000")
        values = await site.run_until(36)
        # The last record before the 25th is of the 24th (offset 23): 8 days before it, learning begins at offset 15.
        assert values[30:] == [b"%d:%d" % (n, (n - 15) // 3 + 1) for n in range(24, 30)]
        state: dict[bytes, bytes] = {}
        for record in await site.records("log"):
            if record.value is None:
                del state[record.key or b""]
            elif record.key != META_KEY:
                state[record.key or b""] = record.value
        assert set(state) == {b"k0", b"k1", b"k2"}  # `old` is beyond the lookback: forgotten, and tombstoned


async def test_warming_up_goes_on_where_a_kill_left_it(site: CountingSite, tmp_path: Path) -> None:
    times = 3
    await site.produce(ROWS)
    await site.run_until(30)
    await reset(site, "--to-offset", "24")
    kafka = site.settings.kafka
    given = {
        "KAFKA__BOOTSTRAP": kafka.bootstrap,
        "KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        "STREAMS__SESSION_TIMEOUT_MS": str(site.settings.streams.session_timeout_ms),
        "STREAMS__HEARTBEAT_MS": str(site.settings.streams.heartbeat_ms),
        "STREAMS__CHUNK_RECORDS": "5",
    }
    with (tmp_path / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.broker.counting_worker", "--at", "folded", "--times", str(times),
            cwd=ROOT, env=os.environ | {f"EGNYTE_WATCH_{name}": value for name, value in given.items()},
            stdout=log, stderr=log,
        )  # fmt: skip
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == -signal.SIGKILL, (tmp_path / "worker.log").read_text()
    left = await site.meta()
    assert (left.phase, left.next, left.target, left.epoch) == ("warming", 5 * times, 24, 1)
    taken: list[str] = []
    async with site.running(probe=taken.append):
        await site.until_values(36)
    assert await site.values() == EXPECTED + EXPECTED[24:]
    assert await site.meta() == Meta(next=30, schema=1, epoch=1)
    assert taken.count("folded") <= -(-(30 - 5 * times) // 5) + 1  # what had been learned is not read again


async def test_upgraded_state_is_learned_anew_without_publishing_again(site: CountingSite) -> None:
    await site.produce(ROWS[:12])
    await site.run_until(12)
    await site.produce(ROWS[12:])
    assert await site.run_until(30, schema=2) == EXPECTED
    assert await site.meta() == Meta(next=30, schema=2, epoch=1)


@pytest.mark.parametrize("how", ["emptied", "made anew"])
async def test_a_lost_changelog_is_learned_anew(site: CountingSite, tmp_path: Path, how: str) -> None:
    await site.produce(ROWS[:12])
    await site.run_until(12)
    changelog = site.spec().changelog
    assert changelog is not None
    if how == "emptied":
        asked = tmp_path / "offsets.json"
        whole = {"partitions": [{"topic": changelog, "partition": 0, "offset": -1}], "version": 1}
        asked.write_text(json.dumps(whole))
        arguments = ("--bootstrap-server", site.settings.kafka.bootstrap, "--offset-json-file", str(asked))
        await asyncio.to_thread(tool, "kafka-delete-records", *arguments)
    else:
        await make_anew(site, changelog)
    assert await site.records("log") == []
    await site.produce(ROWS[12:])
    assert await site.run_until(30) == EXPECTED
    assert await site.meta() == Meta(next=30, schema=1, epoch=0)


async def make_anew(site: CountingSite, topic: str) -> None:
    """Deletes `topic` and makes it again."""
    async with admin_client(site.settings) as client:
        await client.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await client.list_topics()

        await until(gone, f"the end of {topic}")
    await site.create_topics("log")


async def test_skipped_forward_keeps_the_state(site: CountingSite) -> None:
    await site.produce(ROWS[:12])
    await site.run_until(12)
    await site.produce(ROWS[12:])
    await reset(site, "--to-offset", "15")
    values = await site.run_until(27)
    assert values == EXPECTED[:12] + [b"%d:%d" % (n, n // 3) for n in range(15, 30)]
    assert await site.meta() == Meta(next=30, schema=1, epoch=0)


async def test_enrich_refuses_to_be_rewound_and_names_the_group_to_reset(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    variables = environment(kafka, prefix, "http://127.0.0.1:9", "unused")
    settings = load(None, variables).settings
    await prepare_topics(settings)
    await publish(settings, list(events(200, users=40)))
    group, source = group_name(settings, "enrich"), topic_name(settings, "events")
    log_path = tmp_path / "worker.log"
    cluster = KafkaCluster(settings, "test")

    async def activities() -> int:
        topic = topic_name(settings, "activities")
        return sum([len(await read(cluster, topic, n)) for n in range(PARTITIONS)])

    async def all_enriched() -> bool:
        assert worker.running, log_path.read_text()
        return await activities() == 200

    try:
        with closing(log_path.open("ab")) as log:
            worker = Victim("worker", variables, log)
            await worker.start()
            await until(all_enriched, "200 activities")
            assert await worker.stop() == 0
            await kafka_groups(
                kafka, "--group", group, "--topic", source, "--reset-offsets", "--to-earliest", "--execute"
            )
            await worker.start()
            assert await worker.dies_within(DEADLINE_S)
            assert await worker.stop() == 1
        said = log_path.read_text()
        assert f"group {group} was set back to offset 0 of {source}/" in said
        assert f"reset {group_name(settings, 'detect')}, " in said
        assert "Traceback" not in said
        assert await activities() == 200
    finally:
        await cluster.close()
