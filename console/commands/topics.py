"""`egnyte-watch topics`: every topic as it should be, or a line that says what differs."""

import asyncio
from collections import Counter
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from console.session import Session, session_of
from streams.topic_admin import prepare_topics
from streams.topic_check import Row, State, wrong


def topics(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only look: create and change nothing.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Set configurations that differ. Deletes nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print every property as JSON.")] = False,
) -> None:
    """Create the topics that are missing, and verify all of them.

    Exit code 1 when a topic is missing or differs. What only the brokers' own settings can change is a warning.
    """
    if check and fix:
        raise typer.BadParameter("--check changes nothing, so it does not go with --fix")
    session = session_of(context)
    rows = asyncio.run(prepare_topics(session.settings, create=not check, fix=fix))
    if json:
        typer.echo(msgspec.json.encode(rows))
    else:
        _show(session, rows)
    raise typer.Exit(1 if wrong(rows) else 0)


STYLES: Final[dict[State, str]] = {
    "ok": "green",
    "created": "green",
    "fixed": "green",
    "missing": "bold red",
    "differs": "bold red",
    "warning": "yellow",
}


def _show(session: Session, rows: list[Row]) -> None:
    for row in rows:
        if row.state in {"created", "missing"}:
            about = f"{row.topic}  {row.wanted}"
        elif row.state == "fixed":
            about = f"{row.topic}  {row.what} is now {row.found}"
        else:
            about = f"{row.topic}  {row.what} is {row.found}, wanted {row.wanted}"
        if row.state != "ok":
            advice = f": {row.advice}" if row.advice else ""
            session.out.print(Text.assemble((f"{row.state:<8}", STYLES[row.state]), about, advice))
    counts = Counter(row.state for row in rows)
    topics = len({row.topic for row in rows if not row.topic.startswith("broker ")})
    session.out.print(f"{topics} topics: " + ", ".join(f"{number} {state}" for state, number in counts.items()))
