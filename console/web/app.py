"""All that the console serves, behind its guard: pages for people, the API for programs."""

from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from console.archive.database import Database
from console.archive.follower import Follower
from console.web import api, assets
from console.web.activities_pages import ActivitiesPages
from console.web.address_pages import AddressPages
from console.web.findings_pages import FindingsPages
from console.web.guard import Guard
from console.web.news import News
from console.web.normal_pages import NormalPages
from console.web.oidc.pages import SigningInByProvider
from console.web.oidc.provider import Provider
from console.web.outside import Outside
from console.web.overview import Overview
from console.web.people_pages import PeoplePages
from console.web.rendering import render
from console.web.searches_pages import SearchesPages
from console.web.sessions import Sessions
from console.web.signing_in import OWNER, SigningIn
from console.web.standings import Standings
from console.web.system_pages import SystemPages
from streams.errors import Refused
from streams.kafka_admin import BrokerAwayError


def make_app(
    database: Database,
    follower: Follower,
    token: str,
    domains: Sequence[str] = (),
    *,
    sessions: Sessions | None = None,
    owner: str = OWNER,
    outside: Outside | None = None,
    news: News | None = None,
    provider: Provider | None = None,
) -> Any:
    """The ASGI application. `domains`: the organisation's own, for the filter `external`. `sessions`: who is signed in,
    to make links for. `owner`: the name of whoever signs in with the console's token. `outside`: what is reached beyond
    the archive; None where this console only shows that. `news`: told what the archive gets. `provider`: who else signs
    people in."""
    sessions, outside = sessions or Sessions(), outside or Outside()
    app = Starlette(
        routes=[
            *api.routes(database, follower, domains),
            *assets.routes(),
            *_signing_in(sessions, token, owner, provider),
            *Overview(database, follower, Standings(outside.connectors)).routes,
            *PeoplePages(database).routes,
            *NormalPages(database, outside.learned).routes,
            *AddressPages(database, outside.marking).routes,
            *ActivitiesPages(database, domains).routes,
            *SearchesPages(database).routes,
            *FindingsPages(database, outside.publish).routes,
            *SystemPages(database, outside).routes,
            *(news or News()).routes,
        ],
        exception_handlers={
            Refused: _refused,
            HTTPException: _wrong,
            KafkaError: _away,
            BrokerAwayError: _away,
            TimeoutError: _away,
        },
    )
    return Guard(app, token, sessions)


def _signing_in(sessions: Sessions, token: str, owner: str, provider: Provider | None) -> list[BaseRoute]:
    if provider is None:
        return [*SigningIn(sessions, token, owner).routes]
    by_token = SigningIn(
        sessions, token, owner, provider=provider.name, farewell=provider.farewell, secure=provider.is_secure
    )
    return [*by_token.routes, *SigningInByProvider(sessions, provider).routes]


def _is_for_people(request: Request) -> bool:
    return not str(request.scope["path"]).startswith("/api/") and request.state.session is not None


async def _away(request: Request, error: Exception) -> Response:
    words = (
        f"Kafka did not answer: {error or 'in time'}. What was asked for is perhaps not written: look, and try again"
    )
    if _is_for_people(request):
        return render(request, "wrong", 503, title="The broker is away", words=words)
    return JSONResponse({"error": words}, status_code=503)


async def _refused(request: Request, error: Exception) -> Response:
    if _is_for_people(request):
        return render(request, "wrong", 400, title="This can't be asked", words=str(error))
    return JSONResponse({"error": str(error)}, status_code=400)


async def _wrong(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if _is_for_people(request):
        words = "There is nothing here of this name." if error.status_code == 404 else error.detail
        return render(request, "wrong", error.status_code, title=error.detail, words=words)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)
