"""What goes wrong, told: on a page for people, as JSON for programs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import duckdb
import structlog
from aiokafka.errors import KafkaError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from console.archive.database import ArchiveError
from console.web.rendering import render
from detections.policies import PoliciesError
from streams.errors import Refused
from streams.kafka_admin import BrokerAwayError

log = structlog.get_logger(__name__)


async def _away(request: Request, error: Exception) -> Response:
    words = (
        f"Kafka did not answer: {error or 'in time'}. What was asked for is perhaps not written: look, and try again"
    )
    return _told(request, 503, "The broker is away", words)


async def _refused(request: Request, error: Exception) -> Response:
    return _told(request, 400, "This can't be asked", str(error))


async def _misconfigured(request: Request, error: Exception) -> Response:
    words = f"{error}. Workers go on with what was in force before; egnyte-watch policies check tells more"
    return _told(request, 503, "The policies can't be used", words)


async def _archive(request: Request, error: Exception) -> Response:
    log.error("the archive did not answer", path=str(request.scope["path"]), error=str(error))
    return _told(
        request, 503, "The archive did not answer", f"{error}. Ask for less, a shorter time, say; or try again"
    )


async def _failed(request: Request, error: Exception) -> Response:
    # Raised again once this is sent: the log gets the whole of it.
    return _told(request, 500, "The console failed", f"{type(error).__name__}: the console's log tells more")


async def _wrong(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if _is_for_people(request):
        words = "There is nothing here of this name." if error.status_code == 404 else error.detail
        return render(request, "wrong", error.status_code, title=error.detail, words=words)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


def _told(request: Request, status: int, title: str, words: str) -> Response:
    if _is_for_people(request):
        return render(request, "wrong", status, title=title, words=words)
    return JSONResponse({"error": words}, status_code=status)


def _is_for_people(request: Request) -> bool:
    return not str(request.scope["path"]).startswith("/api/") and request.state.session is not None


HANDLERS: Final[Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    Refused: _refused,
    HTTPException: _wrong,
    KafkaError: _away,
    BrokerAwayError: _away,
    TimeoutError: _away,
    PoliciesError: _misconfigured,
    ArchiveError: _archive,
    duckdb.Error: _archive,
    Exception: _failed,
}
"""By the error that a route raised."""
