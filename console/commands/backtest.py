"""`egnyte-watch backtest`: what other policies would have raised, without touching anything live."""

import asyncio
import re
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from agents.backtest import AGENTS
from agents.backtest_report import Brief
from agents.backtest_run import Report, run
from agents.policies import load_policies
from console.backtests import Kept, keep
from console.moments import EXAMPLES, moment_ms, shown
from console.session import Session, session_of

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def backtest(
    context: typer.Context,
    policies: Annotated[Path, typer.Option("--policies", help="Folder of the policies to try.", show_default=False)],
    from_: Annotated[str, typer.Option("--from", help=f"From when on: {EXAMPLES}.", show_default=False)],
    to: Annotated[str, typer.Option("--to", help="Until when. Default: until now.")] = "",
    agents: Annotated[str, typer.Option(help=f"Which agents: {', '.join(AGENTS)}.")] = ",".join(AGENTS),
    name: Annotated[str, typer.Option("--id", help="Last part of the topics' names. Default: a random one.")] = "",
    topics: Annotated[bool, typer.Option("--topics/--no-topics", help="Also keep all findings, on topics.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Judge a stretch of history by other policies, and tell how it differs from what was raised.

    Reads what is kept, and writes to topics of its own (`*.backtest-ID`) only. Workers may go on.
    """
    names = tuple(dict.fromkeys(each.strip() for each in agents.split(",") if each.strip()))
    if not names or any(each not in AGENTS for each in names):
        raise typer.BadParameter(f"known are {', '.join(AGENTS)}", param_hint="--agents")
    run_id = name or secrets.token_hex(3)
    if not _ID.fullmatch(run_id):
        raise typer.BadParameter("up to 32 lower case letters, digits and '-'", param_hint="--id")
    if not policies.is_dir():
        raise typer.BadParameter(f"there is no folder {policies}", param_hint="--policies")
    now_ms = time.time_ns() // 1_000_000
    try:
        from_ms, to_ms = moment_ms(from_, now_ms), moment_ms(to, now_ms) if to else now_ms
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if from_ms >= to_ms:
        raise typer.BadParameter(f"{shown(from_ms)} is not before {shown(to_ms)}", param_hint="--from")
    session = session_of(context)
    chosen = load_policies(policies)

    def tell(words: str) -> None:
        sys.stderr.write(f"{words}\n")

    report = asyncio.run(
        run(session.settings, chosen, names, from_ms, to_ms, run_id=run_id if topics else "", tell=tell)
    )
    try:
        keep(session.settings, Kept(now_ms, str(policies), report))
    except OSError as error:
        tell(f"The console will not show this report, for it can't be kept: {error}")
    if json:
        typer.echo(msgspec.json.encode(report))
    else:
        _show(session, report)


def _show(session: Session, report: Report) -> None:
    session.out.print(
        f"{report.judged:,} records from {shown(report.from_ms)} to {shown(report.to_ms)}, "
        f"policy set {report.policy_set[:12]}"
    )
    table = Table("policy", "live", "backtest", "same", "changed", "added", "gone", box=None, pad_edge=False)
    for row in report.policies:
        numbers = (row.live, row.backtest, row.same, row.changed, row.added, row.gone)
        table.add_row(row.policy, *(f"{number:,}" for number in numbers))
    session.out.print(table if report.policies else "Neither raised anything.")
    for row in report.policies:
        _show_examples(session, "+", row.policy, row.examples_added, row.added)
        _show_examples(session, "-", row.policy, row.examples_gone, row.gone)
    for stage, count in report.letters.items():
        session.out.print(f"{stage} could not judge {count:,} records")
    if report.topics:
        session.out.print(f"All findings are on {', '.join(report.topics)}; delete these topics when you are done.")


def _show_examples(session: Session, sign: str, policy: str, examples: Sequence[Brief], count: int) -> None:
    for each in examples:
        words = f"{sign} {policy}  {each.raises}  {each.severity}  {each.about}  {each.message}"
        plain = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in words)
        session.out.print(Text(plain, style="green" if sign == "+" else "red"))
    if count > len(examples) > 0:
        session.out.print(f"{sign} {policy}  and {count - len(examples):,} more")
