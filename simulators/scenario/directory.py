"""The directory of the organisation: who has an account, and how accounts change."""

import msgspec

from simulators.scenario.people import Person


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person's account in the directory. `leaves_ms`: when employment ends, ms since the epoch, UTC."""

    email: str
    name: str
    user_id: str
    enabled: bool = True
    deleted: bool = False
    privileged: bool = False
    leaves_ms: int | None = None

    @classmethod
    def of(cls, person: Person) -> "Account":
        """The ordinary account of `person`."""
        return cls(email=person.email, name=person.name, user_id=person.user_id, privileged=person.is_admin)


class DirectoryChange(msgspec.Struct, frozen=True, kw_only=True):
    """`account` is what it became at `at_ms`; whoever follows the directory learns of it at `learned_ms`."""

    at_ms: int
    learned_ms: int
    account: Account
