"""Signing keys of the provider: real ones, published as a JWK set."""

import hmac
import secrets
from typing import Any, Final, Literal

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.utils import base64url_encode

Algorithm = Literal["RS256", "PS256", "ES256"]
RSA_BITS: Final = 2048


class SigningKey:
    """One key with its name."""

    def __init__(self, algorithm: Algorithm = "RS256") -> None:
        self.name = secrets.token_hex(8)
        self.algorithm = algorithm
        self._private: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
        )

    def published(self) -> dict[str, Any]:
        """As it stands in the JWK set."""
        made = jwt.get_algorithm_by_name(self.algorithm)
        public: dict[str, Any] = made.to_jwk(self._private.public_key(), as_dict=True)
        return public | {"kid": self.name, "use": "sig", "alg": self.algorithm}

    def signed(self, claims: dict[str, Any], name: str = "") -> str:
        """A token, which says that key `name` signed it, by default the truth."""
        return jwt.encode(claims, self._private, algorithm=self.algorithm, headers={"kid": name or self.name})


def forged(claims: dict[str, Any], algorithm: Literal["none", "HS256"], published: dict[str, Any]) -> str:
    """A token that everybody can make: unsigned, or signed by the published key taken for a shared secret."""
    head = {"alg": algorithm, "kid": published["kid"], "typ": "JWT"}
    said = b".".join(base64url_encode(msgspec.json.encode(part)) for part in (head, claims))
    key = msgspec.json.encode(published)  # a careful library would not sign with it: so this is done by hand
    signature = b"" if algorithm == "none" else hmac.digest(key, said, "sha256")
    return (said + b"." + base64url_encode(signature)).decode()
