"""Records with headers for the driver of `streams.testing`, and what comes out of an agent."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from schemas.dead_letter import DeadLetter
from streams.cluster import TopicPartition
from streams.sections import StreamsSettings
from streams.spec import AgentSpec
from streams.testing import Driver, MemoryRecord, run

Headers = Sequence[tuple[str, bytes | None]]
"""As they may come: Kafka knows headers without a value."""


class Row(NamedTuple):
    """One record: its time in ms."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def put(driver: Driver, rows: Iterable[Row], partition: int = 0) -> None:
    """Writes `rows` to the agent's source."""
    log: list[Any] = [(row.timestamp, row.key, row.value, list(row.headers)) for row in rows]
    driver.cluster.append(TopicPartition(driver.spec.source, partition), log, "committed")


def worked(spec: AgentSpec, rows: Sequence[Sequence[Row]], workers: int = 1, chunk_records: int = 10) -> Driver:
    """The driver after `workers` workers have taken all of `rows` (by partition), sharing the partitions."""

    async def story(driver: Driver) -> None:
        driver.chunk_records = chunk_records
        for partition, mine in enumerate(rows):
            put(driver, mine, partition)
        staff = [driver.worker() for _ in range(workers)]
        await driver.assign({worker: list(range(n, len(rows), workers)) for n, worker in enumerate(staff)})
        await driver.settle()
        assert all(worker.alive for worker in staff)

    return run(spec, story, settings=StreamsSettings(), partitions=len(rows))


def letters(driver: Driver, partition: int = 0) -> list[DeadLetter]:
    """The dead letters of a partition."""
    return [
        DeadLetter.from_headers(list(record.headers)) for record in driver.records(driver.spec.dead_letters, partition)
    ]


def state_left(driver: Driver, partition: int = 0) -> dict[bytes | None, bytes]:
    """The state as it stands at the end, without what is the agent's own."""
    records: list[MemoryRecord] = driver.records(driver.spec.changelog or "", partition)
    newest = {record.key: record.value for record in records if not (record.key or b"").startswith(b"\0")}
    return {key: value for key, value in newest.items() if value is not None}


def state_keys(driver: Driver, partition: int = 0) -> set[bytes | None]:
    """The keys of the state, without those of the agent's own."""
    records: list[MemoryRecord] = driver.records(driver.spec.changelog or "", partition)
    return {record.key for record in records if not (record.key or b"").startswith(b"\0")}
