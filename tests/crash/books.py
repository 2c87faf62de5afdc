"""The books: what an undisturbed sequential run makes of the same events, and how the topics differ from it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from agents import detect, enrich, networks, profile
from agents.origin import read_origin
from connectors.places import Places
from schemas.activity import Activity
from schemas.event import DIRECTORY
from schemas.meta import META_KEY
from streams.cluster import NO_HEADERS, Headers, Record, TopicPartition
from streams.handler import State
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.spec import AgentSpec
from streams.topics import PARTITIONS, topic_name

Row = tuple[str, int, bytes | None, bytes | None]
"""Topic, partition, key, value."""
Written = tuple[str, str]
"""Topic, and the agent where several write to it."""


ACTIVITIES = msgspec.json.Decoder(Activity)


class Balance(msgspec.Struct):
    """What is missing, doubled or wrong, over all topics and the state."""

    events: int = 0
    activities: int = 0
    attempts: int = 0
    findings: int = 0
    keys: int = 0
    missing: int = 0
    doubled: int = 0
    wrong: int = 0
    where: list[str] = msgspec.field(default_factory=list)

    def __str__(self) -> str:
        words = f"missing {self.missing}, doubled {self.doubled}, wrong {self.wrong}"
        return "\n  ".join([words, *self.where])

    @property
    def balanced(self) -> bool:
        """Whether nothing is."""
        return not (self.missing or self.doubled or self.wrong)


class Ledger:
    """Outputs of a handler that is run in a plain loop."""

    def __init__(self, dead_letters: str, partition: int) -> None:
        self.rows: list[tuple[Row, int]] = []
        self._dead_letters = dead_letters
        self._partition = partition

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Headers = NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        """Written down."""
        self.rows.append(((topic, self._partition if partition is None else partition, key, value), timestamp_ms))

    def dead_letter(self, record: Record, stage: str, error: str) -> None:
        """Written down."""
        self.rows.append(((self._dead_letters, self._partition, record.key, record.value), record.timestamp))


class PlainRecord(msgspec.Struct):
    """A record that was never on a broker."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int = 0


def sequential(spec: AgentSpec, records: Iterable[Record], partition: int) -> tuple[Ledger, dict[bytes, bytes]]:
    """One agent over one partition, one record after the other, without transactions, chunks or crashes."""
    ledger = Ledger(spec.dead_letters, partition)
    state: State[Any] = State({}, spec.codec)
    for record in records:
        spec.handler.handle(record, state, ledger)
    return ledger, {key: value for key, value in state.changes().items() if value is not None}


async def read(cluster: KafkaCluster, topic: str, partition: int) -> list[Record]:
    """All committed records of a partition."""
    found: list[Record] = []
    async with aclosing(cluster.read(TopicPartition(topic, partition), 0)) as chunks:
        async for chunk in chunks:
            found.extend(chunk)
    return found


def compare(balance: Balance, where: str, expected: Iterable[Any], found: Iterable[Any]) -> None:
    """Add the difference of two multisets, found in `where`, to `balance`."""
    wanted, seen = Counter(expected), Counter(found)
    short, over = wanted - seen, seen - wanted
    for kind, rows in (("short of", short), ("over", over)):
        if rows:
            first = repr(next(iter(rows)))[:200]
            balance.where.append(f"{where}: {kind} {sum(rows.values())} of {sum(wanted.values())}: {first}")
    balance.doubled += sum(n for row, n in over.items() if row in wanted)
    unknown = sum(n for row, n in over.items() if row not in wanted)
    missing = sum(short.values())
    balance.wrong += min(unknown, missing)  # there, but not as it should be
    balance.missing += missing - min(unknown, missing)
    balance.wrong += unknown - min(unknown, missing)


async def audit(settings: Settings, served: Sequence[bytes]) -> Balance:
    """Compare every topic with the sequential run over the events topic, and that with what Egnyte has `served`."""
    balance = Balance()
    cluster = KafkaCluster(settings, "audit")
    topics = ("events", "activities", "attempts", "alerts", "behaviors", "profile", "dead-letters")
    names = {name: topic_name(settings, name) for name in topics}
    enriching = enrich.spec(settings, Places(settings.places))
    readers = detect.spec(settings), networks.spec(settings), profile.spec(settings)
    attempts: list[Row] = []
    try:
        events = [await read(cluster, names["events"], n) for n in range(PARTITIONS)]
        balance.events = sum(map(len, events))
        compare(balance, names["events"], served, (record.value for partition in events for record in partition))
        ids = Counter(dict(record.headers)["event-id"] for partition in events for record in partition)
        balance.doubled += sum(n - 1 for n in ids.values())
        for n in range(PARTITIONS):
            attempts += await _audit_partition(balance, cluster, names, enriching, readers, events[n], n)
            await asyncio.sleep(0)
        for n in range(PARTITIONS):  # many write to each of these, so their order is nobody's
            found = [(record.key, record.value) for record in await read(cluster, names["attempts"], n)]
            wanted = [(key, value) for _, partition, key, value in attempts if partition == n]
            compare(balance, f"{names['attempts']}/{n}", wanted, found)
            balance.attempts += len(found)
    finally:
        await cluster.close()
    return balance


async def _audit_partition(
    balance: Balance,
    cluster: KafkaCluster,
    names: dict[str, str],
    enriching: AgentSpec,
    readers: Sequence[AgentSpec],
    events: list[Record],
    n: int,
) -> list[Row]:
    """`readers`: the agents behind enrich. Returns the attempts, of whatever partition."""
    inputs = {name: await read(cluster, names[name], n) for name in ("activities", "attempts")}
    enriched, _ = sequential(enriching, events, n)
    expected: defaultdict[Written, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
    for (topic, _, key, value), _ in enriched.rows:
        expected[topic, ""].append((key, value))
    activities = names["activities"], ""
    expected[activities] = known_as(expected[activities], inputs["activities"])
    for spec in readers:
        ledger, state = sequential(spec, inputs["attempts" if spec.source == names["attempts"] else "activities"], n)
        for (topic, _, key, value), _ in ledger.rows:
            finding = topic in (names["alerts"], names["behaviors"])
            expected[topic, spec.name if finding else ""].append((key, value))
        await _audit_state(balance, cluster, spec, state, n)
    found: defaultdict[Written, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
    for name in ("activities", "alerts", "behaviors", "profile", "dead-letters"):
        for record in await read(cluster, names[name], n):
            origin = read_origin(record)
            found[names[name], origin.agent if origin else ""].append((record.key, record.value))
            balance.activities += name == "activities"
            balance.findings += name in ("alerts", "behaviors")
    expected.pop((names["attempts"], ""), None)
    profiled = names["profile"], ""  # compacted: of each key the last record is sure to be there
    for rows in (expected, found):
        rows[profiled] = sorted(dict(rows[profiled]).items())
    for written in sorted({*expected, *found}):
        if expected[written] != found[written]:  # the order counts too
            before = balance.missing, balance.doubled, balance.wrong
            where = f"{written[0]}/{n} {written[1]}".rstrip()
            compare(balance, where, expected[written], found[written])
            if before == (balance.missing, balance.doubled, balance.wrong):
                balance.wrong += 1
                balance.where.append(f"{where}: another order")
    return [row for row, _ in enriched.rows if row[0] == names["attempts"]]


async def _audit_state(
    balance: Balance, cluster: KafkaCluster, spec: AgentSpec, state: dict[bytes, bytes], n: int
) -> None:
    stored: dict[bytes, bytes] = {}
    for record in await read(cluster, spec.changelog or "", n):
        if record.value is None:
            stored.pop(record.key or b"", None)
        else:
            stored[record.key or b""] = record.value
    stored.pop(META_KEY, None)
    balance.keys += len(stored)
    compare(balance, f"{spec.changelog}/{n}", state.items(), stored.items())


def known_as(
    expected: Sequence[tuple[bytes | None, bytes | None]], found: Sequence[Record]
) -> list[tuple[bytes | None, bytes | None]]:
    """`expected` activities with the knowledge and the account that the `found` ones of the same event were stamped
    with: they depend on how far profile and directory had come just then. All else must be the same, byte for byte."""
    stamped = {each.event_id: each for each in (ACTIVITIES.decode(record.value or b"") for record in found)}
    known: list[tuple[bytes | None, bytes | None]] = []
    for key, value in expected:
        activity = ACTIVITIES.decode(value or b"")
        same = stamped.get(activity.event_id, activity)
        account = activity.account if activity.source == DIRECTORY else same.account
        as_found = msgspec.structs.replace(activity, knowledge=same.knowledge, account=account)
        known.append((key, msgspec.json.encode(as_found)))
    return known
