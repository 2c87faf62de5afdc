"""Access tokens for Graph, by OAuth 2 client credentials: fetched once for all who ask, renewed before they expire."""

import asyncio
import re
from typing import Final

import httpx
import msgspec

from connectors.entra.credentials import Credential
from connectors.entra.http import retry_after_s, unreachable
from connectors.entra.patience import Clock
from connectors.entra.refusals import LoginRefused, Malformed, ServerFault, Throttled

RENEW_BEFORE_MS: Final = 300_000
"""Clocks differ, and a request may wait for its turn. Of tokens that live shorter a tenth."""
_ADVICE: Final = {
    7000215: "the client secret is wrong: set entra.client_secret to the secret's value, not its id",
    7000218: "a client secret or certificate is missing: set entra.client_secret or entra.certificate",
    7000222: "the client secret has expired: make a new one in the app registration and set entra.client_secret",
    700016: "the app is not known in this tenant: check entra.client_id and entra.tenant",
    700027: "the certificate is not accepted: upload its public part to the app registration, and check its expiry",
    90002: "the tenant is not known: check entra.tenant",
}
_NUMBER: Final = re.compile(r"AADSTS([0-9]{1,9})")


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int = 3_599


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""
    error_description: str = ""
    error_codes: tuple[int, ...] = ()


class TokenSource:
    """The current token of one app in one tenant."""

    def __init__(
        self, http: httpx.AsyncClient, login_url: str, tenant: str, client_id: str, credential: Credential,
        graph_url: str, clock: Clock,
    ) -> None:  # fmt: skip
        self._http = http
        self._url = f"{login_url.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._client_id = client_id
        self._credential = credential
        self._scope = f"{graph_url}/.default"
        self._clock = clock
        self._token = ""
        self._renew_ms = 0
        self._fetching: asyncio.Task[str] | None = None

    @property
    def current(self) -> str:
        """The token in use, empty before the first: for masking."""
        return self._token

    async def get(self) -> str:
        """A token that is good for some minutes. Raises LoginRefused, Throttled, ServerFault, Unreachable or Malformed;
        whoever asks while a token is being fetched gets what comes of that.
        """
        if self._token and self._clock.now_ms() < self._renew_ms:
            return self._token
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        return await asyncio.shield(self._fetching)

    def reject(self, token: str) -> None:
        """Graph does not take `token`: the next `get` fetches another, unless that has been done."""
        if token == self._token:
            self._renew_ms = 0

    async def close(self) -> None:
        """Gives up a fetch under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    def _fetched(self, task: asyncio.Task[str]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # whoever asked has got it; without anybody left it is of no interest

    async def _fetch(self) -> str:
        form = {"grant_type": "client_credentials", "client_id": self._client_id, "scope": self._scope}
        asked_ms = self._clock.now_ms()
        form |= self._credential.form(self._url, asked_ms)
        try:
            response = await self._http.post(self._url, data=form)
        except httpx.HTTPError as error:
            # What fails here was never asked of Graph.
            raise unreachable(error, self._url, self._masked(form), sent=False) from None
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response)
        try:
            found = msgspec.json.decode(response.content, type=_Token, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = _Token("")
        if not re.fullmatch(r"[\x21-\x7e]+", found.access_token):
            fault = Malformed(f"{self._url}: the answer of {len(response.content)} bytes is no token")
            fault.may_have_happened = False
            raise fault
        lasts_ms = found.expires_in * 1_000
        self._token, self._renew_ms = found.access_token, asked_ms + lasts_ms - min(RENEW_BEFORE_MS, lasts_ms // 10)
        return self._token

    def _refusal(self, response: httpx.Response) -> LoginRefused | Throttled | ServerFault:
        """What the login server said. Its words are not repeated: a careless gateway quotes what it was sent."""
        try:
            told = msgspec.json.decode(response.content, type=_Refusal)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = _Refusal()
        numbers = told.error_codes or tuple(int(number) for number in _NUMBER.findall(told.error_description))
        status, pause_s = response.status_code, retry_after_s(response.headers.get("retry-after"))
        said = f"{self._url} answers {status}" + "".join(f", AADSTS{number}" for number in numbers)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            return Throttled(said, pause_s)
        if not httpx.codes.is_client_error(status):
            fault = ServerFault(said, status, pause_s)
            fault.may_have_happened = False
            return fault
        advice = next((_ADVICE[number] for number in numbers if number in _ADVICE), "")
        return LoginRefused(f"{said}: {advice or 'check the entra settings and the app registration'}", numbers)

    def _masked(self, form: dict[str, str]) -> tuple[str, ...]:
        return (*self._credential.secrets(), form.get("client_assertion", ""))
