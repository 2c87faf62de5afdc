"""What a token must be good for before a domain counts as connected: who it is, whether reports may be run, whether
the plan has audit. Each refusal names the missing prerequisite and who can grant it.
"""

from typing import Final

import msgspec

from connectors.egnyte.client import EgnyteClient
from connectors.egnyte.oauth import AUDIT
from connectors.egnyte.refusals import Forbidden, NoAnswer, RequestRefused, Throttled, Unauthorized, Unreachable
from streams.errors import StreamError

USERINFO: Final = "/pubapi/v1/userinfo"
WHOAMI: Final = "/pubapi/v1/whoami"
PROBE_MS: Final = 60_000
"""So far back the stream is asked: a minute's events, which are thrown away."""

ROLE: Final = (
    "An Egnyte administrator can make the user an Administrator, or a Power user with a role that can run reports"
)
PLAN: Final = (
    "Audit reporting is part of Egnyte's Business, Enterprise Lite and Enterprise plans; whoever holds the contract "
    "with Egnyte can change it"
)
SCOPE: Final = f"Connect again, and allow the scope {AUDIT}; the API key itself has to be allowed to ask for it"


class PrerequisiteError(StreamError):
    """A prerequisite is missing. `kind`: `token`, `role`, `plan`, `scope`, `unknown`, `unreachable`, `throttled`."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Identity(msgspec.Struct, frozen=True):
    """Whose token it is. `scopes`: None where Egnyte does not tell; empty where the token is not limited to any."""

    user: str
    user_type: str
    scopes: tuple[str, ...] | None

    def __str__(self) -> str:
        types = {"admin": "Administrator", "power": "Power user", "standard": "Standard user"}
        return f"{self.user} ({types.get(self.user_type, self.user_type or 'of unknown type')})"


class _UserInfo(msgspec.Struct):
    username: str = ""
    email: str = ""
    user_type: str = ""


class _WhoAmI(msgspec.Struct):
    scopes: str | list[str] | None = None


async def who_am_i(client: EgnyteClient) -> Identity:
    """Whose token it is, and what it may do. Raises PrerequisiteError."""
    try:
        found = msgspec.json.decode((await client.ask("GET", USERINFO)).body, type=_UserInfo)
    except Forbidden as refusal:
        raise PrerequisiteError("unknown", f"Egnyte does not say whose token it is: {refusal}") from None
    except NoAnswer as refusal:
        raise _no_answer(refusal) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PrerequisiteError("unknown", "what answers at this address is not Egnyte's API: check it") from None
    return Identity(found.email or found.username or "somebody", found.user_type, await _scopes(client))


async def may_read_audit(client: EgnyteClient, identity: Identity, now_ms: int) -> None:
    """Asks the audit stream once. Raises PrerequisiteError, with what is missing as far as the answers tell."""
    try:
        await client.page(start_ms=now_ms - PROBE_MS)
    except Forbidden as refusal:
        raise _missing(refusal, identity) from None
    except RequestRefused as refusal:
        raise PrerequisiteError(
            "unknown", f"the audit stream refused the question: {refusal}. Is this machine's clock right?"
        ) from None
    except NoAnswer as refusal:
        raise _no_answer(refusal) from None


async def _scopes(client: EgnyteClient) -> tuple[str, ...] | None:
    """The token's scopes, where Egnyte tells them: not every domain does."""
    try:
        found = msgspec.json.decode((await client.ask("GET", WHOAMI)).body, type=_WhoAmI)
    except (NoAnswer, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.scopes is None:
        return None
    return tuple(found.scopes.split() if isinstance(found.scopes, str) else found.scopes)


def _missing(refusal: Forbidden, identity: Identity) -> PrerequisiteError:
    """Which prerequisite: what is known of the token and its user tells more than the words of the refusal."""
    if identity.scopes and AUDIT not in identity.scopes:
        return PrerequisiteError(
            "scope", f"the token lacks the scope {AUDIT} (it has {', '.join(identity.scopes)}). {SCOPE}"
        )
    if identity.user_type == "standard" or (refusal.by == "role" and identity.user_type != "admin"):
        return PrerequisiteError("role", f"{identity} may not run audit reports. {ROLE}")
    if refusal.by == "scope":
        return PrerequisiteError("scope", f"the token lacks the scope {AUDIT}. {SCOPE}")
    if refusal.by == "plan" or identity.user_type == "admin":
        return PrerequisiteError(
            "plan", f"{identity} may run reports, but the domain's plan has no audit reporting. {PLAN}"
        )
    return PrerequisiteError(
        "unknown", f"{identity} may not read the audit, and Egnyte does not say why: {refusal}. {ROLE}. {PLAN}"
    )


def _no_answer(refusal: NoAnswer) -> PrerequisiteError:
    if isinstance(refusal, Unauthorized):
        return PrerequisiteError(
            "token",
            "Egnyte does not accept the token: it is wrong, expired, revoked, or its user has changed the password. "
            "Get a new one",
        )
    if isinstance(refusal, Throttled):
        wait = f" in {refusal.retry_after_s:.0f} s" if refusal.retry_after_s else " in an hour"
        return PrerequisiteError(
            "throttled", f"the domain is asked too often at the moment; try again{wait}: {refusal}"
        )
    if isinstance(refusal, Unreachable):
        return PrerequisiteError("unreachable", f"{refusal}. Check the address, the network and its proxy")
    return PrerequisiteError("unknown", f"no usable answer: {refusal}. Is it the address of an Egnyte domain?")
