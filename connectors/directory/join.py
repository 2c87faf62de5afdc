"""Which accounts are one person's: joined by e-mail, user principal name, user name or the id at the identity provider.

A person has at most one account in each source that is in use, and any number that are deleted: of an account that was
deleted and made again, say. Where names would join more than that, the stronger tie wins and the rest stay apart.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Final

from schemas.directory import DirectoryEntry

USER_NAME, UPN, EMAIL, IDP = range(1, 5)
"""What a tie is worth. Egnyte's idpUserId was set by the provisioning itself; an e-mail is what people are known by; a
user name like `jan` may be anybody's."""
IN_USE: Final = 10
"""Added to a tie between two accounts that are in use: it goes before all others."""


def ties(entry: DirectoryEntry) -> dict[str, int]:
    """By what `entry` can be joined: words that mean the same for all sources, each with its weight.

    Egnyte's idpUserId may be what Entra ID calls object id, principal name or e-mail: so those are looked for, too.
    """
    found: dict[str, int] = {}
    if entry.user_name:
        # Single sign-on often makes an address the user name; without an @ it is a word of its own kind.
        found[entry.user_name if "@" in entry.user_name else f"~name-{entry.user_name}"] = USER_NAME
    if entry.upn:
        found[entry.upn] = UPN
    if entry.email:
        found[entry.email] = EMAIL
    if entry.idp_user_id:
        found[f"~idp-{entry.idp_user_id}"] = IDP
    if entry.source == "entra":
        found |= {f"~idp-{name}": IDP for name in (entry.id.lower(), entry.upn, entry.email) if name}
    return found


def joined(
    entries: Sequence[DirectoryEntry], common: Callable[[str], bool] = lambda word: False
) -> list[list[DirectoryEntry]]:
    """`entries` by person, those in use first. The same entries give the same persons, in whatever order they come.

    `common`: whether a word (see `ties`) is one that so many accounts have that it joins nobody.
    """
    ordered = sorted(entries, key=rank)
    person_of = list(range(len(ordered)))
    in_use = [set() if entry.deleted else {entry.source} for entry in ordered]
    members = [[index] for index in range(len(ordered))]
    for _, first, second in sorted(_pairs(ordered, common), key=lambda pair: (-pair[0], pair[1], pair[2])):
        keep, drop = sorted((person_of[first], person_of[second]))
        if keep == drop or in_use[keep] & in_use[drop]:
            continue
        in_use[keep] |= in_use[drop]
        for index in members[drop]:
            person_of[index] = keep
        members[keep] += members[drop]
        members[drop] = []
    return [[ordered[index] for index in sorted(group)] for group in members if group]


def rank(entry: DirectoryEntry) -> tuple[bool, bool, int, str]:
    """Accounts in use first, Egnyte's before others, the latest deleted before older ones."""
    return entry.deleted, entry.source != "egnyte", -entry.deleted_ms, entry.id


def _pairs(ordered: Sequence[DirectoryEntry], common: Callable[[str], bool]) -> list[tuple[int, int, int]]:
    """Every two that share a word: how strongly, and where they stand."""
    by_word: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for index, entry in enumerate(ordered):
        for word, weight in ties(entry).items():
            by_word[word].append((index, weight))
    strongest: dict[tuple[int, int], int] = {}
    for word, found in by_word.items():
        if common(word):
            continue
        used = [each for each in found if not ordered[each[0]].deleted]
        gone = found[len(used) :]
        pairs = [(one, other, IN_USE) for one, other in combinations(used, 2)]
        pairs += [(one, other, 0) for other in gone for one in (*used, *gone[:1]) if one is not other]
        for (one, one_weight), (other, other_weight), bonus in pairs:
            strength = min(one_weight, other_weight) + bonus
            strongest[one, other] = max(strongest.get((one, other), 0), strength)
    return [(strength, one, other) for (one, other), strength in strongest.items()]
