"""Why Graph or its login server gave no answer, sorted by what has to be done about it."""

from typing import ClassVar


class NoAnswer(Exception):  # noqa: N818 - it says what it is
    """There is no answer. `kind` names the type for logs and status; the text never holds a secret or a token."""

    kind: ClassVar[str] = "no_answer"
    needs_people: ClassVar[bool] = False
    """Whether retrying alone can't mend it."""
    may_have_happened: bool = False
    """Whether what was asked may have been done all the same."""


class LoginRefused(NoAnswer):
    """No token: the app's proof is wrong or expired, or the app or tenant is unknown. `numbers`: Entra's own."""

    kind = "login_refused"
    needs_people = True

    def __init__(self, message: str, numbers: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.numbers = numbers


class GraphRefused(NoAnswer):
    """Graph says no, and will say so again. `code`: Graph's own."""

    kind = "refused"

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Unauthorized(GraphRefused):
    """401, also with a fresh token."""

    kind = "unauthorized"
    needs_people = True


class Forbidden(GraphRefused):
    """403: a permission, a licence, or a role above the account is missing."""

    kind = "forbidden"
    needs_people = True


class NotFound(GraphRefused):
    """404: no such user, or not any more."""

    kind = "not_found"


class Resync(GraphRefused):
    """410, or 400 that says so: the changes since then are not kept any more. Read everything anew."""

    kind = "resync"


class Throttled(NoAnswer):
    """Asked too often; nothing was done. `retry_after_s`: how long Graph wants to be left alone, None where it does not
    say.
    """

    kind = "throttled"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerFault(NoAnswer):
    """5xx, or an answer that is none of Graph's. `retry_after_s` as in `Throttled`. Only 503 and 509, which say that
    the server did not take the request on, tell that nothing was done.
    """

    kind = "server_fault"

    def __init__(self, message: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.may_have_happened = status not in {503, 509}


class Unreachable(NoAnswer):
    """No connection, or none that lasted: name, network, certificate, time-out. `sent`: the request had gone out."""

    kind = "unreachable"

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.may_have_happened = sent


class Malformed(NoAnswer):
    """A success with a body that can't be understood."""

    kind = "malformed"
    may_have_happened = True
