"""What the demo's topics hold, as read back read_committed: nothing else is shown, judged or saved."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import directory as directory_schema
from schemas import finding as finding_schema
from schemas import governance as governance_schema
from schemas.activity import Activity
from schemas.event import AUDIT
from schemas.finding import Finding
from schemas.governance import GovernanceRecord
from streams import cluster
from streams.kafka import client_options
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, group_name, topic_name

TOPICS: Final = ("activities", "alerts", "behaviors", "governance")
PEOPLE: Final = "directory"
WAIT_MS: Final = 200
"""How long one fetch waits for records: the display's own delay is a fraction of that."""
LOOK_AGAIN_S: Final = 0.3
"""Between two looks at what detection has committed."""

_decode_activity: Final = msgspec.json.Decoder(Activity).decode


class Records:
    """All records of the demo's topics so far. `async with` opens and closes the reader."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._short = {topic_name(settings, name): name for name in (*TOPICS, PEOPLE)}
        self._partitions = [TopicPartition(topic, number) for topic in self._short for number in range(PARTITIONS)]
        self._consumer: Any = AIOKafkaConsumer(
            **client_options(settings.kafka),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        self._read: dict[str, list[Any]] = {name: [] for name in (*TOPICS, PEOPLE)}
        self.activities: list[Activity] = []
        """Those of Egnyte's events, decoded, in the order in which they were read."""
        self.actions: list[GovernanceRecord] = []
        """Every step of every action, in the order in which they were read."""
        self.people: set[str] = set()
        """E-mails of those whose accounts are known in both clouds."""

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def more(self) -> list[bytes]:
        """Reads what has come meanwhile, waiting a moment for it; returns the values of new alerts, oldest first."""
        fetched = await self._consumer.getmany(timeout_ms=WAIT_MS)
        alerts = []
        for partition, records in fetched.items():
            name = self._short[partition.topic]
            self._read[name] += records
            if name == "activities":
                decoded = [_decode_activity(record.value) for record in records]
                self.activities += [activity for activity in decoded if activity.source == AUDIT]
            elif name == "governance":
                self.actions += [governance_schema.decode(record.value) for record in records]
            elif name == PEOPLE:
                self.people |= {_known_in_both(record) for record in records} - {""}
            elif name == "alerts":
                alerts += records
        return [record.value for record in sorted(alerts, key=_order)]

    async def to_the_end(self) -> list[bytes]:
        """Reads all that is committed by now; returns the values of new alerts."""
        ends = await self._consumer.end_offsets(self._partitions)
        alerts = []
        for partition, end in ends.items():
            while await self._consumer.position(partition) < end:
                alerts += await self.more()
        return alerts

    async def until_judged(self) -> None:
        """Returns when detection has committed its way past every activity that was read."""
        last: dict[int, int] = {}
        for record in self._read["activities"]:
            last[record.partition] = max(record.offset, last.get(record.partition, -1))
        topic, group = topic_name(self._settings, "activities"), group_name(self._settings, "detect")
        kafka = KafkaCluster(self._settings, "demo")
        try:
            for partition, offset in last.items():
                while True:
                    committed = await kafka.committed(group, cluster.TopicPartition(topic, partition))
                    if committed is not None and committed.offset > offset:
                        break
                    await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            await kafka.close()

    def values(self, name: str) -> list[bytes]:
        """The values of one of `TOPICS`, by record time."""
        return [record.value for record in sorted(self._read[name], key=_order)]

    def findings(self, name: str) -> list[Finding]:
        """`alerts` or `behaviors`, decoded, by record time."""
        return [finding_schema.decode(value) for value in self.values(name)]

    def save(self, folder: Path) -> dict[str, int]:
        """Writes each topic's values to a file of its name in `folder`, one a line; returns how many of each."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in TOPICS:
            (folder / f"{name}.jsonl").write_bytes(b"".join(value + b"\n" for value in self.values(name)))
        return {name: len(self._read[name]) for name in TOPICS}


def _known_in_both(record: Any) -> str:
    """The e-mail of somebody whom Egnyte and Entra ID know; empty for others, and for what is no person."""
    if record.value is None or b"/~" in record.key:
        return ""
    person = directory_schema.decode(record.value)
    return person.email if person.egnyte_ids and person.entra_ids else ""


def _order(record: Any) -> tuple[int, int, int]:
    return record.timestamp, record.partition, record.offset


class Verdict(msgspec.Struct, frozen=True):
    """What became of the story. Alerts by policy id and e-mail; events by their number."""

    missing: tuple[tuple[str, str], ...]
    false_alarms: tuple[tuple[str, str], ...]
    lost: int
    doubled: int
    response: tuple[str, ...] = ()
    """What is wrong with what was done about the theft."""

    @property
    def good(self) -> bool:
        """Whether all is as the story wants it."""
        return not (self.missing or self.false_alarms or self.lost or self.doubled or self.response)

    def lines(self) -> list[str]:
        """What is wrong, a line each."""
        told = [f"missing: an alert {policy} about {email}" for policy, email in self.missing]
        told += [f"false alarm: {policy} about {email}" for policy, email in self.false_alarms]
        told += [f"the response: {words}" for words in self.response]
        told += [f"{self.lost} events of the story are no activity"] if self.lost else []
        return told + (
            [f"{self.doubled} activities are of no event, or of one that is there already"] if self.doubled else []
        )


def judge(
    expected: Sequence[tuple[str, str]],
    told: Iterable[bytes],
    activities: Iterable[Activity],
    alerts: Iterable[Finding],
) -> Verdict:
    """`told`: every raw event of the story. `expected`: the alerts that must come, and no other may."""
    raised = dict.fromkeys((found.unmapped.policy, email_of(found)) for found in alerts)
    wanted, there = Counter(told), Counter(bytes(activity.raw) for activity in activities)
    return Verdict(
        missing=tuple(each for each in expected if each not in raised),
        false_alarms=tuple(each for each in raised if each not in expected),
        lost=(wanted - there).total(),
        doubled=(there - wanted).total(),
    )


def email_of(found: Finding) -> str:
    """Whom a finding is about: the user key without the connector."""
    return found.unmapped.user_key.partition("/")[2]
