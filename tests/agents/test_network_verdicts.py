"""Verdicts on findings about networks, links and all logins: from the event to the agent that raised them."""

from typing import Any, NamedTuple

import msgspec

from agents import enrich, networks
from agents.networks import Networks
from connectors.places import Places
from detections import policies, sources
from detections.finding import about
from detections.model import Candidate
from detections.policies import PolicySet
from detections.sources import Source
from detections.subject import source_subject
from detections.verdicts import BY_SOURCE, key_of
from schemas import finding as findings
from schemas import verdict as verdicts
from schemas.attempt import Attempt, encode
from schemas.dead_letter import DeadLetter
from schemas.event import Envelope
from schemas.finding import Finding
from schemas.verdict import Verdict
from streams.cluster import Headers, Record
from streams.handler import Codec, State
from streams.kafka import partition_of
from streams.sections import PlacesSettings, Settings
from streams.testing import Driver
from streams.topics import PARTITIONS
from tests.agents.partitioned import Row, letters, worked

PREFIX = "203.0.113.0/24"
KEY = f"acme/{PREFIX}".encode()
AT = 1_795_000_000_000
PARTITION = partition_of(KEY, PARTITIONS)


class Read(NamedTuple):
    """A record as read."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: Headers
    partition: int = 0


class Sent:
    """What an agent sends."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, *_: Any) -> None:
        self.found.append(findings.decode(value or b""))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        raise AssertionError(error)


def found() -> Finding:
    """A spray from `PREFIX`."""
    (policy,) = [each for each, _ in policies.BY_SOURCE if each.metadata.id == "password_spray"]
    candidate = Candidate(
        policy="password_spray", step="create", anchor="e1", severity="high", raises="alert", message="Many failed.",
        first_ms=AT, last_ms=AT,
    )  # fmt: skip
    subject = source_subject(candidate, "network", KEY.decode(), "acme", PREFIX)
    return about(subject, candidate, policy.metadata, connector="acme", set_hash="0", product_version="0")


def verdict(said: str = "close") -> bytes:
    opinion = "benign" if said == "close" else None
    return verdicts.encode(Verdict(said=said, opinion=opinion, by="ann", finding=found()))  # type: ignore[arg-type]


def through_enrich(value: bytes, key: bytes = KEY) -> Driver:
    headers = list(Envelope("acme", "0" * 32, "verdict").to_headers())
    rows: list[list[Row]] = [[] for _ in range(PARTITIONS)]
    rows[partition_of(key, PARTITIONS)].append(Row(AT, key, value, headers))
    return worked(enrich.spec(Settings(), Places(PlacesSettings())), rows)


def test_the_policies_that_are_closed_elsewhere_are_those_of_that_agent() -> None:
    assert {policy.metadata.id for policy, _ in policies.BY_SOURCE} == BY_SOURCE


def test_a_verdict_goes_to_the_attempts_of_the_network_that_it_is_about() -> None:
    assert key_of(found()).encode() == KEY
    driver = through_enrich(verdict())
    (passed,) = driver.records("egnyte.attempts", PARTITION)
    assert (passed.key, passed.value, passed.timestamp) == (KEY, verdict(), AT)
    assert dict(passed.headers) == {"source": b"verdict"}
    assert len(driver.records("egnyte.activities", PARTITION)) == 1


def test_what_is_no_verdict_on_a_network_does_not_go_there() -> None:
    other = msgspec.structs.replace(found(), unmapped=msgspec.structs.replace(found().unmapped, policy="ransomware"))
    for value in (b"{}", verdicts.encode(Verdict(said="reopen", by="ann", finding=other))):
        assert driver_attempts(through_enrich(value)) == 0
    assert driver_attempts(through_enrich(verdict(), b"acme/198.51.100.0/24")) == 0


def driver_attempts(driver: Driver) -> int:
    return sum(len(driver.records("egnyte.attempts", partition)) for partition in range(PARTITIONS))


def heard(*values: bytes) -> Driver:
    headers = [("source", b"verdict")]
    rows = [Row(AT + number, KEY, value, headers) for number, value in enumerate(values)]
    return worked(networks.spec(Settings(), PolicySet.of({})), [rows])


def test_it_closes_its_finding_once_and_opens_it_again() -> None:
    driver = heard(verdict(), verdict(), verdict("reopen"), verdict())
    told = [findings.decode(value or b"") for value in driver.values("egnyte.alerts", 0)]
    assert [each.unmapped.step for each in told] == ["close", "update", "close"]
    assert {each.finding_info.uid for each in told} == {found().finding_info.uid}
    assert told[0].unmapped.judged_by == "ann"
    assert dict(driver.records("egnyte.alerts", 0)[0].headers)["origin"] == b"networks 0"


def test_what_can_not_be_read_is_a_dead_letter() -> None:
    refused: list[DeadLetter] = letters(heard(b"{}", b"\xff"))
    assert [letter.stage for letter in refused] == ["verdict", "verdict"]


def test_what_is_closed_is_not_updated() -> None:
    codec = Codec(1, Source, sources.encode, sources.decode)
    handler, sent = Networks(PolicySet.of({}), "alerts", "behaviors"), Sent()

    class Spraying:
        """A policy that always says the same."""

        metadata = policies.BY_SOURCE[0][0].metadata

        def judge(self, attempt: Attempt, source: Source) -> list[Candidate]:
            return [
                Candidate(
                    policy=self.metadata.id, step="update", anchor="e1", severity="high", raises="alert", message="m",
                    first_ms=AT, last_ms=attempt.time_ms,
                )
            ]  # fmt: skip

    handler._policies = {"network": (), "connector": (), "link": (Spraying(),)}  # type: ignore[dict-item]
    attempt = Attempt(
        connector="acme", event_id="e", time_ms=AT, received_ms=AT, by="link", type="link_access",
        user="acme/~anonymous-1", link="https://x/dl/1", prefix=PREFIX,
    )  # fmt: skip
    key = b"acme/link/1"
    state: State[Source] = State({}, codec)

    def take() -> None:
        handler.handle(Read(0, AT, key, encode(attempt), []), state, sent)

    take()
    (uid,) = [each.finding_info.uid for each in sent.found]
    state.load(key).verdicts.closed[uid.replace("-", "")] = AT
    take()
    assert len(sent.found) == 1
    state.load(key).verdicts.closed.clear()
    take()
    assert len(sent.found) == 2
