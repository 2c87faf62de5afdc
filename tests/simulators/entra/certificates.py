"""A certificate of a test's own, made on the spot."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@cache
def certificate(until: str = "2030-01-01", password: str = "") -> tuple[str, str]:
    """PEM of a self-signed certificate that is valid until `until`, and of its key."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "egnyte-watch")])
    ends = datetime.fromisoformat(until).replace(tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=3_650))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    shut = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, shut)
    return made.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()
