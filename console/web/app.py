"""All that the console serves, behind its guard: pages for people, the API for programs."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from console.archive.database import Database
from console.archive.follower import Follower
from console.web import api, assets
from console.web.acting import Acting
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
from console.web.searches_pages import SearchesPages
from console.web.sessions import Guesses, Sessions
from console.web.signing_in import OWNER, SigningIn
from console.web.standings import Standings
from console.web.system_pages import SystemPages
from console.web.wrong import HANDLERS


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
    sessions, outside, guesses = sessions or Sessions(), outside or Outside(), Guesses()
    app = Starlette(
        routes=[
            *api.routes(database, follower, domains),
            *assets.routes(),
            *_signing_in(sessions, token, owner, provider, guesses),
            *Overview(database, follower, Standings(outside.connectors)).routes,
            *PeoplePages(database).routes,
            *NormalPages(database, outside.learned).routes,
            *AddressPages(database, outside.marking).routes,
            *ActivitiesPages(database, domains).routes,
            *SearchesPages(database).routes,
            *FindingsPages(database, outside.publish, can_act=outside.ask is not None).routes,
            *Acting(database, outside).routes,
            *SystemPages(database, outside).routes,
            *(news or News()).routes,
        ],
        exception_handlers=HANDLERS,
    )
    return Guard(app, token, sessions, guesses)


def _signing_in(
    sessions: Sessions, token: str, owner: str, provider: Provider | None, guesses: Guesses
) -> list[BaseRoute]:
    if provider is None:
        return [*SigningIn(sessions, token, owner, guesses=guesses).routes]
    by_token = SigningIn(
        sessions,
        token,
        owner,
        provider=provider.name,
        farewell=provider.farewell,
        secure=provider.is_secure,
        guesses=guesses,
    )
    return [*by_token.routes, *SigningInByProvider(sessions, provider).routes]
