"""OCSF 1.8.0 objects, as far as findings use them (https://schema.ocsf.io/1.8.0/objects).

Names, ids and nesting are OCSF's own, so that a SIEM that speaks it needs no mapping. Fields equal to their default are
not sent; so what OCSF requires has no default here. All times are ms since the epoch, UTC.
"""

from typing import Final, Literal

import msgspec

VERSION: Final = "1.8.0"

UserTypeId = Literal[0, 1, 3, 99]
ObservableTypeId = Literal[2, 4, 5, 6, 12, 26]
RoleId = Literal[2, 3]
Role = Literal["Actor", "Affected"]


class Product(msgspec.Struct, frozen=True, gc=False):
    """Who found it."""

    name: str
    vendor_name: str
    version: str


class Metadata(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """About this record. `uid`: of this record alone (the finding's is in `finding_info`). `version`: of OCSF.

    `tenant_uid`: name of the connector. `labels`: `policy-set:<hash>`, `policy-version:<version>`. `profiles`:
    `incident`, where a person has judged.
    """

    version: str
    product: Product
    uid: str
    tenant_uid: str
    labels: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


class Analytic(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The policy that judged: `uid` its id, `version` changes whenever its logic or defaults do."""

    uid: str
    name: str
    type_id: int
    type: str
    version: str


class Tactic(msgspec.Struct, frozen=True, gc=False):
    """A MITRE ATT&CK tactic, e.g. TA0001 Initial Access."""

    uid: str
    name: str


class Technique(msgspec.Struct, frozen=True, gc=False):
    """A MITRE ATT&CK technique or sub-technique, e.g. T1078.004 Cloud Accounts."""

    uid: str
    name: str


class Attack(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One ATT&CK mapping. Either `technique` or `sub_technique` is given. `version`: of the ATT&CK matrix."""

    tactic: Tactic
    technique: Technique | None = None
    sub_technique: Technique | None = None
    version: str = ""


class Location(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Where an address is, by a geo-IP database. At least `city` or `country` is given.

    `country`: ISO 3166-1 alpha-2. `lat`, `long`: degrees, WGS 84. `horizontal_accuracy`: radius in metres, as text.
    """

    city: str = ""
    country: str = ""
    lat: float | None = None
    long: float | None = None
    horizontal_accuracy: str = ""


class AutonomousSystem(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The registered provider of an address. At least one of both is given."""

    number: int = 0
    name: str = ""


class Endpoint(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Where an activity came from."""

    ip: str
    location: Location | None = None
    autonomous_system: AutonomousSystem | None = None


class User(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Who did it. `uid`: the user key. `uid_alt`: Egnyte's id. `name`: the e-mail where known, else the name.

    `display_name`: as Egnyte wrote it. `email_addr`: only where it is a well-formed address.
    """

    uid: str
    type_id: UserTypeId
    type: str
    name: str = ""
    display_name: str = ""
    email_addr: str = ""
    uid_alt: str = ""


class Actor(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Who did it, and with what. `app_name`: the client, as Egnyte wrote it."""

    user: User
    app_name: str = ""


class File(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The file or folder it was done to; which of both, the audit does not say (`type_id` 0, Unknown)."""

    name: str
    path: str
    type_id: Literal[0]


class EvidenceData(msgspec.Struct, frozen=True, gc=False):
    """What OCSF's evidence has no attribute for.

    `time`: of the activity. `activity_type`: one of `schemas.activity.TYPES`.
    """

    time: int
    activity_type: str


class Evidence(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One activity that the reason rests on. `uid`: its event id."""

    uid: str
    name: str
    actor: Actor
    data: EvidenceData
    src_endpoint: Endpoint | None = None
    file: File | None = None


class Observable(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A value to pivot on. `name`: the attribute it is taken from; objects (Geo Location) have no `value`."""

    name: str
    type_id: ObservableTypeId
    type: str
    value: str | None = None


class AnalysisTarget(msgspec.Struct, frozen=True, gc=False):
    """Whose behaviour was analysed."""

    name: str
    type: str


class Observation(msgspec.Struct, frozen=True, gc=False):
    """A number, as OCSF wants it: text, with `.` as decimal point and no unit."""

    value: str


class Measure(msgspec.Struct, frozen=True, gc=False):
    """A number of the reason: OCSF's `anomaly` where observed, `baseline` where usual or allowed.

    `observation_parameter`: what was measured, with its unit: `speed in km/h`.
    """

    observation_parameter: str
    observations: tuple[Observation, ...]


class AnomalyAnalysis(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The numbers: what was seen beside what is usual. A measure of both has the same `observation_parameter`."""

    analysis_targets: tuple[AnalysisTarget, ...]
    anomalies: tuple[Measure, ...]
    baselines: tuple[Measure, ...] = ()


class Remediation(msgspec.Struct, frozen=True, gc=False):
    """What to do about it."""

    desc: str


class Resource(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The account, network or link concerned. `uid`: the user key, or connector and network or link. `labels`: what
    happened to it, in a few words each, such as `3 failed logins`."""

    uid: str
    name: str
    type: str
    role_id: RoleId
    role: Role
    labels: tuple[str, ...] = ()
