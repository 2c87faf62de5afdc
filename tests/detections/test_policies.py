"""The set of policies: what people read about each, the shipped settings, and how mistakes are told."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detections.model import Metadata
from detections.policies import BUILT_IN, PoliciesError, PolicySet

SHIPPED = Path(__file__).parents[2] / "policies" / "builtin.yaml"
PLANNED = {
    "impossible_travel", "failed_logins", "infrequent_country", "anonymous_ip", "suspicious_ip", "terminated_user",
    "mass_download", "mass_delete", "mass_share", "ransomware", "admin_activity", "password_spray",
    "credential_stuffing", "dormant_account", "new_client", "link_spread",
}  # fmt: skip
METADATA = [policy.metadata for policy, _ in BUILT_IN]


@pytest.mark.parametrize("metadata", METADATA, ids=lambda each: each.id)
def test_people_can_read_about_a_policy(metadata: Metadata) -> None:
    assert metadata.id in PLANNED
    assert re.fullmatch(r"\d+\.\d+", metadata.version)
    for text in (metadata.title, metadata.description, metadata.triage, metadata.remediation):
        assert text == text.strip()
        assert len(text) >= 10
    assert metadata.description.endswith(".")
    assert metadata.false_positives
    assert metadata.techniques
    for technique in metadata.techniques:
        assert re.fullmatch(r"T\d{4}(\.\d{3})?", technique.uid)
        assert re.fullmatch(r"TA\d{4}", technique.tactic_uid)
        assert technique.name
        assert technique.tactic


def test_ids_are_unique() -> None:
    assert len({each.id for each in METADATA}) == len(METADATA)


def test_the_shipped_file_says_the_defaults_and_all_of_them() -> None:
    shipped = msgspec.yaml.decode(SHIPPED.read_bytes())
    defaults = PolicySet.of({})
    assert PolicySet.of(shipped).settings == defaults.settings
    assert shipped == msgspec.json.decode(msgspec.json.encode(defaults.settings))


def test_severity_and_kind_are_by_default_what_the_metadata_says() -> None:
    settings = PolicySet.of({}).settings
    for metadata in METADATA:
        assert (settings[metadata.id].severity, settings[metadata.id].raises) == (metadata.severity, metadata.raises)


def test_the_hash_changes_with_any_setting_and_with_nothing_else() -> None:
    default = PolicySet.of({}).hash
    assert re.fullmatch(r"[0-9a-f]{64}", default)
    assert PolicySet.of({"failed_logins": {"min_failures": 10}, "impossible_travel": None}).hash == default
    others: list[dict[str, Any]] = [
        {"failed_logins": {"min_failures": 11}},
        {"failed_logins": {"enabled": False}},
        {"impossible_travel": {"raise": "behavior"}},
        {"impossible_travel": {"unplaceable_tags": ["tor"]}},
    ]
    assert len({default, *(PolicySet.of(each).hash for each in others)}) == 5


def test_a_policy_that_is_switched_off_does_not_judge() -> None:
    off = {"impossible_travel", "link_spread"}
    chosen = PolicySet.of({name: {"enabled": False} for name in off})
    asked = [each.metadata.id for each in chosen.policies] + [each.metadata.id for each in chosen.by_source]
    assert asked == [each.id for each in METADATA if each.id not in off]


def test_a_built_in_policy_asks_for_what_its_settings_say_and_for_nothing_by_itself() -> None:
    chosen = PolicySet.of(
        {"anonymous_ip": {"govern": ["suspend_user", "notify_user"]}, "link_spread": {"govern": ["notify"]}}
    )
    asks = {each.metadata.id: each.metadata.govern for each in chosen.policies}
    asks |= {each.metadata.id: each.metadata.govern for each in chosen.by_source}
    wanted = {"anonymous_ip": ("suspend_user", "notify_user"), "link_spread": ("notify",)}
    assert asks == {metadata.id: wanted.get(metadata.id, ()) for metadata in METADATA}
    assert not any(each.metadata.govern for each in PolicySet.of({}).policies)


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"imposible_travel": {}}, "imposible_travel is no built-in policy; did you mean 'impossible_travel'?"),
    ({"zzz": {}}, "zzz is no built-in policy; known are " + ", ".join(each.id for each in METADATA)),
    (
        {"ransomware": {"govern": ["suspend_user", "unsuspend_user"]}},
        "ransomware.govern has 'suspend_user' and 'unsuspend_user', which contradict; keep one",
    ),
    ({"ransomware": {"govern": ["suspend"]}}, "ransomware.govern[0] is 'suspend'; did you mean 'suspend_user'?"),
    ({"failed_logins": 7}, "failed_logins is 7; expected settings by name"),
    ({"failed_logins": {"min_failure": 7}}, "failed_logins.min_failure is no setting; did you mean 'min_failures'?"),
    ({"failed_logins": {"raises": "alert"}}, "failed_logins.raises is no setting; did you mean 'raise'?"),
    ({"failed_logins": {"min_failures": 2}}, "failed_logins.min_failures is 2; the smallest allowed is 3"),
    ({"failed_logins": {"min_failures": 2.5}}, "failed_logins.min_failures is 2.5; expected a whole number"),
    ({"failed_logins": {"min_failures": True}}, "failed_logins.min_failures is True; expected a whole number"),
    ({"failed_logins": {"gap_minutes": 500}}, "failed_logins.gap_minutes is 500; the largest allowed is 120"),
    ({"failed_logins": {"sigmas": float("nan")}}, "failed_logins.sigmas is nan; the smallest allowed is 0"),
    ({"failed_logins": {"enabled": "yes"}}, "failed_logins.enabled is 'yes'; expected true or false"),
    ({"failed_logins": {"severity": "hihg"}}, "failed_logins.severity is 'hihg'; did you mean 'high'?"),
    ({"impossible_travel": {"sensitivity": "Low"}}, "impossible_travel.sensitivity is 'Low'; did you mean 'low'?"),
    ({"impossible_travel": {"sensitivity": []}}, "impossible_travel.sensitivity is []; known are high, low, medium"),
    (
        {"impossible_travel": {"unplaceable_tags": "tor"}},
        "impossible_travel.unplaceable_tags is 'tor'; expected a list",
    ),
    ({"impossible_travel": {"unplaceable_tags": [1]}}, "impossible_travel.unplaceable_tags[0] is 1; expected text"),
    (
        {"impossible_travel": {"safe_categories": ["vpn", "corparate"]}},
        "impossible_travel.safe_categories[1] is 'corparate'; did you mean 'corporate'?",
    ),
)


@pytest.mark.parametrize(("config", "said"), WRONG)
def test_a_mistake_is_told_with_its_field_and_what_would_be_right(config: dict[str, Any], said: str) -> None:
    with pytest.raises(PoliciesError) as caught:
        PolicySet.of(config)
    assert str(caught.value) == said


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(PoliciesError) as caught:
        PolicySet.of({"failed_logins": {"sigmas": -1, "x": 1}, "impossible_travel": {"level": "planet"}})
    assert sorted(each.field for each in caught.value.mistakes) == [
        "failed_logins.sigmas",
        "failed_logins.x",
        "impossible_travel.level",
    ]
