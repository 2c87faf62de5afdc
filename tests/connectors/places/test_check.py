import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.places.__main__ import main
from connectors.places.check import check
from tests.connectors.places.databases import DBIP_CITY_LITE, LONDON, write

BUILT = datetime(2023, 4, 1, 0, 26, 17, tzinfo=UTC)


@pytest.mark.parametrize(("days", "old"), [(90, False), (91, True)])
def test_a_database_and_its_age(days: int, old: bool) -> None:
    (found,) = check(DBIP_CITY_LITE, BUILT + timedelta(days=days))
    assert (found.ok, found.built, found.age_days, found.old) == (True, BUILT, days, old)
    assert found.holds == (
        "database DBIP-City-Lite: places with coordinates, IPv4 and IPv6, "
        f"built 2023-04-01, {days} days ago{' (old)' if old else ''}"
    )
    assert ("get the present one" in found.advice) == old


def test_a_folder_of_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "city.mmdb", {"81.2.69.0/24": LONDON}, version=4)
    write(tmp_path / "asn.mmdb", {"81.2.69.0/24": {"asn": "AS1", "name": "x"}}, kind="asn")
    (tmp_path / "tor-exits.txt").write_text("192.0.2.1\n192.0.2.2\n")
    (tmp_path / "vpn.csv").write_text("cidr\n198.51.100.0/24\n")
    assert main(["check", str(tmp_path)]) == 0
    asn, city, tor, vpn, together = capsys.readouterr().out.splitlines()
    assert asn.startswith(f"{tmp_path}/asn.mmdb: database asn: AS numbers, IPv4 and IPv6, built 20")
    assert city.startswith(f"{tmp_path}/city.mmdb: database GeoLite2-City: places with coordinates, IPv4, built 20")
    assert tor == f"{tmp_path}/tor-exits.txt: list: 2 risky; tags tor."
    assert vpn == f"{tmp_path}/vpn.csv: list: 1 vpn."
    assert together == f"{tmp_path}: list files: 2, lines of data: 3; no contradiction."


def test_contradictions_between_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corporate.txt").write_text("198.51.100.0/24\n")
    (tmp_path / "vpn.txt").write_text("198.51.100.1\n")
    assert main(["check", str(tmp_path)]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        f"{tmp_path}/vpn.txt: REFUSED: vpn.txt line 1 (198.51.100.1, vpn) overlaps corporate.txt line 1"
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.mmdb", "hello", "a.mmdb: REFUSED: is no MaxMind DB file"),
        ("vpn.txt", "hello", "vpn.txt: REFUSED: line 1: 'hello' is not understood. A line holds"),
        ("README.md", "hello", "holds no list and no database. Lists end in .cidr, .csv, .txt."),
    ],
)
def test_what_can_not_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    assert main(["check", str(tmp_path)]) == 1
    assert said in capsys.readouterr().out


def test_one_bad_file_is_enough_and_the_others_are_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vpn.txt").write_text("192.0.2.1")
    assert main(["check", "--json", str(tmp_path / "gone.mmdb"), str(tmp_path / "vpn.txt")]) == 1
    gone, vpn = map(json.loads, capsys.readouterr().out.splitlines())
    assert (gone["ok"], gone["holds"]) == (False, "can't be read: No such file or directory")
    assert (vpn["ok"], vpn["holds"]) == (True, "list: 1 vpn")


@pytest.mark.parametrize("arguments", [[], ["check"], ["chek", "x"], ["check", "--yaml", "x"]])
def test_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_as_a_command(tmp_path: Path) -> None:
    (tmp_path / "vpn.txt").write_text("192.0.2.1")
    command = [sys.executable, "-m", "connectors.places", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "list: 1 vpn" in done.stdout
