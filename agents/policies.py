"""Loads the policies of a folder: `organisation.yaml`, `builtin.yaml` and `activity/*.yaml`, all or nothing."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml

from detections.activity_policies import definition, organisation
from detections.activity_policies.document import Problem, Table, Value, has_content, parse
from detections.activity_policies.organisation import Organisation
from detections.activity_policies.policy import ActivityPolicy
from detections.policies import BUILT_IN, PoliciesError, PolicySet
from detections.settings import Mistake

BUILT_IN_FILE: Final = "builtin.yaml"
ACTIVITY_DIR: Final = "activity"
BUILT_IN_IDS: Final = tuple(policy.metadata.id for policy, _ in BUILT_IN)


def load_policies(folder: Path) -> PolicySet:
    """The set of policies that the files in `folder` ask for; what is not there has its default.

    Raises PoliciesError with all mistakes of all files: file, line, field and the nearest valid value.
    """
    shared, problems = load_organisation(folder)
    built_in, wrong = _load_built_in(folder / BUILT_IN_FILE)
    problems += wrong
    policies: list[ActivityPolicy] = []
    files: dict[str, Path] = {}
    for path in activity_files(folder):
        policy, wrong = load_activity_policy(path, shared)
        problems += wrong
        if policy is None:
            continue
        policy_id = policy.metadata.id
        if policy_id in files:
            advice = "give each its own"
            problems.append(Problem("id", f"is {policy_id!r}, as in {files[policy_id]}", advice, str(path), 1))
        files[policy_id] = path
        policies.append(policy)
    mistakes = tuple(problem for problem in problems if not problem.note)
    if mistakes or built_in is None:
        raise PoliciesError(mistakes)
    return built_in.with_activity(policies)


def load_organisation(folder: Path) -> tuple[Organisation, list[Problem]]:
    """What the policies in `folder` share, and what is wrong with its file; nothing where there is no file."""
    path = folder / organisation.FILE
    text, problems = _text(path) if path.exists() else ("", [])
    found, wrong = organisation.read(text, str(path))
    return found, problems + wrong


def load_activity_policy(path: Path, shared: Organisation) -> tuple[ActivityPolicy | None, list[Problem]]:
    """The policy in the file `path`, None where it can't be used, and all that is wrong with it."""
    text, problems = _text(path)
    return (None, problems) if problems else definition.read(text, str(path), shared, BUILT_IN_IDS)


def check_file(path: Path, shared: Organisation) -> list[Problem]:
    """All that is wrong with one file: of built-in policies, of the organisation, or of an activity policy."""
    if path.name == BUILT_IN_FILE:
        return _load_built_in(path)[1] if path.exists() else _text(path)[1]
    if path.name == organisation.FILE:
        text, problems = _text(path)
        return problems or organisation.read(text, str(path))[1]
    return load_activity_policy(path, shared)[1]


def activity_files(folder: Path) -> Iterable[Path]:
    """The files of the activity policies in `folder`, by name."""
    return sorted(path for path in (folder / ACTIVITY_DIR).glob("*.y*ml") if path.suffix in (".yaml", ".yml"))


def _load_built_in(path: Path) -> tuple[PolicySet | None, list[Problem]]:
    if not path.exists():
        return PolicySet.of({}), []
    text, problems = _text(path)
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


def _placed(mistake: Mistake, root: Table | None, file: str) -> Problem:
    """`mistake` with the line of the deepest part of its field that the file has."""
    value: Value | None = root
    line = 1
    for name in mistake.field.partition("[")[0].split("."):
        if not isinstance(value, Table) or name not in value.entries:
            break
        line, value = value.lines[name], value.entries[name]
    return Problem(mistake.field, mistake.problem, mistake.advice, file, line)


def _text(path: Path) -> tuple[str, list[Problem]]:
    try:
        return path.read_text(encoding="utf-8"), []
    except OSError as error:
        return "", [Problem("file", f"can't be read: {error.strerror}", "check the path", str(path), 1)]
    except UnicodeDecodeError as error:
        return "", [Problem("file", f"is not UTF-8 at byte {error.start}", "save it as UTF-8", str(path), 1)]
