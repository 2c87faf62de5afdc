"""The journal: every request that came, and what it got; and what was done to people."""

from collections import deque
from typing import Final, Literal

import msgspec

KEPT: Final = 200_000
"""Requests kept."""

EffectKind = Literal["disabled", "enabled", "sessions_revoked", "compromised", "mail", "changed", "deleted", "restored"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and its answer. `at_ms`: when it came, by the simulator's clock. `status`: 0 where the connection was
    reset. `app`: the caller's client id. `user`: the object id of whom it was about. `effect`: what it did, also where
    nobody learned of it. `people`: users in the answer; `error`: the code that was said instead. `fault`: the kind of
    fault that struck.
    """

    number: int
    at_ms: int
    method: str
    path: str
    query: str = ""
    status: int
    app: str = ""
    token: str = ""
    user: str = ""
    effect: str = ""
    people: int = 0
    error: str = ""
    retry_after_s: float = 0.0
    fault: str = ""


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was done through Graph. `changed`: false where it was so before. `request`: the journal's number
    of the request.
    """

    at_ms: int
    kind: EffectKind
    user: str
    request: int
    changed: bool = True


class Mail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message that was accepted. `headers`: its internetMessageHeaders."""

    at_ms: int
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str
    content_type: str
    content: str
    headers: dict[str, str] = {}
    saved: bool = True


class Journal:
    """The last `KEPT` requests, and all effects and mails."""

    def __init__(self) -> None:
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._started = 0
        self.effects: list[Effect] = []
        self.mails: list[Mail] = []

    @property
    def total(self) -> int:
        """Requests ever seen."""
        return self._started

    def number(self) -> int:
        """The number of a request that begins."""
        self._started += 1
        return self._started - 1

    def write(self, record: Record) -> None:
        """Adds `record`."""
        self._records.append(record)

    def records(self, since: int = 0) -> list[Record]:
        """Records whose number is at least `since`, in the order in which they were answered."""
        return [record for record in self._records if record.number >= since]
