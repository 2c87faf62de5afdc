"""An archive as it is after some weeks of an organisation: the labelled scenario through the agents' own handlers."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from agents.governing.requests import asked_by, outcome, requests_of
from benchmarks.score.memory import played
from connectors.egnyte.standing import Latency, Report, Token
from console.archive.database import Database
from console.archive.follower import READ
from schemas import finding as findings
from schemas import governance
from schemas.governance import GovernanceRecord
from simulators.scenario import Scenario
from streams.sections import DAY_MS, HOUR_MS
from tests.console.archive.archives import Kept

CONNECTOR: Final = "acme"
FORBIDDEN: Final = {
    "reason": "forbidden",
    "detail": "Graph answered 403: Authorization_RequestDenied",
    "advice": "grant the application User.RevokeSessions.All",
}


class Log:
    """What the agents write, as topics hold it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self.records: dict[str, list[Kept]] = {name: [] for name in READ}
        self._ends: Counter[tuple[str, int]] = Counter()

    def hear(self, topic: str, record: Any) -> None:
        """For `played`. What lies ahead is left out: the scenario's last day is today, to its end."""
        name = topic.partition(".")[2]
        if name in self.records and record.timestamp <= self._now_ms:
            self.keep(name, record.partition, record.timestamp, record.key, record.value)

    def keep(self, name: str, partition: int, at_ms: int, key: bytes | None, value: bytes | None) -> None:
        offset = self._ends[name, partition]
        self._ends[name, partition] += 1
        self.records[name].append(Kept(f"egnyte.{name}", partition, offset, at_ms, key, value))

    def act(self, *said: GovernanceRecord) -> None:
        for record in said:
            self.keep("governance", 0, record.at_ms, record.uid.encode(), governance.encode(record))

    def ends(self) -> dict[tuple[str, int], int]:
        return {(f"egnyte.{name}", partition): end for (name, partition), end in self._ends.items()}

    def into(self, path: Path) -> Database:
        """A new archive with all of it."""
        database = Database(path)
        tables: dict[str, list[Any]] = {}
        for name, records in self.records.items():
            table, make = READ[name]
            made = make(records)
            assert made.refused == []
            tables.setdefault(table, []).append(made.table)
        database.store(tables, self.ends())
        return database


def weeks(folder: Path, *, seed: int = 1, users: int = 150, days: int = 30, now_ms: int | None = None) -> Log:
    """`days` that end today: what the agents made of them, and what was done about the gravest findings."""
    now_ms = now_ms or time.time_ns() // 1_000_000
    log = Log(now_ms)
    start_ms = now_ms // DAY_MS * DAY_MS - (days - 1) * DAY_MS
    played(Scenario(seed, users, days, start_ms), folder, heard=log.hear)
    _govern(log)
    return log


def _govern(log: Log) -> None:
    """The gravest findings asked for actions: most were done, some not, and one was undone."""
    begun = [
        found
        for each in log.records["alerts"]
        if (found := findings.decode(each.value or b"")).unmapped.step == "create"
    ]
    of_people = [each for each in begun if each.severity_id >= 4 and "@" in each.unmapped.user_key]
    for number, found in enumerate(of_people[-12:]):
        asking = replace(found, unmapped=replace(found.unmapped, govern=("require_sign_in", "notify_user")))
        for wish in requests_of(asking, found.time + 400):
            log.act(wish)
            if number % 5 == 3 and wish.action == "notify_user":
                log.act(outcome(wish, "skipped", wish.at_ms + 20, reason="dry_run"))
                continue
            started = outcome(wish, "started", wish.at_ms + 90, attempt=1)
            log.act(started)
            if number % 5 == 4 and wish.action == "require_sign_in":
                log.act(outcome(started, "failed", started.at_ms + 700, **FORBIDDEN))
            else:
                log.act(outcome(started, "succeeded", started.at_ms + 350))
        if number % 4 == 0:
            user = found.unmapped.user_key.removeprefix(f"{CONNECTOR}/")
            words = "Sessions went on from the foreign place"
            wish = asked_by("mara", "suspend_user", user, CONNECTOR, found.time + HOUR_MS // 4, words)
            started = outcome(wish, "started", wish.at_ms + 100, attempt=1)
            log.act(wish, started, outcome(started, "succeeded", wish.at_ms + 420, items=(user,)))


def reports(now_ms: int) -> list[Report]:
    """How the connector fares."""
    since = datetime.fromtimestamp(now_ms / 1000 - 40, UTC)
    return [
        Report(
            connector=CONNECTOR, url="https://acme.egnyte.com", state="connected", user="audit-reader",
            last_good_poll=since.isoformat(timespec="seconds"),
            newest_event=(since - timedelta(seconds=21)).isoformat(timespec="seconds"), newest_event_age_s=61,
            lag_s=0.0, requests_left_hour=41, requests_left_day=611, expected_latency=Latency(48.0, 94.0),
            token=Token((since - timedelta(days=17)).date().isoformat(), 17, None, False, 348), events=182_204,
        )
    ]  # fmt: skip
