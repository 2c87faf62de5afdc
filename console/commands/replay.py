"""`egnyte-watch replay`: has history judged again by today's policies, in place."""

import asyncio
import sys
import time
from typing import Annotated, Final

import msgspec
import typer

from console.moments import EXAMPLES, moment_ms, shown
from console.session import Session, session_of
from streams.errors import Refused
from streams.kafka_cluster import KafkaCluster
from streams.rewind import SOURCES, Plan, check_at_rest, plan, rewind

DEFAULT: Final = "detect,networks"


def replay(
    context: typer.Context,
    from_: Annotated[str, typer.Option("--from", help=f"From when on: {EXAMPLES}.", show_default=False)],
    agents: Annotated[str, typer.Option(help=f"Which agents: {', '.join(SOURCES)}.")] = DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON; needs --yes or --dry-run.")] = False,
) -> None:
    """Judge history again by today's policies: rewinds the agents' groups, and the next worker does the rest.

    Stops if workers are active. Findings keep their uids and are marked as replayed, so that nobody is paged;
    governance acts on none twice; what is not raised again is closed as withdrawn.
    """
    names = tuple(dict.fromkeys(name.strip() for name in agents.split(",") if name.strip()))
    unknown = [name for name in names if name not in SOURCES]
    if unknown or not names:
        wrong = f"{', '.join(unknown)} can't be replayed" if unknown else "no agent is named"
        raise typer.BadParameter(f"{wrong}: known are {', '.join(SOURCES)}", param_hint="--agents")
    now_ms = time.time_ns() // 1_000_000
    try:
        from_ms = moment_ms(from_, now_ms)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from") from None
    if from_ms >= now_ms:
        raise typer.BadParameter(f"{shown(from_ms)} is not past", param_hint="--from")
    if json and not (yes or dry_run):
        raise typer.BadParameter("goes with --yes or --dry-run, for nobody can be asked", param_hint="--json")
    session = session_of(context)
    plans = asyncio.run(_plans(session, names, from_ms))
    if json:
        if not dry_run:
            _carry_out(session, plans)
        told = [{**msgspec.to_builtins(each), "offsets": each.back, "done": not dry_run} for each in plans]
        typer.echo(msgspec.json.encode(told))
        return
    _show(session, plans)
    if dry_run or not any(each.back for each in plans):
        return
    if not yes and not _agreed():
        raise Refused("nothing was changed")
    _carry_out(session, plans)
    session.out.print("Done. Start the workers: they learn what lies before, and judge the rest again.")


async def _plans(session: Session, names: tuple[str, ...], from_ms: int) -> list[Plan]:
    await check_at_rest(session.settings, names)
    cluster = KafkaCluster(session.settings, "egnyte-watch-console")
    try:
        return [await plan(session.settings, cluster, name, from_ms) for name in names]
    finally:
        await cluster.close()


def _carry_out(session: Session, plans: list[Plan]) -> None:
    async def move() -> None:
        await check_at_rest(session.settings, [each.agent for each in plans])
        for each in plans:
            await rewind(session.settings, each)

    asyncio.run(move())


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked here: say --yes to go on, or --dry-run to look only")
    return typer.confirm("Go on?")


def _show(session: Session, plans: list[Plan]) -> None:
    days = session.settings.streams.lookback_ms // 86_400_000
    for each in plans:
        moved = [move for move in each.moves if move.back]
        if not moved:
            session.out.print(
                f"{each.agent}: nothing to replay: {each.group} has read nothing since {shown(each.from_ms)}"
            )
            continue
        session.out.print(
            f"{each.agent}: {len(moved)} of {len(each.moves)} partitions of {each.topic} go back by {each.back:,} "
            f"offsets in all, to {shown(each.from_ms)}"
        )
        session.out.print(
            f"  what is usual is learned anew from the {days} days before that; findings since then are published "
            "again with the header `replay`, and closed as withdrawn where they are not raised again"
        )
