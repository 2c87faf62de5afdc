"""Governance actions that a policy may ask for: their names, and which of them don't go together."""

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from schemas.governance import Action

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

_LOCKING: Final = ("suspend_user", "deactivate_egnyte_user", "confirm_compromised", "require_sign_in")
_OPENING: Final = ("unsuspend_user", "reactivate_egnyte_user")
_CONTAINED: Final = {"require_sign_in": "suspend_user"}
"""What the stronger action does as well: suspending revokes all sessions."""


def contradictions(actions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of which one opens what the other closes."""
    named = tuple(actions)
    for closing in _LOCKING:
        for opening in _OPENING:
            if closing in named and opening in named:
                yield closing, opening


def contained(actions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of which the second does what the first does, and more."""
    named = tuple(actions)
    yield from ((weaker, stronger) for weaker, stronger in _CONTAINED.items() if {weaker, stronger} <= set(named))
