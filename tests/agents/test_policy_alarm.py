"""`policy_rejected`: one finding for each episode, however many workers there are and whoever is on duty."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from agents import policy_alarm
from agents.policy_alarm import SUBJECT, PolicyAlarm, finding_of, turn_of
from agents.policy_reload import PolicyFolder, Rejection
from detections.settings import Mistake
from schemas import finding as findings
from schemas import rejection
from schemas.finding import Finding
from schemas.rejection import KEY, RejectionRecord
from streams.cluster import TopicPartition
from streams.errors import Fenced
from streams.kafka import partition_of
from streams.sections import Settings
from streams.testing import MemoryCluster
from streams.topics import PARTITIONS
from tests.schemas.ocsf_rules import problems

ONE = "id: one_policy\ntitle: One\nfilters: {type: download}\n"
BAD = ONE + "severity: hihg\n"
WORSE = ONE + "severity: hihg\nraise: alerts\n"
ALERTS = TopicPartition("egnyte.alerts", partition_of(SUBJECT.encode(), PARTITIONS))
RECORDS = TopicPartition("egnyte.connectors", partition_of(KEY, PARTITIONS))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "activity").mkdir()
    path = tmp_path / "activity" / "one.yaml"
    path.write_text(ONE)
    return path


class Site:
    """Workers that see the same files, one of them on duty."""

    def __init__(self, path: Path, workers: int = 2) -> None:
        self.cluster = MemoryCluster()
        self.on_duty = 0
        self._path = path
        self._clock: Iterator[int] = iter(range(1_700_000_000_000, 1_800_000_000_000, 60_000))
        self._folders = [PolicyFolder(path.parents[1]) for _ in range(workers)]
        self.alarms = [self.alarm(number) for number in range(workers)]

    def alarm(self, number: int) -> PolicyAlarm:
        """The alarm of one worker, as after a start."""
        return PolicyAlarm(
            Settings(), self.cluster, self._folders[number], lambda: self.on_duty == number, lambda: next(self._clock)
        )

    async def write(self, text: str) -> None:
        """Changes the file, and has all workers look at it."""
        self._path.write_text(text)
        for folder in self._folders:
            folder.refresh()
            folder.refresh()
        await self.look()

    async def look(self) -> None:
        for alarm in self.alarms:
            await alarm.look()

    @property
    def told(self) -> list[Finding]:
        return [findings.decode(record.value or b"") for record in self.cluster.committed_records(ALERTS)]

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(each.unmapped.step, each.finding_info.uid) for each in self.told]


def test_one_finding_for_each_episode(path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        site = Site(path)
        for text in (BAD, BAD + "# still\n", WORSE, ONE, ONE + "# fine\n", BAD, ONE):
            await site.write(text)
            await site.look()
        assert all(record.key == each.finding_info.uid.encode() for record, each in zip(
            site.cluster.committed_records(ALERTS), site.told, strict=True))  # fmt: skip
        return site.steps

    steps = asyncio.run(story())
    assert [step for step, _ in steps] == ["create", "update", "update", "close", "create", "close"]
    first, second = {uid for _, uid in steps[:4]}, {uid for _, uid in steps[4:]}
    assert len(first) == len(second) == 1
    assert first.isdisjoint(second)


def test_the_finding_says_file_line_field_and_what_would_be_right(path: Path) -> None:
    async def story() -> list[Finding]:
        site = Site(path)
        await site.write(WORSE)
        await site.write(ONE)
        return site.told

    created, closed = asyncio.run(story())
    for mistake in (
        f"{path}:4: severity is 'hihg'; did you mean 'high'?",
        f"{path}:5: raise is 'alerts'; did you mean 'alert'?",
    ):
        assert mistake in created.message
        assert mistake in closed.message
    assert "stay in force" in created.message
    assert (created.is_alert, created.severity, created.status) == (True, "Medium", "New")
    assert (closed.activity_name, closed.status, closed.is_alert) == ("Close", "Resolved", True)
    assert created.unmapped.user_key == SUBJECT
    assert len(created.unmapped.policy_set) == 64
    for each in (created, closed):
        assert problems(json.loads(findings.encode(each))) == []


def test_the_duty_changes_hands_within_an_episode(path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        site = Site(path)
        await site.write(BAD)
        site.on_duty = 1
        await site.look()
        await site.write(ONE)
        site.on_duty = 0
        await site.look()
        return site.steps

    assert [step for step, _ in asyncio.run(story())] == ["create", "close"]


def test_who_is_mended_while_nobody_was_on_duty_is_told_by_the_next(path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        site = Site(path)
        await site.write(BAD)
        site.on_duty = -1
        await site.write(ONE)
        assert len(site.steps) == 1
        site.alarms = [site.alarm(0)]
        site.on_duty = 0
        await site.look()
        await site.look()
        return site.steps

    assert [step for step, _ in asyncio.run(story())] == ["create", "close"]


def test_who_is_on_duty_again_looks_what_others_have_said(path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        site = Site(path)
        await site.write(BAD)
        site.on_duty = 1
        await site.write(ONE)
        site.on_duty = -1
        await site.write(BAD)
        site.on_duty = 0
        await site.look()
        return site.steps

    assert [step for step, _ in asyncio.run(story())] == ["create", "close", "create"]


def test_two_who_think_that_they_are_on_duty_say_it_once(path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        site = Site(path)
        for alarm in site.alarms:
            alarm._on_duty = lambda: True
        await site.write(BAD)
        return site.steps

    assert [step for step, _ in asyncio.run(story())] == ["create"]


@pytest.mark.parametrize("call", ["begin_transaction", "send_batch", "commit_transaction"])
def test_what_fails_is_said_at_the_next_look_and_once(path: Path, call: str) -> None:
    async def story() -> list[tuple[str, str]]:
        site = Site(path)
        site.cluster.fail_next(call, Fenced("another is on duty"))
        with pytest.raises(Fenced):
            await site.write(BAD)
        await site.look()
        await site.look()
        kept = [rejection.decode(r.value or b"") for r in site.cluster.committed_records(RECORDS)]
        assert [record.episode for record in kept] == [1]
        return site.steps

    assert [step for step, _ in asyncio.run(story())] == ["create"]


async def test_what_the_client_asserts_is_tried_again_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [AssertionError(), KafkaConnectionError("away"), asyncio.CancelledError()]
    looked: list[BaseException] = []

    async def look(alarm: PolicyAlarm) -> None:
        looked.append(answers[len(looked)])
        raise looked[-1]

    monkeypatch.setattr(policy_alarm, "LOOK_S", 0)
    monkeypatch.setattr(PolicyAlarm, "look", look)
    with pytest.raises(asyncio.CancelledError):
        await policy_alarm.tell_rejections(Settings(), PolicyFolder(path.parents[1]), [])
    assert looked == answers


def test_many_mistakes_are_counted_not_listed() -> None:
    mistakes = tuple(Mistake(f"field{number}", "is wrong", "mend it") for number in range(500))
    turn = turn_of(RejectionRecord(), Rejection("a" * 64, mistakes), 1_000)
    assert turn is not None
    found = finding_of(*turn, 1_000, "0" * 64)
    assert "field7" in found.message
    assert "field8 " not in found.message
    assert found.message.endswith("and 492 more")


def test_nothing_is_said_of_what_was_said() -> None:
    open_record = RejectionRecord(episode=3, content="a", since_ms=5, rejections=1, told="x")
    assert turn_of(open_record, Rejection("a", ()), 9) is None
    assert turn_of(RejectionRecord(episode=3), None, 9) is None
