"""The console's API: nobody in without the token, on any route; mistakes told; pages that join; exports that resume."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from typer.testing import CliRunner

from console.archive.database import Database
from console.archive.follower import Follower
from console.cli import app as cli
from console.web.access import known_token, make_token, token_path
from console.web.app import make_app
from console.web.guard import OPEN
from console.web.sessions import GUESSES
from streams.errors import Refused
from streams.secret import Secret
from streams.section_oidc import OidcSettings
from streams.sections import ConsoleSettings, Settings, StreamsSettings
from tests.console.archive.archives import filled
from tests.console.web.served import serving
from tests.detections.activity_policies.policies_of import DAY, act

TOKEN = "a-token-of-this-test"  # noqa: S105
ROWS = [act(DAY + n * 60_000, event_id=f"e{n:04}", ip=f"198.51.100.{n % 5}") for n in range(120)]
RANGE = {"from": "2025-11-26", "until": "2025-11-27"}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("console")
    database = filled(folder / "a.duckdb", ROWS)
    app = make_app(database, Follower(Settings(), database), TOKEN)
    with serving(app) as address:
        yield address
    database.close()


@pytest.fixture
def client(console: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=console, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_nobody_is_let_in_without_the_token_on_any_route(tmp_path: Path, header: str | None) -> None:
    database = Database(tmp_path / "b.duckdb")
    guard = make_app(database, Follower(Settings(), database), TOKEN)
    paths = [route.path for route in guard._app.routes]
    assert len(paths) > 5
    headers = {} if header is None else {"Authorization": header}
    guessed = (header or "").startswith("Bearer ")
    with serving(guard) as own, httpx.Client(base_url=own, headers=headers, trust_env=False) as stranger:
        for path in (*paths, "/", "/nowhere", "/healthz/../api/status", "//api/status"):
            for method in ("GET", "POST", "HEAD", "OPTIONS"):
                answer = stranger.request(method, path)
                refused = answer.status_code == 401 or (guessed and path not in OPEN and answer.status_code == 429)
                assert refused != (path in OPEN), (method, path, answer.status_code)
    database.close()


def test_wrong_tokens_are_counted_wherever_they_are_given(tmp_path: Path) -> None:
    database = Database(tmp_path / "b.duckdb")
    app = make_app(database, Follower(Settings(), database), TOKEN)
    with serving(app) as own, httpx.Client(base_url=own, trust_env=False) as stranger:
        for n in range(GUESSES):
            wrong = {"Authorization": f"Bearer {n}"}
            assert stranger.get("/healthz" if n % 2 else "/api/status", headers=wrong).status_code in (204, 401)
        answer = stranger.get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
        assert stranger.post("/login", data={"token": TOKEN}).status_code == 429
        assert stranger.get("/healthz", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 204
    database.close()


def test_a_token_that_is_set_is_long(tmp_path: Path) -> None:
    streams = StreamsSettings(data_dir=str(tmp_path))
    with pytest.raises(Refused, match=r"console\.api_token has 31 characters, at least 32"):
        make_token(Settings(streams=streams, console=ConsoleSettings(api_token=Secret("x" * 31))))


def test_pages_join(client: httpx.Client) -> None:
    found, after = [], ""
    while True:
        answer = client.get("/api/activities", params={**RANGE, "limit": 50, "after": after, "order": "oldest"}).json()
        found += [row["event_id"] for row in answer["rows"]]
        after = answer["after"]
        if not after:
            break
    assert found == [row.event_id for row in ROWS]


def test_filters_are_those_of_policies(client: httpx.Client) -> None:
    asked = {**RANGE, "ip": "198.51.100.2", "path.under": "/shared/finance"}
    assert client.get("/api/activities/count", params=asked).json() == {"count": 24}
    assert client.get("/api/activities/count", params={**asked, "ip": "198.51.100.0/30"}).json() == {"count": 96}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"countri": "PT"}, "did you mean 'country'"),
        ({"columns": "secret"}, "there is no column"),
        ({"limit": "many"}, "expected a whole number"),
        ({"limit": "1000000"}, "1 to 10,000"),
        ({"order": "sideways"}, "newest or oldest"),
        ({"from": "soon"}, "is no time"),
        ({"from": "2025-11-27", "until": "2025-11-26"}, "the time range is empty"),
        ({"after": "x"}, "no cursor"),
        ({"zone": "Mars/Base", "time": "08:00-09:00"}, "zone"),
    ],
)
def test_mistakes_are_told(client: httpx.Client, parameters: dict[str, str], words: str) -> None:
    answer = client.get("/api/activities", params={**RANGE, **parameters})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_format_that_is_none_is_told_before_the_answer_begins(client: httpx.Client) -> None:
    assert client.get("/api/activities/export", params={**RANGE, "format": "doc"}).status_code == 400


def test_the_token_is_its_owners_alone_and_new_each_time(tmp_path: Path) -> None:
    settings = Settings(streams=StreamsSettings(data_dir=str(tmp_path)))
    with pytest.raises(Refused, match="no console has left its token"):
        known_token(settings)
    first = make_token(settings)
    assert known_token(settings) == first
    assert token_path(settings).stat().st_mode & 0o777 == 0o600
    assert make_token(settings) != first


def test_a_console_that_others_can_reach_needs_a_token_set_on_purpose(tmp_path: Path) -> None:
    streams = StreamsSettings(data_dir=str(tmp_path))
    with pytest.raises(Refused, match="api_token"):
        make_token(Settings(streams=streams, console=ConsoleSettings(host="0.0.0.0")))  # noqa: S104
    named = ConsoleSettings(host="0.0.0.0", api_token=Secret("long" * 8))  # noqa: S104
    assert make_token(Settings(streams=streams, console=named)) == "long" * 8
    reached = Settings(streams=streams, console=ConsoleSettings(host="0.0.0.0"), oidc=OidcSettings(issuer="https://i"))  # noqa: S104
    assert make_token(reached) == known_token(reached), "people sign in with the provider"


@pytest.fixture
def environment(console: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EGNYTE_WATCH_CONSOLE__PORT", console.rpartition(":")[2])
    monkeypatch.setenv("EGNYTE_WATCH_CONSOLE__API_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["activities", *words, "--from", "2025-11-26", "--until", "2025-11-27"])
    return done.exit_code, done.output


@pytest.mark.usefixtures("environment")
def test_the_command_searches() -> None:
    code, text = run("search", "-w", "ip=198.51.100.3", "--json", "--limit", "200", "--oldest")
    assert code == 0
    assert [json.loads(line)["event_id"] for line in text.splitlines()] == [f"e{n:04}" for n in range(3, 120, 5)]


@pytest.mark.usefixtures("environment")
def test_the_command_tells_mistakes() -> None:
    code, text = run("search", "-w", "countri=PT")
    assert (code, "did you mean 'country'" in text) == (1, True)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_the_command_exports(name: str) -> None:
    code, text = run("export", name)
    assert (code, "120 activities" in text) == (0, True), text
    assert Path(name).stat().st_size > 1_000
    assert run("export", name)[0] == 1, "a file that is there is not replaced"


@pytest.mark.usefixtures("environment")
def test_an_export_that_broke_off_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.commands.activities.PAGE", 50)
    asked = httpx.Client.get
    left = [3]

    def breaking(self: httpx.Client, url: str, **more: object) -> httpx.Response:
        left[0] -= 1
        if left[0] == 0:
            raise httpx.ReadError("cut")
        return asked(self, url, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as cut:
        cut.setattr(httpx.Client, "get", breaking)
        assert run("export", "a.jsonl")[0] == 1
    with Path("a.jsonl.part").open("ab") as half:
        half.write(b"a page that was not marked")
    assert run("export", "a.jsonl", "--resume")[0] == 0
    found = [msgspec.json.decode(line)["event_id"] for line in Path("a.jsonl").read_bytes().splitlines()]
    assert found == [row.event_id for row in ROWS]
    assert not list(Path().glob("*.part*"))
