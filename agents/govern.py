"""`govern`: what policies and people ask for is done, once, by the one owner of each connector's log.

It calls the network, so it is no handler of chunks: see `docs/adr/0012-governance.md`. Any number of workers share the
partitions by a consumer group; a producer of its own fences each partition of `egnyte.governance`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition as KafkaPartition

from agents.governing.accounts import Accounts
from agents.governing.breaker_alarm import SUBJECT, breaker_finding
from agents.governing.ledger import Episode
from agents.governing.owner import Owner
from agents.governing.partition_log import Beside, PartitionLog
from agents.governing.places import Places, open_places
from agents.governing.requests import requests_of
from agents.governing.rules import MINUTE_MS
from agents.governing.rules_file import RulesFile
from connectors.egnyte.clock import SystemClock
from connectors.sessions import Sessions, together
from schemas import finding as findings
from schemas import governance
from schemas.finding import Finding
from schemas.governance import GovernanceRecord
from streams.cluster import Record, TopicPartition
from streams.errors import Fenced, StreamError
from streams.follower import Follower
from streams.kafka import client_options, partition_of
from streams.kafka_cluster import KafkaCluster
from streams.sections import Settings
from streams.topics import PARTITIONS, group_name, topic_name
from streams.withdrawal import REPLAY

log = structlog.get_logger(__name__)
NAME: Final = "govern"
POLL_MS: Final = 200
MOST_RECORDS: Final = 500
STOP_S: Final = 3.0
"""For what is under way when a partition is taken away; the next owner looks up what became of it."""


async def serve(settings: Settings, rules: RulesFile, stop: asyncio.Event | None = None) -> None:
    """Governs until `stop` is set, or it is cancelled.

    Raises Refused for what an operator has to mend, ValueError for settings that can't be used.
    """
    stop = stop or asyncio.Event()
    clock = SystemClock()
    accounts = Accounts()
    directory = Follower(settings, topic_name(settings, "directory"), accounts.apply)
    sessions = Sessions("governs", stop=stop, clock=clock, retry_for_ms=settings.streams.retry_for_ms)
    following = asyncio.create_task(rules.follow(), name="follow rules")
    try:
        await directory.start()
        async with open_places(settings, lambda: rules.current, clock) as places:

            async def session() -> None:
                try:
                    await Session(settings, places, accounts, rules, clock, sessions.well).run()
                except Fenced as error:
                    log.warning("another worker has taken over; joining anew", reason=str(error))

            await together([sessions.run(session), _until(stop, directory)])
    finally:
        following.cancel()
        await directory.stop()


async def _until(stop: asyncio.Event, directory: Follower) -> None:
    """Returns when it is time to stop; raises what ended the directory."""
    ended = asyncio.ensure_future(directory.ended())
    stopping = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if ended in done:
            ended.result()
    finally:
        ended.cancel()
        stopping.cancel()


class _Owned:
    """A partition of `egnyte.governance` that is ours, and what acts for it."""

    def __init__(self, owner: Owner, partition_log: PartitionLog) -> None:
        self.log = partition_log
        self._owner = owner
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        work = together([self.log.run(), self._owner.run(self.log)])
        self.task = asyncio.create_task(work, name=f"govern partition {self.log.tp.partition}")

    async def stop(self) -> None:
        """What is under way may end, within a bound."""
        self._owner.stop()
        if self.task is not None:
            try:
                async with asyncio.timeout(STOP_S):
                    await self._owner.idle()
            except TimeoutError:
                log.info("left to the next owner", partition=self.log.tp.partition)
            self.task.cancel()
            await asyncio.wait({self.task})
        await self.log.close()


class Session(ConsumerRebalanceListener):
    """From joining the group to the first error."""

    def __init__(
        self, settings: Settings, places: Places, accounts: Accounts, rules: RulesFile, clock: SystemClock, well: Any
    ) -> None:
        self._settings = settings
        self._places = places
        self._accounts = accounts
        self._rules = rules
        self._clock = clock
        self._well = well
        self._group = group_name(settings, NAME)
        self._governance = topic_name(settings, "governance")
        self._alerts = topic_name(settings, "alerts")
        self._findings = (self._alerts, topic_name(settings, "behaviors"))
        self._owned: dict[int, _Owned] = {}
        self._failure: BaseException | None = None
        options = client_options(settings.kafka) | {"client_id": self._group}
        self._cluster = KafkaCluster(settings, self._group)
        self._consumer = AIOKafkaConsumer(
            **options, group_id=self._group, isolation_level="read_committed", enable_auto_commit=False,
            auto_offset_reset="earliest", session_timeout_ms=settings.streams.session_timeout_ms,
            heartbeat_interval_ms=settings.streams.heartbeat_ms, fetch_max_wait_ms=100,
        )  # fmt: skip
        self._producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True)
        self._decode = msgspec.json.Decoder(Finding).decode

    async def run(self) -> None:
        """Raises Fenced, Kafka's errors, TimeoutError."""
        try:
            await self._producer.start()
            await self._consumer.start()
            self._consumer.subscribe([*self._findings, self._governance], listener=self)
            while True:
                fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MOST_RECORDS)
                self._check()
                for tp, records in fetched.items():
                    if tp.topic == self._governance:
                        if owned := self._owned.get(tp.partition):
                            owned.log.read(records)
                    else:
                        await self._ask(tp, records)
                self._well()
        finally:
            await self._let_go(list(self._owned))
            for closing in (self._consumer.stop(), self._producer.stop(), self._cluster.close()):
                await _closed(closing)

    def _check(self) -> None:
        """Raises what has ended a partition's owner, or what kept it from beginning."""
        if self._failure is not None:
            raise self._failure
        for owned in self._owned.values():
            if owned.task is not None and owned.task.done():
                owned.task.result()
                raise StreamError(f"the owner of partition {owned.log.tp.partition} ended")

    async def _ask(self, tp: KafkaPartition, records: Sequence[Record]) -> None:
        """Turns findings into requests. Should it end between the two steps, they are asked for twice: a request has
        the uid of its action, so the second changes nothing."""
        sent = []
        for record in records:
            for request in self._requests(record):
                number = partition_of(request.connector.encode(), PARTITIONS)
                key, value = request.uid.encode(), governance.encode(request)
                where = {"partition": number, "timestamp_ms": request.at_ms}
                sent.append(await self._producer.send(self._governance, value, key=key, **where))
        await asyncio.gather(*sent)
        try:
            await self._consumer.commit({tp: records[-1].offset + 1})
        except KafkaError as error:
            if tp in self._consumer.assignment():
                raise
            log.debug("taken away before it was committed; read again elsewhere", reason=repr(error))

    def _requests(self, record: Record) -> list[GovernanceRecord]:
        if any(name == REPLAY for name, _ in record.headers):
            return []
        try:
            finding = self._decode(record.value or b"")
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            log.error("a finding can't be read, and is not acted on", offset=record.offset, error=str(error))  # noqa: TRY400
            return []
        return requests_of(finding, self._clock.now_ms())

    async def on_partitions_assigned(self, assigned: Sequence[KafkaPartition]) -> None:
        """Begins with each partition. Kafka's client would swallow what goes wrong here."""
        try:
            await asyncio.gather(
                *(self._begin(tp) if tp.topic == self._governance else self._find_start(tp) for tp in assigned)
            )
        except Exception as error:  # noqa: BLE001 - raised by the loop
            self._failure = error

    async def on_partitions_revoked(self, revoked: Sequence[KafkaPartition]) -> None:
        """Lets go of each partition."""
        try:
            await self._let_go([tp.partition for tp in revoked if tp.topic == self._governance])
        except Exception as error:  # noqa: BLE001 - raised by the loop
            self._failure = error

    async def _let_go(self, partitions: Sequence[int]) -> None:
        taken = [self._owned.pop(number) for number in partitions if number in self._owned]
        await asyncio.gather(*(owned.stop() for owned in taken))

    async def _begin(self, tp: KafkaPartition) -> None:
        owner = Owner(
            self._places.performer, self._accounts, lambda: self._rules.current, self._clock.now_ms, self._alarm
        )
        transactional_id = f"{self._group}-{tp.partition}"
        partition_log = PartitionLog(self._cluster, TopicPartition(*tp), transactional_id, owner.heard)
        owned = self._owned[tp.partition] = _Owned(owner, partition_log)
        await partition_log.open()
        self._consumer.seek(tp, partition_log.next)
        owned.start()
        if len(owner.ledger):
            unfinished = len(owner.ledger.unfinished())
            log.info("governing", partition=tp.partition, actions=len(owner.ledger), unfinished=unfinished)

    async def _find_start(self, tp: KafkaPartition) -> None:
        """Without an offset of ours: from where findings are young enough to act by themselves."""
        ours = TopicPartition(*tp)
        if await self._cluster.committed(self._group, ours) is not None:
            return
        since_ms = self._clock.now_ms() - self._rules.current.max_age_minutes * MINUTE_MS
        start = await self._cluster.offset_at(ours, since_ms)
        if start is None:
            _, start = await self._cluster.bounds(ours)
        self._consumer.seek(tp, start)

    def _alarm(self, record: GovernanceRecord, episode: Episode | None) -> Beside | None:
        found = breaker_finding(record, episode)
        if found is None:
            return None
        tp = TopicPartition(self._alerts, partition_of(SUBJECT.encode(), PARTITIONS))
        return Beside(tp, found.finding_info.uid.encode(), findings.encode(found), record.at_ms)


async def _closed(closing: Any) -> None:
    try:
        async with asyncio.timeout(2.0):
            await closing
    except Exception as error:  # noqa: BLE001 - of no more use in any case
        log.debug("a client did not close in order", error=repr(error))
