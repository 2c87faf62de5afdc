"""Why Egnyte gave no answer, as types: each has a different cure."""

from typing import ClassVar, Literal

ForbiddenBy = Literal["role", "plan", "scope", "unknown"]


class NoAnswer(Exception):  # noqa: N818 - it says what it is
    """The stream gave no page. `kind` names the type in the status record; the text never holds the token."""

    kind: ClassVar[str] = "no_answer"
    needs_people: ClassVar[bool] = False
    """Whether retrying alone can't mend it."""


class Throttled(NoAnswer):
    """Asked too often. `retry_after_s`: how long Egnyte wants to be left alone, None where it does not say."""

    kind = "throttled"

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unauthorized(NoAnswer):
    """The token is wrong, expired or revoked."""

    kind = "unauthorized"
    needs_people = True


class Forbidden(NoAnswer):
    """The token is known but may not read the stream. `by`: what stands in the way, as far as the answer tells."""

    kind = "forbidden"
    needs_people = True

    def __init__(self, message: str, by: ForbiddenBy) -> None:
        super().__init__(message)
        self.by = by


class RequestRefused(NoAnswer):
    """400: the start date is not accepted."""

    kind = "request_refused"


class CursorRefused(RequestRefused):
    """400 to a cursor: it has expired (after 7 days) or was never valid."""

    kind = "cursor_refused"


class NotFound(NoAnswer):
    """404: Egnyte does not know what was asked for."""

    kind = "not_found"


class ServerFault(NoAnswer):
    """5xx, or an answer that is none of this API's. `retry_after_s` as in `Throttled`."""

    kind = "server_fault"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unreachable(NoAnswer):
    """No connection, or none that lasted: name, network, certificate, time-out."""

    kind = "unreachable"


class Malformed(NoAnswer):
    """200 with a body that can't be understood. `body` is kept for the dead letters."""

    kind = "malformed"

    def __init__(self, message: str, body: bytes) -> None:
        super().__init__(message)
        self.body = body
