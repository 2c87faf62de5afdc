"""The OpenID provider over HTTP: what it says of itself, its keys, and tokens for codes."""

import base64
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
import structlog

from console.web.oidc.begun import SignIn
from console.web.oidc.errors import ProviderAwayError, SignInError
from console.web.oidc.id_token import Key, UnknownKeyError, checked
from console.web.sessions import Clock
from streams.section_oidc import OidcSettings
from streams.settings_rules import is_loopback

log = structlog.get_logger(__name__)
T = TypeVar("T")
TIMEOUTS: Final = httpx.Timeout(10.0)
MAX_BYTES: Final = 1024 * 1024
"""Of one answer: a hundred times what providers send."""
KEPT_S: Final = 3_600.0
"""How long what the provider says of itself, and its keys, are used before they are looked at again."""
NEW_KEYS_S: Final = 10.0
"""Between two looks for a key that is not known: made-up tokens must not make us ask without end."""
MAX_KEYS: Final = 100


class Metadata(msgspec.Struct, frozen=True):
    """Of OpenID Connect Discovery 1.0, section 3: what is used of it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""
    error_description: str = ""


class Provider:
    """One provider. Its metadata and keys are kept for an hour; a key that is not known is looked for at once."""

    def __init__(self, settings: OidcSettings, clock: Clock = time.monotonic) -> None:
        self.settings = settings
        self.clock = clock
        self._trusted = httpx.create_ssl_context()
        self._metadata: tuple[Metadata, float] | None = None
        self._keys: tuple[list[dict[str, Any]], float] | None = None

    @property
    def name(self) -> str:
        """Its host, for people."""
        return urlsplit(self.settings.issuer).netloc

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the console over https."""
        return self.settings.console_url.startswith("https://")

    @property
    def answers_to(self) -> str:
        """Where it sends browsers back to."""
        return f"{self.settings.console_url.rstrip('/')}/login/callback"

    async def question(self, begun: SignIn) -> str:
        """Where to send the browser. Raises SignInError."""
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.answers_to,
            "scope": self.settings.scopes,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }
        return _with((await self.metadata()).authorization_endpoint, asked)

    async def farewell(self) -> str:
        """Where people sign out of the provider itself; empty where it has no such place, or is away."""
        try:
            target = (await self.metadata()).end_session_endpoint
        except SignInError:
            return ""
        back = f"{self.settings.console_url.rstrip('/')}/login"
        return _with(target, {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}) if target else ""

    async def claims(self, code: str, begun: SignIn) -> dict[str, Any]:
        """Who signed in, for the code that the browser brought. Raises SignInError."""
        token, keys = await self._id_token(code, begun.verifier), await self._known_keys()
        try:
            return self._checked(token, keys, begun)
        except UnknownKeyError:
            keys = await self._known_keys(older_than_s=NEW_KEYS_S)
            return self._checked(token, keys, begun)

    def _checked(self, token: str, keys: list[Key], begun: SignIn) -> dict[str, Any]:
        return checked(
            token,
            keys,
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=begun.nonce,
            skew_s=self.settings.clock_skew_s,
        )

    async def metadata(self) -> Metadata:
        """What the provider says of itself. Raises ProviderAwayError."""
        now = self.clock()
        if self._metadata is not None and now - self._metadata[1] < KEPT_S:
            return self._metadata[0]
        address = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = _decoded(await self._asked("GET", address), Metadata, address)
        if found.issuer != self.settings.issuer:
            raise ProviderAwayError(
                f"the provider calls itself {found.issuer[:200]}, and oidc.issuer is {self.settings.issuer}: "
                f"{self.settings.contact} has to make them equal"
            )
        for target in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.end_session_endpoint):
            self._check_safe(target)
        self._metadata = found, now
        return found

    def _check_safe(self, target: str) -> None:
        parts = urlsplit(target)
        plain_allowed = self.settings.allow_http or is_loopback(parts.hostname or "")
        if target and parts.scheme != "https" and not (parts.scheme == "http" and plain_allowed):
            raise ProviderAwayError(f"the provider names {target[:200]}, which is not https: nothing is sent there")

    async def _known_keys(self, older_than_s: float = KEPT_S) -> list[Key]:
        now = self.clock()
        if self._keys is None or now - self._keys[1] >= older_than_s:
            address = (await self.metadata()).jwks_uri
            self._keys = _decoded(await self._asked("GET", address), _Keys, address).keys[:MAX_KEYS], now
        return list(self._keys[0])

    async def _id_token(self, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.answers_to,
            "code_verifier": verifier,
            "client_id": self.settings.client_id,
        }
        found, secret, headers = await self.metadata(), self.settings.client_secret.reveal(), {}
        if secret and "client_secret_post" in found.token_endpoint_auth_methods_supported:
            form["client_secret"] = secret
        elif secret:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, section 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        answer = await self._asked("POST", found.token_endpoint, data=form, headers=headers)
        return _decoded(answer, _Tokens, found.token_endpoint).id_token

    async def _asked(
        self, method: str, address: str, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of a good answer. Raises ProviderAwayError, and SignInError where it refuses."""
        try:
            # A client for each question: they are seldom, and this way nothing is left open.
            async with (
                httpx.AsyncClient(timeout=TIMEOUTS, follow_redirects=False, verify=self._trusted) as http,
                http.stream(method, address, data=data, headers=headers) as answer,
            ):
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise ProviderAwayError(f"the provider's answer at {address} has no end")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.warning("the sign-in provider did not answer", address=address, error=str(error) or repr(error))
            raise ProviderAwayError(f"the provider {self.name} did not answer: try again in a minute") from None
        if answer.status_code == 200:
            return bytes(body)
        refusal = _refusal(bytes(body))
        words = "".join(each for each in f"{refusal.error} {refusal.error_description}" if each.isprintable()).strip()
        log.warning("the sign-in provider refused", address=address, status=answer.status_code, reason=words[:500])
        if answer.status_code in (400, 401, 403) and refusal.error:
            raise SignInError(f"the provider {self.name} refused this sign-in: {words[:300]}")
        raise ProviderAwayError(f"the provider {self.name} has trouble (it answered {answer.status_code}): try again")


def _decoded(body: bytes, kind: type[T], address: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProviderAwayError(f"what {address} answered is not of an OpenID provider: {error}") from None


def _refusal(body: bytes) -> _Refusal:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Refusal()


def _with(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
