"""The part of docs/detections.md about the activity policies that are shipped."""

from pathlib import Path
from typing import Any, Final

from agents.policies import load_organisation
from console.policy_markdown import advice, as_shipped, attack, flat, head
from detections.activity_policies import stories
from detections.activity_policies.definition import read_with_cases
from detections.activity_policies.document import Reader, parse, plain
from detections.activity_policies.limits import MAX_MATCHES, SWITCHED_OFF
from detections.model import Metadata

INTRODUCTION: Final = f"""\
## Activity policies that are shipped

Each raises what its filters match, and knows no habits. What several matches are joined to is told in
[policies.md](policies.md). A policy that matches more than {MAX_MATCHES:,} activities of a day is switched off until
the day (UTC) ends, and tells that with reason code `{SWITCHED_OFF}`; over its daily limit it raises behaviors instead
of alerts, marked `limited`, on which governance acts all the same.
"""


def shipped(path: Path) -> tuple[Metadata, dict[str, Any]]:
    """Metadata and fields of the activity policy in `path`."""
    text = path.read_text("utf-8")
    policy, _ = read_with_cases(text, str(path), load_organisation(path.parents[1])[0])
    root, _ = parse(text, str(path))
    if policy is None or root is None:
        raise ValueError(f"{path} can't be used: run egnyte-watch policies check {path}")
    return policy.metadata, plain(root)


def part(path: Path) -> str:
    """What the page says of the activity policy in `path`."""
    metadata, given = shipped(path)
    text = path.read_text("utf-8")
    state = as_shipped(metadata.raises, metadata.severity, on=given.get("enabled") != "false")
    rule = [f"{name}: {_inline(given[name])}" for name in ("scope", "filters", "repeated", "join") if name in given]
    limits = f" At most {given['daily_limit']} alerts a day." if "daily_limit" in given else ""
    govern = f" Asks for {', '.join(metadata.govern)}." if metadata.govern else ""
    return "\n".join(
        [
            *head(metadata),
            f"{state}{limits}{govern} File: `policies/activity/{path.name}`.",
            "",
            *([f"{_opening(text)}", ""] if _opening(text) else []),
            *attack(metadata),
            "```yaml",
            *rule,
            "```",
            "",
            *_story_lists(text, str(path)),
            *advice(metadata),
        ]
    )


def _opening(text: str) -> str:
    """The comment at the head of a file, in one line."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    return flat(" ".join(lines))


def _story_lists(text: str, file: str) -> list[str]:
    root, _ = parse(text, file)
    told = stories.read_cases(root.entries.get("cases") if root else None, Reader(file))
    fires, quiet = ([f"- {flat(each.name)}" for each in told if each.fires is kind] for kind in (True, False))
    return ["Fires:", "", *fires, "", "Stays quiet:", "", *quiet, ""]


def _inline(value: Any) -> str:
    """A value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_inline(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(each) for each in value) + "]"
    text = str(value)
    plain_text = text.replace("_", "").replace(" ", "").replace(".", "").replace("/", "").replace("-", "").isalnum()
    return text if plain_text else f'"{text}"'
