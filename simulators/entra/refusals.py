"""What the login server and Graph say when they say no."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from simulators.clock import iso


class RefusedError(Exception):
    """A Graph request that is answered with `status` and an error object of `code` and `message`."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self, now_ms: int) -> bytes:
        """Graph's error object."""
        request_id = str(uuid.uuid4())
        inner: dict[str, Any] = {
            "date": iso(now_ms)[:19], "request-id": request_id, "client-request-id": request_id
        }  # fmt: skip
        if self.status == 429:
            inner |= {"code": self.code, "message": self.message, "status": "429"}
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message, "innerError": inner}})


class LoginRefusedError(Exception):
    """A token request that is answered with `status`, OAuth's `error`, and Entra's own number."""

    def __init__(self, status: int, error: str, number: int, words: str) -> None:
        super().__init__(f"AADSTS{number}: {words}")
        self.status = status
        self.error = error
        self.number = number
        self.words = words

    def body(self, now_ms: int) -> bytes:
        """The login server's error object."""
        trace, correlation, stamp = str(uuid.uuid4()), str(uuid.uuid4()), iso(now_ms)[:19].replace("T", " ") + "Z"
        told = f"AADSTS{self.number}: {self.words} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        return msgspec.json.encode(
            {
                "error": self.error,
                "error_description": told,
                "error_codes": [self.number],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
            }
        )


def denied(words: str = "Insufficient privileges to complete the operation.") -> RefusedError:
    """403 of the directory."""
    return RefusedError(403, "Authorization_RequestDenied", words)


def not_found(what: str) -> RefusedError:
    """404 of the directory."""
    return RefusedError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )


def bad_request(words: str) -> RefusedError:
    """400 of the directory."""
    return RefusedError(400, "Request_BadRequest", words)
