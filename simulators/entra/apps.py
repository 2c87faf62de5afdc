"""App registrations: who may ask for tokens, by which proof, and what their tokens allow."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from simulators.entra.refusals import LoginRefusedError
from simulators.entra.switches import Switches

SCOPE: Final = "https://graph.microsoft.com/.default"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALL_PERMISSIONS: Final = (
    "User.Read.All", "User.EnableDisableAccount.All", "User.RevokeSessions.All", "User-LifeCycleInfo.Read.All",
    "RoleManagement.Read.Directory", "GroupMember.Read.All", "Mail.Send", "IdentityRiskyUser.ReadWrite.All",
    "AuditLog.Read.All", "Application.Read.All",
)  # fmt: skip
"""What the product's work takes."""
SKEW_S: Final = 300
"""By which an assertion's times may be off."""


class AppSecret(msgspec.Struct, frozen=True):
    """A client secret. `expires_ms`: -1 for never."""

    text: str
    expires_ms: int = -1


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One registration. `certificates`: PEM, public part. `permissions`: application permissions with admin consent.
    `roles`: directory roles that the app itself holds. `mailboxes`: addresses it may send from, none for all.
    """

    client_id: str
    secrets: tuple[AppSecret, ...] = ()
    certificates: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ALL_PERMISSIONS
    roles: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()


class Apps:
    """The registrations of a tenant, and the tokens given out."""

    def __init__(self) -> None:
        self._apps: dict[str, App] = {}
        self._tokens: dict[str, tuple[str, int]] = {}

    def register(self, app: App) -> None:
        """Adds `app`, or replaces the one of the same client id."""
        self._apps[app.client_id] = app

    def get(self, client_id: str) -> App | None:
        """The registration of a client id."""
        return self._apps.get(client_id)

    def bearer(self, authorization: str, now_ms: int) -> App | None:
        """Whose token an Authorization header carries; None for one that is missing, unknown or expired."""
        scheme, _, token = authorization.partition(" ")
        client_id, expires_ms = self._tokens.get(token, ("", 0))
        return self._apps.get(client_id) if scheme.lower() == "bearer" and now_ms < expires_ms else None

    def revoke_tokens(self) -> int:
        """Turns every token given out so far away from now on; returns how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count

    def token(self, form: Mapping[str, str], audience: str, switches: Switches, now_ms: int) -> dict[str, Any]:
        """The answer to a token request. `audience`: the address that an assertion must be made out to. Raises
        LoginRefusedError.
        """
        if form.get("grant_type") != "client_credentials":
            raise LoginRefusedError(
                400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{_told(form)}'."
            )
        app = self._apps.get(form.get("client_id", ""))
        if app is None:
            said = form.get("client_id", "")
            raise LoginRefusedError(
                400, "unauthorized_client", 700016, f"Application with identifier '{said}' was not found in the tenant."
            )
        if "client_assertion" in form:
            _check_assertion(app, form, audience, now_ms)
        else:
            _check_secret(app, form.get("client_secret", ""), switches, now_ms)
        if form.get("scope") != SCOPE:
            raise LoginRefusedError(
                400, "invalid_scope", 1002012, f"The provided value for scope {form.get('scope')} is not valid."
            )
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (app.client_id, now_ms + switches.token_lifetime_s * 1_000)
        lasts_s = switches.token_lifetime_s
        return {"token_type": "Bearer", "expires_in": lasts_s, "ext_expires_in": lasts_s, "access_token": token}


def _told(form: Mapping[str, str]) -> str:
    return form.get("grant_type", "")


def _check_secret(app: App, text: str, switches: Switches, now_ms: int) -> None:
    quoted = f" You sent '{text}'." if switches.quotes_secrets else ""
    found = next(
        (secret for secret in app.secrets if secrets.compare_digest(secret.text.encode(), text.encode())), None
    )
    if not text:
        raise LoginRefusedError(
            401, "invalid_client", 7000218, "The request body must contain 'client_assertion' or 'client_secret'."
        )
    if found is None:
        raise LoginRefusedError(401, "invalid_client", 7000215, f"Invalid client secret provided.{quoted}")
    if 0 <= found.expires_ms <= now_ms:
        raise LoginRefusedError(
            401, "invalid_client", 7000222, f"The provided client secret keys for app '{app.client_id}' are expired."
        )


def _check_assertion(app: App, form: Mapping[str, str], audience: str, now_ms: int) -> None:
    """A signed JWT (RFC 7523), as Entra wants it: thumbprint of a known certificate, issued by and for the app, made
    out to this endpoint, in time.
    """

    def wrong(why: str) -> LoginRefusedError:
        return LoginRefusedError(401, "invalid_client", 700027, f"The client assertion failed validation: {why}.")

    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise wrong("client_assertion_type is not supported")
    try:
        header = jwt.get_unverified_header(form["client_assertion"])
        certificate = next((c for c in _certificates(app) if _named_by(header, c)), None)
        if certificate is None:
            raise wrong("no certificate of the app has the thumbprint that the header names")
        if certificate.not_valid_after_utc.timestamp() * 1_000 <= now_ms:
            raise wrong("the certificate is expired")
        claims = jwt.decode(
            form["client_assertion"],
            key=certificate.public_key(),  # type: ignore[arg-type]
            algorithms=["PS256", "RS256"],
            audience=audience,
            options={"require": ["exp", "iss", "sub", "aud", "jti"], "verify_exp": False, "verify_nbf": False,
                     "verify_iat": False},
        )  # fmt: skip
    except jwt.PyJWTError as problem:
        raise wrong(f"{type(problem).__name__}: {problem}") from None
    now_s = now_ms / 1_000
    if claims["exp"] < now_s - SKEW_S or claims.get("nbf", now_s) > now_s + SKEW_S:
        raise wrong("the assertion is not within its valid time range")
    if not claims["iss"] == claims["sub"] == app.client_id:
        raise wrong("issuer and subject must be the client id")


def _certificates(app: App) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in app.certificates]


def _named_by(header: Mapping[str, Any], certificate: x509.Certificate) -> bool:
    algorithms: tuple[tuple[str, hashes.HashAlgorithm], ...] = (("x5t#S256", hashes.SHA256()), ("x5t", hashes.SHA1()))  # noqa: S303 - as the standard names it
    for name, algorithm in algorithms:
        if name in header:
            return bool(header[name] == jwt.utils.base64url_encode(certificate.fingerprint(algorithm)).decode())
    return False
