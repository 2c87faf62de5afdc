"""`egnyte-watch activities`: search the audit trail, and take it away. The console's process answers."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import httpx
import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from console.session import Session, session_of
from console.web.access import known_token
from streams.errors import Refused, StreamError

app = typer.Typer(help="Search the audit trail, and take it away.", no_args_is_help=True)
PAGE: Final = 5_000
WAIT_S: Final = 60.0
Format = Literal["csv", "jsonl", "parquet", "ocsf"]

Where = Annotated[
    list[str],
    typer.Option(
        "--where",
        "-w",
        help="A filter as in activity policies: country=PT, path.under=/Shared/HR, actor=mara@example.com. Several of "
        "one attribute are alternatives; several attributes must all hold.",
    ),
]
From = Annotated[str, typer.Option("--from", help="2026-03-01, 2026-03-01T08:30+01:00, or 36h or 7d ago.")]
Until = Annotated[str, typer.Option("--until", help="As --from; not part of the range. Default: now.")]
Columns = Annotated[str, typer.Option("--columns", help="Which, separated by commas. Default: the usual ones.")]
Zone = Annotated[str, typer.Option("--zone", help="Of the filters `time` and `weekday`.")]


@app.command("search")
def search(
    context: typer.Context,
    where: Where = [],  # noqa: B006 - typer copies it
    start: From = "7d",
    until: Until = "",
    columns: Columns = "",
    zone: Zone = "UTC",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    oldest: Annotated[bool, typer.Option("--oldest", help="Oldest first.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print the activities that match, the newest first."""
    session = session_of(context)
    parameters = _parameters(where, start, until, columns, zone) | {"order": ["oldest" if oldest else "newest"]}
    rows: list[dict[str, Any]] = []
    with _client(session) as client:
        after = ""
        while len(rows) < limit:
            asked = parameters | {"limit": [str(min(PAGE, limit - len(rows)))], "after": [after]}
            page = msgspec.json.decode(_get(client, "/api/activities", asked).content)
            rows += page["rows"]
            after = page["after"]
            if not after:
                break
    if json:
        for row in rows:
            sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
        return
    session.out.print(_table(rows) if rows else "nothing matches")
    if after:
        session.out.print(f"there is more: --limit {limit * 10}, or `activities export`")


@app.command("export")
def export(
    context: typer.Context,
    to: Annotated[Path, typer.Argument(help="The file to write; one that is there is only replaced with --force.")],
    form: Annotated[
        str, typer.Option("--format", help="csv, jsonl, parquet or ocsf. Default: by the file's name.")
    ] = "",
    where: Where = [],  # noqa: B006 - typer copies it
    start: From = "7d",
    until: Until = "",
    columns: Columns = "",
    zone: Zone = "UTC",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an export that broke off has ended.")] = False,
) -> None:
    """Write all activities that match to a file, the oldest first. JSON lines and OCSF can be resumed."""
    session = session_of(context)
    form = form or to.suffix.removeprefix(".")
    half = to.with_name(to.name + ".part")
    if to.exists() and not force:
        raise Refused(f"{to} is there already: give another name, or --force")
    parameters = _parameters(where, start, until, columns, zone)
    with _client(session) as client:
        total = msgspec.json.decode(_get(client, "/api/activities/count", parameters).content)["count"]
        if form in ("jsonl", "ocsf"):
            written = _by_pages(client, parameters, form, half, total, resume=resume)
        elif resume:
            raise Refused(f"an export as {form} can't be resumed: use jsonl or ocsf for long ones")
        else:
            written = _at_once(client, parameters | {"format": [form]}, half)
    os.replace(half, to)
    session.out.print(f"{total:,} activities, {written:,} bytes in {to}")


def _by_pages(
    client: httpx.Client, parameters: dict[str, list[str]], form: str, half: Path, total: int, *, resume: bool
) -> int:
    """Page by page, each with the cursor of the next one beside the file, so that it can go on after any end."""
    mark = half.with_name(half.name + ".cursor")
    after, done, size = "", 0, 0
    if resume:
        try:
            after, count, length = mark.read_text().split()
            done, size = int(count), int(length)
        except (FileNotFoundError, ValueError):
            raise Refused(f"there is no export of {half.name.removesuffix('.part')} to go on with") from None
    with half.open("r+b" if resume else "wb") as file, _progress() as progress:
        file.truncate(size)  # what was written after the last mark is written again
        file.seek(size)
        task = progress.add_task("activities", total=total, completed=done)
        while True:
            asked = parameters | {"limit": [str(PAGE)], "after": [after], "order": ["oldest"], "as": [form]}
            answer = _get(client, "/api/activities/lines", asked)
            file.write(answer.content)
            file.flush()
            os.fsync(file.fileno())
            done += int(answer.headers["x-rows"])
            progress.update(task, completed=done, total=max(total, done))
            after = answer.headers.get("x-after", "")
            if not after:
                break
            mark.write_text(f"{after} {done} {file.tell()}")
        mark.unlink(missing_ok=True)
        return file.tell()


def _at_once(client: httpx.Client, parameters: dict[str, list[str]], half: Path) -> int:
    with (
        client.stream("GET", "/api/activities/export", params=_flat(parameters)) as answer,
        half.open("wb") as file,
        _progress() as progress,
    ):
        if answer.status_code != httpx.codes.OK:
            answer.read()
            _refuse(answer)
        task = progress.add_task("bytes", total=None)
        for piece in answer.iter_bytes():
            file.write(piece)
            progress.advance(task, len(piece))
        return file.tell()


def _progress() -> Progress:
    from rich.console import Console

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip


@contextmanager
def _client(session: Session) -> Iterator[httpx.Client]:
    console = session.settings.console
    url = f"http://{console.host}:{console.port}"
    headers = {"Authorization": f"Bearer {known_token(session.settings)}"}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=WAIT_S, trust_env=False) as client:
            yield client
    except httpx.TransportError as error:
        raise StreamError(f"no console answers at {url} ({error}): start it with `egnyte-watch console`") from error


def _get(client: httpx.Client, path: str, parameters: dict[str, list[str]]) -> httpx.Response:
    answer = client.get(path, params=_flat(parameters))
    if answer.status_code != httpx.codes.OK:
        _refuse(answer)
    return answer


def _refuse(answer: httpx.Response) -> None:
    try:
        words = msgspec.json.decode(answer.content)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        words = f"the console answered {answer.status_code}"
    raise Refused(words)


def _flat(parameters: dict[str, list[str]]) -> list[tuple[str, str | int | float | bool | None]]:
    return [(name, value) for name, values in parameters.items() for value in values if value]


def _parameters(where: list[str], start: str, until: str, columns: str, zone: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"from": [start], "until": [until], "columns": [columns], "zone": [zone]}
    for each in where:
        name, equals, value = each.partition("=")
        if not equals or name in found:
            raise Refused(f"{each!r} is no filter: write attribute=value or attribute.operator=value")
        found.setdefault(f" {name}", []).append(value)
    return {name.strip(): values for name, values in found.items()}


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    names = [name for name in rows[0] if any(row[name] not in ("", None, []) for row in rows)]
    for name in names:
        table.add_column(name.removesuffix("_ms"), overflow="fold")
    for row in rows:
        table.add_row(*(_shown(name, row[name]) for name in names))
    return table


def _shown(name: str, value: Any) -> str:
    if name.endswith("_ms") and isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
