"""What people decide about governance: where it acts, whom it leaves alone, and when it has to stop.

`governance.yaml` beside the policies. Without the file everything is a dry run.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import yaml
from msgspec import Meta

from schemas.directory import normalised

FILE: Final = "governance.yaml"
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

Mode = Literal["off", "dry-run", "on"]
_STRENGTH: Final[dict[Mode, int]] = {"off": 0, "dry-run": 1, "on": 2}
Positive = Annotated[int, Meta(ge=1)]


class Breaker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When policies must not lock anybody out any more: a policy that has gone wrong stops itself.

    `locks` within `minutes`, and people within a day: `percent_of_people`, but never fewer than `locks`.
    """

    locks: Positive = 5
    minutes: Annotated[int, Meta(ge=1, le=1_440)] = 15
    percent_of_people: Annotated[float, Meta(gt=0, le=100)] = 1.0

    def a_day(self, people: int) -> int:
        """How many people may be locked out within a day, of so many."""
        return max(self.locks, int(people * self.percent_of_people / 100))


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address that messages are posted to. `url_file`: a file that holds it, for it may be a secret. `shape`: `json`
    of our own, or what Slack's and Teams' incoming webhooks take.
    """

    url: str = ""
    url_file: str = ""
    shape: Literal["json", "slack", "teams"] = "json"

    def __post_init__(self) -> None:
        """Raises ValueError unless one of the two is given, and `url` is one."""
        if bool(self.url) == bool(self.url_file):
            raise ValueError("a webhook takes url or url_file, one of them")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("a webhook's url begins with https://")

    def address(self) -> str:
        """Where to post to. Raises OSError for a file that can't be read."""
        return self.url or Path(self.url_file).read_text(encoding="utf-8").strip()


class Notify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told. `addresses`, `webhooks`: by the action `notify`. `copy`, `copy_manager`: who gets a copy of what
    `notify_user` writes.
    """

    addresses: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    copy: tuple[str, ...] = ()
    copy_manager: bool = False


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules in force.

    `mode`: of all connectors that `connectors` does not name. `policies`: a policy may be held back further than its
    connector, never let loose beyond it. `protected`: addresses that nothing is ever done to, such as break-glass and
    service accounts; `*` stands for any characters. `act_on_privileged`, `act_on_guests`: whether policies may.
    `notify`: who is told.
    `max_age_minutes`: older findings, by event time, never act by themselves.
    """

    mode: Mode = "dry-run"
    connectors: Mapping[str, Mode] = {}
    policies: Mapping[str, Mode] = {}
    protected: tuple[str, ...] = ()
    act_on_privileged: bool = False
    act_on_guests: bool = False
    max_age_minutes: Positive = 60
    breaker: Breaker = Breaker()
    notify: Notify = Notify()

    def mode_of(self, connector: str, policy: str = "") -> Mode:
        """The mode for `policy` at `connector`: the more cautious of the two."""
        of_connector = self.connectors.get(connector, self.mode)
        of_policy = self.policies.get(policy, of_connector)
        return min(of_connector, of_policy, key=lambda mode: _STRENGTH[mode])

    def protects(self, names: tuple[str, ...]) -> str:
        """The entry of `protected` that fits one of `names`; empty for none."""
        for entry in self.protected:
            pattern = normalised(entry).replace("[", "[[]").replace("?", "[?]")
            if any(fnmatchcase(normalised(name), pattern) for name in names if name):
                return entry
        return ""


class RulesError(ValueError):
    """Rules that can't be used: which file, what is wrong, and what is allowed."""


def read_rules(path: Path, *, needed: bool = False) -> Rules:
    """The rules in `path`; those of a dry run where there is no file, or an empty one. Raises RulesError; where it is
    `needed`, also for these two.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if needed:
            raise RulesError(f"{path}: is gone. A file with `mode: dry-run` alone ends all other rules") from None
        return Rules()
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{path}: can't be read: {error}") from None
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RulesError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    if needed and not found:
        raise RulesError(f"{path}: is empty. A file with `mode: dry-run` alone ends all other rules")
    try:
        return msgspec.convert(_words(found if found is not None else {}), Rules)
    except msgspec.ValidationError as error:
        raise RulesError(f"{path}: {error}. It takes {', '.join(Rules.__struct_fields__)}") from None


def _words(found: object) -> object:
    """`found` with YAML's truth where a mode is meant: there `on` and `off` are no strings."""
    if not isinstance(found, dict):
        return found
    whole = dict(found)
    if "mode" in whole:
        whole["mode"] = _mode(whole["mode"])
    for name in ("connectors", "policies"):
        if isinstance(whole.get(name), dict):
            whole[name] = {key: _mode(value) for key, value in whole[name].items()}
    return whole


def _mode(value: object) -> object:
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
