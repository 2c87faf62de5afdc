"""What every part of docs/detections.md has, in Markdown: heading, techniques, advice."""

from detections.finding import ATTACK_VERSION
from detections.model import Metadata


def head(metadata: Metadata) -> list[str]:
    """A part's heading, and what the policy is about."""
    return [f"### {metadata.id}", "", f"**{metadata.title}.** {metadata.description}", ""]


def attack(metadata: Metadata) -> list[str]:
    """Its techniques."""
    if not metadata.techniques:
        return []
    named = [f"{each.uid} {each.name} ({each.tactic})" for each in metadata.techniques]
    return [f"MITRE ATT&CK {ATTACK_VERSION}: {', '.join(named)}.", ""]


def advice(metadata: Metadata) -> list[str]:
    """What people should know who get a finding of it."""
    parts = []
    if metadata.false_positives:
        parts += ["False positives:", "", *(f"- {flat(each)}" for each in metadata.false_positives), ""]
    if metadata.triage:
        parts += [f"Triage: {flat(metadata.triage)}", ""]
    if metadata.remediation:
        parts += [f"What to do: {flat(metadata.remediation)}", ""]
    return parts


def as_shipped(raises: str, severity: str, *, on: bool) -> str:
    """What it does as it is shipped."""
    return f"{'On' if on else 'Off'} by default; raises {article(raises)}, severity {severity}."


def article(raises: str) -> str:
    """What is raised, in words."""
    return "an alert" if raises == "alert" else "a behavior"


def flat(text: str) -> str:
    """`text` as Markdown takes it for text, on one line."""
    return " ".join(text.split()).replace("<", "&lt;")


def cell(text: str) -> str:
    """`text` as a cell of a table."""
    return flat(text).replace("|", "\\|")
