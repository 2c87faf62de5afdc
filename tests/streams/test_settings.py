"""Settings: every layer, every origin, and every mistake told in words."""

from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sections import Settings
from streams.settings import SettingsError, load

FIELDS = [
    (section.name, field.name)
    for section in msgspec.structs.fields(Settings)
    for field in msgspec.structs.fields(section.type)
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "egnyte-watch.toml"


def problems(path: Path | None, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    return caught.value.problems


def test_without_any_layer_everything_is_at_its_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(environ={"PATH": "/bin"})
    assert loaded.settings == Settings()
    assert loaded.origins == {f"{section}.{name}": "default" for section, name in FIELDS}


def test_each_layer_covers_the_ones_before_it(file: Path, tmp_path: Path) -> None:
    file.write_text('[kafka]\nbootstrap = "toml:1"\ntopic_prefix = "toml"\n[egnyte]\ntoken = "toml"\nname = "acme"\n')
    secret = tmp_path / "token"
    secret.write_text("  from the file\n")
    environ = {
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": "environment:1",
        "EGNYTE_WATCH_EGNYTE__TOKEN": "environment",
        "EGNYTE_WATCH_EGNYTE__TOKEN_FILE": str(secret),
    }
    loaded = load(file, environ)
    assert loaded.settings.kafka.bootstrap == "environment:1"
    assert loaded.settings.kafka.topic_prefix == "toml"
    assert loaded.settings.egnyte.token.reveal() == "from the file"
    assert loaded.origins["kafka.bootstrap"] == "environment EGNYTE_WATCH_KAFKA__BOOTSTRAP"
    assert loaded.origins["kafka.topic_prefix"] == str(file)
    assert loaded.origins["egnyte.token"] == f"file {secret}"
    assert loaded.origins["kafka.replication_factor"] == "default"


def test_the_file_in_the_working_directory_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[streams]\nchunk_records = 7\n")
    monkeypatch.chdir(file.parent)
    loaded = load(environ={})
    assert loaded.settings.streams.chunk_records == 7
    assert loaded.origins["streams.chunk_records"] == "egnyte-watch.toml"


def test_text_of_the_environment_becomes_what_the_field_is() -> None:
    environ = {
        "EGNYTE_WATCH_STREAMS__CHUNK_RECORDS": " 250 ",
        "EGNYTE_WATCH_EGNYTE__START": "2026-01-31",
        "EGNYTE_WATCH_EGNYTE__ALLOW_HTTP": "true",
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": "",
    }
    settings = load(environ=environ).settings
    assert settings.streams.chunk_records == 250
    assert settings.egnyte.start == date(2026, 1, 31)
    assert settings.egnyte.allow_http is True
    assert settings.kafka.bootstrap == Settings().kafka.bootstrap  # an empty variable is an unset one


def test_secrets_are_in_no_text_of_the_settings() -> None:
    environ = {
        "EGNYTE_WATCH_EGNYTE__TOKEN": "hush-token",
        "EGNYTE_WATCH_ENTRA__CLIENT_SECRET": "hush-client",
        "EGNYTE_WATCH_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "EGNYTE_WATCH_KAFKA__SASL_USERNAME": "jane",
        "EGNYTE_WATCH_KAFKA__SASL_PASSWORD": "hush-sasl",
    }
    loaded = load(environ=environ)
    for text in (repr(loaded), str(loaded.settings), f"{loaded.settings.egnyte.token}"):
        assert "hush" not in text
    assert loaded.settings.egnyte.token.reveal() == "hush-token"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[kafak]\n", "unknown section [kafak]: did you mean 'kafka'?"),
        ("[kafka]\nbootsrap = 'x'\n", "unknown field kafka.bootsrap: did you mean 'bootstrap'?"),
        ("kafka = 1\n", "kafka is a section: write [kafka]"),
        ("[kafka]\nreplication_factor = 'three'\n", "kafka.replication_factor: 'three' is not allowed, it"),
        ("[kafka]\nreplication_factor = '3'\n", "'3' is not allowed"),
        ("[kafka]\nreplication_factor = 10\n", "10 is not allowed, it takes a whole number from 1 to 9"),
        ("[streams]\nheartbeat_ms = 99\n", "99 is not allowed, it takes a whole number of at least 100"),
        ("[egnyte]\nallow_http = 1\n", "it takes true or false"),
        ("[egnyte]\nstart = 'soon'\n", "it takes a date such as 2025-01-31"),
        ("[egnyte]\nname = 'Acme/1'\n", "it takes up to 63 lower case letters"),
        ("[egnyte]\nurl = 'acme.egnyte.com'\n", "it takes an address that begins with https://"),
        ("[egnyte]\nurl = 'https://user:pass@acme.egnyte.com'\n", "without a user"),
        ("[kafka]\nsecurity_protocol = 'TLS'\n", "it takes one of PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL"),
        ("[policies]\ndir = ''\n", "it takes a text that is not empty"),
        ("[kafka]\nbootstrap\n", "is not TOML: "),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_names_file_field_and_what_is_allowed(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    (problem,) = problems(file)
    assert problem.startswith(f"{file}: ")
    assert told in problem


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("EGNYTE_WATCH_KAFAK__BOOTSTRAP", "x", "unknown section 'kafak': did you mean 'kafka'?"),
        ("EGNYTE_WATCH_KAFKA__BOOTSRAP", "x", "unknown field kafka.bootsrap: did you mean 'bootstrap'?"),
        ("EGNYTE_WATCH_KAFKA_BOOTSTRAP", "x", "did you mean 'EGNYTE_WATCH_KAFKA__BOOTSTRAP'?"),
        ("EGNYTE_WATCH_KAFKA__BOOTSTRAP_FILE", "x", "kafka.bootstrap is not a secret: drop _FILE"),
        ("EGNYTE_WATCH_EGNYTE__TOKEN_FILE", "/nowhere/token", "egnyte.token: file /nowhere/token can't be read"),
        ("EGNYTE_WATCH_STREAMS__CHUNK_BYTES", "4 MiB", "streams.chunk_bytes: '4 MiB' is not allowed"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable: str, value: str, told: str) -> None:
    (problem,) = problems(None, {variable: value})
    assert problem.startswith(f"environment {variable}: ")
    assert told in problem


def test_a_wrong_secret_is_not_repeated(file: Path) -> None:
    file.write_text("[egnyte]\ntoken = 12345678\n")
    (problem,) = problems(file)
    assert "egnyte.token: it takes a text" in problem
    assert "12345678" not in problem


def test_what_kubernetes_sets_for_a_service_is_not_ours() -> None:
    environ = {
        "EGNYTE_WATCH_PORT_8080_TCP": "tcp://10.0.0.1:80",
        "EGNYTE_WATCH_SERVICE_HOST": "10.0.0.1",
        "EGNYTE_WATCH_KAFKA_BOOTSTRAP": "tcp://10.0.0.1:9092",
    }
    assert load(environ=environ).settings == Settings()


def test_all_problems_are_told_at_once(file: Path) -> None:
    file.write_text("[kafka]\nreplication_factor = 0\n[nowhere]\n")
    assert len(problems(file, {"EGNYTE_WATCH_EGNYTE__STRAT": "x"})) == 3


def test_an_empty_secret_file_is_a_mistake(tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.write_text("\n")
    (problem,) = problems(None, {"EGNYTE_WATCH_EGNYTE__TOKEN_FILE": str(empty)})
    assert f"egnyte.token: file {empty} is empty" in problem


@pytest.mark.parametrize("content", [None, b"\xff\xfe[kafka]"])
def test_a_file_that_was_named_must_be_readable(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    (problem,) = problems(file)
    assert problem.startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        ("[kafka]\nsasl_username = 'jane'\n", "kafka.sasl_username", "does not use it"),
        ("[kafka]\nssl_cafile = 'ca.pem'\n", "kafka.ssl_cafile", "is not encrypted"),
        ("[kafka]\nsecurity_protocol = 'SSL'\nssl_keyfile = 'k'\n", "kafka.ssl_certfile", "is empty while"),
        ("[streams]\nheartbeat_ms = 20000\n", "streams.heartbeat_ms", "at most 10000"),
        ("[streams]\nchunk_bytes = 64000000\n", "streams.chunk_bytes", "more than prefetch_bytes"),
        ("[streams]\nlookback_ms = 999999999999\n", "streams.lookback_ms", "more than retention_ms"),
        ("[streams]\nlookback_ms = 172800000\n", "streams.lookback_ms", "less than 90 days (7776000000)"),
        ("[streams]\nlookback_ms = 7775999999\n", "streams.lookback_ms", "less than 90 days"),
        ("[streams]\nretention_ms = 7775999999\n", "streams.retention_ms", "less than 90 days"),
        ("[egnyte]\nmax_per_minute = 100\n", "egnyte.max_per_minute", "more than egnyte.max_per_hour"),
        ("[egnyte]\nurl = 'https://x.example'\n", "egnyte.name", "is empty while egnyte.url is set"),
        ("[egnyte]\nname = 'x'\nurl = 'http://x.example'\n", "egnyte.url", "use https://, or set egnyte.allow_http"),
        ("[entra]\ngraph_url = 'http://x.example'\n", "entra.graph_url", "use https://, or set entra.allow_http"),
        ("[entra]\ntenant = 'x'\nclient_secret = 's'\n", "entra.client_id", "is empty while entra.tenant is set"),
        ("[entra]\ntenant = 'x'\nclient_id = 'a'\n", "entra.client_secret", "or entra.certificate in its place"),
        (
            "[entra]\ntenant = 'x'\nclient_id = 'a'\nclient_secret = 's'\ncertificate = 'app.pem'\n",
            "entra.client_secret",
            "unset one of them",
        ),
    ],
)
def test_contradictions_are_refused(file: Path, text: str, field: str, told: str) -> None:
    file.write_text(text)
    (problem,) = problems(file)
    assert problem.startswith(f"{field} (")
    assert told in problem


def test_a_login_needs_all_its_parts(file: Path) -> None:
    file.write_text("[kafka]\nsecurity_protocol = 'SASL_SSL'\nsasl_mechanism = 'OAUTHBEARER'\n")
    told = problems(file)
    assert [line.split(" ")[0] for line in told] == [
        "kafka.sasl_oauth_token_url",
        "kafka.sasl_oauth_client_id",
        "kafka.sasl_oauth_client_secret",
    ]
    file.write_text("[kafka]\nsecurity_protocol = 'SASL_SSL'\nsasl_mechanism = 'PLAIN'\n")
    assert [line.split(" ")[0] for line in problems(file)] == ["kafka.sasl_username", "kafka.sasl_password"]


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080"])
def test_plain_http_to_this_machine_is_allowed(file: Path, host: str) -> None:
    file.write_text(f"[egnyte]\nname = 'x'\nurl = 'http://{host}/'\n")
    assert load(file, {}).settings.egnyte.base_url == f"http://{host}"


def test_the_switch_allows_plain_http(file: Path) -> None:
    file.write_text("[egnyte]\nname = 'x'\nurl = 'http://x.example'\nallow_http = true\n")
    assert load(file, {}).settings.egnyte.allow_http


def test_egnytes_address_follows_from_the_name() -> None:
    assert load(environ={"EGNYTE_WATCH_EGNYTE__NAME": "acme"}).settings.egnyte.base_url == "https://acme.egnyte.com"
    assert load(environ={}).settings.egnyte.base_url == ""


@given(st.sampled_from([field for field in FIELDS if len(field[1]) > 4]), st.data())
def test_a_letter_left_out_leads_back_to_the_name(field: tuple[str, str], data: st.DataObject) -> None:
    section, name = field
    at = data.draw(st.integers(0, len(name) - 1))
    typed = name[:at] + name[at + 1 :]
    (problem,) = problems(None, {f"EGNYTE_WATCH_{section.upper()}__{typed.upper()}": "x"})
    assert problem.endswith(f"did you mean {name!r}?")


def test_the_least_lookback_is_taken_and_its_default() -> None:
    least = {"EGNYTE_WATCH_STREAMS__LOOKBACK_MS": "7776000000", "EGNYTE_WATCH_STREAMS__RETENTION_MS": "7776000000"}
    assert load(None, least).settings.streams.lookback_ms == load(None, {}).settings.streams.lookback_ms
