"""The comments in `policies/builtin.yaml`: the reasons of the settings, which stand there and nowhere else."""

import re
from dataclasses import dataclass, field
from typing import Final

_POLICY: Final = re.compile(r"([a-z_]+):\s*(?:#.*)?")
_SETTING: Final = re.compile(r"  ([a-z_]+):(.*)")
_COMMENT: Final = re.compile(r"\s+#\s?(.*)")
_TRAILING: Final = re.compile(r"\s#\s(.*)$")


@dataclass
class Section:
    """The comments of one policy. `why`: by setting; a comment above several settings goes with the first."""

    why: dict[str, str] = field(default_factory=dict)


def sections(text: str) -> dict[str, Section]:
    """The comments in `text`, by policy."""
    found: dict[str, Section] = {}
    section, above = Section(), list[str]()
    for line in text.splitlines():
        if policy := _POLICY.fullmatch(line):
            section, above = found.setdefault(policy[1], Section()), []
        elif setting := _SETTING.fullmatch(line):
            trailing = _TRAILING.search(setting[2])
            words = [" ".join(above), trailing[1] if trailing else ""]
            section.why[setting[1]] = " ".join(_sentence(each) for each in words if each)
            above = []
        elif comment := _COMMENT.fullmatch(line):
            above.append(comment[1].strip())
        else:
            above = []
    return found


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", ":", ";", "?")) else f"{text}."
