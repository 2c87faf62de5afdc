"""Whose a name is that several people have. Pure."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from connectors.directory.join import rank
from connectors.directory.person import alias_kinds
from schemas.directory import AliasKind, DirectoryEntry

_STRENGTH: Final[dict[AliasKind, int]] = {
    "egnyte_id": 0, "entra_id": 0, "email": 1, "upn": 2, "idp_user_id": 3, "user_name": 4,
}  # fmt: skip

Joined = list[DirectoryEntry]
"""The accounts of one person."""


def owners(
    people: Sequence[Joined], common: Callable[[str], bool]
) -> tuple[dict[str, Joined], dict[str, list[Joined]]]:
    """Whose each alias is, and those that several have. Of several persons with the same one: the account's in use,
    then whose it is as an e-mail, a principal name, an id, a user name; then Egnyte's account; then the lowest id.

    `common`: whether a word (see `connectors.directory.join.ties`) is nobody's, as too many have it.
    """
    claims: defaultdict[str, list[tuple[tuple[bool, int, object], Joined]]] = defaultdict(list)
    for entries in people:
        for entry in entries:
            for alias, kind in alias_kinds(entry).items():
                if not common(alias.removeprefix("~name-") if "@" in alias else alias):
                    claims[alias].append(((entry.deleted, _STRENGTH[kind], rank(entry)), entries))
    found, disputed = {}, {}
    for alias, claimed in claims.items():
        _, found[alias] = min(claimed, key=lambda claim: claim[0])
        if any(entries is not found[alias] for _, entries in claimed):
            disputed[alias] = [entries for _, entries in claimed]
    return found, disputed
