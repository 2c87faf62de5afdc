"""`egnyte-watch history`: asks a connector for older events, and shows how far they have come."""

import asyncio
import re
import time
from typing import Annotated, Final

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from connectors.egnyte.clock import SystemClock
from connectors.egnyte.requests import ask_for_history
from connectors.egnyte.statuses import last_status
from console.session import Session, session_of
from schemas.connector import StatusRecord
from streams.errors import Refused
from streams.kafka_cluster import KafkaCluster
from streams.sections import DAY_MS, Settings

LOOK_S: Final = 5.0
DAYS: Final = re.compile(r"([1-9][0-9]{0,2})d")


def history(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The connector's name.")],
    since: Annotated[
        str, typer.Option("--from", metavar="DAYSd", help="Ask for so many days, such as 90d, before the first start.")
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Show how far it is, until it is done; Ctrl-C only looks away.")
    ] = False,
) -> None:
    """Have older events fetched before the connector's stream begins, through Egnyte's audit reports; or see how far
    that is.

    Without options: how far it is. Exit code 1 where none was asked for.
    """
    session = session_of(context)
    egnyte = msgspec.structs.replace(session.settings.egnyte, name=name)
    settings = msgspec.structs.replace(session.settings, egnyte=egnyte)
    if since:
        found = DAYS.fullmatch(since.strip().lower())
        if found is None:
            raise Refused(f"--from {since!r}: give a number of days, such as 90d")
        now_ms = SystemClock().now_ms()
        asyncio.run(ask_for_history(settings, now_ms - int(found[1]) * DAY_MS, now_ms))
        session.out.print(f"{found[1]} days of older events asked for: {name} fetches them when it starts")
    if watch:
        _watch(session, settings)
    elif not since:
        status = asyncio.run(_status(settings))
        if status is None or status.history is None:
            raise Refused(f"connector {name!r} has not been asked for history, or has not started since")
        session.out.print(_line(status))


def _watch(session: Session, settings: Settings) -> None:
    """A bar, until history is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=session.out) as bar:
        task = bar.add_task("waiting for the connector to start", total=None)
        while True:
            status = asyncio.run(_status(settings))
            if status is not None and (progress := status.history) is not None:
                total = progress.to_ms - progress.from_ms
                bar.update(task, total=total, completed=progress.done_ms - progress.from_ms, description=_line(status))
                if status.answers:  # the stream has begun
                    return
            time.sleep(LOOK_S)


def _line(status: StatusRecord) -> str:
    progress = status.history
    if progress is None:
        return "no history"
    span = progress.to_ms - progress.from_ms
    percent = 100 * (progress.done_ms - progress.from_ms) // span if span > 0 else 100
    trouble = f"; {status.error_kind}: {status.error}" if status.error_kind else ""
    left_out = f"; without {', '.join(progress.left_out)}" if progress.left_out else ""
    return f"history: {percent} %, {progress.events:,} events since the connector started{left_out}{trouble}"


async def _status(settings: Settings) -> StatusRecord | None:
    cluster = KafkaCluster(settings, f"{settings.kafka.topic_prefix}-watch-history")
    try:
        return await last_status(settings, cluster)
    finally:
        await cluster.close()
