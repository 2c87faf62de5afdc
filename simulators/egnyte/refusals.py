"""What Egnyte says when it says no: every form of error body that has been seen, and the marks of its throttles."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import msgspec

from simulators.egnyte.switches import ErrorStyle, Switches

JSON: Final = "application/json"
HTML: Final = "text/html"


class RefusedError(Exception):
    """A request that is answered with `status` and, in the style of the domain, `message` and `code`."""

    def __init__(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})


class Rendered(msgspec.Struct, frozen=True):
    """An error as it goes out."""

    status: int
    body: bytes
    media_type: str
    headers: Mapping[str, str]


def render(refusal: RefusedError, style: ErrorStyle) -> Rendered:
    """`refusal` in `style`."""
    message, code = refusal.message, refusal.code
    if style == "html":
        body, media_type = f"<html><body><h1>{refusal.status} {escape(message)}</h1></body></html>".encode(), HTML
    elif style == "text":
        body, media_type = message.encode(), "text/plain"
    else:
        shapes: dict[str, Any] = {
            "errors": {"Errors": [{"description": message, "code": code}]},
            "error_list": {"errors": [{"msg": message, "code": code}]},
            "input_errors": {"inputErrors": {"request": [{"msg": message, "code": code}]}},
            "form_errors": {"formErrors": [{"code": code, "msg": message}]},
            "message": {"message": message},
            "error_message": {"errorMessage": message},
            "oauth": {"error": code, "error_description": message},
            "fault": _fault(message, code),
        }
        body, media_type = msgspec.json.encode(shapes[style]), JSON
    return Rendered(refusal.status, body, media_type, refusal.headers)


def throttled(
    what: str, long_run: bool, retry_after_s: int, headers: Mapping[str, str], switches: Switches
) -> Rendered:
    """The answer to a request over a limit: `what` names it, `long_run` is true for those of an hour or a day."""
    marks = {"Retry-After": str(retry_after_s), **headers}
    if switches.throttle_style == "mashery":
        code = "ERR_403_DEVELOPER_OVER_RATE" if long_run else "ERR_403_DEVELOPER_OVER_QPS"
        words = "Developer Over Rate" if long_run else "Developer Over Qps"
        return Rendered(403, f"<h1>{words}</h1>".encode(), HTML, marks | {"X-Mashery-Error-Code": code})
    if switches.throttle_style == "fault":
        fault = _fault(f"Rate limit quota violation. Quota limit exceeded: {what}", "policies.ratelimit.QuotaViolation")
        return Rendered(429, msgspec.json.encode(fault), JSON, marks)
    return Rendered(429, f"<h1>Developer is over the {escape(what)} rate limit</h1>".encode(), HTML, marks)


def inactive_developer() -> Rendered:
    """What the gateway answers to a token that it does not know, in its older form."""
    marks = {"X-Mashery-Error-Code": "ERR_403_DEVELOPER_INACTIVE"}
    return Rendered(403, b"<h1>Developer Inactive</h1>", HTML, marks)


def _fault(message: str, code: str) -> dict[str, Any]:
    return {"fault": {"faultstring": message, "detail": {"errorcode": code}}}
