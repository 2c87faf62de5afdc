"""Shared links: listed, looked at, revoked."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from simulators.clock import from_iso
from simulators.egnyte.access import Grant
from simulators.egnyte.refusals import RefusedError

LINK_SCOPE: Final = "Egnyte.link"
MOST: Final = 500
"""Links of one answer, by default and at most."""

LinkType = Literal["file", "folder", "upload"]
Accessibility = Literal["anyone", "password", "domain", "recipients"]


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link. `created_by`: the user name of whose it is; dates as ISO 8601, empty for none."""

    id: str
    path: str
    created_by: str
    type: LinkType = "file"
    accessibility: Accessibility = "anyone"
    protection: Literal["NONE", "PREVIEW"] = "NONE"
    recipients: tuple[str, ...] = ()
    notify: bool = False
    link_to_current: bool = False
    creation_date: str = "2025-11-01"
    expiry_date: str = ""
    expiry_clicks: int = 0
    last_accessed: str = ""
    resource_id: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for an id that could not stand in an address."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.id):
            raise ValueError(f"link id {self.id!r}: letters, digits, - and _ are needed, 10 as a rule")


class Links:
    """The links of one domain, in the order in which they were made."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def add(self, link: Link) -> None:
        """Adds a link, in place of one with the same id."""
        self._links[link.id] = link

    def listed(self, grant: Grant, names: Mapping[str, str]) -> tuple[list[Link], int, int]:
        """The links that `names` (the query) ask for, from which offset, and how many fit in all.

        Raises RefusedError: 400 for a query that Egnyte would not take.
        """
        found = [link for link in self._links.values() if _may(grant, link) and _fits(link, names)]
        offset, count = _whole(names, "offset", 0), min(_whole(names, "count", MOST), MOST)
        return found[offset : offset + count], offset, len(found)

    def one(self, grant: Grant, link_id: str) -> Link:
        """The link. Raises RefusedError (404) where there is none, or none of the token's user."""
        link = self._links.get(link_id)
        if link is None or not _may(grant, link):
            raise RefusedError(404, f"Link {link_id} does not exist", "NOT_FOUND")
        return link

    def delete(self, grant: Grant, link_id: str) -> None:
        """Revokes the link. Raises as `one`."""
        del self._links[self.one(grant, link_id).id]

    def all(self) -> list[Link]:
        """Those that are left."""
        return list(self._links.values())


def told(link: Link, domain: str) -> dict[str, Any]:
    """`link` as Egnyte shows it."""
    found: dict[str, Any] = msgspec.to_builtins(link)
    for name in ("expiry_date", "expiry_clicks", "last_accessed", "resource_id"):
        if not found[name]:
            del found[name]
    return found | {"url": f"https://{domain}.egnyte.com/dl/{link.id}"}


def require_links(grant: Grant) -> None:
    """Raises RefusedError (403) where the token may not see links."""
    if grant.scopes and LINK_SCOPE not in grant.scopes:
        raise RefusedError(403, f"The token lacks the scope {LINK_SCOPE}", "INSUFFICIENT_SCOPE")


def _may(grant: Grant, link: Link) -> bool:
    return grant.account.user_type == "admin" or link.created_by == grant.account.username


def _fits(link: Link, names: Mapping[str, str]) -> bool:
    created_ms = from_iso(link.creation_date)
    return (
        names.get("username", link.created_by) == link.created_by
        and names.get("path", link.path) == link.path
        and names.get("type", link.type) == link.type
        and names.get("accessibility", link.accessibility) == link.accessibility
        and ("created_before" not in names or created_ms < _date(names, "created_before"))
        and ("created_after" not in names or created_ms > _date(names, "created_after"))
    )


def _date(names: Mapping[str, str], name: str) -> int:
    try:
        return from_iso(names[name])
    except ValueError:
        raise RefusedError(400, f"{name} is not a date", "BAD_REQUEST") from None


def _whole(names: Mapping[str, str], name: str, otherwise: int) -> int:
    text = names.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit()):
        raise RefusedError(400, f"{name} is not a number", "BAD_REQUEST")
    return int(text)
