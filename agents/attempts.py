"""What `enrich` writes to `egnyte.attempts`: logins, failed logins and link use, keyed by where they come from."""

from typing import Final

from aiokafka.partitioner import murmur2

from detections.attempts import TYPES, attempts_of
from detections.verdicts import BY_SOURCE, verdict_of
from schemas.activity import Activity
from schemas.attempt import encode
from schemas.event import VERDICT
from streams.cluster import Record
from streams.handler import Outputs

SOURCE: Final = "source"
"""Header of what is no attempt: the source of the event that it was. Attempts have none."""
REMEMBERED: Final = 16_384
"""Keys whose partition is kept: hashing one takes 20 us, and most logins come from few networks."""


class Attempts:
    """Writes the attempts that activities are. Keep it cheap: most activities are none."""

    types: Final = frozenset(TYPES)
    """Ask only about activities of these types."""

    def __init__(self, topic: str, partitions: int) -> None:
        """`partitions`: of `topic`."""
        self._topic = topic
        self._partitions = partitions
        self._known: dict[bytes, int] = {}

    def write(self, activity: Activity, user: bytes | None, out: Outputs) -> None:
        """Sends the attempts of `activity`, which has the key `user`, to `out`."""
        for key, attempt in attempts_of(activity, (user or b"").decode(errors="replace")):
            out.send(self._topic, key, encode(attempt), attempt.time_ms, partition=self.partition(key))

    def pass_on(self, verdict: Activity, key: bytes | None, out: Outputs) -> None:
        """Sends a person's `verdict` on a finding of agent `networks` to where that reads it, among the attempts that
        it was about. What is no verdict, or on another's finding, is left to `detect`."""
        try:
            found = verdict_of(verdict.raw, key or b"").finding
        except ValueError:
            return
        if key is not None and found.unmapped.policy in BY_SOURCE:
            headers = [(SOURCE, _VERDICT)]
            out.send(self._topic, key, bytes(verdict.raw), verdict.time_ms, headers, self.partition(key))

    def partition(self, key: bytes) -> int:
        """Where Kafka's default partitioner puts `key`: named here, for a handler's outputs stay in the partition of
        its input unless told otherwise, and what is judged together must be together."""
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[key] = (murmur2(key) & 0x7FFFFFFF) % self._partitions
        return found


def is_verdict(record: Record) -> bool:
    """Whether `record` of the attempts is a person's verdict, and no attempt."""
    return bool(record.headers) and any(name == SOURCE and value == _VERDICT for name, value in record.headers)


_VERDICT: Final = VERDICT.encode()
