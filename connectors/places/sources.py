"""Which IP lists come from URLs: `sources.toml` in the folder of lists.

[tor-exits]                         # fetched into tor-exits.txt
url = "https://check.example.org/exits.txt"
category = "risky"                  # may be left out where the name says it
tags = ["tor"]
every = "1h"
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from connectors.places.errors import PlacesError
from connectors.places.listfile import BY_NAME, CATEGORIES
from schemas.activity import IpCategory
from streams.settings_rules import is_loopback

FILE: Final = "sources.toml"
SUFFIX: Final = ".txt"
MAX_BYTES: Final = 16 * 1024 * 1024
"""Of one list: a million addresses."""
LEAST_EVERY_S: Final = 300
"""Those who keep lists ask not to be asked more often."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_EVERY: Final = re.compile(r"([1-9][0-9]{0,3})(min|h|d)")
_UNIT_S: Final = {"min": 60, "h": 3_600, "d": 86_400}
_FIELDS: Final = ("url", "category", "tags", "every", "max_bytes", "allow_http")


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One list. `every`: how often it is looked for, as in `1h`. `allow_http`: plain http from other machines."""

    name: str
    url: str
    category: IpCategory = ""
    tags: tuple[str, ...] = ()
    every: str = "6h"
    max_bytes: int = MAX_BYTES
    allow_http: bool = False

    @property
    def every_s(self) -> int:
        """`every` in seconds."""
        found = _EVERY.fullmatch(self.every)
        return int(found[1]) * _UNIT_S[found[2]] if found else 0

    @property
    def file(self) -> str:
        """Name of the file that the list is written to."""
        return f"{self.name}{SUFFIX}"


def read_sources(folder: Path) -> list[Source]:
    """The lists of `folder` that come from URLs; none where it has no `sources.toml`.

    Raises PlacesError: which list, what is wrong, what would be right.
    """
    path = folder / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PlacesError(str(path), f"can't be read: {error.strerror}", "Check that it may be read.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlacesError(str(path), f"is no TOML: {error}", "Each list is a table, as in [tor-exits].") from None
    return [_source(path, name, table) for name, table in tables.items()]


def refused_url(url: str, *, allow_http: bool) -> str:
    """Why `url` is not asked, empty where it is: what comes in clear can be changed on its way."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address, say
        return f"{url[:200]!r} is no address that can be asked"
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        return f"{url[:200]!r} is no address that begins with https://"
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        return f"{parts.hostname} would be asked in clear: use https://, or set allow_http = true"
    return ""


def _source(path: Path, name: str, table: Any) -> Source:
    def refuse(reason: str, advice: str) -> PlacesError:
        return PlacesError(str(path), f"[{name}] {reason}", advice)

    if not isinstance(table, dict):
        raise refuse("is no table", f"Write a table for each list: [tor-exits], and below it {', '.join(_FIELDS)}.")
    if not _NAME.fullmatch(name):
        raise refuse("is no name of a list", "Lower case letters, digits, '-' and '_', the first a letter or digit.")
    if unknown := sorted(table.keys() - set(_FIELDS)):
        raise refuse(f"{unknown[0]!r} is not known", f"Known are {', '.join(_FIELDS)}.")
    try:
        source = msgspec.convert({"name": name, **table}, Source)
    except msgspec.ValidationError as error:
        raise refuse(
            f"is wrong: {error}", f"Categories are {', '.join(CATEGORIES)}; tags is a list of texts."
        ) from None
    if wrong := refused_url(source.url, allow_http=source.allow_http):
        raise refuse(wrong, "Only then nobody can change the list on its way.")
    if source.every_s < LEAST_EVERY_S:
        raise refuse(
            f"every = {source.every!r} is too short or not understood", "As in 30min, 1h or 1d; 5min at least."
        )
    by_name, tags = BY_NAME.get(name) or BY_NAME.get(re.split(r"[-_]", name)[0]) or ("", ())
    if not source.category and not by_name:
        raise refuse("has no category", f'Add category = "...", one of {", ".join(CATEGORIES)}.')
    return msgspec.structs.replace(source, category=source.category or by_name, tags=source.tags or tags)


def table_of(source: Source) -> str:
    """`source` as a table of `sources.toml`."""
    lines = [f"[{source.name}]", f"url = {_quoted(source.url)}", f"every = {_quoted(source.every)}"]
    if source.category:
        lines.append(f"category = {_quoted(source.category)}")
    if source.tags:
        lines.append(f"tags = [{', '.join(map(_quoted, source.tags))}]")
    if source.allow_http:
        lines.append("allow_http = true")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()  # JSON's texts are TOML's basic strings
