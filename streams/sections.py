"""The sections of the settings: every field with its default, its unit in its name, and its reason beside it.

`streams.settings` reads them; nothing else makes them, but tests. Paths are relative to the working directory.
"""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas.lookback import LOOKBACK_DAYS
from streams.secret import Secret
from streams.section_oidc import OidcSettings
from streams.section_types import HttpUrl, Name, Positive, Prefix, Text

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
MIB: Final = 1024 * 1024

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["auto", "text", "json"]


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the Kafka cluster, and what our topics and groups are called there."""

    bootstrap: Text = "127.0.0.1:9092"
    """`host:port`, several separated by commas."""
    topic_prefix: Prefix = "egnyte"
    """First part of every topic's and group's name, so that several installations can share a cluster."""
    replication_factor: Annotated[int, Meta(ge=1, le=9)] = 1
    """Copies of each new topic. 1 fits a single broker; in production 3, which also sets min.insync.replicas to 2."""
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "PLAIN"
    """Used with SASL_PLAINTEXT and SASL_SSL only."""
    sasl_username: str = ""
    sasl_password: Secret = Secret()
    sasl_oauth_token_url: HttpUrl = ""
    """Token endpoint for OAUTHBEARER (OAuth 2 client credentials, RFC 6749 section 4.4)."""
    sasl_oauth_client_id: str = ""
    sasl_oauth_client_secret: Secret = Secret()
    sasl_oauth_scope: str = ""
    """Scopes separated by blanks; empty asks for the client's default ones."""
    ssl_cafile: str = ""
    """PEM file of the authorities to trust; empty trusts the system's."""
    ssl_certfile: str = ""
    """PEM file of the client's certificate, for mutual TLS."""
    ssl_keyfile: str = ""
    """PEM file of the client's key; empty where it is in `ssl_certfile`."""


class EgnyteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The Egnyte domain that is guarded, and how often it may be asked."""

    name: Name = ""
    """Connector name, first part of every user key; also Egnyte's domain name where `url` is empty."""
    url: HttpUrl = ""
    """Base address; empty means `https://<name>.egnyte.com`, the only host that serves the public API."""
    token: Secret = Secret()
    """OAuth access token of a user who may read audit reports. `egnyte-watch connect` keeps its tokens in the vault."""
    client_id: str = ""
    """The API key that `connect` logs in with."""
    client_secret: Secret = Secret()
    redirect_uri: HttpUrl = "http://localhost:8910/callback"
    """Where Egnyte sends the browser back to: as registered with the API key. On http://localhost (or 127.0.0.1) the
    answer is received; from anywhere else, people paste the address that they were sent to."""
    start: date | None = None
    """First day (UTC) to ask for on the very first run; unset means 7 days back."""
    allow_http: bool = False
    """Allow plain http to hosts other than this machine. The token would travel in clear."""
    poll_interval_s: Annotated[int, Meta(ge=1, le=3_600)] = 45
    """Shortest pause between polls when there is nothing more: 80 an hour. The day's quota makes it longer: 90 s at
    Egnyte's default."""
    max_per_minute: Positive = 8
    """Calls of the audit stream. Egnyte allows 10 a minute; the rest is left to people and other tools."""
    max_per_hour: Positive = 80
    """Calls of the audit stream. Egnyte allows 100 an hour."""
    max_per_day: Annotated[int, Meta(ge=0)] = 960
    """Calls of the audit stream, where Egnyte does not tell the token's quota: 96 % of the 1,000 that it has by
    default, the rest is left to actions and people's tools. 0: no limit."""
    users_interval_s: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 3_600
    """Between two listings of Egnyte's users, who are read for who has left, and who is an outsider; longer where there
    are so many that it would take too many calls. Needs the scope Egnyte.user. 0: users are not read."""

    @property
    def base_url(self) -> str:
        """`url` without a trailing slash, or the domain's own address; empty where neither is set."""
        if self.url or not self.name:
            return self.url.rstrip("/")
        return f"https://{self.name}.egnyte.com"


class EntraSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Microsoft Entra ID, where people's accounts are read and stopped. Empty `tenant`: not connected."""

    tenant: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]{0,252})?$",
            description="the tenant's id (a GUID) or one of its domain names",
        ),
    ] = ""
    client_id: str = ""
    """Application (client) id of the app registration."""
    client_secret: Secret = Secret()
    """Its secret; unset where `certificate` is used."""
    certificate: str = ""
    """PEM file of the app's certificate and its private key (RSA), in place of a secret."""
    certificate_password: Secret = Secret()
    """Of the private key, where it has one."""
    mailbox: str = ""
    """Address or object id of the user in whose name mail is sent; empty: nobody is written to."""
    poll_interval_s: Annotated[int, Meta(ge=1, le=86_400)] = 60
    """Pause between two readings of changes. Each costs one of the 350 and more calls that Graph allows in a second."""
    graph_url: HttpUrl = "https://graph.microsoft.com"
    login_url: HttpUrl = "https://login.microsoftonline.com"
    allow_http: bool = False
    """Allow plain http to hosts other than this machine. The client secret would travel in clear."""


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the tokens of connected domains are kept, encrypted."""

    dir: Text = "vault"
    """Folder of one encrypted file for each connector; made with the first one, for its owner alone."""
    key: Secret = Secret()
    """32 bytes in base64 (`openssl rand -base64 32`); empty: a key is made and kept in `dir`."""


class PlacesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where addresses are, and what kind of network they belong to. Files are reloaded when they change."""

    city_db: str = ""
    """GeoIP2, GeoLite2 or DB-IP City database (.mmdb); empty: activities carry no place."""
    asn_db: str = ""
    """ASN database (.mmdb); empty: none."""
    anonymous_db: str = ""
    """Anonymous-IP database (.mmdb); empty: none."""
    lists_dir: str = ""
    """Folder of IP lists; empty: none."""
    cache_size: Positive = 65_536
    """Addresses whose place is remembered: more than a domain sees in a day, about 30 MB."""


class StreamsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How records are taken, judged, committed and kept. All times in ms, all sizes in bytes."""

    chunk_records: Annotated[int, Meta(ge=1, le=100_000)] = 2_500
    """Most records of one transaction. Fewer cost speed (29,000/s at 2,000), more cost memory and latency."""
    chunk_bytes: Annotated[int, Meta(ge=64 * 1024)] = 4 * MIB
    prefetch_bytes: Annotated[int, Meta(ge=64 * 1024)] = 32 * MIB
    """Fetched but not yet processed, per app: what bounds a worker's memory."""
    lookback_ms: Positive = LOOKBACK_DAYS * DAY_MS
    """How much history warms up a state that is lost or rewound: at least the default, for detections keep so much that
    less would bring back another state (`detections.state.KEPT_DAYS`)."""
    retention_ms: Annotated[int, Meta(ge=2 * DAY_MS)] = 180 * DAY_MS
    """How long activities and alerts are kept: the audit trail, and how far back a replay can go."""
    future_ms: Annotated[int, Meta(ge=0, le=HOUR_MS)] = 10 * MINUTE_MS
    """An event dated further ahead of its reception is flagged and not detected on. Kafka 4 refuses above 1 h."""
    session_timeout_ms: Annotated[int, Meta(ge=6_000, le=30 * MINUTE_MS)] = 30_000
    """A worker silent for longer is taken for dead. The broker's default bounds are 6 s and 30 min."""
    heartbeat_ms: Annotated[int, Meta(ge=100)] = 3_000
    """At most a third of the session timeout, so that one lost heartbeat costs nothing."""
    transaction_timeout_ms: Annotated[int, Meta(ge=1_000, le=15 * MINUTE_MS)] = 60_000
    """The broker aborts a transaction that is open for longer. Its own default limit is 15 min."""
    retry_for_ms: Annotated[int, Meta(ge=0)] = 10 * MINUTE_MS
    """Kafka's errors are retried for so long; then the process exits."""
    revoke_wait_ms: Annotated[int, Meta(ge=0)] = 10_000
    """A chunk in flight may finish for so long when its partition is taken away; then it is aborted."""
    stop_within_ms: Annotated[int, Meta(ge=1_000)] = 10_000
    """From SIGTERM to having left the group; container engines kill after 10 s by default."""
    data_dir: Text = "data"
    """Folder for what a process keeps beside Kafka. It may be lost: the log is the truth."""


class PoliciesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What people tune about detections."""

    dir: Text = "policies"
    """Folder of the policy files (YAML)."""


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, and the console's process with its archive."""

    log_level: LogLevel = "INFO"
    log_format: LogFormat = "auto"
    """`auto`: key=value on a terminal, JSON otherwise."""
    deadline_ms: Annotated[int, Meta(ge=1_000, le=10 * MINUTE_MS)] = 10_000
    """How long a command waits for the broker before it says that it is away."""
    host: Text = "127.0.0.1"
    """Where the console listens, and where `activities` asks. Anything but this machine needs `oidc.issuer`, or
    `api_token`."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8440
    api_token: Secret = Secret()
    """What opens the console's API; empty: a new one at each start, in `console.token` in `streams.data_dir`."""
    archive: str = ""
    """The archive's file (DuckDB); empty: `archive.duckdb` in `streams.data_dir`. It can be deleted at any time."""
    archive_days: Annotated[int, Meta(ge=0, le=3_650)] = 0
    """How long activities stay in the archive; 0: as long as their topic keeps them (`streams.retention_ms`)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. The sections' names are those of the TOML tables and of the environment variables."""

    kafka: KafkaSettings = KafkaSettings()
    egnyte: EgnyteSettings = EgnyteSettings()
    entra: EntraSettings = EntraSettings()
    vault: VaultSettings = VaultSettings()
    places: PlacesSettings = PlacesSettings()
    streams: StreamsSettings = StreamsSettings()
    policies: PoliciesSettings = PoliciesSettings()
    console: ConsoleSettings = ConsoleSettings()
    oidc: OidcSettings = OidcSettings()
