"""The sets of policies that the contest runs with: folders, as a worker reads them."""

import itertools
import shutil
from pathlib import Path
from typing import Any, Final

import yaml

SHIPPED: Final = Path(__file__).resolve().parents[1] / "policies"
FIRST_TWO: Final = ("impossible_travel", "failed_logins")
MANY: Final = 100
TYPES: Final = ("download", "view", "upload", "login", "failed_login")


def two(folder: Path) -> Path:
    """The built-in policies that the pipeline began with, and no others."""
    names = yaml.safe_load((SHIPPED / "builtin.yaml").read_text())
    folder.mkdir()
    (folder / "builtin.yaml").write_text(yaml.safe_dump({name: {"enabled": name in FIRST_TWO} for name in names}))
    return folder


def built_in(folder: Path) -> Path:
    """All built-in policies, no activity policies."""
    folder.mkdir()
    shutil.copy(SHIPPED / "builtin.yaml", folder)
    return folder


def everything(folder: Path) -> Path:
    """All built-in policies, and all that are shipped as activity policies, also those that are off by default."""
    shutil.copytree(SHIPPED, folder)
    for file in (folder / "activity").iterdir():
        file.write_text(file.read_text().replace("\nenabled: false\n", "\n"))
    return folder


def many(folder: Path) -> Path:
    """All built-in policies, and `MANY` activity policies, each looking at one of the workload's types: by folder,
    name, address, time, place, and by how often. Few find anything, as it should be.
    """
    built_in(folder)
    (folder / "activity").mkdir()
    for number, kind in zip(range(MANY), itertools.cycle(TYPES), strict=False):
        (folder / "activity" / f"policy_{number}.yaml").write_text(yaml.safe_dump(_policy(number, kind)))
    return folder


def _policy(number: int, kind: str) -> dict[str, Any]:
    here = f"/Shared/Projects/Harbor/{number}"
    shapes: list[dict[str, Any]] = [
        {"filters": {"path": {"under": here}, "ip_category": {"neq": "corporate"}}, "join": "1 h"},
        {"filters": {"extension": ["pst", "kdbx"], "time": "22:00-06:00", "interactive": True}},
        {"filters": {"country": ["KP", "IR", "SY"], "domain": f"partner{number}.example"}},
        {"filters": {"path": {"glob": f"/Shared/**/{number}/*.dwg"}}, "repeated": {"count": 60, "within": "10 min"}},
        {"filters": {"ip": {"in": [f"203.0.113.{number}/32", f"2001:db8:{number:x}::/48"]}, "outcome": "success"}},
        {"filters": {"text": f"budget {number}", "outcome": "success"}},
        {"filters": {"client": "new", "ip_category": {"neq": ["corporate", "vpn"]}, "name": {"startswith": "secret"}}},
        {"filters": {"interactive": True}, "repeated": {"count": 500, "within": "1 h"}},
    ]
    # Each type meets each shape, for their numbers have no common factor; but only every fourth time the last, which
    # counts all that a user does.
    shape = shapes[number % len(shapes)]
    if shape is shapes[-1] and number % (4 * len(shapes)) != len(shapes) - 1:
        shape = shapes[0]
    filters = {"type": kind, **shape["filters"]}
    named = {"id": f"policy_{number}", "title": f"Policy {number}", "description": "Of the benchmark."}
    return named | shape | {"filters": filters}
