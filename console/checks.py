"""What `doctor` looks at: settings, cluster, topics, databases, Egnyte, Entra ID, policies. It gives lines, and never
raises.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from agents.detect import policy_set
from connectors.directory.standing import ENDING_DAYS
from connectors.egnyte.health import renewal_due_ms
from connectors.egnyte.supervisor import facts_of
from connectors.entra.credentials import ClientCertificate, credential_of
from connectors.places.database import Kind, open_database
from connectors.places.errors import PlacesError
from connectors.places.listset import read_lists
from connectors.secrets.errors import VaultError
from connectors.secrets.vault import Vault
from detections.policies import PoliciesError
from streams.errors import StreamError
from streams.kafka import client_options
from streams.settings import Loaded, Secret, Settings, SettingsError
from streams.topic_admin import prepare_topics
from streams.topic_check import Row

OLD_DATABASE: Final = timedelta(days=90)
"""Addresses change hands: a fair part of a database is wrong after a quarter of a year."""


FETCH: Final = 1
"""Kafka's number of the Fetch request. Kafka 4.0 dropped its versions below 4 (KIP-896)."""
TRANSACTIONS: Final = {22: "InitProducerId", 25: "AddOffsetsToTxn", 26: "EndTxn", 28: "TxnOffsetCommit"}
"""The requests that exactly-once needs, and their numbers."""


class Line(msgspec.Struct, frozen=True):
    """One thing looked at: what was found, and what to do about it (empty where there is nothing to do)."""

    state: Literal["ok", "warn", "fail"]
    what: str
    found: str
    advice: str = ""


class Setting(msgspec.Struct, frozen=True):
    """One setting: its value (secrets masked) and where it came from."""

    name: str
    value: str
    origin: str


def settings_in_force(loaded: Loaded) -> Iterator[Setting]:
    """Every setting, in the order of its section."""
    for section in msgspec.structs.fields(Settings):
        values = getattr(loaded.settings, section.name)
        for field in msgspec.structs.fields(section.type):
            value = getattr(values, field.name)
            shown = str(value) if isinstance(value, Secret) or value is not None else ""
            yield Setting(f"{section.name}.{field.name}", shown, loaded.origins[f"{section.name}.{field.name}"])


async def check_cluster(settings: Settings) -> list[Line]:
    """Is Kafka there, can it do what we need, are the topics right."""
    try:
        rows = await prepare_topics(settings, create=False)
        versions = await _api_versions(settings)
    except (StreamError, SettingsError, KafkaError, OSError) as error:
        return [Line("fail", "kafka", settings.kafka.bootstrap, str(error))]
    lacking = [name for number, name in TRANSACTIONS.items() if number not in versions]
    kafka = "Kafka 4 or later" if versions.get(FETCH, 0) >= 4 else "Kafka 3 or earlier"
    found = f"{settings.kafka.bootstrap}, {settings.kafka.security_protocol}, {kafka}"
    if lacking:
        advice = "exactly-once needs transactions: use Apache Kafka 3.0 or later"
        return [Line("fail", "kafka", f"{found}, without {', '.join(lacking)}", advice)]
    return [Line("ok", "kafka", found), *_topic_lines(rows)]


def _topic_lines(rows: list[Row]) -> Iterator[Line]:
    names = {row.topic for row in rows if not row.topic.startswith("broker ")}
    wrong = [row for row in rows if row.state in {"missing", "differs"}]
    missing = sorted(row.topic for row in wrong if row.state == "missing")
    if missing:
        yield Line("fail", "topics", f"{len(missing)} of {len(names)} missing: {', '.join(missing)}", wrong[0].advice)
    for row in wrong:
        if row.state == "differs":
            yield Line("fail", row.topic, f"{row.what} is {row.found}, wanted {row.wanted}", row.advice)
    if not wrong:
        yield Line("ok", "topics", f"{len(names)} as they should be")
    for row in rows:
        if row.topic.startswith("broker "):
            found = f"{row.what} is {row.found}" + ("" if row.state == "ok" else f", wanted {row.wanted}")
            yield Line("ok" if row.state == "ok" else "warn", row.topic, found, row.advice)


async def _api_versions(settings: Settings) -> dict[int, int]:
    """The lowest version of each request that the first broker answers."""
    client: Any = AIOKafkaClient(**client_options(settings.kafka), request_timeout_ms=settings.console.deadline_ms)
    try:
        await client.bootstrap()
        response = await client.send(client.get_random_node(), ApiVersionRequest())
        return {number: lowest for number, lowest, _ in response.api_versions}
    finally:
        await client.close()


def check_places(settings: Settings, now: datetime | None = None) -> Iterator[Line]:
    """Are the databases and lists there, and of use. `now`: UTC, to tell a database's age."""
    places = settings.places
    today = now or datetime.now(UTC)
    yield from _database(
        "places.city_db", "city", places.city_db, today, "activities carry no place: set it to a city database"
    )
    yield from _database("places.asn_db", "asn", places.asn_db, today)
    yield from _database("places.anonymous_db", "anonymous", places.anonymous_db, today)
    if places.lists_dir:
        yield _told("places.lists_dir", lambda: f"{read_lists(Path(places.lists_dir)).rows} rows in {places.lists_dir}")


def check_egnyte(settings: Settings) -> Iterator[Line]:
    """Does the connector know whom to ask. Egnyte itself is not called."""
    egnyte, vault = settings.egnyte, Vault(settings.vault)
    try:
        names = vault.names()
    except VaultError as error:
        yield Line("fail", "vault", settings.vault.dir, str(error))
        return
    yield from (_connected(vault, name) for name in names)
    missing = [name for name, value in (("name", egnyte.name), ("token", egnyte.token)) if not value]
    if missing and names:
        return
    if missing:
        unset = " and ".join(f"egnyte.{name}" for name in missing)
        advice = "the connector can't start without, or a connected domain (egnyte-watch connect); workers can"
        yield Line("warn", "egnyte", f"{unset} not set", advice)
    else:
        yield Line("ok", "egnyte", f"{egnyte.name} at {egnyte.base_url}")


def _connected(vault: Vault, name: str) -> Line:
    """A domain of the vault: can its token be read, and how long is it good."""
    what = f"connector {name}"
    try:
        entry = vault.read(name)
    except VaultError as error:
        return Line("fail", what, "its token can't be read", str(error))
    if entry is None:  # disconnected in between
        return Line("ok", what, "disconnected")
    if entry.disabled:
        return Line("ok", what, f"{entry.url}, disabled")
    due_ms = renewal_due_ms(facts_of(entry))
    if due_ms is not None and due_ms <= time.time_ns() // 1_000_000:
        return Line("warn", what, f"{entry.url}: the token is old, or ends soon", f"egnyte-watch rotate {name}")
    return Line("ok", what, f"{entry.url}, token of {entry.user or 'somebody'}")


def check_entra(settings: Settings, now: datetime | None = None) -> Iterator[Line]:
    """Can people be read from Entra ID, and acted on there. Entra ID itself is not called. `now`: UTC."""
    entra = settings.entra
    if not entra.tenant:
        advice = "people are known from Egnyte alone, and no account can be stopped: set entra.tenant"
        yield Line("warn", "entra", "entra.tenant not set", advice)
        return
    try:
        credential = credential_of(entra)
    except ValueError as error:
        yield Line("fail", "entra", str(error), "the app can't log in without")
        return
    proof = "a client secret"
    if isinstance(credential, ClientCertificate):
        left = (credential.expires - (now or datetime.now(UTC))).days
        proof = f"a certificate that is valid until {credential.expires:%Y-%m-%d}"
        if left < ENDING_DAYS:
            advice = "make a new certificate, upload its public part to the app registration, and set entra.certificate"
            yield Line("fail" if left < 0 else "warn", "entra.certificate", f"{left} days left", advice)
    yield Line("ok", "entra", f"tenant {entra.tenant} at {entra.graph_url}, by {proof}")
    if not entra.mailbox:
        yield Line(
            "warn", "entra.mailbox", "not set", "nobody can be notified by mail: set it to a user with a mailbox"
        )


def check_policies(settings: Settings) -> Iterator[Line]:
    """Are the policies' settings there, and right."""
    directory = Path(settings.policies.dir)
    if not directory.is_dir():
        advice = "every policy has its default settings: set it to the folder of the policy files"
        yield Line("warn", "policies.dir", f"there is no folder {directory}", advice)
    try:
        policies = policy_set(settings)
    except PoliciesError as error:
        for mistake in error.mistakes:
            yield Line("fail", "policies", str(mistake), f"correct it in {directory}")
    else:
        activity = [policy for policy in policies.activity if policy.settings.enabled]
        names = ", ".join(policy.metadata.id for policy in (*policies.policies, *activity)) or "none"
        yield Line("ok", "policies", f"enabled: {names}; set {policies.hash[:12]}")


def _database(what: str, kind: Kind, path: str, today: datetime, unset: str = "") -> Iterator[Line]:
    if not path:
        if unset:
            yield Line("warn", what, "not set", unset)
        return
    try:
        database = open_database(Path(path), kind)
    except PlacesError as error:
        yield Line("fail", what, f"{error.path}: {error.reason}", error.advice)
        return
    age = today - database.built
    if age > OLD_DATABASE:
        yield Line("warn", what, f"{path}: {database}, {age.days} days old", "get a newer one: addresses change hands")
    else:
        yield Line("ok", what, f"{path}: {database}")


def _told(what: str, look: Callable[[], str]) -> Line:
    try:
        return Line("ok", what, look())
    except PlacesError as error:
        return Line("fail", what, f"{error.path}: {error.reason}", error.advice)
    except OSError as error:
        return Line("fail", what, f"{error.filename}: {error.strerror}", "check the path and its permissions")
