"""What the owner of a partition needs of others: to perform, to know people, to write."""

from collections.abc import Sequence
from typing import Any, Protocol

from agents.governing.standing import Standing
from schemas.governance import GovernanceRecord


class Performer(Protocol):
    """Performs the actions of one place."""

    async def prepare(self, request: GovernanceRecord, standing: Standing) -> GovernanceRecord:
        """`request` as `started`, or its outcome where there is nothing to do."""
        ...

    async def perform(self, started: GovernanceRecord) -> GovernanceRecord:
        """The outcome of what was `started`; of a later attempt, after a look whether it has happened."""
        ...

    async def look(self, started: GovernanceRecord) -> GovernanceRecord:
        """What has become of what was `started`, nothing being done: `succeeded`, `skipped` where it did not happen,
        `uncertain` where it happened in part, or nobody can tell.
        """
        ...


class Knows(Protocol):
    """What is known of people: see `agents.governing.accounts`."""

    def standing(self, connector: str, user: str) -> Standing: ...
    def people(self, connector: str) -> int: ...


class Writes(Protocol):
    """The partition's log: see `agents.governing.partition_log`."""

    async def write(self, *records: GovernanceRecord, beside: Sequence[Any] = ()) -> None: ...
