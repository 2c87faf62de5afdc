"""What detection has learned of a user, out of the log of its state: the newest that holds, and nothing else."""

import asyncio
from typing import Any

import msgspec
import pytest

from agents import detect
from console import learned
from console.learned import Learned, read
from detections import state as user_state
from detections.state import History, UserState
from schemas import meta as metas
from schemas.meta import META_KEY, Meta
from streams.cluster import TopicPartition
from streams.sections import Settings
from streams.state import EPOCH_HEADER
from streams.testing.memory import MemoryCluster
from tests.agents.partitioned import Row, worked
from tests.detections.activity_policies.policies_of import DAY, act

LOG = TopicPartition("changelog", 0)
MARA = b"acme/mara@acme.example"


def state(key: bytes, day: int, epoch: int = 0, at_ms: int = 5) -> Any:
    return at_ms, key, user_state.encode(UserState(history=History(day=day))), ((EPOCH_HEADER, b"%d" % epoch),)


def meta(epoch: int = 0, **changes: Any) -> Any:
    return 9, META_KEY, metas.encode(Meta(next=1, schema=detect.SCHEMA, epoch=epoch, **changes)), ()


async def looked_up(*rows: Any, key: bytes = MARA) -> Learned:
    cluster = MemoryCluster()
    cluster.append(LOG, rows, "committed")
    return await read(cluster, LOG, key)


async def test_the_newest_state_is_found_among_others() -> None:
    found = await looked_up(state(MARA, 1), state(MARA, 2, at_ms=7), state(b"acme/other", 3), meta())
    assert found.state == UserState(history=History(day=2))
    assert (found.at_ms, found.warming, found.other_version) == (7, False, False)


@pytest.mark.parametrize("first", [3, 4_000])
async def test_it_is_found_however_far_back_it_is(monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    monkeypatch.setattr(learned, "FIRST_STRETCH", first)
    others = [state(b"acme/%d" % n, 9) for n in range(500)]
    found = await looked_up(state(MARA, 1), state(MARA, 2), *others, meta(), *others[:5])
    assert found.state == UserState(history=History(day=2))


async def test_an_active_user_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "FIRST_STRETCH", 10)
    cluster, asked = MemoryCluster(), list[int]()
    cluster.append(LOG, [*(state(b"acme/%d" % n, 9) for n in range(500)), state(MARA, 1), meta()], "committed")
    reading = cluster.read
    monkeypatch.setattr(cluster, "read", lambda tp, start: asked.append(start) or reading(tp, start))  # type: ignore[func-returns-value]
    assert (await read(cluster, LOG, MARA)).state is not None
    assert asked == [492]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), Learned()),
        ((meta(),), Learned()),
        ((state(MARA, 1), (6, MARA, None, ()), meta()), Learned()),
        ((state(MARA, 1, epoch=0), meta(epoch=1)), Learned()),
        ((state(MARA, 1, epoch=0), meta(epoch=1, phase="warming", target=9)), Learned(warming=True)),
        ((state(b"acme/other", 1), meta()), Learned()),
    ],
    ids=["empty", "nobody", "forgotten", "of an older epoch", "not learned again yet", "another user"],
)
async def test_what_does_not_hold_is_not_told(rows: tuple[Any, ...], expected: Learned) -> None:
    assert await looked_up(*rows) == expected


async def test_state_of_another_version_is_not_read() -> None:
    row = (5, MARA, b"\xc1", ((EPOCH_HEADER, b"0"),))
    strange = (9, META_KEY, metas.encode(Meta(next=1, schema=detect.SCHEMA + 1, epoch=0)), ())
    assert await looked_up(row, strange) == Learned(other_version=True)


async def test_what_is_not_committed_is_not_told() -> None:
    cluster = MemoryCluster()
    cluster.append(LOG, [state(MARA, 1), meta()], "committed")
    cluster.append(LOG, [state(MARA, 2), meta()], "open")
    assert (await read(cluster, LOG, MARA)).state == UserState(history=History(day=1))


def test_it_is_what_the_agent_wrote() -> None:
    activities = [act(DAY + n * 3_600_000, event_id=f"e{n}", type="login", outcome="success") for n in range(30)]
    rows = [Row(each.time_ms, MARA, msgspec.json.encode(each), []) for each in activities]
    driver = worked(detect.spec(Settings()), [rows])
    tp = TopicPartition(driver.spec.changelog or "", 0)

    async def look() -> Learned:
        return await read(driver.cluster, tp, MARA)

    found = asyncio.run(look()).state
    assert found is not None
    assert sum(found.history.days) - len(found.history.days) == 30, "logins, by day, each day beginning at 1"
