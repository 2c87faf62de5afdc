"""`egnyte-watch demo` as people run it: a process of its own, on a real broker, with real children."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from console.demo_policies import ASKED
from schemas.activity import Activity
from schemas.event import AUDIT, DIRECTORY
from schemas.finding import Finding
from schemas.governance import GovernanceRecord
from simulators.scenario.demo import Demo
from simulators.scenario.people import Person

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300
"""The demo's own deadlines, twice 120 s, and its start."""
STORY = Demo(1_763_971_200_000)
"""As of another time: the same people do the same things."""


@contextmanager
def demo(kafka: str, prefix: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """The command, running; what it prints is in a pipe."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
    environ |= {"EGNYTE_WATCH_KAFKA__BOOTSTRAP": kafka, "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": prefix}
    process = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "demo", *options],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def decoded(path: Path, kind: type[Any]) -> list[Any]:
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]


def acts(events: Iterable[dict[str, Any]]) -> Counter[tuple[str, ...]]:
    """What was done, without the time at which it was."""
    names = ("user", "action", "ipAddress", "access", "sourcePath", "auditSource")
    return Counter(tuple(event.get(name, "") for name in names) for event in events)


def raw_of(activities: Iterable[Activity], person: Person, *, of: bool) -> Iterator[dict[str, Any]]:
    """The events of `person`, or those of all others."""
    for activity in activities:
        event = msgspec.json.decode(activity.raw)
        if (event["user"] == person.label) is of:
            yield event


def test_the_story_is_told_whole(kafka: str, prefix: str, tmp_path: Path) -> None:
    with demo(kafka, prefix, "--once", "--save", str(tmp_path / "out")) as process:
        printed, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, printed + errors
    assert "Traceback" not in errors
    assert "\x1b" not in printed
    assert "First alert" in printed

    activities: list[Activity] = decoded(tmp_path / "out" / "activities.jsonl", Activity)
    assert len({activity.event_id for activity in activities}) == len(activities)
    assert {activity.source for activity in activities} <= {AUDIT, DIRECTORY}
    activities = [activity for activity in activities if activity.source == AUDIT]
    responses = [activity.action for activity in activities if activity.subject]  # Egnyte tells of what was done there
    assert responses == ["Disable", "Enable"]
    activities = [activity for activity in activities if not activity.subject]
    story = [*STORY.history, *STORY.recent, *(event for event, _ in STORY.live(1_763_971_210_000))]
    victim = STORY.cast.mara
    assert acts(raw_of(activities, victim, of=False)) == acts(each for each in story if each["user"] != victim.label)
    taken = acts(each for each in story if each["user"] == victim.label)
    assert acts(raw_of(activities, victim, of=True)) <= taken  # the thief was stopped, sooner or later

    alerts: list[Finding] = decoded(tmp_path / "out" / "alerts.jsonl", Finding)
    raised = {(found.unmapped.policy, found.unmapped.user_key.removeprefix("acme/")) for found in alerts}
    assert raised == set(STORY.expected)
    assert not any(email in user for _, user in raised for email in STORY.quiet)
    assert all(found.is_alert for found in alerts)
    behaviors: list[Finding] = decoded(tmp_path / "out" / "behaviors.jsonl", Finding)
    told = {(found.unmapped.policy, found.unmapped.user_key, found.unmapped.suppressed) for found in behaviors}
    cast = {name: f"acme/{getattr(STORY.cast, name).email}" for name in ("leila", "noor", "ines", "hana")}
    suppressed = {row for row in told if row[0] == "impossible_travel"}
    assert suppressed >= {("impossible_travel", cast["leila"], "unplaceable_network")}
    assert {row[2] for row in suppressed} == {"unplaceable_network"}
    visitors = {user for policy, user, suppressed in told if policy == "infrequent_country" and not suppressed}
    assert visitors == {cast["noor"], cast["ines"], cast["hana"]}

    steps: list[GovernanceRecord] = decoded(tmp_path / "out" / "governance.jsonl", GovernanceRecord)
    assert {step.user for step in steps} == {STORY.cast.mara.email}
    done = {step.action: step for step in steps if step.state == "succeeded"}
    assert done.keys() == {*ASKED, "unsuspend_user", "reactivate_egnyte_user"}
    assert {done[action].policy for action in ASKED} == {"anonymous_ip"}
    assert set(done["revoke_links"].items) == set(STORY.links)
    reverted = {step.action: step.by for step in steps if step.state == "reverted"}
    assert reverted == {"suspend_user": "security", "deactivate_egnyte_user": "security"}
    assert f"{STORY.cast.mara.email}: account disabled in Entra ID" in printed
    assert f"govern undo {done['suspend_user'].uid[:8]} " in printed
    assert f"{STORY.cast.mara.email}: account enabled again in Entra ID." in printed

    for email in (*(email for _, email in STORY.expected), *STORY.quiet):
        assert f"  {email}  " in printed
    assert "Lisbon (PT)" in printed
    assert "Singapore (SG)" in printed
    assert f"--topic '{prefix}-demo-" in printed  # somebody else's Kafka: its topics are fresh, and stay


def test_control_c_ends_it_in_order_and_saves(kafka: str, prefix: str, tmp_path: Path) -> None:
    with demo(kafka, prefix, "--save", str(tmp_path)) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "habits learned" in line)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, line + printed + errors
    assert "Traceback" not in errors
    activities: list[Activity] = decoded(tmp_path / "activities.jsonl", Activity)
    assert len(activities) >= len(STORY.history) + len(STORY.recent)
