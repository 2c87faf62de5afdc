"""What became of an action in Entra ID. Nothing here is an exception: whoever governs writes each of them down."""

from typing import Literal

import msgspec

from connectors.entra import refusals
from connectors.entra.refusals import NoAnswer

Reason = Literal["login", "forbidden", "privileged", "mailbox", "invalid"]


class Succeeded(msgspec.Struct, frozen=True, tag="succeeded"):
    """It is done. `tries`: requests that it took. `looked_up`: no answer came, and a look at the account told."""

    tries: int = 1
    looked_up: bool = False


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It was not done, and won't be until somebody has changed something. `code`: Graph's own. `advice`: what."""

    reason: Reason
    code: str
    message: str
    advice: str


class NotFound(msgspec.Struct, frozen=True, tag="not_found"):
    """There is no such user, or not any more: nothing is left to do."""

    message: str


class Throttled(msgspec.Struct, frozen=True, tag="throttled"):
    """It was not done: Graph is asked too often. `retry_after_s`: None where it does not say for how long."""

    message: str
    retry_after_s: float | None = None


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable"):
    """It was not done: Graph or its login server can't be reached, or does not work. Try again later."""

    message: str


class Uncertain(msgspec.Struct, frozen=True, tag="uncertain"):
    """It may have been done: the connection broke after it was sent, and nothing can tell (any more)."""

    message: str


Failure = Refused | NotFound | Throttled | Unavailable
"""It was not done."""
Outcome = Succeeded | Failure | Uncertain

_LOGIN_ADVICE = "egnyte-watch doctor checks the entra settings; the app registration holds secrets and certificates"


def outcome_of(error: NoAnswer, *, advice: str, reason: Reason = "forbidden") -> Failure | Uncertain:
    """The outcome that `error` stands for. `reason`, `advice`: of a 403, which says no more than that."""
    message = str(error)
    if error.may_have_happened:
        return Uncertain(message)
    match error:
        case refusals.LoginRefused():
            return Refused("login", "".join(f"AADSTS{number}" for number in error.numbers[:1]), message, _LOGIN_ADVICE)
        case refusals.Unauthorized():
            return Refused("login", error.code, message, _LOGIN_ADVICE)
        case refusals.Forbidden():
            return Refused(reason, error.code, message, advice)
        case refusals.NotFound():
            return NotFound(message)
        case refusals.GraphRefused():
            return Refused("invalid", error.code, message, "this is a fault of this program or of its settings")
        case refusals.Throttled():
            return Throttled(message, error.retry_after_s)
        case _:
            return Unavailable(message)
