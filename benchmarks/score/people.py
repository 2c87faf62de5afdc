"""The scenario's accounts as Entra ID would tell of them."""

from collections.abc import Iterator

from schemas.directory import DirectoryEntry
from simulators.scenario import Scenario
from simulators.scenario.directory import Account, DirectoryChange

PRIVILEGED = ("Global Administrator",)


class Tenant:
    """Turns the scenario's changes into entries. An account that is made anew has another id than the deleted one."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._generation: dict[str, int] = {}
        self._deleted: set[str] = set()

    def everybody(self) -> Iterator[DirectoryEntry]:
        """All accounts, as of the beginning."""
        for account in self._scenario.organisation.directory():
            yield self._entry(account, 0)

    def changed(self, change: DirectoryChange) -> DirectoryEntry:
        """What the directory tells of `change`."""
        account = change.account
        if account.deleted:
            self._deleted.add(account.email)
        elif account.email in self._deleted:
            self._deleted.discard(account.email)
            self._generation[account.email] = self._generation.get(account.email, 0) + 1
        return self._entry(account, change.at_ms)

    def _entry(self, account: Account, at_ms: int) -> DirectoryEntry:
        generation = self._generation.get(account.email, 0)
        return DirectoryEntry(
            source="entra",
            id=f"{account.user_id}-{generation}",
            email=account.email,
            upn=account.email,
            name=account.name,
            enabled=account.enabled,
            disabled_ms=0 if account.enabled else at_ms,
            deleted=account.deleted,
            deleted_ms=at_ms if account.deleted else 0,
            leave_ms=account.leaves_ms or 0,
            roles=PRIVILEGED if account.privileged else (),
        )
