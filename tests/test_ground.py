"""The ground: the lock files agree with pyproject.toml, and no file carries a package registry's address."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ \\]+)(?P<rest>(?:.*\\\n.*)+(?:\n +#.*)*)", re.MULTILINE
)

# Put together here, so that this file passes its own test
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("repo", "maven", "apache", "org"),
        ("repo1", "maven", "org"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("registry-1", "docker", "io"),
    )
]


def locked(name: str) -> dict[str, tuple[str, str]]:
    """A lock file's packages: version, and the lines of hashes and origins that follow it."""
    text = (ROOT / name).read_text()
    return {match["name"]: (match["version"], match["rest"]) for match in PINNED.finditer(text)}


def stale(wanted: list[str], lock: dict[str, tuple[str, str]]) -> list[str]:
    """What `make lock` would change: packages asked for but not locked so, and locked ones nobody asks for."""
    problems = []
    requirements = {canonicalize_name(r.name): r for r in map(Requirement, wanted)}
    for name, requirement in requirements.items():
        version = lock.get(name, ("", ""))[0]
        if not version or not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement} is asked for, {version or 'nothing'} is locked")
    direct = {name for name, (_, rest) in lock.items() if re.search(r"\begnyte-watch \(pyproject\.toml", rest)}
    problems += [
        f"{name} is locked for pyproject.toml, which no longer asks for it" for name in direct - set(requirements)
    ]
    return problems


def test_the_lock_is_current() -> None:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert stale(wanted, locked("requirements.lock")) == [], "run `make lock`"


def test_the_data_lock_is_current() -> None:
    assert stale(PROJECT["dependency-groups"]["data"], locked("requirements-data.lock")) == [], "run `make lock`"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (["httpx>=0.28", "rich>=99"], "rich>=99 is asked for, 15.0.0 is locked"),
        (["httpx>=0.28", "rich>=13", "new-one"], "new-one is asked for, nothing is locked"),
        (["httpx>=0.28"], "rich is locked for pyproject.toml, which no longer asks for it"),
    ],
)
def test_a_stale_lock_is_seen(wanted: list[str], problem: str) -> None:
    direct = " \\\n    --hash=sha256:0\n    # via egnyte-watch (pyproject.toml)"
    assert stale(wanted, {"httpx": ("0.28.1", direct), "rich": ("15.0.0", direct), "h11": ("0.16.0", "")}) == [problem]


def test_the_images_lock_is_current_and_of_the_same_versions() -> None:
    tested, shipped = locked("requirements.lock"), locked("requirements-runtime.lock")
    assert stale(PROJECT["project"]["dependencies"], shipped) == [], "run `make lock`"
    different = {name for name, (version, _) in shipped.items() if tested.get(name, ("", ""))[0] != version}
    assert different == set(), "run `make lock`"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-runtime.lock", "requirements-data.lock"])
def test_every_locked_package_carries_a_hash(name: str) -> None:
    packages = locked(name)
    assert len(packages) == len(re.findall(r"^[a-z0-9]\S*==", (ROOT / name).read_text(), re.MULTILINE)) > 0
    assert [package for package, (_, rest) in packages.items() if "--hash=sha256:" not in rest] == []


def tracked_files() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_registry() -> None:
    files = tracked_files()
    assert ROOT / "pyproject.toml" in files
    found = [
        f"{path.relative_to(ROOT)} names {host}"
        for path in files
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    ]
    assert found == []


def test_every_dependency_is_accounted_for() -> None:
    table = (ROOT / "docs" / "dependencies.md").read_text().lower()
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        *PROJECT["dependency-groups"]["data"],
    ]
    assert [r.name for r in map(Requirement, wanted) if f"| {r.name.lower()} |" not in table] == []
