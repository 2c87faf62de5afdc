"""How the app proves to the login server who it is: a client secret, or an assertion signed by its certificate."""

import uuid
from pathlib import Path
from typing import Final, Protocol

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from streams.secret import Secret
from streams.sections import EntraSettings

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_S: Final = 300
"""An assertion is used at once: five minutes are for clocks that differ."""


class Credential(Protocol):
    """A proof of who the app is."""

    def form(self, audience: str, now_ms: int) -> dict[str, str]:
        """Its fields of a token request. `audience`: the token endpoint's address."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """Texts that no message may hold."""
        ...


class ClientSecret:
    """A secret that both sides know."""

    kind: Final = "secret"

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def form(self, audience: str, now_ms: int) -> dict[str, str]:
        """See `Credential`."""
        return {"client_secret": self._secret.reveal()}

    def secrets(self) -> tuple[str, ...]:
        """See `Credential`."""
        return (self._secret.reveal(),)


class ClientCertificate:
    """A certificate whose public part is registered with the app. The key never leaves this process."""

    kind: Final = "certificate"

    def __init__(self, client_id: str, certificate: x509.Certificate, key: RSAPrivateKey) -> None:
        self._client_id = client_id
        self._key = key
        self._thumbprint = jwt.utils.base64url_encode(certificate.fingerprint(hashes.SHA256())).decode()
        self.expires = certificate.not_valid_after_utc

    def form(self, audience: str, now_ms: int) -> dict[str, str]:
        """See `Credential`. The assertion is a JWT (RFC 7523), signed by PS256."""
        now_s = now_ms // 1_000
        claims = {
            "aud": audience, "iss": self._client_id, "sub": self._client_id, "jti": str(uuid.uuid4()), "nbf": now_s,
            "iat": now_s, "exp": now_s + ASSERTION_S,
        }  # fmt: skip
        signed = jwt.encode(claims, self._key, algorithm="PS256", headers={"x5t#S256": self._thumbprint})
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}

    def secrets(self) -> tuple[str, ...]:
        """See `Credential`. An assertion is of use for five minutes, and masked by its sender."""
        return ()


def credential_of(entra: EntraSettings) -> ClientSecret | ClientCertificate:
    """The proof that the settings name. Raises ValueError, without the secret, for one that can't be used."""
    if not entra.certificate:
        return ClientSecret(entra.client_secret)
    path = Path(entra.certificate)
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise ValueError(f"entra.certificate: {path} can't be read: {error.strerror}") from None
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise ValueError(
            f"entra.certificate: {path} holds no certificate: give a PEM file with certificate and private key"
        ) from None
    password = entra.certificate_password.reveal().encode() or None
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError):
        raise ValueError(
            f"entra.certificate: the private key in {path} can't be read: it is missing, or "
            "entra.certificate_password does not open it"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"entra.certificate: the key in {path} is not RSA, and Entra ID takes no other")  # noqa: TRY004
    if key.public_key().public_numbers() != _public_numbers(certificate):
        raise ValueError(f"entra.certificate: certificate and private key in {path} do not belong together")
    return ClientCertificate(entra.client_id, certificate, key)


def _public_numbers(certificate: x509.Certificate) -> object:
    return certificate.public_key().public_numbers()  # type: ignore[union-attr]
