"""The activity log with all filters of policies, and the page of one activity with its ways on."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import anyio
import msgspec
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.archive import searches
from console.archive.database import Database
from console.archive.export import FORMATS
from console.archive.search import COLUMNS, DEFAULT_SPAN_MS, page
from console.web.api import search_of
from console.web.rendering import address, render
from console.web.searches_pages import owner_of, target_of
from detections.activity_policies.attributes import ATTRIBUTES, operators
from schemas.activity import TYPES
from streams.sections import DAY_MS, HOUR_MS

PAGE: Final = 100
SHOWN: Final = (
    "time_ms", "user_key", "actor_email", "actor_name", "type", "outcome", "path", "target_path", "ip", "country",
    "city", "organisation", "client", "partition", "position",
)  # fmt: skip
FIELDS: Final = ("actor", "type", "path.contains", "ip", "country", "client.contains", "outcome")
"""Filters with a field of their own; any other is put together from attribute, operator and value."""
_TIMES: Final = ("from", "until", "order", "zone")
SUGGESTED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "Administration": [("administrative", "true")],
    "Downloads": [("type", "download")],
    "Failed logins": [("type", "failed_login")],
    "Successful logins": [("type", "login"), ("outcome", "success")],
    "Sharing": [("type", "share"), ("type", "link_access")],
    "Passwords": [("type", "change_password"), ("type", "reset_password")],
    "Deletions": [("type", "delete"), ("type", "purge")],
}
_LATEST_MS: Final = 253_402_300_799_000
AROUND_MS: Final = 24 * HOUR_MS


class ActivitiesPages:
    """`domains`: the organisation's own, for the filter `external`."""

    def __init__(self, database: Database, domains: Sequence[str]) -> None:
        self._database, self._domains = database, domains
        self.routes = [
            Route("/activities", self._list),
            Route("/activity", self._named),
            Route("/activity/{partition:int}/{position:int}", self._one),
        ]

    async def _list(self, request: Request) -> Response:
        asked = _asked(request.query_params)
        if asked != request.query_params.multi_items():
            return RedirectResponse(address("/activities", asked), 303)  # an address that can be kept and passed on
        search = msgspec.structs.replace(search_of(asked), columns=SHOWN)
        found = await anyio.to_thread.run_sync(page, self._database, search, PAGE, self._domains)
        given = [(name, value) for name, value in asked if name != "after"]
        single = {name for name, _ in given if [each for each, _ in given].count(name) == 1} & {*FIELDS, *_TIMES}
        shown = {name: value for name, value in given if name in single}
        # Times such as `7d` are counted from now: pages and exports get those that this page was made with.
        fixed = [(name, value) for name, value in given if name not in ("from", "until")]
        fixed += [("from", _iso(search.from_ms)), ("until", _iso(search.until_ms))]
        return render(
            request,
            "activities",
            rows=found.rows,
            given=shown,
            further=[(name, value, _without(given, n)) for n, (name, value) in enumerate(given) if name not in shown],
            days=DEFAULT_SPAN_MS // DAY_MS,
            types=TYPES,
            attributes=[
                (name, about.about, sorted(each for each in operators(name, about) if each != "is_new"))
                for name, about in ATTRIBUTES.items()
            ],
            following=address("/activities", [*fixed, ("after", found.after)]) if found.after else "",
            exports=[(form, address("/api/activities/export", [*fixed, ("format", form)])) for form in FORMATS],
            saved=[(each.name, target_of(each.query)) for each in await self._saved(request)],
            query=address("/activities", given).partition("?")[2],
            name_chars=searches.NAME_CHARS,
            suggested=[(name, address("/activities", filters)) for name, filters in SUGGESTED.items()],
        )

    async def _saved(self, request: Request) -> list[searches.Saved]:
        session = request.state.session
        if session is None:
            return []
        return await anyio.to_thread.run_sync(searches.of, self._database, owner_of(session))

    async def _named(self, request: Request) -> Response:
        """From an event id (in a finding, say) and its time to the page of its activity."""
        event_id, at = request.query_params.get("id", ""), request.query_params.get("at", "")
        if not at.isdecimal() or len(at) > 15:
            raise HTTPException(404, "No such activity")
        query = "SELECT partition, position FROM activities WHERE time_ms = ? AND event_id = ? LIMIT 1"
        found = await anyio.to_thread.run_sync(self._database.read, query, (int(at), event_id))
        if not found:
            raise HTTPException(404, "No such activity in the archive: it may be older than what is kept")
        return RedirectResponse(f"/activity/{found[0][0]}/{found[0][1]}", 303)

    async def _one(self, request: Request) -> Response:
        place = request.path_params["partition"], request.path_params["position"]
        if max(place) >= 2**63:
            raise HTTPException(404, "No such activity")
        listed = ", ".join(f'"{name}"' for name in ("user_key", *COLUMNS) if name != "raw")
        query = f'SELECT {listed}, raw FROM activities WHERE "partition" = ? AND "position" = ?'  # noqa: S608
        found = await anyio.to_thread.run_sync(self._database.read, query, place)
        if not found:
            raise HTTPException(404, "No such activity")
        names = ["user_key", *(name for name in COLUMNS if name != "raw"), "raw"]
        row = dict(zip(names, found[0], strict=True))
        return render(request, "activity", row=row, raw=_pretty(row["raw"]), pivots=_pivots(row))


def _asked(parameters: QueryParams) -> list[tuple[str, str]]:
    """What the form asks, with its one free filter put together, and without what was left empty."""
    asked = [
        (name, value.strip())
        for name, value in parameters.multi_items()
        if value.strip() and name not in ("attribute", "operator", "value", "columns")
    ]
    attribute, value = parameters.get("attribute", ""), parameters.get("value", "").strip()
    if attribute and value:
        operator = parameters.get("operator", "")
        asked.append((f"{attribute}.{operator}" if operator else attribute, value))
    return asked


def _without(given: Sequence[tuple[str, str]], number: int) -> str:
    return address("/activities", [each for n, each in enumerate(given) if n != number])


def _iso(time_ms: int) -> str:
    """With its zone. What lies before 1970 or after 9999 is cut to that: nothing was done then."""
    time_ms = min(max(time_ms, 0), _LATEST_MS)
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _pretty(raw: str) -> str:
    try:
        return msgspec.json.format(raw, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return raw


def _pivots(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Ways on from an activity: what else has this in common with it, from 24 h before to 24 h after."""
    span = [("from", _iso(row["time_ms"] - AROUND_MS)), ("until", _iso(row["time_ms"] + AROUND_MS))]
    ways = (
        ("Same user", "user_key", row["user_key"]),
        ("Same address", "ip", row["ip"]),
        ("Same network", "ip", row["prefix"]),
        ("Same provider", "asn", row["asn"] or ""),
        ("Same file or folder", "path", row["path"]),
        ("Same type", "type", row["type"]),
        ("Same place", "city", row["city"]),
        ("Same client", "client", row["client"]),
    )
    made = [(f"{name}, 48 h around", address("/activities", [(by, value), *span])) for name, by, value in ways if value]
    return [*made, ("Everything, 48 h around", address("/activities", span))]
