"""The demo's policies: the user's own, but one of them asks for actions, and these are done: its clouds are simulated.

The product itself asks for nothing as shipped, and does nothing before people have set governance to `on`.
"""

import shutil
from pathlib import Path
from typing import Final, cast

import yaml

from agents.detect import policy_set
from agents.governing.rules import FILE as RULES_FILE
from agents.policies import BUILT_IN_FILE
from console.demo_clouds import CONNECTOR, MAILBOX
from console.demo_quiet import Limits
from detections.failed_logins import Settings as LoginSettings
from detections.policies import PoliciesError
from detections.travel_ladder import Settings as TravelSettings
from schemas.governance import Action
from streams.errors import Refused
from streams.sections import Settings

POLICY: Final = "anonymous_ip"
ASKED: Final[tuple[Action, ...]] = ("suspend_user", "deactivate_egnyte_user", "revoke_links", "notify_user")


def limits_of(settings: Settings) -> Limits:
    """Of the user's policies, which are so checked before anything is started. Raises Refused."""
    try:
        policies = policy_set(settings).settings
    except (PoliciesError, yaml.YAMLError) as error:
        raise Refused(f"policies in {settings.policies.dir}: {error}") from None
    travel = cast(TravelSettings, policies["impossible_travel"])
    return Limits(travel.min_speed_kmh, cast(LoginSettings, policies["failed_logins"]).min_failures)


def write_policies(own: Path, folder: Path) -> None:
    """Writes to `folder` the policies of `own`, which may be missing, with `POLICY` asking for `ASKED`.

    Nothing of the user's governance.yaml is taken: its webhooks are real ones. Raises OSError.
    """
    if own.is_dir():
        shutil.copytree(own, folder, ignore=shutil.ignore_patterns(".*"))
    else:
        folder.mkdir(parents=True)
    path = folder / BUILT_IN_FILE
    settings = (yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}
    settings[POLICY] = (settings.get(POLICY) or {}) | {"govern": list(ASKED)}
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    rules = {"connectors": {CONNECTOR: "on"}, "notify": {"copy": [MAILBOX]}}
    (folder / RULES_FILE).write_text(yaml.safe_dump(rules), encoding="utf-8")
