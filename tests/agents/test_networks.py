"""`networks` on the real lanes and units of work, in memory: attempts become findings, exactly once, whoever works."""

import random
from dataclasses import replace
from typing import Any, ClassVar, Final, cast

import msgspec
import pytest

from agents import enrich, networks
from agents.attempts import Attempts
from agents.networks import SOURCES, Networks
from agents.origin import ORIGIN
from agents.policy_reload import FollowsPolicies
from connectors.places import Places
from detections import sources
from detections.finding import finding_uid
from detections.model import DAY_MS, LATEST_MS, MINUTE_MS
from detections.policies import PolicySet
from detections.sources import IDLE_DAYS, Source
from detections.state import Verdicts
from schemas import finding as findings
from schemas.attempt import Attempt, By, encode
from schemas.event import Envelope
from streams.errors import StageFailed
from streams.handler import NO_STAGES, Codec, Outputs, State
from streams.sections import PlacesSettings, Settings
from streams.spec import AgentSpec
from streams.testing import Driver, MemoryRecord, run
from streams.topics import PARTITIONS
from tests.agents.partitioned import Row, letters, put, state_left, worked
from tests.detections.attempt_streams import ATTACKER, LINK, START, key_of, login, visit

PARTITION_OF: Final = Attempts("attempts", 4).partition
DEFAULTS: Final = PolicySet.of({})


def spec(policies: PolicySet = DEFAULTS) -> AgentSpec:
    return networks.spec(Settings(), policies)


def rows(attempts: list[Attempt], partitions: int = 4) -> list[list[Row]]:
    """`attempts` as they lie in the partitions of the topic."""
    found: list[list[Row]] = [[] for _ in range(partitions)]
    for attempt in attempts:
        key = key_of(attempt)
        found[PARTITION_OF(key) % partitions].append(Row(attempt.time_ms, key, encode(attempt), []))
    return found


def told(driver: Driver, topic: str = "egnyte.alerts") -> list[findings.Finding]:
    return [
        findings.decode(record.value or b"")
        for partition in range(driver.partitions)
        for record in driver.records(topic, partition)
    ]


def story() -> list[Attempt]:
    """A spray that one user falls for, and a link that spreads."""
    attempts = [each for n in range(20) for each in login(START + n * 30_000, f"user{n}@example.com")]
    attempts += login(START + 20 * MINUTE_MS, "user3@example.com", failed=False)
    return attempts + [visit(START + n * MINUTE_MS, f"198.51.{n}.0/24", path="/Shared/a.docx") for n in range(25)]


def busy(seed: int = 7) -> list[Attempt]:
    """Attacks on and by many, in no order."""
    dice = random.Random(seed)  # noqa: S311 - a test's disorder, not a secret
    attempts: list[Attempt] = []
    for _ in range(400):
        at, network = START + dice.randrange(30 * MINUTE_MS), f"10.0.{dice.randrange(6)}.0/24"
        attempts += login(at, f"user{dice.randrange(60)}@example.com", network, failed=dice.random() < 0.9)
        attempts.append(visit(at, f"10.{dice.randrange(80)}.0.0/24", link=f"{LINK}{dice.randrange(3)}"))
    return attempts


def test_attempts_become_findings_about_networks_and_links() -> None:
    driver = worked(spec(), rows(story()))
    create, update = told(driver)
    assert (create.finding_info.title, create.severity, create.activity_name) == (
        "Password spraying",
        "Medium",
        "Create",
    )
    assert (update.severity, update.activity_name) == ("High", "Update")
    assert create.finding_info.uid == update.finding_info.uid
    key = f"acme/{ATTACKER}"
    assert create.finding_info.uid == finding_uid("password_spray", key, create.unmapped.anchor)
    for each in (create, update):
        assert (each.unmapped.network, each.unmapped.user_key, each.unmapped.link) == (ATTACKER, "", "")
        assert each.unmapped.policy_set == DEFAULTS.hash
        assert (each.resources[0].name, each.resources[0].role) == (ATTACKER, "Actor")
    assert update.resources[1].uid == "acme/user3@example.com"
    assert update.resources[1].labels == ("got in",)
    assert {each.labels for each in update.resources[2:]} == {("1 failed login",)}
    assert len(update.resources) == 1 + 15 + 5  # the network, and those users of whom room is made
    (spread,) = told(driver, "egnyte.behaviors")
    assert (spread.unmapped.policy, spread.unmapped.link, spread.is_alert) == ("link_spread", LINK, False)
    assert spread.resources[0].name == LINK
    assert {each.type for each in spread.observables} >= {"IP Address", "URL String"}


def test_a_finding_stays_in_the_partition_of_its_source_and_says_what_it_was_made_of() -> None:
    driver = worked(spec(), rows(story()))
    partition = PARTITION_OF(f"acme/{ATTACKER}".encode()) % 4
    records = driver.records("egnyte.alerts", partition)
    assert len(records) == 2
    origins = [dict(record.headers)[ORIGIN] for record in records]
    assert all(each.startswith(b"networks ") for each in origins)
    attempts = driver.records("egnyte.attempts", partition)
    assert attempts[int(origins[1].split()[1])].timestamp == records[1].timestamp == START + 20 * MINUTE_MS


@pytest.mark.parametrize(("workers", "chunk_records"), [(3, 10), (1, 1), (2, 1_000)])
def test_workers_and_chunks_make_no_difference(workers: int, chunk_records: int) -> None:
    expected = worked(spec(), rows(busy()))
    found = worked(spec(), rows(busy()), workers=workers, chunk_records=chunk_records)
    for topic in ("egnyte.alerts", "egnyte.behaviors"):
        for partition in range(4):
            assert found.values(topic, partition) == expected.values(topic, partition)
    assert len(told(expected)) > 5
    assert told(expected, "egnyte.behaviors")


def test_a_rewind_gives_the_same_bytes() -> None:
    async def rewound(driver: Driver) -> None:
        for partition, mine in enumerate(rows(busy())):
            put(driver, mine, partition)
        worker = driver.worker()
        await driver.assign({worker: list(range(4))})
        await driver.settle()
        await driver.assign({})
        for tp in [tp for tp in driver.cluster.logs if tp.topic == driver.spec.source]:
            driver.cluster.reset_group(driver.spec.group, tp, 0)
        await driver.assign({worker: list(range(4))})
        await driver.settle()

    expected, found = worked(spec(), rows(busy())), run(spec(), rewound)
    for partition in range(4):
        once = expected.values("egnyte.alerts", partition)
        twice = found.records("egnyte.alerts", partition)
        assert [each.value for each in twice if "replay" not in dict(each.headers)] == once
        assert [each.value for each in twice if "replay" in dict(each.headers)] == once
    assert any(expected.values("egnyte.alerts", partition) for partition in range(4))


def years() -> list[Attempt]:
    """Attackers who never come twice from one network, for months, among people who work every day."""
    found = []
    for day in range(60):
        for n in range(30):
            at = START + day * DAY_MS + n * 40 * MINUTE_MS
            found += login(at, f"user{n}@example.com", f"10.{day}.{n}.0/24")
            found += login(at + 1, f"user{n}@example.com", "192.0.2.0/24", failed=n % 7 == 0)
            found.append(visit(at + 2, f"10.{day}.{n}.0/24", link=f"{LINK}{day}-{n}"))
    return found


@pytest.mark.parametrize(("workers", "chunk_records"), [(1, 50), (3, 7)])
def test_sources_that_are_silent_for_weeks_are_removed_whoever_works(workers: int, chunk_records: int) -> None:
    driver = worked(spec(), rows(years()), workers=workers, chunk_records=chunk_records)
    expected = worked(spec(), rows(years()), chunk_records=1_000)
    left: dict[bytes | None, bytes] = {}
    for partition in range(4):
        assert state_left(driver, partition) == state_left(expected, partition)
        assert driver.values("egnyte.alerts", partition) == expected.values("egnyte.alerts", partition)
        left |= state_left(driver, partition)
    days = {int(key.split(b"/10.")[1].split(b".")[0]) for key in left if key and b"/10." in key}
    assert days == set(range(60 - IDLE_DAYS - 1, 60))
    assert {b"acme/192.0.2.0/24", b"acme/logins"} <= left.keys(), "who comes every day is known all the time"


def test_what_people_said_of_a_source_outlives_its_silence() -> None:
    kept = Source(verdicts=Verdicts(closed={"00": START}, benign={"64500": START // DAY_MS}))
    assert not sources.is_idle(kept, START + 60 * DAY_MS)
    assert sources.is_idle(kept, START + 82 * DAY_MS)
    assert sources.is_idle(Source(), START)


def test_what_is_no_attempt_is_told_and_harms_nothing() -> None:
    odd = [Row(START, b"k", value, []) for value in (None, b"", b"{", b"[]", b'{"connector":1}', b"\xff")]
    at_odd_times = [visit(at, "10.0.0.0/24") for at in (-1, LATEST_MS, 2**62)]
    mine = rows(story(), 1)[0]
    timeless = [Row(0, key_of(each), encode(each), []) for each in at_odd_times]
    driver = worked(spec(), [[*odd, *timeless, *mine]])
    assert [letter.stage for letter in letters(driver)] == ["decode"] * len(odd)
    assert len(told(driver)) == 2


class Broken:
    """A policy that raises."""

    metadata = DEFAULTS.by_source[0].metadata
    by: ClassVar[By] = "network"
    settings = None

    def judge(self, attempt: Attempt, source: Any) -> Any:
        raise ZeroDivisionError


def handled(agent: Networks, attempt: Attempt, skip: frozenset[str] = NO_STAGES) -> Source:
    """The state after `attempt`, of which nothing may be told."""
    state: State[Source] = State({}, Codec(1, Source, sources.encode, sources.decode))
    agent.handle(MemoryRecord(0, 0, b"acme/n", encode(attempt)), state, cast(Outputs, None), skip)
    return state.touched[b"acme/n"]


def test_a_policy_that_raises_is_named_and_can_be_left_out() -> None:
    broken = Broken()
    agent = Networks(replace(DEFAULTS, by_source=(broken,)), "alerts", "behaviors")
    attempt = login(START, "a@example.com")[0]
    with pytest.raises(StageFailed) as failed:
        handled(agent, attempt)
    assert failed.value.stage == broken.metadata.id
    left = handled(agent, attempt, frozenset({broken.metadata.id})).logins
    assert left is not None
    assert len(left.accounts) == 1
    assert handled(agent, attempt, frozenset({SOURCES})) == Source()


def test_policies_can_be_changed_while_it_runs() -> None:
    agent = Networks(PolicySet.of({"password_spray": {"enabled": False}}), "egnyte.alerts", "egnyte.behaviors")
    assert isinstance(agent, FollowsPolicies)
    given = msgspec.structs.replace(spec(), handler=agent)

    async def changed(driver: Driver) -> None:
        worker = driver.worker()
        await driver.assign({worker: list(range(4))})
        for number, turn in enumerate((range(20), range(20, 22))):
            attempts = [each for n in turn for each in login(START + n * 30_000, f"user{n}@example.com")]
            for partition, mine in enumerate(rows(attempts)):
                put(driver, mine, partition)
            await driver.settle()
            assert len(told(driver)) == number
            agent.use(DEFAULTS)

    (found,) = told(run(given, changed))
    assert found.unmapped.policy_set == DEFAULTS.hash


def test_from_events_to_the_alert() -> None:
    """What enrich writes of a spray's events, of users in many partitions, is what networks raises it from."""
    headers = list(Envelope("acme", "0" * 32).to_headers())
    events: list[list[Row]] = [[] for _ in range(PARTITIONS)]
    for n in range(24):
        event = {
            "date": START + n * 30_000, "user": f"User {n} ( user{n}@example.com )", "userId": f"{n}",
            "action": "Failed Login", "access": "Web UI", "ipAddress": f"203.0.113.{n}", "auditSource": "LOGIN_AUDIT",
        }  # fmt: skip
        key = f"acme/user{n}@example.com".encode()
        events[n % PARTITIONS].append(Row(START + n * 30_000, key, msgspec.json.encode(event), headers))
    enriched = worked(enrich.spec(Settings(), Places(PlacesSettings())), events)
    attempts = [
        [Row(each.timestamp, each.key, each.value, []) for each in enriched.records("egnyte.attempts", partition)]
        for partition in range(PARTITIONS)
    ]
    (found,) = told(worked(spec(), attempts))
    assert (found.unmapped.policy, found.unmapped.network) == ("password_spray", ATTACKER)
    assert found.count == 15
