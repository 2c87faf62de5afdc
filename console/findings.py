"""Findings for people: read from their topics, and put into one line."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.text import Text

from schemas import finding as schema
from streams.errors import Refused
from streams.kafka import client_options
from streams.kafka_admin import admin_client
from streams.settings import Settings

COLOURS: Final = {"Critical": "bold red", "High": "red", "Medium": "yellow", "Low": "cyan", "Informational": "dim"}
WAIT_MS: Final = 500
"""How long one fetch waits for records; Ctrl-C works at once all the same."""


async def tail(settings: Settings, topics: Sequence[str], *, from_beginning: bool) -> AsyncGenerator[bytes]:
    """The values of committed records as they come, without end; first those that are kept, if `from_beginning`.

    Raises BrokerAwayError, and Refused when a topic is not there.
    """
    partitions = await _partitions(settings, topics)
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings.kafka),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest" if from_beginning else "latest",
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        if from_beginning:
            await consumer.seek_to_beginning(*partitions)
        else:
            await consumer.seek_to_end(*partitions)
        while True:
            fetched = await consumer.getmany(timeout_ms=WAIT_MS)
            records = [record for batch in fetched.values() for record in batch if record.value is not None]
            for record in sorted(records, key=lambda record: record.timestamp):
                yield record.value
    finally:
        await consumer.stop()


async def _partitions(settings: Settings, topics: Sequence[str]) -> list[TopicPartition]:
    async with admin_client(settings) as client:
        there = {entry["topic"]: entry["partitions"] for entry in await client.describe_topics()}
    missing = [topic for topic in topics if topic not in there]
    if missing:
        raise Refused(f"there is no topic {', '.join(missing)}: run egnyte-watch topics, and start a worker")
    return [TopicPartition(topic, each["partition"]) for topic in topics for each in there[topic]]


def line(value: bytes) -> Text:
    """When, how severe, which policy, who, and why. A record that is no finding is shown as what it is."""
    try:
        found = schema.decode(value)
    except msgspec.MsgspecError as error:
        return Text(_plain(f"not a finding ({error}): {value[:200].decode(errors='replace')}"), style="red")
    when = datetime.fromtimestamp(found.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    news = _news(found)
    return Text.assemble(
        (f"{when}Z ", "dim"),
        (f"{found.severity:<13} ", COLOURS[found.severity]),
        (_plain(found.finding_info.title + (f" ({news})" if news else "")), "bold"),
        f"  {_plain(_subject(found))}  ",
        _plain(found.message),
        (f"  [{_plain(found.finding_info.uid)}]", "dim"),
    )


def _news(found: schema.Finding) -> str:
    """What has become of it; nothing where it is new."""
    step = found.unmapped.step
    if step == "suppress":
        return f"suppressed: {found.unmapped.suppressed}"
    if step == "close" and found.verdict:
        return f"closed: {found.verdict.lower()}"
    if step == "close" and found.status_detail:
        return found.status_detail
    return "" if step == "create" else step


def _subject(found: schema.Finding) -> str:
    """Who or what it is about."""
    unmapped = found.unmapped
    user = unmapped.user_key.partition("/")[2] or unmapped.user_key
    return user or unmapped.network or unmapped.link or unmapped.connector


def _plain(text: str) -> str:
    """Without what steers a terminal: names and paths are an attacker's to choose."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
