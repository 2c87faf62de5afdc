"""What can go wrong on the way, sorted by what has to be done about it."""


class StreamError(Exception):
    """Of this package. Its text says what was wrong, where, and what to do."""


class Refused(StreamError):  # noqa: N818 - it says what happened
    """The agent must not go on: an operator's mistake that no retry will mend. The process exits with code 1."""


class Fenced(StreamError):  # noqa: N818 - it says what happened
    """Another producer with the same transactional id has been started, or the broker ended the transaction by
    time-out.

    Whatever this one holds (overlay, cached state) may be stale: drop it and join the group again.
    """


class StageFailed(Exception):  # noqa: N818 - it says what happened
    """One stage of a handler (a policy) raised. The record is judged again without that stage, and a dead letter
    names it."""

    def __init__(self, stage: str, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.stage = stage
