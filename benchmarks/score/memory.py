"""The handlers of the agents in one process, without Kafka: the same findings, sooner. For a quick score."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agents import detect, enrich, networks, profile
from agents.policy_reload import PolicyFolder
from benchmarks.score.findings import Told, collected
from benchmarks.score.people import Tenant
from benchmarks.score.traffic import DAY_MS, days
from benchmarks.score.world import World
from benchmarks.workload import CONNECTOR, Keyed
from connectors.directory import Directory
from connectors.places import Places
from schemas import directory
from schemas.directory import DirectoryEntry
from schemas.event import DIRECTORY, Envelope
from simulators.scenario import Scenario
from streams.cluster import NO_HEADERS, Headers
from streams.handler import State
from streams.kafka import partition_of
from streams.sections import PlacesSettings, PoliciesSettings, Settings
from streams.spec import AgentSpec, Apply
from streams.topics import PARTITIONS, topic_name

POLICIES = Path(__file__).resolve().parents[2] / "policies"


class _Record(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


Hear = Callable[[str, _Record], None]


class _Agent:
    """One agent with the state of all partitions."""

    def __init__(self, spec: AgentSpec, deliver: Callable[[str, _Record], None]) -> None:
        self.source = spec.source
        self._handler = spec.handler
        self._states: list[State[Any]] = [State({}, spec.codec) for _ in range(PARTITIONS)]
        self._deliver = deliver
        self._partition = 0

    def take(self, record: _Record) -> None:
        self._partition = record.partition
        self._handler.handle(record, self._states[record.partition], self)

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        headers: Headers = NO_HEADERS,
        partition: int | None = None,
    ) -> None:
        where = self._partition if partition is None else partition
        self._deliver(topic, _Record(where, 0, timestamp_ms, key, value, headers))

    def dead_letter(self, record: Any, stage: str, error: str) -> None:
        raise RuntimeError(f"{self.source}, {record.key!r}: {stage}: {error}")


class Pipeline:
    """All agents, fed event by event; a worker's caches are fed from the same topics."""

    def __init__(self, settings: Settings, places: Places, heard: Hear | None = None) -> None:
        self._heard = heard
        self._agents: dict[str, list[_Agent]] = {}
        self._caches: dict[str, list[Apply]] = {}
        self._told = {topic_name(settings, name) for name in ("alerts", "behaviors")}
        self.findings: list[tuple[int, bytes]] = []
        for spec in self._specs(settings, places):
            self._agents.setdefault(spec.source, []).append(_Agent(spec, self.deliver))
            for cache in spec.caches:
                self._caches.setdefault(cache.topic, []).append(cache.apply)
        self._events = topic_name(settings, "events")
        self._people = topic_name(settings, "directory")
        self._directory = Directory(CONNECTOR)

    @staticmethod
    def _specs(settings: Settings, places: Places) -> Iterator[AgentSpec]:
        policies = PolicyFolder(Path(settings.policies.dir)).current
        yield enrich.spec(settings, places)
        yield detect.spec(settings, policies)
        yield networks.spec(settings, policies)
        yield profile.spec(settings)

    def deliver(self, topic: str, record: _Record) -> None:
        """Gives `record` of `topic` to whoever reads it."""
        if topic in self._told and record.value is not None:
            self.findings.append((record.timestamp, record.value))
        if self._heard is not None:
            self._heard(topic, record)
        for apply in self._caches.get(topic, ()):
            apply(record)
        for agent in self._agents.get(topic, ()):
            agent.take(record)

    def events(self, records: Iterable[Keyed]) -> None:
        """Events, as a connector publishes them."""
        for each in records:
            record = _Record(each.partition, 0, each.received_ms, each.key, each.value, each.headers)
            self.deliver(self._events, record)

    def people(self, entries: Iterable[DirectoryEntry], seen_ms: int) -> None:
        """What the directory tells, as its connector publishes it."""
        for written in self._directory.take(entries, seen_ms):
            for alias, record in written.records.items():
                key = directory.directory_key(CONNECTOR, alias)
                value = None if record is None else directory.encode(record)
                self.deliver(self._people, self._record(key, value, seen_ms, NO_HEADERS))
            for number, (user, change) in enumerate(written.changes):
                key = f"{CONNECTOR}/{user}".encode()
                headers = Envelope(CONNECTOR, f"{user}-{seen_ms}-{number}", DIRECTORY).to_headers()
                self.deliver(self._events, self._record(key, directory.encode(change), seen_ms, list(headers)))

    @staticmethod
    def _record(key: bytes, value: bytes | None, at_ms: int, headers: Headers) -> _Record:
        return _Record(partition_of(key, PARTITIONS), 0, at_ms, key, value, headers)


def run(scenario: Scenario, folder: Path, *, shuffled: bool = False) -> list[Told]:
    """The findings on `scenario`; `folder` is for its databases and lists."""
    return collected(played(scenario, folder, shuffled=shuffled).findings)


def played(scenario: Scenario, folder: Path, *, shuffled: bool = False, heard: Hear | None = None) -> Pipeline:
    """The agents after all of `scenario`. `heard`: told of each record that they wrote, and of its topic."""
    world = World(folder, scenario)
    places = Places(world.settings)
    pipeline = Pipeline(settings(world.settings), places, heard)
    tenant = Tenant(scenario)
    pipeline.people(tenant.everybody(), scenario.start_ms - 100 * DAY_MS)
    for day in days(scenario, shuffled=shuffled):
        if day.surroundings is not None:
            world.show(day.surroundings)
            refused = [each for each in places.refresh() if not each.ok]
            if refused:
                raise RuntimeError(f"the scenario's own files are refused: {refused[0]}")
        for records, change in day.parts():
            pipeline.events(records)
            if change is not None:
                pipeline.people([tenant.changed(change)], change.learned_ms)
    return pipeline


def settings(places: PlacesSettings) -> Settings:
    """The shipped policies with these places."""
    return Settings(places=places, policies=PoliciesSettings(dir=str(POLICIES)))
