"""The archive for programs: `/api/activities`, its export, and how far it has got.

Parameters of a search: `from`, `until` (a date, a time, or `7d` ago), `columns`, `limit`, `after`, `order`, `zone`,
`user_key`; every other one is a filter as in activity policies, `country=PT`, `path.under=/Shared/HR`.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from console.archive import export as exports
from console.archive.database import Database
from console.archive.follower import Follower
from console.archive.search import DEFAULT_COLUMNS, DEFAULT_SPAN_MS, Search, count, moment, page
from streams.errors import Refused

_OURS: Final = frozenset({"from", "until", "columns", "limit", "after", "order", "zone", "format", "as", "user_key"})
_encode: Final = msgspec.json.Encoder().encode


def search_of(parameters: Sequence[tuple[str, str]]) -> Search:
    """The search that a query string asks for. Raises Refused for what can't be asked."""
    given = {name: value for name, value in parameters if name in _OURS}
    now_ms = round(time.time() * 1000)
    until_ms = moment(given["until"], now_ms) if "until" in given else now_ms + 1
    order = given.get("order", "newest")
    if order not in ("newest", "oldest"):
        raise Refused(f"order is {order!r}: newest or oldest first")
    return Search(
        filters=tuple((name, value) for name, value in parameters if name not in _OURS),
        from_ms=moment(given["from"], now_ms) if "from" in given else until_ms - DEFAULT_SPAN_MS,
        until_ms=until_ms,
        columns=tuple(given["columns"].split(",")) if given.get("columns") else DEFAULT_COLUMNS,
        newest_first=order == "newest",
        after=given.get("after", ""),
        zone=given.get("zone") or "UTC",
        user_key=given.get("user_key", ""),
    ).checked()


def routes(database: Database, follower: Follower, domains: Sequence[str] = ()) -> list[Route]:
    """The routes. `domains`: the organisation's own, for the filter `external`."""

    async def activities(request: Request) -> Response:
        search = search_of(request.query_params.multi_items())
        limit = _whole(request.query_params.get("limit", "100"))
        found = await anyio.to_thread.run_sync(page, database, search, limit, domains)
        return Response(_encode(found), media_type="application/json")

    async def lines(request: Request) -> Response:
        form = request.query_params.get("as", "jsonl")
        search = search_of(request.query_params.multi_items())
        limit = _whole(request.query_params.get("limit", "1000"))
        found = await anyio.to_thread.run_sync(page, database, exports.columns_for(search, form), limit, domains)
        headers = {"X-Rows": str(len(found.rows)), "X-After": found.after}
        return Response(exports.as_lines(found, form), media_type="application/jsonl", headers=headers)

    async def counted(request: Request) -> Response:
        search = search_of(request.query_params.multi_items())
        return JSONResponse({"count": await anyio.to_thread.run_sync(count, database, search, domains)})

    async def export(request: Request) -> Response:
        form = request.query_params.get("format", "csv")
        search = search_of(request.query_params.multi_items())
        pieces = exports.export(database, search, form, domains)
        begun = await anyio.to_thread.run_sync(_begun, pieces)  # what is wrong is told before the answer begins
        suffix = "jsonl" if form == "ocsf" else form
        return StreamingResponse(
            begun,
            media_type=exports.FORMATS[form],
            headers={"Content-Disposition": f'attachment; filename="activities.{suffix}"'},
        )

    async def status(_: Request) -> Response:
        held = await anyio.to_thread.run_sync(
            database.read, "SELECT count(*), min(time_ms), max(time_ms) FROM activities"
        )
        rows, oldest_ms, newest_ms = held[0]
        return JSONResponse(
            {
                "activities": rows,
                "oldest_ms": oldest_ms,
                "newest_ms": newest_ms,
                "behind": follower.behind,
                "refused": follower.refused,
                "error": follower.last_error,
            }
        )

    async def health(_: Request) -> Response:
        return Response(status_code=204)

    return [
        Route("/healthz", health),
        Route("/api/status", status),
        Route("/api/activities", activities),
        Route("/api/activities/lines", lines),
        Route("/api/activities/count", counted),
        Route("/api/activities/export", export),
    ]


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")

    def rest() -> Iterator[bytes]:
        yield first
        yield from pieces

    return rest()


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused(f"limit is {text!r}: expected a whole number") from None
