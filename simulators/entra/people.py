"""An organisation's people, put into a tenant: the same as those of the scenario of the same seed and size."""

import uuid
from typing import Final

from simulators.entra.directory import Directory
from simulators.scenario.organisation import Organisation

SYNCED_EVERY: Final = 3
"""One in so many comes from an on-premises directory."""
NAMESPACE: Final = uuid.UUID("6f3c2f0e-0d6b-5d0a-9a55-0b7f5a6f5a11")


def tenant_people(directory: Directory, users: int, seed: int) -> list[str]:
    """Adds `users` people, their managers, and roles of those who administer; returns their object ids, which depend
    on the seed alone.
    """
    if not users:
        return []
    people = Organisation(seed, users).people
    ids = []
    for person in people:
        given, _, family = person.name.partition(" ")
        ids.append(
            directory.add(
                id=object_id(person.email, seed),
                userPrincipalName=person.email,
                mail=person.email,
                mailNickname=person.email.partition("@")[0],
                displayName=person.name,
                givenName=given,
                surname=family,
                department=person.department,
                onPremisesSyncEnabled=True if person.number % SYNCED_EVERY == 1 else None,
            )
        )
        if person.is_admin:
            directory.assign("User Administrator", ids[-1])
    directory.assign("Global Administrator", ids[0])
    for user_id in ids[1:]:
        directory.set_manager(user_id, ids[0])
    return ids


def object_id(email: str, seed: int) -> str:
    """The object id of the person of an e-mail."""
    return str(uuid.uuid5(NAMESPACE, f"{seed}/{email}"))
