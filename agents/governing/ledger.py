"""How every action of a partition stands, folded from its log. Whoever owns the partition next finds the same."""

import bisect
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from agents.governing.kinds import KINDS, is_mail
from agents.governing.requests import is_held, is_passing
from schemas.governance import GovernanceRecord, Reason, State

FOLLOWS: Final[dict[State | None, frozenset[State]]] = {
    None: frozenset({"requested", "skipped"}),
    "requested": frozenset({"requested", "started", "skipped", "failed"}),
    "started": frozenset({"started", "succeeded", "failed", "skipped", "uncertain"}),
    "succeeded": frozenset({"reverted"}),
    "uncertain": frozenset({"requested", "reverted"}),
    "failed": frozenset({"requested"}),
    "skipped": frozenset({"requested"}),
    "reverted": frozenset(),
}
"""What may follow each state. A second `started` is a second attempt, after a look whether the first had happened."""

PASSES: Final[frozenset[Reason]] = frozenset({"too_old", "unknown_user"})
"""Why something was skipped that need not hold for what the same finding tells later. Read again or replayed, a finding
has the same time, and changes nothing."""


class Episode(msgspec.Struct):
    """From the first action that the breaker held at a connector until nothing is held there any more. `users`: whom
    it was about, by the uid of each action that was held.
    """

    first: GovernanceRecord
    users: dict[str, str] = {}


class Ledger:
    """The newest record of each action, and what follows from all of them.

    `apply` takes the records of one partition in the order of its log; the same records give the same ledger.
    """

    def __init__(self) -> None:
        self._newest: dict[str, GovernanceRecord] = {}
        self._due: dict[str, None] = {}
        self._started: dict[str, None] = {}
        self._held: dict[str, None] = {}
        self._episodes: dict[str, Episode] = {}
        self._of_user: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._locks: defaultdict[str, list[tuple[int, str, str]]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._newest)

    def __contains__(self, uid: str) -> bool:
        return uid in self._newest

    def get(self, uid: str) -> GovernanceRecord | None:
        """The newest record of an action."""
        return self._newest.get(uid)

    def accepts(self, record: GovernanceRecord) -> bool:
        """Whether `record` may follow what is known of its action. A request that a finding makes again does not, but
        where the finding goes on: what it could not do an hour ago, it may do now.
        """
        before = self._newest.get(record.uid)
        if record.state not in FOLLOWS[before.state if before else None]:
            return False
        if before is None or record.state != "requested":
            return True
        # A person asks again, the breaker holds it, or it is tried again by itself.
        if record.by or record.reason == "breaker" or (before.state == "failed" and is_passing(record)):
            return True
        return before.state == "skipped" and before.reason in PASSES and record.found_ms > before.found_ms

    def apply(self, record: GovernanceRecord) -> bool:
        """Takes the next record of the log; False for one that does not follow, which changes nothing."""
        if not self.accepts(record):
            return False
        uid = record.uid
        self._newest[uid] = record
        self._of_user[record.connector, record.user][uid] = None
        self._due.pop(uid, None)
        self._started.pop(uid, None)
        self._held.pop(uid, None)
        if is_held(record):
            self._held[uid] = None
            self._episodes.setdefault(record.connector, Episode(record)).users[uid] = record.user
        elif self.ends_episode(record):
            del self._episodes[record.connector]
        if record.state == "requested" and not is_held(record):
            self._due[uid] = None
        elif record.state == "started":
            self._started[uid] = None
            if KINDS[record.action].locks:
                bisect.insort(self._locks[record.connector], (record.at_ms, record.user, uid))
        return True

    def next_due(self, busy: Collection[tuple[str, str]] = ()) -> Iterator[GovernanceRecord]:
        """Requests that may start side by side: the first that is due of every user of whom nothing is under way, here
        or by `busy` (connector and user, of what is no mail). Mails come after all else: they wait for one another,
        and nothing for them.
        """
        started = [self._newest[uid] for uid in self._started]
        taken = set(busy) | {(one.connector, one.user) for one in started if not is_mail(one.action)}
        mailing = {(one.connector, one.user) for one in started if is_mail(one.action)}
        due = [self._newest[uid] for uid in self._due]
        for record in sorted(due, key=lambda record: is_mail(record.action)):
            whose = (record.connector, record.user)
            if record.user and (whose in taken or (is_mail(record.action) and whose in mailing)):
                continue
            (mailing if is_mail(record.action) else taken).add(whose)
            yield record

    def unfinished(self) -> list[GovernanceRecord]:
        """What was started and has no outcome: after a crash, each may have happened."""
        return [self._newest[uid] for uid in self._started]

    def newest(self) -> Iterator[GovernanceRecord]:
        """The newest record of every action, oldest action first."""
        yield from self._newest.values()

    def held(self) -> list[GovernanceRecord]:
        """What the breaker holds until a person asks for it."""
        return [self._newest[uid] for uid in self._held]

    def episode(self, connector: str) -> Episode | None:
        """The breaker's episode at `connector`; None where there is none."""
        return self._episodes.get(connector)

    def ends_episode(self, record: GovernanceRecord) -> bool:
        """Whether with `record`, which its owner writes, nothing is held any more where the breaker had held something.
        A person's request does not end it: what becomes of that does."""
        others = (each for each in self.held() if each.connector == record.connector and each.uid != record.uid)
        return record.connector in self._episodes and record.state != "requested" and not any(others)

    def of_user(self, connector: str, user: str) -> Iterator[GovernanceRecord]:
        """All that is known of one user, oldest first."""
        for uid in self._of_user.get((connector, user), ()):
            yield self._newest[uid]

    def locks_since(self, connector: str, time_ms: int) -> list[str]:
        """Who was locked out after `time_ms` (ms since the epoch) at `connector`, by anybody: one entry for each
        action, however often it was tried.
        """
        locks = self._locks.get(connector, [])
        lately = locks[bisect.bisect_right(locks, (time_ms, "\U0010ffff", "")) :]
        found = {uid: user for _, user, uid in lately if self._newest[uid].state not in {"failed", "skipped"}}
        return list(found.values())
