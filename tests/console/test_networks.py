"""`egnyte-watch networks`: what there is, and lists that come in or are kept out."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner, Result

from console.cli import app


class Lists(BaseHTTPRequestHandler):
    body = b"198.51.100.7\n"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Says nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Lists, "body", b"198.51.100.7\n")
    server = HTTPServer(("127.0.0.1", 0), Lists)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/tor-exits.txt"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGNYTE_WATCH_PLACES__LISTS_DIR", str(tmp_path / "lists"))
    return tmp_path / "lists"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["networks", *arguments], prog_name="egnyte-watch")


def listed() -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in json.loads(run("list", "--json").stdout)}


def test_a_file_is_imported_and_listed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "london.txt").write_text("198.51.100.0/24\n2001:db8:40::/48\n")
    result = run("import", "london.txt", "--category", "vpn", "--tags", "office, london")
    assert (result.exit_code, "2 lines" in result.output) == (0, True)
    assert (folder / "london.txt").read_text().startswith("# category: vpn\n# tags: office, london\n198.")
    row = listed()["london"]
    assert (row["kind"], row["rows"], row["categories"]) == ("own", 2, ["vpn"])
    assert "london" in run("list").output
    assert any(row["kind"] == "shipped" for row in listed().values())


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("bad.txt", "not an address\n", ("--category", "vpn"), "line 2: 'not an address' is not understood"),
        ("bad.txt", "198.51.100.7\n", (), "has no category"),
        ("bad.txt", "192.0.2.7\n", ("--category", "risky"), "overlaps"),
        ("bad.doc", "198.51.100.7\n", (), "lists end in"),
        ("marks.csv", "cidr,category\n198.51.100.7,vpn\n", (), "where the console keeps marks"),
        ("gone.txt", None, ("--category", "vpn"), "can't be read"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    folder: Path, tmp_path: Path, name: str, text: str | None, options: tuple[str, ...], said: str
) -> None:
    folder.mkdir()
    (folder / "corporate.txt").write_text("192.0.2.0/24\n")
    if text is not None:
        (tmp_path / name).write_text(text)
    result = run("import", name, *options)
    assert (result.exit_code, said in result.output) == (1, True), result.output
    assert [path.name for path in folder.iterdir()] == ["corporate.txt"]


def test_a_url_is_imported_fetched_again_and_kept_when_it_fails(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("import", url, "--every", "1h").exit_code == 0
    assert "198.51.100.7" in (folder / "tor-exits.txt").read_text()
    row = listed()["tor-exits"]
    assert (row["kind"], row["url"], row["every"], row["rows"]) == ("fetched", url, "1h", 1)
    again = run("import", url)
    assert (again.exit_code, "already" in again.output) == (1, True)
    monkeypatch.setattr(Lists, "body", b"<html>")
    refreshed = run("refresh")
    assert (refreshed.exit_code, "failed" in refreshed.output) == (1, True)
    assert "198.51.100.7" in (folder / "tor-exits.txt").read_text()
    assert "is not understood" in str(listed()["tor-exits"]["error"])
    assert run("list").exit_code == 1


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("http://lists.example.org/tor.txt", (), "in clear"),
        ("ftp://lists.example.org/tor.txt", (), "no address that begins with https"),
        ("http://127.0.0.1:9/mine.txt", (), "has no category"),
        ("http://127.0.0.1:9/tor.txt", ("--every", "10s"), "too short"),
        ("http://127.0.0.1:9/tor.txt", (), "refused"),
    ],
)
def test_a_url_that_cannot_be_used_changes_nothing(
    folder: Path, source: str, options: tuple[str, ...], said: str
) -> None:
    result = run("import", source, *options)
    assert (result.exit_code, said in result.output) == (1, True), result.output
    assert not (folder / "sources.toml").exists()


def test_without_a_folder_it_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "places.lists_dir" in run("list").output
    assert run("refresh").exit_code == 1
