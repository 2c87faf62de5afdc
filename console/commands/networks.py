"""`egnyte-watch networks`: which networks are known by lists, and how lists come in, from files and from URLs."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.text import Text

from connectors.places.errors import PlacesError
from connectors.places.fetched import Fetch, FetchedLists
from connectors.places.listfile import SUFFIXES, ListFile, read_list
from connectors.places.listset import combined, list_files
from connectors.places.marks import FILE as MARKS
from connectors.places.places import SHIPPED_LISTS
from connectors.places.sources import FILE, Source, read_sources, refused_url, table_of
from console.session import Session, session_of
from streams.errors import Refused

app = typer.Typer(help="IP lists: which networks are yours, VPNs, risky.", no_args_is_help=True)

OWN: Final = "own"
SHIPPED: Final = "shipped"
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One list. `rows`: lines of data. `url` and what follows: of a list that is fetched."""

    name: str
    kind: str
    categories: tuple[str, ...]
    rows: int
    file: str
    url: str = ""
    every: str = ""
    checked: str = ""
    changed: str = ""
    error: str = ""


@app.callback()
def _networks() -> None:
    """IP lists: which networks are yours, VPNs, risky."""


@app.command("list")
def list_command(context: typer.Context, json: Json = False) -> None:
    """Print all lists: your own, those that are fetched from URLs, and those that are shipped.

    Exit code 1 where one can't be used, or could not be fetched.
    """
    session = session_of(context)
    lists_dir = session.settings.places.lists_dir
    rows = [*(_own(Path(lists_dir)) if lists_dir else ()), *_rows(SHIPPED_LISTS, SHIPPED)]
    if json:
        typer.echo(msgspec.json.encode(rows))
    else:
        _table(session, rows)
        if not lists_dir:
            session.out.print("No folder of your own lists: set places.lists_dir (EGNYTE_WATCH_PLACES__LISTS_DIR)")
    raise typer.Exit(1 if any(row.error for row in rows) else 0)


@app.command("import")
def import_command(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="A list file, or the address of one.")],
    name: Annotated[str, typer.Option(help="What the list is called. Default: the file's name.")] = "",
    category: Annotated[str, typer.Option(help="corporate, vpn, risky, administrative, cloud or other.")] = "",
    tags: Annotated[str, typer.Option(help="Tags, separated by commas.")] = "",
    every: Annotated[str, typer.Option(help="How often a URL is looked at, as in 30min, 1h, 1d.")] = "6h",
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Plain http to other machines.")] = False,
) -> None:
    """Take a list into the folder of your lists, once it has been checked beside the others; a URL from now on again
    and again. Workers take it into use by themselves.
    """
    session = session_of(context)
    folder = _folder(session)
    wanted = tuple(tag.strip() for tag in tags.split(",") if tag.strip())
    if "://" in source:
        if wrong := refused_url(source, allow_http=allow_http):
            raise Refused(wrong)
        chosen = name or Path(source.split("?")[0]).stem.lower()
        fetch = _from_url(
            folder,
            msgspec.convert(
                {"name": chosen, "url": source, "category": category, "tags": wanted, "every": every,
                 "allow_http": allow_http}, Source, strict=False,
            ),
        )  # fmt: skip
        session.out.print(f"{chosen}: {fetch.rows:,} lines, fetched every {every} from now on (see {folder / FILE})")
        return
    file = _from_file(folder, Path(source), name, category, wanted)
    session.out.print(f"{file.name}: {len(file.rows):,} lines, in {file.path}")


@app.command("refresh")
def refresh_command(context: typer.Context) -> None:
    """Fetch all lists that come from URLs now. Exit code 1 where one fails: the old one stays in use."""
    session = session_of(context)
    found = FetchedLists(_folder(session)).refresh(_now_ms(), due_only=False)
    for name, fetch in found.items():
        said = ("failed ", "red", f"{name}: {fetch.error}") if fetch.error else ("ok     ", "green", name)
        session.out.print(Text.assemble((said[0], said[1]), said[2], "" if fetch.error else f": {fetch.rows:,} lines"))
    if not found:
        session.out.print("No list comes from a URL, or a worker is just fetching them")
    raise typer.Exit(1 if any(fetch.error for fetch in found.values()) else 0)


def _folder(session: Session) -> Path:
    lists_dir = session.settings.places.lists_dir
    if not lists_dir:
        raise Refused("there is no folder for your lists: set places.lists_dir (EGNYTE_WATCH_PLACES__LISTS_DIR)")
    folder = Path(lists_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _from_url(folder: Path, source: Source) -> Fetch:
    """Adds `source` to the folder's sources, and fetches it. Raises PlacesError or Refused; then nothing has
    changed.
    """
    path = folder / FILE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if source.name in {known.name for known in read_sources(folder)}:
        raise Refused(f"{path} has a list {source.name!r} already: change it there, or give this one another --name")
    _replace(path, f"{before.rstrip()}\n\n{table_of(source)}".lstrip())
    try:
        read_sources(folder)
        fetch = FetchedLists(folder).refresh(_now_ms()).get(source.name)
        error = fetch.error if fetch is not None else "a worker is just fetching the lists of this folder: try again"
    except PlacesError:
        _back(path, before)
        raise
    if fetch is None or error:
        _back(path, before)
        raise Refused(f"{source.url}: {error}")
    return fetch


def _from_file(folder: Path, path: Path, name: str, category: str, tags: tuple[str, ...]) -> ListFile:
    """Copies a list. Raises PlacesError where it can't be used: then nothing has changed."""
    if path.suffix.lower() not in SUFFIXES:
        raise Refused(f"{path}: lists end in {', '.join(sorted(SUFFIXES))}")
    target = folder / f"{name or path.stem}{path.suffix.lower()}"
    if target.name == MARKS:
        raise Refused(f"{target} is where the console keeps marks of addresses: give this list another --name")
    if target.exists() and (not path.exists() or target.samefile(path)):
        raise Refused(f"{path} is in the folder of lists already")
    if target.name in {source.file for source in read_sources(folder)}:
        raise Refused(f"{target.name} comes from a URL (see {folder / FILE}): give this list another --name")
    # A name that means the same, in a folder beside the others, so that it is read as it will be.
    trial = folder / ".import" / target.name
    trial.parent.mkdir(exist_ok=True)
    try:
        head = f"# category: {category}\n" * bool(category) + f"# tags: {', '.join(tags)}\n" * bool(tags)
        try:
            trial.write_bytes(head.encode() + path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        except OSError as error:
            raise Refused(f"{path} can't be read: {error.strerror}") from None
        found = msgspec.structs.replace(read_list(trial), path=target)
        combined([*(read_list(each) for each in list_files(folder) if each != target), found])
        os.replace(trial, target)
    finally:
        shutil.rmtree(trial.parent, ignore_errors=True)
    return found


def _own(folder: Path) -> list[Row]:
    try:
        sources = {source.name: source for source in read_sources(folder)}
    except PlacesError as error:
        return [Row(FILE, OWN, (), 0, error.path, error=f"{error.reason}. {error.advice}"), *_rows(folder, OWN)]
    state, rows = FetchedLists(folder).state(), {row.name: row for row in _rows(folder, OWN)}
    for name, source in sources.items():
        fetch = state.get(name, Fetch(source.url))
        row = rows.get(name, Row(name, OWN, (source.category,), 0, str(folder / source.file)))
        rows[name] = msgspec.structs.replace(
            row, kind="fetched", url=source.url, every=source.every, checked=_time(fetch.checked_ms),
            changed=_time(fetch.changed_ms), error=row.error or fetch.error,
        )  # fmt: skip
    return [rows[name] for name in sorted(rows)]


def _rows(folder: Path, kind: str) -> list[Row]:
    rows = []
    try:
        paths = list_files(folder)
    except OSError as error:
        return [Row(folder.name, kind, (), 0, str(folder), error=f"can't be read: {error.strerror}")]
    for path in paths:
        try:
            file = read_list(path)
        except PlacesError as error:
            rows.append(Row(path.stem, kind, (), 0, str(path), error=f"{error.reason}. {error.advice}"))
            continue
        categories = tuple(sorted({row.category or "tags" for row in file.rows}))
        rows.append(Row(file.name, kind, categories, len(file.rows), str(path)))
    return rows


def _table(session: Session, rows: list[Row]) -> None:
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        about = f"{row.name:<{width}}  {row.kind:<8} {row.rows:>9,}  {', '.join(row.categories)}"
        if row.url:
            about += (
                f"  {row.url} every {row.every}, changed {row.changed or 'never'}, looked at {row.checked or 'never'}"
            )
        session.out.print(Text(about))
        if row.error:
            session.out.print(Text(f"{'':<{width}}  {row.error}", style="red"))


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def _back(path: Path, text: str) -> None:
    if text:
        _replace(path, text)
    else:
        path.unlink()


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time_ms else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
