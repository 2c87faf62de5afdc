"""`python -m console.detections_page [--check]`: writes docs/detections.md out of what code and policy files say.

Nothing on the page is written twice: metadata comes from the policies, settings with their reasons from their types and
`policies/builtin.yaml`, what fires and what does not from their cases, reason codes from where they are given.
Exit code 0: written, or not stale; 1: stale; 2: wrong usage.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from agents.governing.breaker_alarm import BREAKER
from agents.policies import BUILT_IN_FILE, activity_files
from connectors.egnyte import alarms
from console import activity_policies_page
from console.policy_comments import Section, sections
from console.policy_markdown import advice, article, as_shipped, attack, cell, flat, head
from detections.cases import Case, CaseFile, load
from detections.model import Metadata
from detections.policies import BUILT_IN, BY_SOURCE
from detections.settings import PolicySettings, bounds
from detections.system_findings import POLICY_REJECTED

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "detections.md"
POLICIES: Final = ROOT / "policies"
COMMAND: Final = "python -m console.detections_page"
SYSTEM: Final = (POLICY_REJECTED, *alarms.POLICIES.values(), BREAKER)
SOURCED: Final = frozenset(policy.metadata.id for policy, _ in BY_SOURCE)

INTRODUCTION: Final = f"""\
# Detections

<!-- Written by `{COMMAND}`: change the policies, their cases or `policies/builtin.yaml` instead. -->

What egnyte-watch looks for, when it stays quiet, and what to do about what it finds. Three kinds of policies:

- **Built-in policies** know what is usual for each user, network and link. They are tuned in `policies/builtin.yaml`.
- **Activity policies** are rules in YAML, one file each in `policies/activity/`: those below are shipped, and
  [policies.md](policies.md) tells how to write your own.
- **System findings** tell that egnyte-watch itself can't do its work.

## How to tune

- Findings are **alerts** (`raise: alert`, on `egnyte.alerts`: somebody should look) or **behaviors** (`raise:
  behavior`, on `egnyte.behaviors`: kept and searchable, nobody is called). Each policy chooses; noisy ones are better
  behaviors.
- Change a file, and run `egnyte-watch policies check policies`. Workers take the change within 10 seconds, all files or
  none; a mistake keeps the old policies in force and raises `policy_rejected`. Findings name their policy's version and
  the hash of the set.
- Try a change on the past first: `egnyte-watch backtest` says what would be raised more and what less. `egnyte-watch
  replay` then judges history again in place, and closes as `withdrawn` what is not raised any more.
- Say what a finding was: `egnyte-watch alerts close UID --as true-positive|benign|false-positive --comment ...`. It is
  updated no more. When a finding about where somebody comes from is closed as `benign`, its providers are not raised
  for this user again for 80 days (reason code `closed_as_benign`).
- Name your own networks first (IP lists, categories `corporate` and `vpn`): nothing else takes away as many false
  alerts.
- What a policy saw and did not raise is on `egnyte.behaviors`, with status Suppressed and a reason code in
  `status_detail`, once for each reason and day.
"""


def page() -> str:
    """The whole page."""
    commented = sections((POLICIES / BUILT_IN_FILE).read_text("utf-8"))
    parts = [INTRODUCTION, _overview(), "## Built-in policies\n"]
    parts += [_built_in(policy, settings, commented) for policy, settings in BUILT_IN]
    parts.append(activity_policies_page.INTRODUCTION)
    parts += [activity_policies_page.part(path) for path in activity_files(POLICIES)]
    parts.append("## System findings\n")
    parts += [_system(metadata) for metadata in SYSTEM]
    return "\n".join(parts).rstrip() + "\n"


def _overview() -> str:
    rows = [
        "| policy | what it finds | raises | severity | ATT&CK |",
        "|---|---|---|---|---|",
    ]
    for policy, settings in BUILT_IN:
        chosen, metadata = settings(), policy.metadata
        state = chosen.raises if chosen.enabled else f"{chosen.raises}, off"
        ids = ", ".join(technique.uid for technique in metadata.techniques)
        link = f"[`{metadata.id}`](#{metadata.id})"
        rows.append(f"| {link} | {cell(metadata.title)} | {state} | {chosen.severity} | {ids} |")
    for path in activity_files(POLICIES):
        metadata, given = activity_policies_page.shipped(path)
        state = metadata.raises if given.get("enabled") != "false" else f"{metadata.raises}, off"
        ids = ", ".join(technique.uid for technique in metadata.techniques)
        link = f"[`{metadata.id}`](#{metadata.id})"
        rows.append(f"| {link} | {cell(metadata.title)} | {state} | {metadata.severity} | {ids} |")
    for metadata in SYSTEM:
        link = f"[`{metadata.id}`](#{metadata.id})"
        rows.append(f"| {link} | {cell(metadata.title)} | {metadata.raises} | {metadata.severity} | |")
    return "\n".join(rows) + "\n"


def _built_in(policy: Any, settings: type[PolicySettings], commented: dict[str, Section]) -> str:
    metadata, chosen = policy.metadata, settings()
    about = "a network, a link or all logins of a domain" if metadata.id in SOURCED else "one user"
    cases, state = _cases(metadata.id), as_shipped(chosen.raises, chosen.severity, on=chosen.enabled)
    return "\n".join(
        [
            *head(metadata),
            f"Version {metadata.version}, about {about}. {state}",
            "",
            *attack(metadata),
            *_case_lists(cases),
            *_reasons(policy),
            *_settings(metadata.id, settings, commented.get(metadata.id, Section())),
            *advice(metadata),
        ]
    )


def _cases(policy: str) -> CaseFile:
    path = ROOT / "detections" / f"{policy}.cases.yaml"
    return load(path.read_text("utf-8"), path.name)


def _case_lists(cases: CaseFile) -> list[str]:
    fires = [f"- {flat(case.name)}" for case in cases.fires]
    quiet = [f"- {flat(case.name)}{_why(case)}" for case in cases.quiet]
    lines = [f"- {flat(each.name)}" for each in cases.borderline]
    return ["Fires:", "", *fires, "", "Stays quiet:", "", *quiet, "", "Where the line is:", "", *lines, ""]


def _why(case: Case) -> str:
    return f" (`{case.reason}`)" if case.reason and case.reason != "nothing" else ""


def reasons_of(policy: Any) -> dict[str, str]:
    """The reason codes for which `policy` (a class) does not raise what it sees, each in words: those of the modules of
    its class and of the classes that it is made of."""
    found: dict[str, str] = {}
    for kind in reversed(policy.__mro__):
        module = vars(sys.modules[kind.__module__])
        found |= module.get("WHY") or module.get("_WHY") or {}
    return found


def _reasons(policy: Any) -> list[str]:
    reasons = reasons_of(policy)
    if not reasons:
        return []
    rows = [f"| `{code}` | {cell(words)} |" for code, words in reasons.items()]
    return ["Seen and not raised, with a reason code:", "", "| code | why |", "|---|---|", *rows, ""]


def _settings(policy: str, settings: type[PolicySettings], section: Section) -> list[str]:
    rows = ["| setting | default | allowed | why |", "|---|---|---|---|"]
    for name, default, allowed in bounds(settings):
        why = section.why.get(name, "")
        rows.append(f"| `{name}` | {cell(default)} | {cell(allowed)} | {cell(why)} |")
    return [f"Settings, under `{policy}:` in `builtin.yaml`; units are in their names:", "", *rows, ""]


def _system(metadata: Metadata) -> str:
    return "\n".join(
        [
            *head(metadata),
            f"Raises {article(metadata.raises)}, severity {metadata.severity}; it closes by itself once it is mended.",
            "",
            *advice(metadata),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code. Raises OSError where the page can't be written."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write docs/detections.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    check = parser.parse_args(arguments).check
    wanted = page()
    current = PAGE.read_text("utf-8") if PAGE.is_file() else ""
    if current == wanted:
        return 0
    if check:
        sys.stderr.write(f"docs/{PAGE.name} is stale: run `{COMMAND}`\n")
        return 1
    PAGE.write_text(wanted, "utf-8")
    sys.stdout.write(f"docs/{PAGE.name} is up to date again\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
