"""What is read of a partition of the governance log: what can't be an action of ours is left out."""

import pytest

from agents.governing.partition_log import MOST_BYTES, PartitionLog
from schemas import governance
from schemas.governance import DETAIL_CHARS, WHY_CHARS, GovernanceRecord
from streams.cluster import TopicPartition
from streams.testing.memory import MemoryRecord
from tests.agents.governing.records import NOW_MS, request
from tests.connectors.egnyte.harness import Log

TP = TopicPartition("egnyte.governance", 3)


def read(*values: bytes | None) -> tuple[list[GovernanceRecord], int]:
    """What is heard of records with these values, and the offset to go on from."""
    heard: list[GovernanceRecord] = []
    log = PartitionLog(Log(), TP, "id", heard.append)
    records = [MemoryRecord(offset, NOW_MS, b"k", value, partition=3) for offset, value in enumerate(values)]
    log.read(records[:2])
    log.read(records)  # what was taken before is passed over
    return heard, log.next


def test_a_million_characters_are_cut_and_what_is_larger_is_left_out() -> None:
    long = governance.encode(request(why="y" * 300_000, detail="d" * 50_000))
    huge = governance.encode(request(why="z" * 1_000_000))
    heard, last = read(long, huge, governance.encode(request(origin="f2")))
    assert [(len(each.why), len(each.detail)) for each in heard] == [(WHY_CHARS, DETAIL_CHARS), (0, 0)]
    assert last == 3
    assert len(huge) > MOST_BYTES


@pytest.mark.parametrize("garbage", [None, b"", b"[]", b"\xff", b'{"uid": 7}', b'{"before":{"x":' + b"[" * 100_000])
def test_garbage_is_left_out_and_the_rest_is_heard(garbage: bytes | None) -> None:
    heard, last = read(garbage, governance.encode(request()))
    assert ([each.uid for each in heard], last) == ([request().uid], 2)


def test_the_largest_record_of_ours_fits_with_all_that_follows_from_it() -> None:
    links = [f"{number:064}" for number in range(2_000)]
    largest = request("revoke_links", before={"77": {"links": links}}, items=tuple(links), why="y" * WHY_CHARS)
    assert read(governance.encode(largest))[0] == [largest]
