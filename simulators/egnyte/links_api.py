"""The endpoints of shared links, in both versions."""

import msgspec
from starlette.responses import Response

from simulators.egnyte.access import Grant
from simulators.egnyte.exchange import Exchange
from simulators.egnyte.links import require_links, told


async def ids(exchange: Exchange, grant: Grant) -> bytes:
    """GET `/pubapi/v1/links`: ids, with paging."""
    require_links(grant)
    links, offset, total = exchange.domain.links.listed(grant, exchange.request.query_params)
    exchange.note(events=len(links))
    found = {"ids": [link.id for link in links], "offset": offset, "count": len(links), "total_count": total}
    return msgspec.json.encode(found)


async def whole(exchange: Exchange, grant: Grant) -> bytes:
    """GET `/pubapi/v2/links`: the links themselves."""
    require_links(grant)
    links, *_ = exchange.domain.links.listed(grant, exchange.request.query_params)
    exchange.note(events=len(links))
    return msgspec.json.encode({"links": [told(link, exchange.domain.name) for link in links], "count": len(links)})


async def one(exchange: Exchange, grant: Grant) -> bytes:
    """GET `/pubapi/v1/links/{id}` (or v2)."""
    require_links(grant)
    link = exchange.domain.links.one(grant, exchange.request.path_params["link"])
    return msgspec.json.encode(told(link, exchange.domain.name))


async def delete(exchange: Exchange, grant: Grant) -> Response:
    """DELETE `/pubapi/v1/links/{id}` (or v2)."""
    require_links(grant)
    exchange.domain.links.delete(grant, exchange.request.path_params["link"])
    return Response(status_code=exchange.domain.switches.delete_answers)
