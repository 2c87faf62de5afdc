"""`egnyte-watch policies`: which there are, whether the files are right, and whether policies keep their own cases."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.text import Text

from agents.governing.rules import FILE as GOVERNANCE_FILE
from agents.policies import (
    ACTIVITY_DIR,
    BUILT_IN_FILE,
    activity_files,
    check_file,
    load_organisation,
    load_policies,
)
from console.session import Session, session_of
from detections.activity_policies import organisation, stories
from detections.activity_policies.definition import read, read_with_cases
from detections.activity_policies.document import Problem, parse
from detections.activity_policies.organisation import Organisation
from detections.policies import BUILT_IN
from streams.sections import Settings

app = typer.Typer(help="Look at the policies, check their files, and try them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Files = Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.", show_default=False)]
NO_DIRECTORY: Final = "a directory, and none is connected"
ON: Final = "on"
OFF: Final = "off"


class Row(msgspec.Struct, frozen=True):
    """One policy, as it is listed. `needs`: what it can't work without and that is not there."""

    id: str
    title: str
    kind: str
    state: str
    severity: str
    raises: str = msgspec.field(name="raise")
    version: str
    needs: tuple[str, ...] = ()
    govern: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """How one case of one file went. `wrong`: empty where it is as expected."""

    file: str
    line: int
    case: str
    wrong: str


@app.callback()
def _policies() -> None:
    """Look at the policies, check their files, and try them."""


@app.command("list")
def list_command(context: typer.Context, json: Json = False) -> None:
    """Print all policies: built-in ones and those of the policies' folder."""
    session = session_of(context)
    rows = rows_of(Path(session.settings.policies.dir), directory=has_directory(session.settings))
    if json:
        typer.echo(msgspec.json.encode(rows))
        return
    widths = [max(len(row.id) for row in rows), max(len(row.version) for row in rows)]
    for row in rows:
        needs = f" (needs {', '.join(row.needs)})" if row.needs else ""
        words = f"{row.id:<{widths[0]}}  {row.state:<3}  {row.raises:<8}  {row.severity:<13}  "
        style = "dim" if row.state == OFF else ""
        session.out.print(Text(f"{words}{row.version:<{widths[1]}}  {row.kind:<8}  {row.title}{needs}", style=style))


def has_directory(settings: Settings) -> bool:
    """Whether a source of people is set up: Entra ID, or the users of an Egnyte domain."""
    domains = settings.egnyte.name or any(Path(settings.vault.dir).glob("*"))
    return bool(settings.entra.tenant or (domains and settings.egnyte.users_interval_s))


def rows_of(folder: Path, *, directory: bool) -> list[Row]:
    """All policies in force with this folder. `directory`: whether a source of people is set up."""
    chosen = load_policies(folder)
    rows = []
    for policy, _ in BUILT_IN:
        metadata = policy.metadata
        settings = chosen.settings[metadata.id]
        state = ON if settings.enabled else OFF
        rows.append(
            Row(
                metadata.id, metadata.title, "built-in", state, settings.severity, settings.raises, metadata.version,
                (NO_DIRECTORY,) if metadata.needs == "directory" and not directory else (), settings.govern,
            )
        )  # fmt: skip
    notes = _needs(folder, directory=directory)
    for each in chosen.activity:
        metadata, settings = each.metadata, each.settings
        state = ON if settings.enabled else OFF
        rows.append(
            Row(
                metadata.id, metadata.title, "activity", state, settings.severity, settings.raises, metadata.version,
                notes.get(metadata.id, ()), metadata.govern,
            )
        )  # fmt: skip
    return rows


def _needs(folder: Path, *, directory: bool) -> dict[str, tuple[str, ...]]:
    """What each activity policy needs and has not, by its id."""
    shared = replace(load_organisation(folder)[0], directory=directory)
    found = {}
    for path in activity_files(folder):
        policy, problems = read(path.read_text(encoding="utf-8"), str(path), shared)
        if policy is not None:
            needs = (each.problem for each in problems if each.problem.startswith("needs "))
            found[policy.metadata.id] = tuple(dict.fromkeys(each.removeprefix("needs ") for each in needs))
    return found


@app.command("check")
def check_command(context: typer.Context, files: Files, json: Json = False) -> None:
    """Look for mistakes in policy files: every one with file, line, field and what would be right.

    Exit code 1 where there is one. Notes (what can never match as things are) are told, and are no mistakes.
    """
    session = session_of(context)
    found = _files(files)
    problems = [problem for path in found for problem in check_file(path, _shared(path, session))]
    problems += _twice(found)
    if json:
        typer.echo(msgspec.json.encode([_plain(problem) for problem in problems]))
    else:
        for problem in problems:
            kind, style = ("note", "yellow") if problem.note else ("wrong", "red")
            session.out.print(Text.assemble((f"{kind:<6}", style), str(problem)))
        mistakes = sum(not problem.note for problem in problems)
        session.out.print(f"{len(found)} files, {mistakes} mistakes")
    raise typer.Exit(1 if any(not problem.note for problem in problems) else 0)


@app.command("test")
def try_command(context: typer.Context, files: Files, json: Json = False) -> None:
    """Run the cases that stand in policy files. Exit code 1 where one does not hold, or a file has none."""
    session = session_of(context)
    outcomes = [outcome for path in _files(files) if _is_activity(path) for outcome in _tried(path, session)]
    wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    if json:
        typer.echo(msgspec.json.encode(outcomes))
    else:
        for outcome in outcomes:
            mark, style = ("wrong", "red") if outcome.wrong else ("ok", "green")
            told = f": {outcome.wrong}" if outcome.wrong else ""
            about = f"{outcome.file}:{outcome.line}: {outcome.case}{told}"
            session.out.print(Text.assemble((f"{mark:<6}", style), about))
        session.out.print(f"{len(outcomes)} cases, {wrong} wrong")
    raise typer.Exit(1 if wrong or not outcomes else 0)


def _tried(path: Path, session: Session) -> list[Outcome]:
    shared = _shared(path, session)
    problems = [problem for problem in check_file(path, shared) if not problem.note]
    if problems:
        return [Outcome(each.file, each.line, each.field, f"{each.problem}; {each.advice}") for each in problems]
    policy, cases = read_with_cases(path.read_text(encoding="utf-8"), str(path), shared)
    if policy is None or not cases:
        return [Outcome(str(path), 1, "cases", "there is none: write `cases:` with fires, quiet and borderline")]
    return [Outcome(str(path), each.line, each.name, stories.mismatch(policy, each) or "") for each in cases]


def _files(given: list[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        found += sorted(each for each in path.rglob("*.y*ml") if each.is_file()) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def _is_activity(path: Path) -> bool:
    return path.name not in (BUILT_IN_FILE, GOVERNANCE_FILE, organisation.FILE)


def _shared(path: Path, session: Session) -> Organisation:
    """What the policy in `path` shares with others: of its own folder of policies, else of the settings'."""
    own = path.resolve().parent
    folder = own.parent if own.name == ACTIVITY_DIR else own
    if not (folder / organisation.FILE).exists():
        folder = Path(session.settings.policies.dir)
    return replace(load_organisation(folder)[0], directory=has_directory(session.settings))


def _twice(files: list[Path]) -> list[Problem]:
    first: dict[str, Path] = {}
    problems = []
    for path in filter(_is_activity, files):
        root, _ = parse(path.read_text(encoding="utf-8", errors="replace"), str(path)) if path.is_file() else (None, [])
        value = root.entries.get("id") if root else None
        text = getattr(value, "text", "")
        if text and text in first:
            advice = "give each its own"
            problems.append(
                Problem("id", f"is {text!r}, as in {first[text]}", advice, str(path), getattr(value, "line", 1))
            )
        first.setdefault(text, path)
    return problems


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file, "line": problem.line, "field": problem.field, "problem": problem.problem,
        "advice": problem.advice, "note": problem.note,
    }  # fmt: skip
