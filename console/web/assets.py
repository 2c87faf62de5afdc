"""What pages are made of besides themselves: stylesheet, script, icon, the outlines of land. All from here."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.web.drawing import land_svg
from console.web.rendering import HERE

_TYPES: Final = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}


def routes() -> list[Route]:
    """One route for each file; they are read once."""
    files = {name: ((HERE / "assets" / name).read_bytes(), media_type) for name, media_type in _TYPES.items()}
    files["land.svg"] = land_svg().encode(), "image/svg+xml"
    return [Route(f"/assets/{name}", _serving(content, media)) for name, (content, media) in files.items()]


def _serving(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return serve
