"""The settings: one frozen object, read once at start and passed down.

Layers, each over the ones before it: defaults, `egnyte-watch.toml`, `EGNYTE_WATCH_SECTION__NAME` in the environment,
and for secrets `EGNYTE_WATCH_SECTION__NAME_FILE`, a file that holds the value. White space around values is cut off;
an empty variable counts as unset.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.secret import Secret
from streams.section_oidc import OidcSettings
from streams.sections import (
    ConsoleSettings,
    EgnyteSettings,
    EntraSettings,
    KafkaSettings,
    PlacesSettings,
    PoliciesSettings,
    Settings,
    StreamsSettings,
    VaultSettings,
)
from streams.settings_rules import contradictions
from streams.settings_words import allowed, nearest

__all__ = [
    "ConsoleSettings",
    "EgnyteSettings",
    "EntraSettings",
    "KafkaSettings",
    "Loaded",
    "OidcSettings",
    "PlacesSettings",
    "PoliciesSettings",
    "Secret",
    "Settings",
    "SettingsError",
    "StreamsSettings",
    "VaultSettings",
    "load",
]

DEFAULT_FILE: Final = Path("egnyte-watch.toml")
PREFIX: Final = "EGNYTE_WATCH_"
FILE_SUFFIX: Final = "_FILE"
DEFAULT: Final = "default"

_SECTIONS: Final = {section.name: section.type for section in msgspec.structs.fields(Settings)}
_FIELDS: Final = {
    (section, field.name): field.type
    for section, kind in _SECTIONS.items()
    for field in msgspec.structs.fields(kind)
}  # fmt: skip


class SettingsError(Exception):
    """Settings that can't be used. `problems`: one line each, naming file or variable, field, and what is allowed."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Loaded(msgspec.Struct, frozen=True):
    """The settings, and where each came from: `{"kafka.bootstrap": "default", ...}` for every field."""

    settings: Settings
    origins: dict[str, str]


class _Given(msgspec.Struct, frozen=True):
    """One value of one layer. `loose`: it is text that stands for a number or a date, as in the environment."""

    section: str
    name: str
    value: Any
    origin: str
    loose: bool


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Reads the settings from all layers.

    Without `path`, `egnyte-watch.toml` in the working directory is read if it is there; a given `path` must exist.
    `environ`: the process's environment by default. Raises SettingsError with all problems, not only the first.
    """
    problems: list[str] = []
    values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    origins = {f"{section}.{name}": DEFAULT for section, name in _FIELDS}
    layers = (_from_file(path, problems), _from_environment(os.environ if environ is None else environ, problems))
    for given in (given for layer in layers for given in layer):
        try:
            values[given.section][given.name] = _converted(given)
            origins[f"{given.section}.{given.name}"] = given.origin
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise SettingsError(problems)
    settings = Settings(**{section: kind(**values[section]) for section, kind in _SECTIONS.items()})
    for found in contradictions(settings):
        problems.append(f"{found.field} ({origins[found.field]}): {found.problem}")  # noqa: PERF401  (reads as the others do)
    if problems:
        raise SettingsError(problems)
    return Loaded(settings, origins)


def _converted(given: _Given) -> Any:
    kind = _FIELDS[given.section, given.name]
    try:
        return msgspec.convert(given.value, kind, strict=not given.loose, dec_hook=_secret)
    except msgspec.ValidationError:
        shown = "" if kind is Secret else f"{given.value!r} is not allowed, "
        problem = f"{given.origin}: {given.section}.{given.name}: {shown}it takes {allowed(kind)}"
    raise ValueError(problem)


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError


def _from_file(path: Path | None, problems: list[str]) -> Iterator[_Given]:
    source = path or DEFAULT_FILE
    if path is None and not source.exists():
        return
    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{source}: can't be read ({error.strerror}): check the path and its permissions")
        return
    except UnicodeDecodeError:
        problems.append(f"{source}: is not UTF-8 text")
        return
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{source}: is not TOML: {error}")
        return
    for section, table in tables.items():
        if section not in _SECTIONS:
            problems.append(f"{source}: unknown section [{section}]: {nearest(section, _SECTIONS)}")
        elif not isinstance(table, dict):
            problems.append(f"{source}: {section} is a section: write [{section}] and its fields below")
        else:
            for name, value in table.items():
                if (section, name) in _FIELDS:
                    yield _Given(section, name, value.strip() if isinstance(value, str) else value, str(source), False)
                else:
                    problems.append(f"{source}: unknown field {section}.{name}: {nearest(name, _names(section))}")


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[_Given]:
    files: list[_Given] = []
    for variable in sorted(environ):
        text = environ[variable].strip()
        if not variable.startswith(PREFIX) or not text:
            continue
        section, separator, name = variable.removeprefix(PREFIX).lower().partition("__")
        if not separator:
            _single_underscore(variable, text, problems)
            continue
        plain = name.removesuffix(FILE_SUFFIX.lower())
        if section not in _SECTIONS:
            problems.append(f"environment {variable}: unknown section {section!r}: {nearest(section, _SECTIONS)}")
        elif (section, name) in _FIELDS:
            yield _Given(section, name, text, f"environment {variable}", True)
        elif _FIELDS.get((section, plain)) is Secret:
            files += _from_secret_file(section, plain, variable, text, problems)
        elif (section, plain) in _FIELDS:
            problems.append(
                f"environment {variable}: {section}.{plain} is not a secret: drop {FILE_SUFFIX} and give its value"
            )
        else:
            problems.append(f"environment {variable}: unknown field {section}.{name}: {nearest(name, _names(section))}")
    yield from files


def _from_secret_file(section: str, name: str, variable: str, path: str, problems: list[str]) -> Iterator[_Given]:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(f"environment {variable}: {section}.{name}: file {path} can't be read ({reason})")
        return
    if text:
        yield _Given(section, name, text, f"file {path}", True)
    else:
        problems.append(f"environment {variable}: {section}.{name}: file {path} is empty")


def _single_underscore(variable: str, text: str, problems: list[str]) -> None:
    """Refuses EGNYTE_WATCH_KAFKA_BOOTSTRAP, but not what Kubernetes sets for a service (..._PORT=tcp://...)."""
    rest = variable.removeprefix(PREFIX).lower()
    for section, name in _FIELDS:
        if rest in {f"{section}_{name}", f"{section}_{name}{FILE_SUFFIX.lower()}"} and not text.startswith(
            ("tcp://", "udp://")
        ):
            right = f"{PREFIX}{section.upper()}__{rest.removeprefix(section + '_').upper()}"
            problems.append(
                f"environment {variable}: two underscores stand between section and field: did you mean {right!r}?"
            )


def _names(section: str) -> list[str]:
    return [name for within, name in _FIELDS if within == section]
