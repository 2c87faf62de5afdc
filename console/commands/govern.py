"""`egnyte-watch govern`: what was done about findings, and what people ask for by hand."""

import asyncio
import getpass
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, get_args

import msgspec
import typer

from console.session import Session, session_of
from schemas.directory import normalised
from schemas.governance import WHY_CHARS, Action, GovernanceRecord, State
from streams.errors import Refused

app = typer.Typer(help="Read what was done about findings; act, undo, and try again.", no_args_is_help=True)

Uid = Annotated[str, typer.Argument(help="The action's uid, or its first 8 characters or more.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Who asks. Default: your name on this machine.")]
Why = Annotated[str, typer.Option("--why", help="Why, in your words.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one record a line.")]


@app.callback()
def _govern() -> None:
    """Read what was done about findings; act, undo, and try again."""


@app.command("log")
def log_command(
    context: typer.Context,
    user: Annotated[str, typer.Option("--user", help="Only of this user.")] = "",
    state: Annotated[str, typer.Option("--state", help=f"Only in this state: {', '.join(get_args(State))}.")] = "",
    held: Annotated[bool, typer.Option("--held", help="Only what the breaker holds.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every step, not only how each action stands.")] = False,
    json: Json = False,
) -> None:
    """Print how each action stands, oldest first."""
    if state and state not in get_args(State):
        raise typer.BadParameter(f"{state!r} is none of {', '.join(get_args(State))}", param_hint="--state")
    from agents.governing.requests import is_held
    from console.governing import rows

    session = session_of(context)
    for record in asyncio.run(rows(session.settings, newest_only=not every)):
        if (user and record.user != normalised(user)) or (state and record.state != state):
            continue
        if not held or is_held(record):
            _print(session, record, json=json)


@app.command("run")
def run_command(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help=f"One of {', '.join(get_args(Action))}.", show_default=False)],
    user: Annotated[str, typer.Argument(help="Whom: the e-mail address.", show_default=False)],
    connector: Annotated[str, typer.Option("--connector", help="Default: egnyte.name of the settings.")] = "",
    why: Why = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Ask for an action. It passes all rails but the mode off and protected accounts."""
    named: Action | None = next((each for each in get_args(Action) if each == action), None)
    if named is None:
        raise typer.BadParameter(f"{action!r} is none of {', '.join(get_args(Action))}", param_hint="ACTION")
    from agents.governing.requests import asked_by

    session = session_of(context)
    connector = connector or session.settings.egnyte.name
    if not connector:
        raise typer.BadParameter("say at which connector", param_hint="--connector")
    _ask(session, asked_by(_who(by), named, normalised(user), connector, _now_ms(), _reason(why)), json=json)


@app.command("undo")
def undo_command(context: typer.Context, uid: Uid, why: Why = "", by: By = "", json: Json = False) -> None:
    """Undo an action that was done."""
    from agents.governing.requests import undo

    session = session_of(context)
    _ask(session, _asked(session, uid, lambda found: undo(found, _who(by), _now_ms(), _reason(why))), json=json)


@app.command("retry")
def retry_command(context: typer.Context, uid: Uid, why: Why = "", by: By = "", json: Json = False) -> None:
    """Ask once more for what failed, was skipped, is uncertain, or is held by the breaker."""
    from agents.governing.requests import again

    session = session_of(context)
    _ask(session, _asked(session, uid, lambda found: again(found, _who(by), _now_ms(), _reason(why))), json=json)


def _asked(session: Session, uid: str, make: Callable[[GovernanceRecord], GovernanceRecord]) -> GovernanceRecord:
    from console.governing import find

    try:
        return make(asyncio.run(find(session.settings, uid)))
    except ValueError as error:
        raise Refused(str(error)) from None


def _ask(session: Session, request: GovernanceRecord, *, json: bool) -> None:
    from console.governing import ask

    asyncio.run(ask(session.settings, [request]))
    _print(session, request, json=json)
    if not json:
        session.out.print("It is done as soon as a worker that governs reads it: egnyte-watch govern log")


def _print(session: Session, record: GovernanceRecord, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(record))
        return
    when = datetime.fromtimestamp(record.at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    whom = f"{record.connector}/{record.user}" if record.user else record.connector
    state = f"{record.state} ({record.reason})" if record.reason else record.state
    asked = f"by {record.by}" if record.by else f"by {record.policy}"
    took = f"{record.took_ms} ms" if record.took_ms else ""
    told = "; ".join(each for each in (took, record.detail, *record.warnings, record.advice) if each)
    session.out.print(f"{when}  {record.uid[:8]}  {record.action}  {whom}  {state}  {asked}  {told}".rstrip())


def _who(by: str) -> str:
    try:
        return by.strip() or getpass.getuser()
    except (OSError, KeyError):  # in a container, say, whose user has no name
        raise typer.BadParameter("you have no name on this machine: say who you are", param_hint="--by") from None


def _reason(why: str) -> str:
    if len(why) > WHY_CHARS:
        raise typer.BadParameter(f"has {len(why):,} characters, at most {WHY_CHARS:,} are kept", param_hint="--why")
    return why


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
