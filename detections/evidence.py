"""From the activities that a reason rests on to what OCSF calls evidences and observables. Everything is bounded."""

import re
from collections.abc import Iterator
from typing import Final

from detections.model import Evidence
from schemas import ocsf
from schemas.activity import Person, PersonKind

MAX_EVIDENCE: Final = 20
"""A person reads no more; with it and the limits below no finding comes near the size limit of a record."""
PATH_CHARS: Final = 1_024
TEXT_CHARS: Final = 256
EMAIL_CHARS: Final = 320
"""RFC 3696, erratum 1690: 64 before the @, 255 after it."""

KEY_CHARS: Final = 400
"""Of a user key: the longest e-mail, and the name of a connector (63) before it."""

_EMAIL: Final = re.compile(r"[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+")
"""OCSF's own pattern of `email_t`: other addresses are valid too, but a strict consumer would refuse the finding."""

_USER_TYPES: Final[dict[PersonKind, tuple[ocsf.UserTypeId, str]]] = {
    "person": (1, "User"),
    "system": (3, "System"),
    "anonymous": (99, "Anonymous"),
    "unknown": (0, "Unknown"),
}


def user_of(actor: Person, user_key: str) -> ocsf.User:
    """OCSF's user for `actor`. Its `name` is the e-mail, or what Egnyte wrote where that is unknown."""
    type_id, type_name = _USER_TYPES[actor.kind]
    return ocsf.User(
        uid=user_key,
        type_id=type_id,
        type=type_name,
        name=cut(actor.email or actor.name, EMAIL_CHARS),
        display_name=cut(actor.name, TEXT_CHARS),
        email_addr=actor.email if well_formed(actor.email) else "",
        uid_alt=cut(actor.user_id, TEXT_CHARS),
    )


def well_formed(email: str) -> bool:
    """Whether `email` is an address in OCSF's eyes."""
    return len(email) <= EMAIL_CHARS and _EMAIL.fullmatch(email) is not None


def _user_of_key(key: str) -> ocsf.User:
    """Somebody of whom only the user key is known."""
    key = cut(key, KEY_CHARS)
    name = key.partition("/")[2]
    if not name.startswith("~"):
        return user_of(Person(email=name), key)
    return user_of(Person(kind="anonymous" if name.startswith("~anonymous") else "unknown"), key)


def evidences(evidence: tuple[Evidence, ...], user: ocsf.User) -> tuple[ocsf.Evidence, ...]:
    """OCSF's evidences, each with its own user, or else `user`, as its actor; of more than `MAX_EVIDENCE` the first and
    the last half of it.

    So a reader sees how it began and how it stands.
    """
    if len(evidence) > MAX_EVIDENCE:
        half = MAX_EVIDENCE // 2
        evidence = evidence[:half] + evidence[half - MAX_EVIDENCE :]
    return tuple(
        ocsf.Evidence(
            uid=each.event_id,
            name=each.type,
            actor=ocsf.Actor(
                user=_user_of_key(each.user) if each.user else user, app_name=cut(each.client, TEXT_CHARS)
            ),
            data=ocsf.EvidenceData(each.time_ms, each.type),
            src_endpoint=_endpoint(each) if each.ip else None,
            file=_file(each.path) if each.path else None,
        )
        for each in evidence
    )


def observables(shown: tuple[ocsf.Evidence, ...]) -> tuple[ocsf.Observable, ...]:
    """What of `shown` is worth a search: the user, and each address and place once, where it appears first."""
    return tuple(_people(shown)) + tuple(_sources(shown))


def cut(text: str, chars: int) -> str:
    """`text`, or its beginning and an ellipsis where it has more than `chars` characters."""
    return text if len(text) <= chars else text[: chars - 1] + "…"


def number_text(value: float) -> str:
    """12 significant digits: all that was measured, and none of the noise of binary fractions."""
    return format(value, ".12g")


def _endpoint(evidence: Evidence) -> ocsf.Endpoint:
    provider = None
    if evidence.asn or evidence.organisation:
        provider = ocsf.AutonomousSystem(evidence.asn, cut(evidence.organisation, TEXT_CHARS))
    return ocsf.Endpoint(ip=evidence.ip, location=_location(evidence), autonomous_system=provider)


def _location(evidence: Evidence) -> ocsf.Location | None:
    """None where neither city nor country is known: coordinates alone are no location to OCSF."""
    if not (evidence.city or evidence.country):
        return None
    placed = evidence.latitude is not None and evidence.longitude is not None
    return ocsf.Location(
        city=cut(evidence.city, TEXT_CHARS),
        country=evidence.country,
        lat=evidence.latitude if placed else None,
        long=evidence.longitude if placed else None,
        horizontal_accuracy=number_text(evidence.radius_km * 1_000) if placed and evidence.radius_km else "",
    )


def _file(path: str) -> ocsf.File:
    name = path.rstrip("/").rpartition("/")[2] or path
    return ocsf.File(name=cut(name, TEXT_CHARS), path=cut(path, PATH_CHARS), type_id=0)


def _people(shown: tuple[ocsf.Evidence, ...]) -> Iterator[ocsf.Observable]:
    if not shown:
        return
    at, user = "evidences[0].actor.user", shown[0].actor.user
    if user.name:
        yield ocsf.Observable(name=f"{at}.name", type_id=4, type="User Name", value=user.name)
    if user.email_addr:
        yield ocsf.Observable(name=f"{at}.email_addr", type_id=5, type="Email Address", value=user.email_addr)


def _sources(shown: tuple[ocsf.Evidence, ...]) -> Iterator[ocsf.Observable]:
    seen: set[str | ocsf.Location] = set()
    for index, evidence in enumerate(shown):
        endpoint = evidence.src_endpoint
        if endpoint is None:
            continue
        at = f"evidences[{index}].src_endpoint"
        if endpoint.ip not in seen:
            seen.add(endpoint.ip)
            yield ocsf.Observable(name=f"{at}.ip", type_id=2, type="IP Address", value=endpoint.ip)
        if endpoint.location is not None and endpoint.location not in seen:
            seen.add(endpoint.location)
            yield ocsf.Observable(name=f"{at}.location", type_id=26, type="Geo Location")
