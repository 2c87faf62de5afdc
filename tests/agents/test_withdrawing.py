"""After a rewind, what today's policies do not raise again is closed as withdrawn, once; nothing else is touched."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import detect
from agents.withdrawing import FindingsWithdrawn
from detections.policies import PolicySet
from schemas import finding as findings
from schemas import meta as metas
from schemas import verdict as verdicts
from schemas.activity import Activity
from schemas.finding import Finding
from schemas.meta import META_KEY, Meta
from schemas.verdict import Verdict
from streams.cluster import TopicPartition
from streams.errors import StreamError
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.testing import Driver, run
from tests.agents.partitioned import Row, put
from tests.detections.activity_policies.policies_of import DAY, act, policy_of

KEY = b"acme/mara@example.com"
IN = TopicPartition("egnyte.activities", 0)
OFF = {name: {"enabled": False} for name in PolicySet.of({}).settings}
DOWNLOADS = "filters: {type: download}"
VIEWS = "filters: {type: view}\nraise: behavior"
BOTH = {"downloads": DOWNLOADS, "views": VIEWS}


def policies(bodies: dict[str, str]) -> PolicySet:
    """A set of activity policies by id, and no built-in one."""
    made = []
    for name, body in bodies.items():
        policy = policy_of(body)
        policy.metadata = msgspec.structs.replace(policy.metadata, id=name)
        made.append(policy)
    return PolicySet.of(OFF).with_activity(made)


def agent(bodies: dict[str, str]) -> AgentSpec:
    return detect.spec(Settings(), policies(bodies))


def row(activity: Activity) -> Row:
    return Row(activity.time_ms, KEY, msgspec.json.encode(activity), ())


def history(count: int = 20) -> list[Row]:
    """A download and a view by turns, a minute apart."""
    kinds = ("download", "view")
    return [row(act(DAY + n * 60_000, event_id=f"e{n}", type=kinds[n % 2])) for n in range(count)]


async def work(driver: Driver, bodies: dict[str, str], *, crash_at: tuple[str, int] | None = None) -> None:
    """A worker with these policies takes all there is."""
    driver.spec = agent(bodies)
    worker = driver.worker()
    if crash_at is not None:
        worker.crash_at(*crash_at)
    await driver.assign({worker: [0]})
    await driver.settle()
    await driver.assign({})


def rewind(driver: Driver, offset: int) -> None:
    driver.cluster.reset_group(driver.spec.group, IN, offset)


def told(driver: Driver, topic: str = "egnyte.alerts") -> list[tuple[str, str, bytes | None]]:
    """Of each finding: the event that it began with, its step, and of which replay it is."""
    return [
        (found.unmapped.anchor, found.unmapped.step, dict(record.headers).get("replay"))
        for record in driver.records(topic, 0)
        for found in [findings.decode(record.value or b"")]
    ]


def standing(driver: Driver, topic: str = "egnyte.alerts") -> dict[str, Finding]:
    """The latest of each finding, by the event that it began with."""
    latest = [findings.decode(record.value or b"") for record in driver.records(topic, 0)]
    return {found.unmapped.anchor: found for found in latest}


def meta_of(driver: Driver) -> Meta:
    log = driver.records(driver.spec.changelog or "", 0)
    return metas.decode([record.value for record in log if record.key == META_KEY][-1] or b"")


def test_what_a_policy_that_is_gone_had_raised_is_withdrawn_and_no_more() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history())
        await work(driver, BOTH)
        rewind(driver, 10)
        await work(driver, {"views": VIEWS})
        await work(driver, {"views": VIEWS})

    driver = run(agent(BOTH), story)
    began = [(f"e{n}", "create", None) for n in range(0, 20, 2)]
    assert told(driver) == [*began, *((f"e{n}", "close", b"1") for n in range(10, 20, 2))]
    for anchor, found in standing(driver).items():
        late = int(anchor[1:]) >= 10
        assert (found.status_detail, found.status) == (("withdrawn", "Resolved") if late else ("", "New"))
        assert found.unmapped.policy_set == policies({"views": VIEWS} if late else BOTH).hash
    behaviors = [(f"e{n}", "create", None) for n in range(1, 20, 2)]
    again = [(f"e{n}", "create", b"1") for n in range(11, 20, 2)]
    assert told(driver, "egnyte.behaviors") == behaviors + again
    assert meta_of(driver) == Meta(next=20, schema=detect.SCHEMA, epoch=1)


def test_by_the_same_policies_nothing_is_withdrawn_and_the_bytes_are_the_same() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history())
        await work(driver, BOTH)
        rewind(driver, 4)
        await work(driver, BOTH)

    driver = run(agent(BOTH), story)
    values = driver.values("egnyte.alerts", 0)
    assert values == values[:10] + values[2:10]


def test_what_came_after_the_replayed_stretch_is_not_touched() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history(10))
        await work(driver, BOTH)
        rewind(driver, 4)
        put(driver, history(16)[10:])
        driver.chunk_records = 7
        await work(driver, {"downloads": DOWNLOADS})

    driver = run(agent(BOTH), story)
    assert told(driver, "egnyte.behaviors") == [
        *((f"e{n}", "create", None) for n in (1, 3, 5, 7, 9)),
        *((f"e{n}", "close", b"1") for n in (5, 7, 9)),
    ]
    assert standing(driver)["e14"].status == "New"


def test_a_policy_that_comes_back_raises_anew_what_was_withdrawn() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history(8))
        for bodies in (BOTH, {"views": VIEWS}, BOTH, {"views": VIEWS}):
            await work(driver, bodies)
            rewind(driver, 4)

    driver = run(agent(BOTH), story)
    assert told(driver) == [
        *((f"e{n}", "create", None) for n in (0, 2, 4, 6)),
        ("e4", "close", b"1"), ("e6", "close", b"1"),
        ("e4", "create", b"2"), ("e6", "create", b"2"),
        ("e4", "close", b"3"), ("e6", "close", b"3"),
    ]  # fmt: skip


def test_an_alert_that_is_a_behavior_now_is_no_alert_any_more() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history(6))
        await work(driver, BOTH)
        rewind(driver, 0)
        await work(driver, BOTH | {"downloads": f"{DOWNLOADS}\nraise: behavior"})

    driver = run(agent(BOTH), story)
    assert {each.status_detail for each in standing(driver).values()} == {"withdrawn"}
    assert {each.status for each in standing(driver, "egnyte.behaviors").values()} == {"New"}


def test_what_a_person_has_closed_stays_closed_as_they_said() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history(6))
        await work(driver, BOTH)
        found = standing(driver)["e4"]
        verdict = Verdict(said="close", opinion="true-positive", by="ann", finding=found)
        value = msgspec.Raw(verdicts.encode(verdict))
        spoken = Activity(
            connector="acme", event_id="v", time_ms=DAY * 2, received_ms=DAY * 2, source="verdict", type="verdict",
            raw=value,
        )  # fmt: skip
        put(driver, [row(spoken)])
        await work(driver, BOTH)
        rewind(driver, 2)
        await work(driver, {"views": VIEWS})

    driver = run(agent(BOTH), story)
    assert told(driver) == [
        *((f"e{n}", "create", None) for n in (0, 2, 4)),
        ("e4", "close", None),
        ("e4", "close", b"1"),
        ("e2", "close", b"1"),
    ]
    assert standing(driver)["e4"].verdict == "True Positive"
    assert standing(driver)["e2"].status_detail == "withdrawn"


def test_a_rewind_within_a_replay_judges_each_stretch_by_its_own_policies() -> None:
    async def story(driver: Driver) -> None:
        driver.chunk_records = 4
        put(driver, history(20))
        await work(driver, BOTH)
        rewind(driver, 4)
        # The views are off in the first replay, which dies after input 12; the downloads are off in the second.
        await work(driver, {"downloads": DOWNLOADS}, crash_at=("folded", 3))
        assert meta_of(driver).next == 12
        rewind(driver, 8)
        await work(driver, {"views": VIEWS})

    driver = run(agent(BOTH), story)
    withdrawn = {anchor for anchor, found in standing(driver).items() if found.status_detail == "withdrawn"}
    assert withdrawn == {f"e{n}" for n in range(8, 20, 2)}
    quiet = {a for a, found in standing(driver, "egnyte.behaviors").items() if found.status_detail == "withdrawn"}
    assert quiet == {"e5", "e7"}
    assert meta_of(driver).replayed == ()


@pytest.mark.parametrize("call", ["begin_transaction", "send_batch", "commit_transaction"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_whoever_dies_while_withdrawing_leaves_the_rest_to_the_next(
    monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    monkeypatch.setattr("streams.withdrawal.BATCH", 2)

    async def story(driver: Driver) -> None:
        put(driver, history(20))
        await work(driver, BOTH)
        rewind(driver, 0)
        seen = 0
        withdraw = FindingsWithdrawn.withdraw

        def failing(self: FindingsWithdrawn, record: object) -> object:
            nonlocal seen
            seen += 1
            if seen == 1 + 2 * after:
                driver.cluster.fail_next(call, StreamError("away"))
            return withdraw(self, record)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(FindingsWithdrawn, "withdraw", failing)
            await work(driver, {"views": VIEWS})
        assert not driver.cluster._failures[call]

    driver = run(agent(BOTH), story)
    assert [each for each in told(driver) if each[1] == "close"] == [(f"e{n}", "close", b"1") for n in range(0, 20, 2)]
    assert meta_of(driver).replayed == ()


def test_what_has_no_origin_is_left_alone() -> None:
    async def story(driver: Driver) -> None:
        put(driver, history(6))
        await work(driver, BOTH)
        alerts = TopicPartition("egnyte.alerts", 0)
        for record, headers in zip(
            [each for each in driver.cluster.logs[alerts] if each.fate == "committed"],
            [(), (("origin", b"networks 2"),), (("origin", b"detect x"),)],
            strict=True,
        ):
            record.headers = headers
        rewind(driver, 0)
        await work(driver, {"views": VIEWS})

    assert [step for _, step, _ in told(run(agent(BOTH), story))] == ["create"] * 3


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.sets(st.sampled_from(sorted(BOTH)))), min_size=1, max_size=4))
def test_after_any_rewinds_what_is_open_is_what_todays_policies_raise(rewinds: list[tuple[int, set[str]]]) -> None:
    """Of the part that was judged last by them; what lies before it is as the rewinds before have left it."""

    async def story(driver: Driver) -> None:
        put(driver, history(12))
        await work(driver, BOTH)
        for offset, names in rewinds:
            rewind(driver, offset)
            await work(driver, {name: BOTH[name] for name in names})

    driver = run(agent(BOTH), story)
    expected = {n: set(BOTH) for n in range(12)}
    for offset, names in rewinds:
        expected |= dict.fromkeys(range(offset, 12), names)
    for name, topic, first in (("downloads", "egnyte.alerts", 0), ("views", "egnyte.behaviors", 1)):
        open_ = {anchor for anchor, found in standing(driver, topic).items() if found.status == "New"}
        assert open_ == {f"e{n}" for n in range(first, 12, 2) if name in expected[n]}
