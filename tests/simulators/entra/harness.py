"""A running tenant as tests talk to it, and people for it."""

import ssl
from typing import Any

import httpx

from simulators.clock import VirtualClock, from_iso
from simulators.entra import EntraSimulator
from simulators.entra.apps import SCOPE

NOW_MS = from_iso("2025-11-24T08:00:00Z")
SECRET = "s3cret-of-the-app"  # noqa: S105 - of a stand-in
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used, for all is plain HTTP; making the usual one takes longer than most tests."""


class Served:
    """A running tenant, with the few requests that tests make."""

    def __init__(self, simulator: EntraSimulator, clock: VirtualClock, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = client

    async def ask_token(self, **form: str) -> httpx.Response:
        """A token request; fields are replaced or, where empty, left out."""
        whole = {
            "grant_type": "client_credentials",
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
            "scope": SCOPE,
        } | form
        filled = {name: value for name, value in whole.items() if value}
        return await self.client.post(f"/{self.simulator.name}/oauth2/v2.0/token", data=filled)

    async def log_in(self) -> None:
        """Uses a fresh token from now on."""
        answer = await self.ask_token()
        self.client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def drain(self, first: str) -> tuple[list[dict[str, Any]], str, int]:
        """All users from a delta address on, the deltaLink, and the number of pages."""
        users: list[dict[str, Any]] = []
        pages, link = 0, first
        while True:
            answer = await self.client.get(link)
            assert answer.status_code == 200, answer.text
            body, pages = answer.json(), pages + 1
            users += body["value"]
            if "@odata.deltaLink" in body:
                return users, body["@odata.deltaLink"], pages
            link = body["@odata.nextLink"]


def people(count: int) -> list[dict[str, Any]]:
    """`count` users `user0@example.com`, ... with the ids u0, ..."""
    return [
        {
            "id": f"u{n}",
            "userPrincipalName": f"user{n}@example.com",
            "mail": f"user{n}@example.com",
            "displayName": f"User {n}",
        }
        for n in range(count)
    ]
