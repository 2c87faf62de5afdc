"""Accounts and directories for tests."""

from typing import Any

from connectors.directory.directory import Directory
from schemas.activity import Account
from schemas.directory import DirectoryChange, DirectoryEntry, DirectoryRecord, SourceRecord

NOW_MS = 1_764_000_000_000
DAY_MS = 86_400_000


def entra(id: str, email: str = "", **more: Any) -> DirectoryEntry:  # noqa: A002 - as the Struct has it
    return DirectoryEntry(source="entra", id=id, email=email, **({"upn": email} | more))


def egnyte(id: str, email: str = "", **more: Any) -> DirectoryEntry:  # noqa: A002
    return DirectoryEntry(source="egnyte", id=id, email=email, **({"user_type": "power"} | more))


class Topic:
    """What a directory has written: the newest record of each alias, and all changes."""

    def __init__(self, *read: str) -> None:
        self.directory = Directory("acme")
        self.directory.load(
            SourceRecord(connector="acme", source=each, complete_ms=1)  # type: ignore[arg-type]
            for each in read
        )
        self.records: dict[str, DirectoryRecord] = {}
        self.changes: list[tuple[str, DirectoryChange]] = []

    def take(self, *entries: DirectoryEntry, at_ms: int = NOW_MS) -> list[str]:
        """Takes `entries`; returns the changes that came of it, in words."""
        new = []
        for written in self.directory.take(entries, at_ms):
            for alias, record in written.records.items():
                if record is None:
                    self.records.pop(alias, None)
                else:
                    self.records[alias] = record
            self.changes += written.changes
            new += [f"{user} {change.change} {change.detail}".strip() for user, change in written.changes]
        return new

    def again(self) -> "Topic":
        """A process that starts anew, with the topic alone."""
        topic = Topic()
        topic.directory.load([*self.records.values(), *self.directory.sources.values()])
        topic.records = dict(self.records)
        assert topic.directory.orphans() == []
        return topic

    @property
    def people(self) -> dict[str, list[str]]:
        """By user, the aliases that lead there."""
        found: dict[str, list[str]] = {}
        for alias, record in sorted(self.records.items()):
            found.setdefault(record.user, []).append(alias)
        return found

    def account(self, user: str) -> Account:
        return self.records[user].account
