"""The settings in the words of the Kafka clients: aiokafka's options, Faust's credentials, a key's partition."""

from pathlib import Path
from ssl import SSLContext, SSLError
from typing import TYPE_CHECKING, Any

from aiokafka.helpers import create_ssl_context
from aiokafka.partitioner import murmur2

from streams.kafka_token import ClientCredentials
from streams.settings import KafkaSettings, SettingsError

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes: where the cluster is and how to log in.

    Raises SettingsError for a certificate that can't be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in kafka.bootstrap.split(",") if server.strip()],
        "security_protocol": kafka.security_protocol,
    }
    if _encrypted(kafka):
        options["ssl_context"] = ssl_context(kafka)
    if _with_login(kafka):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        if kafka.sasl_mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = ClientCredentials(kafka)
        else:
            options["sasl_plain_username"] = kafka.sasl_username
            options["sasl_plain_password"] = kafka.sasl_password.reveal()
    return options


def faust_credentials(kafka: KafkaSettings) -> "CredentialsT | None":
    """The same for `faust.App(broker_credentials=...)`; None where there is nothing to prove.

    Raises SettingsError for a certificate that can't be used.
    """
    from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials  # here, as it takes a second to load

    context = ssl_context(kafka) if _encrypted(kafka) else None
    if not _with_login(kafka):
        return None if context is None else SSLCredentials(context)
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return OAuthCredentials(oauth_cb=ClientCredentials(kafka), ssl_context=context)
    return SASLCredentials(
        username=kafka.sasl_username,
        password=kafka.sasl_password.reveal(),
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )


def ssl_context(kafka: KafkaSettings) -> SSLContext:
    """What the broker must prove (its certificate, its host name) and what we do (`ssl_certfile`, where set)."""
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        path = getattr(kafka, name)
        if path and not Path(path).is_file():
            raise SettingsError([f"kafka.{name}: there is no file {path}"])
    try:
        return create_ssl_context(
            cafile=kafka.ssl_cafile or None,
            certfile=kafka.ssl_certfile or None,
            keyfile=kafka.ssl_keyfile or None,
            password=lambda: "",  # without it, OpenSSL asks for the password of an encrypted key on the terminal
        )
    except (SSLError, OSError) as error:
        files = ", ".join(path for path in (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile) if path)
        raise SettingsError(
            [f"kafka.ssl_*: {files} can't be used ({error}): give PEM files, the key without a password"]
        ) from None


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that the Java clients' and aiokafka's default partitioner gives to `key`."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


def _encrypted(kafka: KafkaSettings) -> bool:
    return kafka.security_protocol.endswith("SSL")


def _with_login(kafka: KafkaSettings) -> bool:
    return kafka.security_protocol.startswith("SASL_")
