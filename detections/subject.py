"""What a finding is about: one user, or a network, a link, or a whole domain with those whom it concerns."""

from typing import Final

import msgspec

from detections.evidence import EMAIL_CHARS, PATH_CHARS, TEXT_CHARS, cut, user_of, well_formed
from detections.model import Candidate, Concerned
from schemas import ocsf
from schemas.activity import Person
from schemas.attempt import By

USER: Final = "User Account"
_KINDS: Final[dict[By, str]] = {"network": "Network", "connector": "Egnyte Domain", "link": "Link"}


class Subject(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a finding is about. `key`: makes the finding's uid. `kind`: in OCSF's words. `user`: who did what is shown
    as evidence, where that does not say it itself. `user_key`, `network`, `link`: as in `schemas.finding.Unmapped`."""

    key: str
    kind: str
    user: ocsf.User
    resources: tuple[ocsf.Resource, ...]
    observables: tuple[ocsf.Observable, ...] = ()
    user_key: str = ""
    network: str = ""
    link: str = ""


def user_subject(actor: Person, user_key: str) -> Subject:
    """`actor`, who is `user_key`."""
    user = user_of(actor, user_key)
    account = ocsf.Resource(user_key, user.name or user_key, USER, 3, "Affected")
    return Subject(key=user_key, kind=USER, user=user, resources=(account,), user_key=user_key)


def source_subject(candidate: Candidate, by: By, key: str, connector: str, name: str) -> Subject:
    """Where attempts come from: `key` is theirs, `name` the prefix of the network, or the link. With all that
    `candidate` concerns."""
    name = cut(name, PATH_CHARS)
    resources = tuple(_resource(each, connector) for each in candidate.concerned)
    return Subject(
        key=key,
        kind=_KINDS[by],
        user=user_of(Person(kind="unknown"), key),
        resources=resources,
        observables=tuple(_observables(resources)),
        network=name if by == "network" else "",
        link=name if by == "link" else "",
    )


def _resource(concerned: Concerned, connector: str) -> ocsf.Resource:
    name, labels = cut(concerned.name, PATH_CHARS), tuple(cut(each, TEXT_CHARS) for each in concerned.notes)
    if concerned.kind == "user":
        return ocsf.Resource(name, name_of(name), USER, 3, "Affected", labels)
    uid = f"{connector}/{name}"
    if concerned.kind == "network":
        return ocsf.Resource(uid, name, "Network", 2, "Actor", labels)
    return ocsf.Resource(uid, name, "Link", 3, "Affected", labels)


def name_of(user_key: str) -> str:
    """The e-mail in `user_key`, or what stands there for somebody without one."""
    return cut(user_key.partition("/")[2] or user_key, EMAIL_CHARS)


def _observables(resources: tuple[ocsf.Resource, ...]) -> list[ocsf.Observable]:
    found: dict[tuple[int, str], ocsf.Observable] = {}
    for index, each in enumerate(resources):
        at = f"resources[{index}].name"
        if each.type == "Network":
            made = ocsf.Observable(name=at, type_id=12, type="Subnet", value=each.name)
        elif each.type == "Link" and each.name.startswith(("http://", "https://")):
            made = ocsf.Observable(name=at, type_id=6, type="URL String", value=each.name)
        elif each.type == USER and well_formed(each.name):
            made = ocsf.Observable(name=at, type_id=5, type="Email Address", value=each.name)
        else:
            continue
        found.setdefault((made.type_id, each.name), made)
    return list(found.values())
