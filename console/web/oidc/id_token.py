"""Checks ID tokens (OpenID Connect Core 1.0, section 3.1.3.7). Pure but for the clock."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt

from console.web.oidc.errors import SignInError

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures by keys that the provider alone has: never `none`, and no HMAC, whose key is our own secret or, by
confusion, the provider's public key."""
REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")
MAX_CHARS: Final = 64 * 1024
SUBJECT_CHARS: Final = 255
"""OpenID Connect Core 1.0, section 2."""
Key = Mapping[str, Any]
"""One key of a JWK set (RFC 7517)."""


class UnknownKeyError(SignInError):
    """The token is signed by a key that is not among those given: it may be a newer one."""


def checked(
    token: str, keys: Sequence[Key], *, issuer: str, client_id: str, nonce: str, skew_s: float
) -> dict[str, Any]:
    """The claims of `token`. `skew_s`: how far the provider's clock may be from ours.

    Raises UnknownKeyError, and SignInError for whatever else is wrong with it.
    """
    key = _key(token, keys)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=client_id,
            issuer=issuer,
            leeway=skew_s,
            options={"require": list(REQUIRED)},
        )
    except jwt.PyJWTError as error:
        raise SignInError(f"the provider's ID token is not accepted: {_plain(error)}") from None
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(errors="replace"), nonce.encode()):
        raise SignInError("the provider's ID token is not accepted: it answers another sign-in (nonce)")
    party = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (party is not None or several) and party != client_id:
        raise SignInError("the provider's ID token is not accepted: it was made for another application (azp)")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_CHARS or not subject.isprintable():
        raise SignInError("the provider's ID token is not accepted: it does not say who signed in (sub)")
    return claims


def _key(token: str, keys: Sequence[Key]) -> jwt.PyJWK:
    if len(token) > MAX_CHARS:
        raise SignInError(f"the provider's ID token has {len(token):,} characters, at most {MAX_CHARS:,} are read")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise SignInError(f"the provider's ID token can't be read: {_plain(error)}") from None
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise SignInError(f"the provider's ID token is signed by {str(algorithm)[:20]!r}, which proves nothing here")
    fitting = [
        key
        for key in keys
        if (name is None or key.get("kid") == name)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and key.get("kty") in ("RSA", "EC", "OKP")
    ]
    if not fitting:
        raise UnknownKeyError("the provider's ID token is signed by a key that the provider does not publish")
    if len(fitting) > 1:
        raise SignInError("the provider's ID token does not say which of the provider's keys signed it (kid)")
    try:
        return jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise SignInError(f"the provider's key can't be used: {_plain(error)}") from None


def _plain(error: Exception) -> str:
    return str(error)[:200]
