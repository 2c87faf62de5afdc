"""The set of policies in force: the built-in ones with their settings, and the activity policies."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from detections.activity_policies.governance import contradictions
from detections.activity_policies.policy import ActivityPolicy
from detections.admin_activity import AdminActivity
from detections.admin_activity import Settings as AdminActivitySettings
from detections.anonymous_ip import AnonymousIp
from detections.anonymous_ip import Settings as AnonymousIpSettings
from detections.credential_stuffing import CredentialStuffing
from detections.credential_stuffing import Settings as CredentialStuffingSettings
from detections.dormant_account import DormantAccount
from detections.dormant_account import Settings as DormantAccountSettings
from detections.failed_logins import FailedLogins
from detections.failed_logins import Settings as FailedLoginsSettings
from detections.impossible_travel import ImpossibleTravel
from detections.infrequent_country import InfrequentCountry
from detections.infrequent_country import Settings as InfrequentCountrySettings
from detections.link_spread import LinkSpread
from detections.link_spread import Settings as LinkSpreadSettings
from detections.mass_delete import MassDelete
from detections.mass_delete import Settings as MassDeleteSettings
from detections.mass_download import MassDownload
from detections.mass_download import Settings as MassDownloadSettings
from detections.mass_share import MassShare
from detections.mass_share import Settings as MassShareSettings
from detections.model import Policy, SourcePolicy
from detections.new_client import NewClient
from detections.new_client import Settings as NewClientSettings
from detections.password_spray import PasswordSpray
from detections.password_spray import Settings as PasswordSpraySettings
from detections.ransomware import Ransomware
from detections.ransomware import Settings as RansomwareSettings
from detections.settings import Mistake, PolicySettings, among, build
from detections.suspicious_ip import Settings as SuspiciousIpSettings
from detections.suspicious_ip import SuspiciousIp
from detections.terminated_user import Settings as TerminatedUserSettings
from detections.terminated_user import TerminatedUser
from detections.travel_ladder import Settings as ImpossibleTravelSettings

BY_USER: Final[tuple[tuple[type[Any], type[PolicySettings]], ...]] = (
    (ImpossibleTravel, ImpossibleTravelSettings),
    (FailedLogins, FailedLoginsSettings),
    (InfrequentCountry, InfrequentCountrySettings),
    (AnonymousIp, AnonymousIpSettings),
    (SuspiciousIp, SuspiciousIpSettings),
    (TerminatedUser, TerminatedUserSettings),
    (DormantAccount, DormantAccountSettings),
    (NewClient, NewClientSettings),
    (MassDownload, MassDownloadSettings),
    (MassDelete, MassDeleteSettings),
    (MassShare, MassShareSettings),
    (Ransomware, RansomwareSettings),
    (AdminActivity, AdminActivitySettings),
)
"""Policies on what users do, with the types of their settings, in the order in which they judge."""

BY_SOURCE: Final[tuple[tuple[type[Any], type[PolicySettings]], ...]] = (
    (PasswordSpray, PasswordSpraySettings),
    (CredentialStuffing, CredentialStuffingSettings),
    (LinkSpread, LinkSpreadSettings),
)
"""Policies on where attempts come from: networks and links."""

BUILT_IN: Final = (*BY_USER, *BY_SOURCE)


class PoliciesError(ValueError):
    """Settings that can't be used. `mistakes`: each of them, with what would be right."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class PolicySet:
    """`policies`: the enabled built-in ones on users, in the order in which they judge; `by_source`: those on networks
    and links. `hash`: SHA-256 (hex) of ids, versions
    and settings of all, so that a finding can name what it was judged by. `settings`: by policy id, of all built-in
    ones. `activity`: the activity policies, by id; the enabled ones judge after the others."""

    policies: tuple[Policy, ...]
    hash: str
    settings: Mapping[str, PolicySettings]
    activity: tuple[ActivityPolicy, ...] = ()
    by_source: tuple[SourcePolicy, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "PolicySet":
        """The set that `config` asks for: settings by policy id; what it does not name has its default.

        Raises PoliciesError with all mistakes, each with its field and what would be right.
        """
        known = {policy.metadata.id: (policy, settings) for policy, settings in BUILT_IN}
        mistakes = [
            Mistake(str(name), "is no built-in policy", among(str(name), known)) for name in config if name not in known
        ]
        chosen: dict[str, PolicySettings] = {}
        for name, (_, settings) in known.items():
            chosen[name], wrong = build(settings, config.get(name), name)
            mistakes += wrong + [
                Mistake(f"{name}.govern", f"has {closing!r} and {opening!r}, which contradict", "keep one")
                for closing, opening in contradictions(chosen[name].govern)
            ]
        if mistakes:
            raise PoliciesError(tuple(mistakes))
        return cls(
            policies=_enabled(BY_USER, chosen),
            by_source=_enabled(BY_SOURCE, chosen),
            hash=_hash([(name, known[name][0].metadata.version, chosen[name]) for name in sorted(chosen)]),
            settings=chosen,
        )

    def with_activity(self, policies: Sequence[ActivityPolicy]) -> "PolicySet":
        """This set, with `policies` as its activity policies. Without any, the hash stays what it was."""
        if not policies:
            return self
        ordered = tuple(sorted(policies, key=lambda each: each.metadata.id))
        versions = [(each.metadata.id, each.metadata.version) for each in ordered]
        content = msgspec.json.encode([self.hash, versions], order="deterministic")
        return replace(self, hash=hashlib.sha256(content).hexdigest(), activity=ordered)


def _enabled(kind: Sequence[tuple[type[Any], type[PolicySettings]]], chosen: Mapping[str, PolicySettings]) -> Any:
    named = ((policy, chosen[policy.metadata.id]) for policy, _ in kind)
    return tuple(_governing(policy(settings), settings) for policy, settings in named if settings.enabled)


def _governing(policy: Any, settings: PolicySettings) -> Any:
    """`policy`, whose findings ask for what its settings say."""
    if settings.govern:
        policy.metadata = msgspec.structs.replace(policy.metadata, govern=settings.govern)
    return policy


def _hash(effective: list[tuple[str, str, PolicySettings]]) -> str:
    return hashlib.sha256(msgspec.json.encode(effective, order="deterministic")).hexdigest()
