"""Access tokens for Kafka's OAUTHBEARER, by OAuth 2 client credentials (RFC 6749 section 4.4)."""

import time
from collections.abc import Callable
from typing import Final

import httpx
import msgspec
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from streams.settings import KafkaSettings

TIMEOUT_S: Final = 5.0
"""For each step of the exchange: below every deadline that a connection to Kafka has."""
RENEW_BEFORE_S: Final = 30.0
"""A token that expires sooner is not handed out: the broker may take a while to look at it, and clocks differ."""


class TokenError(KafkaConnectionError):
    """No token could be had. To aiokafka it is as if the broker were away: it logs the reason and tries again."""


class _Answer(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float = 0.0
    """Seconds; an endpoint that does not say gets asked each time."""


class ClientCredentials(AbstractTokenProvider):
    """Fetches a token, keeps it until shortly before it expires. May be shared by clients in several threads and loops:
    it holds no lock and no connection; two that ask at once fetch twice.

    `clock`: seconds, monotonic.
    """

    def __init__(self, kafka: KafkaSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = kafka.sasl_oauth_token_url
        self._client = (kafka.sasl_oauth_client_id, kafka.sasl_oauth_client_secret)
        self._scope = kafka.sasl_oauth_scope
        self._clock = clock
        self._kept: tuple[str, float] | None = None

    async def token(self) -> str:
        """A token that is good for half a minute at least. Raises TokenError with the endpoint and its reason."""
        kept = self._kept
        if kept is not None and self._clock() < kept[1]:
            return kept[0]
        asked = self._clock()
        answer = await self._fetch()
        self._kept = (answer.access_token, asked + answer.expires_in - RENEW_BEFORE_S)
        return answer.access_token

    async def _fetch(self) -> _Answer:
        form = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        client_id, secret = self._client
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                response = await client.post(self._url, data=form, auth=httpx.BasicAuth(client_id, secret.reveal()))
        except httpx.HTTPError as error:
            raise TokenError(f"no Kafka token from {self._url}: {type(error).__name__} {error}".rstrip()) from None
        if response.status_code != httpx.codes.OK:
            advice = "check kafka.sasl_oauth_client_id and its secret"
            raise TokenError(f"no Kafka token from {self._url}: HTTP {response.status_code}: {advice}")
        try:
            return msgspec.json.decode(response.content, type=_Answer, strict=False)
        except msgspec.MsgspecError as error:
            raise TokenError(f"no Kafka token from {self._url}: its answer is no token: {error}") from None
