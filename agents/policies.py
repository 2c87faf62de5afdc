"""Loads the policies of a folder: `organisation.yaml`, `builtin.yaml` and `activity/*.yaml`, all or nothing."""

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import yaml

from agents.governing.rules import FILE as GOVERNANCE_FILE
from agents.governing.rules import RulesError, read_rules
from detections.activity_policies import definition, organisation
from detections.activity_policies.document import MAX_CHARS, Problem, Table, Value, has_content, parse
from detections.activity_policies.organisation import Organisation
from detections.activity_policies.policy import ActivityPolicy
from detections.policies import BUILT_IN, PoliciesError, PolicySet
from detections.settings import Mistake

BUILT_IN_FILE: Final = "builtin.yaml"
ACTIVITY_DIR: Final = "activity"
MAX_BYTES: Final = 4 * MAX_CHARS + 1
"""Of a file: more than `parse` takes, however it is encoded."""
BUILT_IN_IDS: Final = tuple(policy.metadata.id for policy, _ in BUILT_IN)


Contents = Mapping[Path, bytes | OSError]
"""Files as they were read, once: what is judged is what was read, whatever becomes of the files meanwhile."""


def load_policies(folder: Path) -> PolicySet:
    """The set of policies that the files in `folder` ask for; what is not there has its default.

    Raises PoliciesError with all mistakes of all files: file, line, field and the nearest valid value.
    """
    return policies_of(folder, read_files(folder))


def read_files(folder: Path) -> Contents:
    """All files in `folder` that say something about policies, those that can't be read with the reason."""
    paths = [path for path in (folder / organisation.FILE, folder / BUILT_IN_FILE) if os.path.lexists(path)]
    try:
        paths += activity_files(folder)
    except OSError as error:
        return {path: _read(path) for path in paths} | {folder / ACTIVITY_DIR: error}
    return {path: _read(path) for path in paths}


def policies_of(folder: Path, files: Contents) -> PolicySet:
    """As `load_policies`, of files that were read before."""
    shared, problems = _organisation(folder / organisation.FILE, files.get(folder / organisation.FILE, b""))
    built_in, wrong = _built_in(folder / BUILT_IN_FILE, files.get(folder / BUILT_IN_FILE, b""))
    problems += wrong
    policies: list[ActivityPolicy] = []
    known: dict[str, Path] = {}
    for path, content in files.items():
        if path.parent == folder and path.name != ACTIVITY_DIR:
            continue
        policy, wrong = _activity(path, content, shared)
        problems += wrong
        if policy is None:
            continue
        policy_id = policy.metadata.id
        if policy_id in known:
            advice = "give each its own"
            problems.append(Problem("id", f"is {policy_id!r}, as in {known[policy_id]}", advice, str(path), 1))
        known[policy_id] = path
        policies.append(policy)
    mistakes = tuple(problem for problem in problems if not problem.note)
    if mistakes or built_in is None:
        raise PoliciesError(mistakes)
    return built_in.with_activity(policies)


def load_organisation(folder: Path) -> tuple[Organisation, list[Problem]]:
    """What the policies in `folder` share, and what is wrong with its file; nothing where there is no file."""
    path = folder / organisation.FILE
    return _organisation(path, _read(path) if path.exists() else b"")


def load_activity_policy(path: Path, shared: Organisation) -> tuple[ActivityPolicy | None, list[Problem]]:
    """The policy in the file `path`, None where it can't be used, and all that is wrong with it."""
    return _activity(path, _read(path), shared)


def check_file(path: Path, shared: Organisation) -> list[Problem]:
    """All that is wrong with one file: of built-in policies, of the organisation, of governance, or of an activity
    policy."""
    if path.name == BUILT_IN_FILE:
        return _built_in(path, _read(path))[1]
    if path.name == organisation.FILE:
        return _organisation(path, _read(path))[1]
    if path.name == GOVERNANCE_FILE:
        return _governance(path)
    return load_activity_policy(path, shared)[1]


def _governance(path: Path) -> list[Problem]:
    try:
        read_rules(path)
    except RulesError as error:
        told = str(error).removeprefix(f"{path}: ")
        return [Problem("governance", f"can't be used: {told}", "docs/governance.md says what it takes", str(path), 1)]
    return []


def activity_files(folder: Path) -> Iterable[Path]:
    """The files of the activity policies in `folder`, by name; none where it has no such folder. Hidden ones, which
    editors leave beside the file at work, are none. Raises OSError where they can't be listed."""
    try:
        names = os.listdir(folder / ACTIVITY_DIR)
    except FileNotFoundError:
        return []
    wanted = (name for name in names if name.endswith((".yaml", ".yml")) and not name.startswith("."))
    return [folder / ACTIVITY_DIR / name for name in sorted(wanted)]


def _organisation(path: Path, content: bytes | OSError) -> tuple[Organisation, list[Problem]]:
    text, problems = _text(path, content)
    found, wrong = organisation.read(text, str(path))
    return found, problems + wrong


def _activity(
    path: Path, content: bytes | OSError, shared: Organisation
) -> tuple[ActivityPolicy | None, list[Problem]]:
    text, problems = _text(path, content)
    return (None, problems) if problems else definition.read(text, str(path), shared, BUILT_IN_IDS)


def _built_in(path: Path, content: bytes | OSError) -> tuple[PolicySet | None, list[Problem]]:
    text, problems = _text(path, content)
    if problems:
        return None, problems
    if not has_content(text):
        return PolicySet.of({}), []
    root, problems = parse(text, str(path))
    if problems:
        return None, problems
    try:
        return PolicySet.of(yaml.safe_load(text)), []
    except PoliciesError as error:
        return None, [_placed(mistake, root, str(path)) for mistake in error.mistakes]
    except ValueError as error:  # YAML's own: a date that is none, say
        return None, [Problem("file", f"has a value that can't be read: {error}", "put it in quotes", str(path), 1)]


def _placed(mistake: Mistake, root: Table | None, file: str) -> Problem:
    """`mistake` with the line of the deepest part of its field that the file has."""
    value: Value | None = root
    line = 1
    for name in mistake.field.partition("[")[0].split("."):
        if not isinstance(value, Table) or name not in value.entries:
            break
        line, value = value.lines[name], value.entries[name]
    return Problem(mistake.field, mistake.problem, mistake.advice, file, line)


def _read(path: Path) -> bytes | OSError:
    """What is in `path`, as far as anybody could want it: the rest of a file that is far too large is of no use."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return OSError(errno.EINVAL, "it is no file")  # a pipe, say, would keep its reader waiting for ever
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        return error


def _text(path: Path, content: bytes | OSError) -> tuple[str, list[Problem]]:
    if isinstance(content, OSError):
        reason = content.strerror or type(content).__name__
        return "", [Problem("file", f"can't be read: {reason}", "check the path", str(path), 1)]
    if len(content) >= MAX_BYTES:
        return "", [Problem("file", f"has {MAX_BYTES:,} bytes or more", f"at most {MAX_CHARS:,}", str(path), 1)]
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        return "", [Problem("file", f"is not UTF-8 at byte {error.start}", "save it as UTF-8", str(path), 1)]
