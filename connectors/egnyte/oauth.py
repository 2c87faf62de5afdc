"""OAuth with one Egnyte domain: the page to send people to, and its token endpoint.

Authorization code with a client secret, refreshment and revocation, as far as they are known. Nothing is known of PKCE
at Egnyte, so none is sent; the state is what ties an answer to its question.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import msgspec

from connectors.egnyte.clock import Clock, SystemClock
from streams.errors import StreamError
from streams.secret import MASK, Secret
from streams.settings_rules import is_loopback

AUTHORIZE_PATH: Final = "/puboauth/token"
TOKEN_PATH: Final = "/puboauth/token"  # noqa: S105 - a path
REVOKE_PATH: Final = "/pubapi/v1/tokens/revoke"
AUDIT: Final = "Egnyte.audit"
ACTIONS: Final = ("Egnyte.user", "Egnyte.link")
"""For what is done at Egnyte about a finding: users stopped, links withdrawn. Also reads Egnyte's users."""

TIMEOUTS: Final = httpx.Timeout(30.0, connect=10.0)
MAX_ANSWER_BYTES: Final = 64 * 1024
TRIES: Final = 3
LONGEST_WAIT_S: Final = 30.0
"""Somebody waits in front of a terminal: for a longer pause they are told to come back."""
_EXCERPT_CHARS: Final = 200


class OAuthError(StreamError):
    """No token. `kind`: `denied`, `client`, `grant`, `throttled`, `unreachable`, `answer`. The text says what to do,
    and holds no secret.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Grant(msgspec.Struct, frozen=True):
    """What the token endpoint gave. `lasts_s`: 0 where it did not say, as older domains' tokens have no end."""

    token: Secret
    refresh_token: Secret
    lasts_s: int


class OAuth:
    """One API key at one domain."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: Secret,
        redirect_uri: str,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).hostname or ""
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock or SystemClock()
        self._transport = transport

    def page(self, scopes: tuple[str, ...], state: str) -> str:
        """The address that a person opens to say yes."""
        asked = {
            "client_id": self._client_id, "redirect_uri": self._redirect_uri, "response_type": "code",
            "scope": " ".join(scopes), "state": state,
        }  # fmt: skip
        return f"{self._base_url}{AUTHORIZE_PATH}?{urlencode(asked)}"

    async def exchange(self, code: str, scopes: tuple[str, ...]) -> Grant:
        """The token for `code`. Raises OAuthError."""
        return await self._grant(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri,
             "scope": " ".join(scopes)},
            "the code is wrong, was used already, or has expired: begin again",
        )  # fmt: skip

    async def refresh(self, refresh_token: Secret) -> Grant:
        """A fresh token. Its refresh token is the old one where none comes back. Raises OAuthError."""
        grant = await self._grant(
            {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()},
            "the refresh token is used, revoked or expired: egnyte-watch rotate",
        )
        return grant if grant.refresh_token else msgspec.structs.replace(grant, refresh_token=refresh_token)

    async def revoke(self, token: Secret) -> None:
        """Ends `token` and its refresh token. One that is unknown already counts as ended. Raises OAuthError."""
        form = {"token": token.reveal(), "client_secret": self._client_secret.reveal()}
        reply = await self._post(REVOKE_PATH, form, {"Authorization": f"Bearer {token.reveal()}"})
        if reply.status in {200, 204, 401, 404}:
            return
        raise self._refusal(reply, form, "the token could not be revoked: revoke it in Egnyte's own settings")

    async def _grant(self, form: dict[str, str], refused: str) -> Grant:
        whole = form | {"client_id": self._client_id, "client_secret": self._client_secret.reveal()}
        reply = await self._post(TOKEN_PATH, whole)
        if reply.status != httpx.codes.OK:
            raise self._refusal(reply, whole, refused)
        try:
            found = _answer.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            kind = reply.headers.get("content-type", "of no type")
            raise OAuthError(
                "answer", f"{self._host} answered with no token but {len(reply.body)} bytes ({kind}): try again"
            ) from None
        if not re.fullmatch(r"[\x21-\x7e]+", found.access_token):
            raise OAuthError("answer", f"{self._host} answered with an empty or broken token: try again")
        return Grant(Secret(found.access_token), Secret(found.refresh_token or ""), max(0, found.expires_in or 0))

    async def _post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> "_Reply":
        """The answer to `form`; asked again after the pause that a throttled (409, 429) or failing (5xx) endpoint
        wants.
        """
        client = httpx.AsyncClient(
            base_url=self._base_url, timeout=TIMEOUTS, trust_env=not is_loopback(self._host), transport=self._transport
        )
        async with client:
            for again in range(TRIES, 0, -1):
                try:
                    async with client.stream("POST", path, data=form, headers=headers) as response:
                        reply = _Reply(response.status_code, response.headers, await _read(response))
                except httpx.HTTPError as error:
                    why = _clean(str(error), form.values()) or type(error).__name__
                    raise OAuthError(
                        "unreachable", f"{self._host} can't be reached ({why}): check the address, and the network"
                    ) from None
                wait_s = _wait_s(reply)
                if wait_s is None:
                    return reply
                if again == 1 or wait_s > LONGEST_WAIT_S:
                    raise OAuthError(
                        "throttled",
                        f"{self._host} gives no tokens now ({reply.status}): try again in {wait_s:.0f} s",
                    )
                await self._clock.sleep(wait_s)
        raise AssertionError("unreachable")

    def _refusal(self, reply: "_Reply", form: dict[str, str], refused: str) -> OAuthError:
        text = reply.body.decode(errors="replace")
        said = _clean(text, form.values())[:_EXCERPT_CHARS] or "no reason given"
        code = _code_of(reply.body)
        where = f"{self._host} refused ({reply.status}: {said})"
        if code in {"invalid_client", "unauthorized_client"} or reply.status == httpx.codes.UNAUTHORIZED:
            return OAuthError(
                "client",
                f"{where}: the client id or secret (egnyte.client_id, egnyte.client_secret) is not that of an API key "
                "for this domain",
            )
        if re.search(r"redirect_uri", text):
            return OAuthError(
                "client", f"{where}: egnyte.redirect_uri has to be the one that is registered with the API key"
            )
        return OAuthError("grant", f"{where}: {refused}")


def new_state() -> str:
    """A state that nobody can guess."""
    return secrets.token_urlsafe(24)


def code_in(pasted: str, state: str) -> str:
    """The code in what somebody pasted: the whole address that Egnyte sent the browser to, or the code alone.

    Raises OAuthError for a refusal, another state, or nothing of use.
    """
    text = pasted.strip()
    if "://" not in text and "code=" not in text and "error=" not in text:
        if not re.fullmatch(r"[\x21-\x7e]{4,1024}", text):
            raise OAuthError("answer", "that is neither a code nor an address: paste what Egnyte sent the browser to")
        return text
    parts = urlsplit(text)
    return code_of(parse_qs(parts.query or parts.fragment or text.rpartition("?")[2]), state)


def code_of(query: dict[str, list[str]], state: str) -> str:
    """The code in the query of a redirect. Raises OAuthError for a refusal, another state, or no code."""
    told = {name: values[0] for name, values in query.items()}
    if not secrets.compare_digest(told.get("state", "").encode(), state.encode()):
        raise OAuthError("answer", "that answer belongs to another attempt (its state differs): begin again")
    if "error" in told:
        why = _clean(told.get("error_description", "") or told["error"], ())[:_EXCERPT_CHARS]
        if told["error"] == "access_denied":
            raise OAuthError("denied", "the question at Egnyte was answered with no: begin again, and allow it")
        raise OAuthError("denied", f"Egnyte refused: {why}")
    if not told.get("code"):
        raise OAuthError("answer", "there is no code in that answer: begin again")
    return told["code"]


class _Reply(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: int | None = None
    refresh_token: str | None = None


_answer: Final = msgspec.json.Decoder(_Answer, strict=False)


async def _read(reply: httpx.Response) -> bytes:
    body = b""
    async for piece in reply.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            break
    return body[:MAX_ANSWER_BYTES]


def _wait_s(reply: _Reply) -> float | None:
    """How long to wait before asking again; None for an answer that stands."""
    if reply.status not in {409, 429} and reply.status < httpx.codes.INTERNAL_SERVER_ERROR:
        return None
    told = reply.headers.get("retry-after", "")
    return float(told) if re.fullmatch(r"[0-9]{1,6}", told) else 5.0


def _code_of(body: bytes) -> str:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return str(found.get("error", "")) if isinstance(found, dict) else ""


def _clean(text: str, hidden: Iterable[str]) -> str:
    """`text` on one line, without tags and without anything of `hidden`."""
    for secret in hidden:
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    return " ".join(re.sub(r"<[^>]{0,200}>", " ", text).split())
