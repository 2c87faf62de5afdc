"""The settings in the words of the Kafka clients, and tokens from a real HTTP endpoint."""

import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import certifi
import pytest
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from streams.kafka import client_options, faust_credentials, partition_of
from streams.kafka_token import ClientCredentials, TokenError
from streams.secret import Secret
from streams.sections import KafkaSettings
from streams.settings import SettingsError

SCRAM = KafkaSettings(
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="jane",
    sasl_password=Secret("hush"),
    ssl_cafile=certifi.where(),
)


class Endpoint:
    """A token endpoint: what it was asked, and what it answers next."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.body = b'{"access_token": "first", "token_type": "Bearer", "expires_in": "300"}'
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                login = b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
                endpoint.asked.append({key: value[0] for key, value in form.items()} | {"login": login})
                self.send_response(endpoint.status)
                self.end_headers()
                self.wfile.write(endpoint.body)

            def log_message(self, *_: object) -> None:
                """Tests say what they have to say."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/token"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()
    thread.join()


def oauth(url: str, **more: Any) -> KafkaSettings:
    return KafkaSettings(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_url=url,
        sasl_oauth_client_id="egnyte-watch",
        sasl_oauth_client_secret=Secret("hush"),
        **more,
    )


def test_plaintext_needs_only_an_address() -> None:
    kafka = KafkaSettings(bootstrap="a:1, b:2 ,")
    assert client_options(kafka) == {"bootstrap_servers": ["a:1", "b:2"], "security_protocol": "PLAINTEXT"}
    assert faust_credentials(kafka) is None


def test_a_password_goes_over_tls_that_verifies_the_broker() -> None:
    options = client_options(SCRAM)
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("jane", "hush")
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname
    credentials = faust_credentials(SCRAM)
    assert isinstance(credentials, SASLCredentials)
    assert (credentials.username, credentials.password) == ("jane", "hush")
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.mechanism.value == "SCRAM-SHA-512"


def test_tls_alone_is_tls_alone() -> None:
    kafka = KafkaSettings(security_protocol="SSL", ssl_cafile=certifi.where())
    assert set(client_options(kafka)) == {"bootstrap_servers", "security_protocol", "ssl_context"}
    assert isinstance(faust_credentials(kafka), SSLCredentials)


@pytest.mark.parametrize("name", ["ssl_cafile", "ssl_certfile"])
def test_a_certificate_that_is_not_there_or_not_one_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "some.pem"
    kafka = KafkaSettings(**{"security_protocol": "SSL", name: str(path)})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=rf"kafka\.{name}: there is no file .*some\.pem"):
        client_options(kafka)
    path.write_text("not a certificate")
    with pytest.raises(SettingsError, match=r"some\.pem can't be used .* give PEM files"):
        client_options(kafka)


def test_tokens_are_for_both_clients() -> None:
    kafka = oauth("http://127.0.0.1:1/token")
    options = client_options(kafka)
    assert options["sasl_mechanism"] == "OAUTHBEARER"
    assert isinstance(options["sasl_oauth_token_provider"], ClientCredentials)
    credentials = faust_credentials(kafka)
    assert isinstance(credentials, OAuthCredentials)
    assert isinstance(credentials.oauth_cb, ClientCredentials)
    assert credentials.protocol.value == "SASL_PLAINTEXT"


async def test_a_token_is_kept_until_shortly_before_it_expires(endpoint: Endpoint) -> None:
    now = 1_000.0
    provider = ClientCredentials(oauth(endpoint.url, sasl_oauth_scope="kafka"), clock=lambda: now)
    assert await provider.token() == "first"
    assert endpoint.asked == [{"grant_type": "client_credentials", "scope": "kafka", "login": "egnyte-watch:hush"}]
    endpoint.body = b'{"access_token": "second"}'
    now += 269
    assert await provider.token() == "first"
    now += 2
    assert await provider.token() == "second"
    assert await provider.token() == "second"  # it did not say for how long, so it is asked each time
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b"{}", "HTTP 401: check kafka.sasl_oauth_client_id"),
        (200, b"<html>", "its answer is no token"),
        (200, b'{"token": "x"}', "its answer is no token"),
    ],
)
async def test_an_endpoint_that_gives_no_token_is_told_of(
    endpoint: Endpoint, status: int, body: bytes, told: str
) -> None:
    endpoint.status, endpoint.body = status, body
    with pytest.raises(TokenError, match=told) as caught:
        await ClientCredentials(oauth(endpoint.url)).token()
    assert endpoint.url in str(caught.value)
    assert "hush" not in str(caught.value)


async def test_an_endpoint_that_is_away_is_told_of() -> None:
    with pytest.raises(TokenError, match=r"no Kafka token from http://127\.0\.0\.1:1/token: ConnectError"):
        await ClientCredentials(oauth("http://127.0.0.1:1/token")).token()


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_partitions_are_those_of_the_java_clients(key: bytes, murmur2: int) -> None:
    """The hashes are those of Apache Kafka's own UtilsTest.testMurmur2."""
    assert partition_of(key, 12) == (murmur2 & 0x7FFFFFFF) % 12
    assert partition_of(key, 7) == (murmur2 & 0x7FFFFFFF) % 7
