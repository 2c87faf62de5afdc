"""`egnyte-watch alerts`: findings as they are published."""

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated

import typer

from console.findings import line, tail
from console.session import Session, session_of
from streams.topics import topic_name

app = typer.Typer(help="Read what has been found.", no_args_is_help=True)


@app.callback()
def _alerts() -> None:
    """Read what has been found."""


@app.command("tail")
def tail_command(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print each finding as it was published, one a line.")] = False,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Begin with the oldest kept.")] = False,
    behaviors: Annotated[bool, typer.Option("--behaviors", help="Also what is not worth a person by itself.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after this many.")] = None,
) -> None:
    """Print alerts as they come, until Ctrl-C. Reads committed ones only, and takes part in no consumer group."""
    session = session_of(context)
    names = ("alerts", "behaviors") if behaviors else ("alerts",)
    topics = [topic_name(session.settings, name) for name in names]
    try:
        asyncio.run(_print(session, topics, json=json, from_beginning=from_beginning, count=count))
    except KeyboardInterrupt:
        return


async def _print(session: Session, topics: list[str], *, json: bool, from_beginning: bool, count: int | None) -> None:
    printed = 0
    async with aclosing(tail(session.settings, topics, from_beginning=from_beginning)) as values:
        async for value in values:
            if json:
                sys.stdout.buffer.write(value + b"\n")
                sys.stdout.buffer.flush()
            else:
                session.out.print(line(value))
            printed += 1
            if printed == count:
                return
