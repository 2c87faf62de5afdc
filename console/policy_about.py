"""One policy for people to read: what it looks for, how it is set here and as shipped, what to do about findings."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from agents.policies import activity_files, load_organisation, load_policies
from detections.activity_policies.definition import read
from detections.model import Metadata
from detections.policies import BUILT_IN


class Setting(msgspec.Struct, frozen=True):
    """`value` as it is here, `default` as it is shipped; both as text."""

    name: str
    value: str
    default: str


class About(msgspec.Struct, frozen=True):
    """`settings`: of a built-in policy. `source`: the file of an activity policy, as it is."""

    metadata: Metadata
    settings: tuple[Setting, ...] = ()
    file: str = ""
    source: str = ""


def about(folder: Path, policy_id: str) -> About | None:
    """The policy of that id with this folder; None where there is none. Raises PoliciesError, OSError."""
    for policy, _ in BUILT_IN:
        if policy.metadata.id == policy_id:
            settings = load_policies(folder).settings[policy_id]
            return About(policy.metadata, _settings(settings, type(settings)()))
    shared = replace(load_organisation(folder)[0], directory=True)
    for path in activity_files(folder):
        text = path.read_text(encoding="utf-8")
        found, _ = read(text, str(path), shared)
        if found is not None and found.metadata.id == policy_id:
            return About(found.metadata, (), str(path), text)
    return None


def _settings(here: msgspec.Struct, shipped: msgspec.Struct) -> tuple[Setting, ...]:
    values, defaults = _plain(here), _plain(shipped)
    return tuple(Setting(name, _words(value), _words(defaults[name])) for name, value in values.items())


def _plain(settings: msgspec.Struct) -> Mapping[str, Any]:
    made: Mapping[str, Any] = msgspec.to_builtins(settings)
    return made


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"
