"""Until when the app's proof is good: the certificate tells, and of a client secret perhaps Graph."""

from typing import Final
from urllib.parse import quote

import msgspec

from connectors.entra.accounts import time_ms
from connectors.entra.client import GraphClient
from connectors.entra.credentials import ClientCertificate
from connectors.entra.refusals import NoAnswer
from streams.sections import EntraSettings

SELECT: Final = {"$select": "passwordCredentials"}
WITHIN_S: Final = 10.0
"""Of retries: people are waited for, and this is asked again tomorrow."""
HINT_CHARS: Final = 3
"""So much of a secret Graph shows: its beginning."""


class _Password(msgspec.Struct, frozen=True, rename="camel"):
    end_date_time: str | None = None
    hint: str | None = None


class _Application(msgspec.Struct, frozen=True, rename="camel"):
    password_credentials: tuple[_Password, ...] = ()


async def credential_ends_ms(client: GraphClient, entra: EntraSettings) -> int:
    """When the proof that is in use ends (ms since the epoch, UTC); 0 where nobody knows: Graph shows an app its own
    registration only with the permission Application.Read.All. Of several secrets that begin alike, the first to end.
    """
    if isinstance(client.credential, ClientCertificate):
        return round(client.credential.expires.timestamp() * 1_000)
    return await _secret_ends_ms(client, entra.client_id, entra.client_secret.reveal())


async def _secret_ends_ms(client: GraphClient, client_id: str, secret: str) -> int:
    path = f"/applications(appId='{quote(client_id, safe='')}')"
    try:
        found: _Application = await client.get(path, _Application, params=SELECT, within_s=WITHIN_S)
    except NoAnswer:
        return 0
    ends = [
        time_ms(each.end_date_time or "")
        for each in found.password_credentials
        if each.hint is not None and each.hint == secret[:HINT_CHARS]
    ]
    return min((each for each in ends if each > client.clock.now_ms()), default=0)
