"""What no single field can tell: settings that contradict each other."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from schemas.lookback import LOOKBACK_DAYS
from streams.section_oidc import OidcSettings
from streams.sections import DAY_MS, EntraSettings, KafkaSettings, Settings, StreamsSettings


class Contradiction(msgspec.Struct, frozen=True):
    """`field` is the one to change (`kafka.sasl_username`), `problem` says why and how."""

    field: str
    problem: str


def contradictions(settings: Settings) -> Iterator[Contradiction]:
    """Every contradiction in `settings`; none for the defaults."""
    yield from _credentials(settings.kafka)
    yield from _times_and_sizes(settings.streams)
    egnyte, entra = settings.egnyte, settings.entra
    for field, url, allow in (
        ("egnyte.url", egnyte.url, egnyte.allow_http),
        ("entra.graph_url", entra.graph_url, entra.allow_http),
        ("entra.login_url", entra.login_url, entra.allow_http),
        ("kafka.sasl_oauth_token_url", settings.kafka.sasl_oauth_token_url, False),
        ("oidc.issuer", settings.oidc.issuer, settings.oidc.allow_http),
        ("oidc.console_url", settings.oidc.console_url, settings.oidc.allow_http),
    ):
        yield from _plain_http(field, url, allow)
    if egnyte.max_per_minute > egnyte.max_per_hour:
        yield Contradiction("egnyte.max_per_minute", f"is more than egnyte.max_per_hour ({egnyte.max_per_hour})")
    if egnyte.url and not egnyte.name:
        yield Contradiction(
            "egnyte.name",
            "is empty while egnyte.url is set: it is the first part of every user key, so name the domain",
        )
    yield from _app(entra)
    yield from _sign_in(settings.oidc)


def _sign_in(oidc: OidcSettings) -> Iterator[Contradiction]:
    if not oidc.issuer:
        return
    for name in ("client_id", "console_url"):
        if not getattr(oidc, name):
            yield Contradiction(f"oidc.{name}", "is empty while oidc.issuer is set")
    if urlsplit(oidc.console_url).path.strip("/"):
        yield Contradiction("oidc.console_url", "has a path: the console answers at the root of its address")
    if "openid" not in oidc.scopes.split():
        yield Contradiction("oidc.scopes", "lacks openid: without it the provider tells nobody who signed in")
    if not any(name.strip() for text in (oidc.viewers, oidc.analysts, oidc.admins) for name in text.split(",")):
        yield Contradiction("oidc.admins", "is empty, and oidc.viewers and oidc.analysts too: nobody would have a role")
    for name in ("analysts", "admins"):
        if "*" in (each.strip() for each in getattr(oidc, name).split(",")):
            yield Contradiction(f"oidc.{name}", "has '*': who judges and acts is named; everybody may only look")


def _app(entra: EntraSettings) -> Iterator[Contradiction]:
    if not entra.tenant:
        return
    if not entra.client_id:
        yield Contradiction("entra.client_id", "is empty while entra.tenant is set")
    if entra.client_secret and entra.certificate:
        yield Contradiction("entra.client_secret", "is set beside entra.certificate: unset one of them")
    if not entra.client_secret and not entra.certificate:
        yield Contradiction(
            "entra.client_secret", "is empty while entra.tenant is set: set it, or entra.certificate in its place"
        )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _plain_http(field: str, url: str, allow_http: bool) -> Iterator[Contradiction]:
    parts = urlsplit(url)
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname or ""):
        section = field.split(".")[0]
        switch = "" if section == "kafka" else f", or set {section}.allow_http where the network is yours"
        yield Contradiction(field, f"sends secrets in clear to {parts.hostname}: use https://{switch}")


def _credentials(kafka: KafkaSettings) -> Iterator[Contradiction]:
    sasl = kafka.security_protocol.startswith("SASL_")
    tls = kafka.security_protocol.endswith("SSL")
    oauth = sasl and kafka.sasl_mechanism == "OAUTHBEARER"
    by_password = {"sasl_username": kafka.sasl_username, "sasl_password": kafka.sasl_password}
    by_token = {
        "sasl_oauth_token_url": kafka.sasl_oauth_token_url,
        "sasl_oauth_client_id": kafka.sasl_oauth_client_id,
        "sasl_oauth_client_secret": kafka.sasl_oauth_client_secret,
    }
    certificates = {
        "ssl_cafile": kafka.ssl_cafile,
        "ssl_certfile": kafka.ssl_certfile,
        "ssl_keyfile": kafka.ssl_keyfile,
    }
    way = f"security_protocol {kafka.security_protocol}" + (f" with {kafka.sasl_mechanism}" if sasl else "")
    for fields, used in ((by_password, sasl and not oauth), (by_token, oauth)):
        for name, value in fields.items():
            if used and not value:
                yield Contradiction(f"kafka.{name}", f"is empty, and {way} needs it")
            elif value and not used:
                yield Contradiction(
                    f"kafka.{name}", f"is set, and {way} does not use it: change the protocol, or unset it"
                )
    for name, value in certificates.items():
        if value and not tls:
            yield Contradiction(
                f"kafka.{name}", f"is set, and {way} is not encrypted: use SSL or SASL_SSL, or unset it"
            )
    if kafka.ssl_keyfile and not kafka.ssl_certfile:
        yield Contradiction("kafka.ssl_certfile", "is empty while kafka.ssl_keyfile is set")


def _times_and_sizes(streams: StreamsSettings) -> Iterator[Contradiction]:
    if streams.heartbeat_ms * 3 > streams.session_timeout_ms:
        most = streams.session_timeout_ms // 3
        yield Contradiction("streams.heartbeat_ms", f"is more than a third of session_timeout_ms: at most {most}")
    if streams.chunk_bytes > streams.prefetch_bytes:
        yield Contradiction("streams.chunk_bytes", f"is more than prefetch_bytes ({streams.prefetch_bytes})")
    if streams.lookback_ms < LOOKBACK_DAYS * DAY_MS:
        yield Contradiction(
            "streams.lookback_ms",
            f"is less than {LOOKBACK_DAYS} days ({LOOKBACK_DAYS * DAY_MS}): state that is lost would come back without "
            "what detections keep of users, and raise other findings",
        )
    if streams.retention_ms < LOOKBACK_DAYS * DAY_MS:
        yield Contradiction(
            "streams.retention_ms",
            f"is less than {LOOKBACK_DAYS} days ({LOOKBACK_DAYS * DAY_MS}): state that is lost is learned from so much",
        )
    elif streams.lookback_ms > streams.retention_ms:
        yield Contradiction(
            "streams.lookback_ms", f"is more than retention_ms ({streams.retention_ms}): older history is gone"
        )
