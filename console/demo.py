"""`egnyte-watch demo`: the whole pipeline on this machine, shown at work.

A real Kafka, the ordinary connector and worker as processes of their own, a real city database; only Egnyte and Entra
ID are simulated. The past is published as a backfill would do it and followed in the stream, so that habits are known;
then the story happens, and one of the thieves is stopped. All that is shown is read back from the topics.
"""

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import astuple, replace
from rich.console import Console

from console.demo_clouds import Clouds
from console.demo_history import publish_history
from console.demo_kafka import kafka_for, quieten
from console.demo_policies import limits_of, write_policies
from console.demo_processes import Process
from console.demo_quiet import Limits
from console.demo_records import Records, email_of, judge
from console.demo_report import Report
from console.demo_response import Response
from console.demo_settings import POLICIES, city_database, demo_settings, environment, kafka_settings
from console.demo_thief import Thief
from schemas import finding as finding_schema
from simulators.kafka import DevelopmentKafka, DevelopmentKafkaError
from simulators.scenario.demo import Demo
from streams.errors import Refused
from streams.sections import KafkaSettings, Settings
from streams.topic_admin import prepare_topics
from streams.topic_check import wrong

DEADLINE_S: Final = 120
"""For learning the past, and again for the story: on an idle machine they take about 10 and 25 s."""
LEAD_MS: Final = 1_000
"""The story begins so long after it was handed to the simulator."""


def run(settings: Settings, *, once: bool, save: Path | None) -> int:
    """Runs the demo until Ctrl-C, or with `once` until the story's alerts have been read back; returns the exit code.

    1: something of the story is missing, doubled or a false alarm, after `DEADLINE_S` at most. What was published is
    written to `save` at the end. Raises Refused for what is missing on this machine, and Kafka's errors.
    """
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # names are not ASCII, a terminal may be
    report = Report(Console(highlight=False, markup=False))
    quieten()
    city_database()
    limits = limits_of(settings)
    try:
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="egnyte-watch-demo-") as folder, kafka_for(report) as kafka:
            own = isinstance(kafka, DevelopmentKafka)
            reached = kafka_settings(settings.kafka, kafka.bootstrap, own=own)
            performance = _Performance(report, Path(folder), limits, once=once, save=save)
            code = asyncio.run(performance.play(settings, reached))
            if not own:
                report.topics_stay(reached)
            return code
    except DevelopmentKafkaError as error:
        raise Refused(str(error)) from None
    except TimeoutError as error:  # an OSError too
        raise Refused(f"Kafka did not answer in time: {error}") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Refused(f"{where}{error.strerror or error}: check the path, its permissions and the disk") from error


class _Performance:
    """The story, from the empty topics to the verdict."""

    def __init__(self, report: Report, folder: Path, limits: Limits, *, once: bool, save: Path | None) -> None:
        self._report = report
        self._folder = folder
        self._limits = limits
        self._once = once
        self._save = save
        self._demo = Demo(_now_ms())
        self._clouds = Clouds(self._demo)
        self._processes: list[Process] = []

    async def play(self, given: Settings, kafka: KafkaSettings) -> int:
        """Everything between a Kafka that is there and the exit code."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        for name, text in self._demo.lists.items():
            (self._folder / name).write_text(text)
        write_policies(Path(given.policies.dir), self._folder / POLICIES)
        async with self._clouds.serve() as (egnyte, entra):
            settings = demo_settings(given, kafka, egnyte, entra, self._folder)
            await self._prepare(settings)
            try:
                async with Records(settings) as records:
                    return await self._until(stop, settings, records)
            finally:
                await self._end_processes()

    async def _prepare(self, settings: Settings) -> None:
        with self._report.working("making topics"):
            rows = await prepare_topics(settings)
        if lacking := wrong(rows):
            raise Refused("\n".join(f"{row.topic}: {row.what} is {row.found}, not {row.wanted}" for row in lacking))
        self._report.done(f"{sum(row.state == 'created' for row in rows)} topics made")

    async def _until(self, stop: asyncio.Event, settings: Settings, records: Records) -> int:
        """Plays until the end, or until told to stop; either way, what was published is saved."""
        stopping = asyncio.create_task(stop.wait())
        playing = asyncio.create_task(self._story(settings, records))
        try:
            await asyncio.wait({stopping, playing}, return_when=asyncio.FIRST_COMPLETED)
            stopped_early = not playing.done()
        finally:
            for task in (stopping, playing):
                task.cancel()
            await asyncio.wait({stopping, playing})
        code = int(self._once) if playing.cancelled() else playing.result()
        if stopped_early:
            self._report.done("stopping")
        if self._save is not None:
            await records.to_the_end()
            self._report.saved(self._save, records.save(self._save))
        return code

    async def _story(self, settings: Settings, records: Records) -> int:
        past = await self._learn(settings, records)
        begins_ms = _now_ms() + LEAD_MS
        victim = self._demo.cast.mara
        live = self._demo.live(begins_ms)
        thief = Thief(self._clouds, [each for each in live if each[0]["user"] == victim.label])
        for event, visible_ms in live:
            if event["user"] != victim.label:
                self._clouds.egnyte.append(event, visible_ms)
        stealing = asyncio.create_task(thief.work())
        response = Response(self._report, records, victim.email)
        with self._report.working("watching") as say:
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await self._watch(records, response, past, past + len(live) - len(thief.events), say)
                    await stealing
                    await records.until_judged()
                    say("letting the user in again")
                    read = partial(self._show_more, records, response)
                    await response.undo(settings, read)
                    while len(records.activities) < len(self._told()):  # what was done at Egnyte comes back as events
                        await read()
            except TimeoutError:
                self._report.done(f"not all has come within {DEADLINE_S} s")
            finally:
                stealing.cancel()
            self._show(await records.to_the_end(), response)
        verdict = judge(self._demo.expected, self._told(), records.activities, records.findings("alerts"))
        verdict = replace(verdict, response=self._clouds.wrong())
        self._report.verdict(verdict, records, self._demo.quiet, begins_ms, self._limits)
        self._report.stopped(response.locked_s, thief.files, thief.wanted)
        if self._once:
            return 0 if verdict.good else 1
        self._report.look_further(settings, victim.email)
        while True:
            await self._show_more(records, response)

    def _told(self) -> list[bytes]:
        """Every event that there was."""
        return [msgspec.json.encode(event) for event in self._demo.history] + self._clouds.egnyte.visible_events()

    async def _learn(self, settings: Settings, records: Records) -> int:
        """Publishes the past, starts connector and worker, and waits until all of it is in the audit trail; returns
        how many activities that is. Raises Refused when it takes too long.
        """
        environ = environment(settings)
        demo, report = self._demo, self._report
        self._processes.append(Process("worker", environ, self._folder, settings.streams.stop_within_ms))
        past = len(demo.history) + len(demo.recent)
        people = {person.email for person in astuple(demo.cast)}
        with report.working("publishing history") as say:
            published = await publish_history(settings, demo.history, demo.stream_starts_ms)
            report.done(f"{published} events of the past published, older than Egnyte's stream reaches")
            self._processes.append(Process("connector", environ, self._folder, settings.streams.stop_within_ms))
            try:
                async with asyncio.timeout(DEADLINE_S):
                    while len(records.activities) < past or not people <= records.people:
                        say(f"learning what is usual: {len(records.activities)} of {past} activities")
                        await self._show_more(records)
            except TimeoutError:
                known = f"{len(people & records.people)} of {len(people)} people"
                learned = f"only {len(records.activities)} of {past} activities and {known} came within {DEADLINE_S} s"
                raise Refused(
                    f"{learned}: is this machine, or Kafka at {settings.kafka.bootstrap}, very busy?"
                ) from None
        report.done(f"habits learned from {past} activities; now watching")
        return past

    async def _watch(
        self, records: Records, response: Response, past: int, last: int, say: Callable[[str], None]
    ) -> None:
        """Shows alerts and actions until those that must come are there, and all of the story is in the audit trail."""
        waiting = set(self._demo.expected)
        while waiting or len(records.activities) < last or not response.is_over:
            say(f"watching: {len(records.activities) - past} of {last - past} events of the story")
            for found in map(finding_schema.decode, await self._show_more(records, response)):
                waiting.discard((found.unmapped.policy, email_of(found)))

    async def _show_more(self, records: Records, response: Response | None = None) -> list[bytes]:
        values = await self._more(records)
        self._show(values, response)
        return values

    async def _more(self, records: Records) -> list[bytes]:
        for process in self._processes:
            process.check()
        return await records.more()

    def _show(self, values: list[bytes], response: Response | None = None) -> None:
        for value in values:
            self._report.alert(value)
        if response is not None:
            response.show()

    async def _end_processes(self) -> None:
        with self._report.working("stopping"):
            for process in self._processes:
                process.ask_to_stop()
            for process in self._processes:
                await asyncio.to_thread(process.stop)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
