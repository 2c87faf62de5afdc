"""`egnyte-watch alerts`: findings as they are published, and what people say about them."""

import asyncio
import getpass
import sys
from contextlib import aclosing
from typing import Annotated, Final

import msgspec
import typer

from console import verdicts
from console.events import Published
from console.findings import line, tail
from console.session import Session, session_of
from schemas.verdict import BY_CHARS, COMMENT_CHARS, OPINIONS, Opinion, Said, Verdict
from streams.topics import topic_name

app = typer.Typer(help="Read what has been found, and say what it was.", no_args_is_help=True)

Uid = Annotated[str, typer.Argument(help="The finding's uid, or its first 8 characters or more.", show_default=False)]
By = Annotated[str, typer.Option("--by", help="Who says so. Default: your name on this machine.")]
Comment = Annotated[str, typer.Option("--comment", help="Why, in your words.")]
Json = Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")]
ALSO: Final = {"tp": "true-positive", "b-tp": "benign", "fp": "false-positive"}


@app.callback()
def _alerts() -> None:
    """Read what has been found, and say what it was."""


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


@app.command("close")
def close_command(
    context: typer.Context,
    uid: Uid,
    opinion: Annotated[str, typer.Option("--as", help=f"What it was: {', '.join(OPINIONS)}.", show_default=False)],
    comment: Comment = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Close a finding. It is updated no more, and a replay closes it again.

    true-positive: an attack. benign: it happened, and is allowed; a network found benign is not raised for this user
    again. false-positive: it did not happen so.
    """
    given = ALSO.get(opinion.lower(), opinion.lower())
    named = next((each for each in OPINIONS if each == given), None)
    if named is None:
        raise typer.BadParameter(f"{opinion!r} is none of {', '.join(OPINIONS)}", param_hint="--as")
    _say(session_of(context), uid, "close", named, by, comment, json=json)


@app.command("reopen")
def reopen_command(context: typer.Context, uid: Uid, comment: Comment = "", by: By = "", json: Json = False) -> None:
    """Take back a verdict: the finding is open again, and is updated if it goes on."""
    _say(session_of(context), uid, "reopen", None, by, comment, json=json)


def _say(session: Session, uid: str, said: Said, opinion: Opinion | None, by: str, comment: str, *, json: bool) -> None:
    by = by.strip() or _own_name()
    for text, most, name in ((by, BY_CHARS, "--by"), (comment, COMMENT_CHARS, "--comment")):
        if len(text) > most:
            raise typer.BadParameter(f"has {len(text):,} characters, at most {most:,} are kept", param_hint=name)

    async def tell() -> tuple[Verdict, Published]:
        found = await verdicts.find(session.settings, uid)
        verdict = Verdict(said=said, opinion=opinion, by=by, comment=comment, finding=found)
        verdicts.check_sayable(verdict)
        return verdict, await verdicts.publish(session.settings, verdict)

    verdict, written = asyncio.run(tell())
    found = verdict.finding
    if json:
        told = {"uid": found.finding_info.uid, "said": said, "as": opinion, "by": by, "comment": comment}
        typer.echo(msgspec.json.encode(told | {"written": written}))
        return
    what = "opened again" if opinion is None else f"closed as {opinion}"
    session.out.print(line(msgspec.json.encode(found)))
    session.out.print(f"It will be {what} as soon as a worker reads {written.topic}/{written.partition}.")


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container, say, whose user has no name
        raise typer.BadParameter("you have no name on this machine: say who you are", param_hint="--by") from None
