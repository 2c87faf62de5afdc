"""What the demo says: steps with their times, alerts as they come, and at the end what it was."""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from console import journey
from console.demo_quiet import Limits, quiet_line
from console.demo_records import Records, Verdict, email_of
from console.findings import line
from detections import wording
from schemas import finding as schema
from schemas.activity import Activity
from streams.sections import KafkaSettings, Settings
from streams.topics import topic_name

STAMP_CHARS: Final = 10
TOPICS: Final = ("events", "activities", "alerts", "behaviors", "governance", "dead-letters")
"""Those worth a look."""


class Report:
    """Everything goes to `out`: with colours, a spinner and maps on a terminal, as plain lines elsewhere."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.out.soft_wrap = not out.is_terminal  # what a program reads has whole lines
        self.first_alert_s: float | None = None
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def done(self, text: str | Text) -> None:
        """A step is done; or a word about one. With the time since the start."""
        self._beside(Text(f"{self.seconds:6.1f} s".ljust(STAMP_CHARS), style="cyan"), text)

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """While the block lasts, a terminal shows that something goes on; yields how to say anew what."""
        if not self.out.is_terminal:
            yield lambda _: None
            return
        with self.out.status(Text(text)) as status:
            yield lambda news: status.update(Text(news))

    def alert(self, value: bytes) -> None:
        """An alert that was just read back; a new one with the journey behind it, and what to do."""
        self.first_alert_s = self.first_alert_s or self.seconds
        found = schema.decode(value)
        told = line(value)
        if found.unmapped.step != "create":
            told.stylize("dim")
            self.done(told)
            return
        late_s = time.time() - found.time / 1000
        self.done(told.append(f" Read back {late_s:.1f} s after the act.", style="dim"))
        travelled = journey.journey_of(found)
        if travelled is not None:
            journey.show(self.out, travelled)
        self._beside(" " * STAMP_CHARS, Text(f"What to do: {found.remediation.desc}", style="italic"))

    def command(self, words: str) -> None:
        """A command of ours, to be copied whole."""
        self.out.print(Text(f"{' ' * STAMP_CHARS}$ {_command()} {words}", style="bold"), soft_wrap=True)

    def verdict(self, verdict: Verdict, records: Records, quiet: Sequence[str], begins_ms: int, limits: Limits) -> None:
        """What came of the story: alerts, those who stayed quiet and why, and the books."""
        self._heading("Alerts")
        by_user: defaultdict[tuple[str, str], list[schema.Finding]] = defaultdict(list)
        for found in records.findings("alerts"):
            by_user[email_of(found), found.finding_info.title].append(found)
        width = max(len(email) for email in (*quiet, *(email for email, _ in by_user)))
        for (email, title), found_ones in by_user.items():
            last = found_ones[-1]
            events = wording.count(last.count, "event")
            records_told = wording.count(len(found_ones), "record")
            self._beside(f"  {email:<{width}}  ", f"{title}, {last.severity}: {events}, in {records_told}")
        self._heading("Quiet, and why")
        for email in quiet:
            self._beside(f"  {email:<{width}}  ", quiet_line(*_about(email, records, begins_ms), begins_ms, limits))
        self._heading("The books")
        events = wording.count(len(records.activities), "activity", "activities")
        exact = "each event of the story exactly once" if not (verdict.lost or verdict.doubled) else "not exact"
        self.out.print(f"  {events} in the audit trail, {exact}.")
        if self.first_alert_s is not None:
            self.out.print(f"  First alert {self.first_alert_s:.1f} s after the start.")
        for wrong in verdict.lines():
            self.out.print(Text(f"  {wrong}", style="bold red"))

    def stopped(self, locked_s: float | None, files: int, wanted: int) -> None:
        """What the response was good for. `locked_s`: until the account was disabled; None where it was not."""
        if locked_s is not None:
            self.out.print(
                f"  The thief who came by Tor was locked out after {locked_s:.1f} s, with {files} of {wanted} files."
            )

    def look_further(self, settings: Settings, victim: str) -> None:
        """How to go on from here while the demo runs."""
        self._heading("Look further, from another terminal")
        for told in (
            f"export {_variables(settings.kafka)}",
            f"{_command()} alerts tail --from-beginning --behaviors",
            f"{_command()} govern log",
            f"{_command()} govern run suspend_user {victim} --connector {settings.egnyte.name}",
            f"topics: {', '.join(topic_name(settings, name) for name in TOPICS)}",
        ):
            self.out.print(f"  {told}", soft_wrap=True)  # to be copied whole
        self.out.print("\nRunning until Ctrl-C.")

    def saved(self, folder: Path, counts: dict[str, int]) -> None:
        """What was written."""
        listed = ", ".join(f"{name}.jsonl ({number})" for name, number in counts.items())
        self.done(f"saved to {folder}: {listed}")

    def topics_stay(self, kafka: KafkaSettings) -> None:
        """On somebody else's Kafka the topics are theirs to remove."""
        self.done(
            f"the topics stay on {kafka.bootstrap}; to remove them: kafka-topics.sh --bootstrap-server "
            f"{kafka.bootstrap} --delete --topic '{kafka.topic_prefix}[.-].*'"
        )

    def _beside(self, left: str | Text, right: str | Text) -> None:
        """One line; where a terminal is too narrow for it, its right part goes on below itself."""
        if not self.out.is_terminal:
            self.out.print(Text.assemble(left, right))
            return
        grid = Table.grid()
        grid.add_column(width=len(left))
        grid.add_column()
        grid.add_row(left, right)
        self.out.print(grid)

    def _heading(self, text: str) -> None:
        self.out.print(Text(f"\n{text}", style="bold"))


def _about(email: str, records: Records, begins_ms: int) -> tuple[list[Activity], list[schema.Finding]]:
    activities = [activity for activity in records.activities if activity.actor.email == email]
    suppressed = [found for found in records.findings("behaviors") if email_of(found) == email]
    return activities, [found for found in suppressed if found.unmapped.step == "suppress" and found.time >= begins_ms]


def _variables(kafka: KafkaSettings) -> str:
    return f"EGNYTE_WATCH_KAFKA__BOOTSTRAP={kafka.bootstrap} EGNYTE_WATCH_KAFKA__TOPIC_PREFIX={kafka.topic_prefix}"


def _command() -> str:
    """How this command was called: it may not be on PATH."""
    return sys.argv[0] if Path(sys.argv[0]).name == "egnyte-watch" else "egnyte-watch"
