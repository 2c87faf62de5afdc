"""Who the claims of an ID token say somebody is, and what they may do here."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from console.web.oidc.errors import SignInError
from console.web.sessions import Role
from schemas.verdict import BY_CHARS
from streams.section_oidc import OidcSettings

EVERYBODY: Final = "*"
_NAMES: Final = ("email", "name", "sub")


class Person(msgspec.Struct, frozen=True):
    """`name`: as in the audit trail. `identity`: what never changes of them: issuer and subject."""

    name: str
    identity: str
    role: Role


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Raises SignInError for somebody without a role here: whom to ask, and for what."""
    name = _name(claims, settings)
    role = _role(claims, settings)
    if role is not None:
        return Person(name, f"{settings.issuer} {claims['sub']}", role)
    raise SignInError(
        f"{name} is signed in there, but has no role here{_why(claims, settings)}. Ask {settings.contact}."
    )


def values_of(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The texts of a claim: of a list, or of one text. `a.b` is `b` within `a`, unless a claim is called so."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return frozenset(each for each in listed if isinstance(each, str) and each)


def _role(claims: Mapping[str, Any], settings: OidcSettings) -> Role | None:
    """The highest that one of the claim's values gives."""
    held = values_of(claims, settings.roles_claim) | {EVERYBODY}
    given: tuple[tuple[Role, str], ...] = (
        ("admin", settings.admins),
        ("analyst", settings.analysts),
        ("viewer", settings.viewers),
    )
    for role, names in given:
        if held & {name.strip() for name in names.split(",") if name.strip()}:
            return role
    return None


def _why(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    held = values_of(claims, settings.roles_claim)
    if held:
        named = ", ".join(sorted(held)[:5])[:200]
        return f" ({settings.roles_claim}: {''.join(each for each in named if each.isprintable())})"
    elsewhere = claims.get("_claim_names")
    if claims.get("hasgroups") or (isinstance(elsewhere, Mapping) and settings.roles_claim in elsewhere):
        return f": the account is in too many groups for a token to name them in {settings.roles_claim} (use app roles)"
    return f": the provider sends no {settings.roles_claim}"


def _name(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    for claim in (settings.name_claim, *_NAMES):
        text = claims.get(claim)
        plain = "".join(each for each in text if each.isprintable()).strip() if isinstance(text, str) else ""
        if plain:
            return plain[:BY_CHARS]
    return "somebody"
