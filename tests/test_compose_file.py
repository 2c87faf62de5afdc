"""What `docker-compose.yml` and `.env.example` promise each other; `tests/compose` starts the containers."""

from pathlib import Path, PurePosixPath
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[1]
WRITTEN_BY: Final = {"EGNYTE_WATCH_PLACES__LISTS_DIR": ("worker", "console")}
"""Folders that a service writes to, by the setting that names them."""
READ_BY: Final = {
    "EGNYTE_WATCH_PLACES__LISTS_DIR": ("doctor",),
    "EGNYTE_WATCH_PLACES__CITY_DB": ("worker", "doctor"),
}


def compose() -> dict[str, Any]:
    """`docker-compose.yml`, its anchors merged."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def mounted(service: str) -> dict[PurePosixPath, tuple[str, bool]]:
    """What is mounted where: its source, and whether it can be written to."""
    mounts = {}
    for volume in compose()["services"][service].get("volumes", ()):
        source, _, rest = volume.replace(":-", "\0").partition(":")
        target, _, mode = rest.partition(":")
        mounts[PurePosixPath(target)] = (source.replace("\0", ":-"), mode != "ro")
    return mounts


def example() -> dict[str, str]:
    """What `.env.example` sets."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def mount_of(service: str, setting: str) -> tuple[str, bool] | None:
    path = PurePosixPath(example()[setting])
    mounts = mounted(service)
    return next((mounts[each] for each in (path, *path.parents) if each in mounts), None)


@pytest.mark.parametrize(("setting", "names"), WRITTEN_BY.items())
def test_what_is_written_to_is_a_mount_that_can_be(setting: str, names: tuple[str, ...]) -> None:
    for name in names:
        assert compose()["services"][name]["read_only"]
        mount = mount_of(name, setting)
        assert mount is not None, f"{name}: {setting} is on no mount"
        assert mount[1], f"{name}: {setting} is on {mount[0]}, which can't be written to"


@pytest.mark.parametrize(("setting", "names"), READ_BY.items())
def test_what_is_read_is_mounted(setting: str, names: tuple[str, ...]) -> None:
    assert [name for name in names if mount_of(name, setting) is None] == []


def test_workers_have_the_tokens_that_they_act_with_and_cannot_change_them() -> None:
    connector, worker = compose()["services"]["connector"], compose()["services"]["worker"]
    assert worker["environment"] == connector["environment"]
    assert worker["secrets"] == connector["secrets"]
    assert mounted("worker")[PurePosixPath("/vault")] == ("vault", False)


def test_the_console_listens_to_this_machine_alone_and_keeps_its_archive() -> None:
    console = compose()["services"]["console"]
    assert [port.partition(":")[0] for port in console["ports"]] == ["127.0.0.1"]
    folder = PurePosixPath(console["environment"]["EGNYTE_WATCH_STREAMS__DATA_DIR"])
    assert mounted("console")[folder] == ("archive", True)


def test_named_volumes_are_declared_and_belong_to_our_user() -> None:
    image = (ROOT / "Dockerfile").read_text()
    mounts = {**mounted("worker"), **mounted("console"), **mounted("connector")}
    for target, (source, written) in mounts.items():
        name = source.rpartition(":-")[2].rstrip("}")
        assert name in compose()["volumes"]
        if written:
            assert f"-o 10001 -g 10001 {target}" in image, f"a new volume takes {target}'s owner from the image"
