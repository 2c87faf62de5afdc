"""`egnyte-watch doctor`: what is set, what is there, and what is wrong with it."""

import asyncio
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from console.checks import (
    Line,
    Setting,
    check_cluster,
    check_egnyte,
    check_entra,
    check_places,
    check_policies,
    settings_in_force,
)
from console.session import Session, session_of
from streams.settings import DEFAULT, SettingsError

MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("fail", "bold red")}


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print settings and checks as JSON.")] = False,
) -> None:
    """Say what is set and where it came from, and check what the pipeline needs. Exit code 1 when a check fails.

    Java is not looked for: only the development Kafka needs it.
    """
    session = session_of(context)
    settings, lines = _look(session)
    if json:
        typer.echo(msgspec.json.encode({"settings": settings, "checks": lines}))
    else:
        _show(session, settings, lines)
    raise typer.Exit(1 if any(line.state == "fail" for line in lines) else 0)


def _look(session: Session) -> tuple[list[Setting], list[Line]]:
    try:
        loaded = session.loaded
    except SettingsError as error:
        return [], [
            Line("fail", "settings", problem, "correct it; nothing else was checked") for problem in error.problems
        ]
    found = list(settings_in_force(loaded))
    changed = sum(setting.origin != DEFAULT for setting in found)
    lines = [Line("ok", "settings", f"{len(found)} settings, {changed} not at their default")]
    lines += asyncio.run(check_cluster(loaded.settings))
    for check in (check_places, check_egnyte, check_entra, check_policies):
        lines += check(loaded.settings)
    return found, lines


def _show(session: Session, settings: list[Setting], lines: list[Line]) -> None:
    width = max((len(setting.name) for setting in settings), default=0)
    for setting in settings:
        style = "dim" if setting.origin == DEFAULT else ""
        session.out.print(Text(f"{setting.name:<{width}}  {setting.value or '-'}  ({setting.origin})", style=style))
    if settings:
        session.out.print()
    for line in lines:
        mark, style = MARKS[line.state]
        advice = f": {line.advice}" if line.advice else ""
        session.out.print(Text.assemble((mark, style), f"  {line.what}  {line.found}{advice}"))
