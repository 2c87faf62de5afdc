"""What there is to know of each action: where it acts, what it locks, what undoes it, what it contains."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from schemas.governance import Action

Where = Literal["entra", "egnyte", "mail"]


class Kind(msgspec.Struct, frozen=True):
    """One kind of action. `where`: it acts. `locks`: somebody can't work any more, so the breaker counts it. `opens`:
    it undoes a lock. `undone_by`: None for what can't be undone. `can_be_looked_up`: whether it can be told afterwards
    whether it happened.
    """

    where: Where
    locks: bool = False
    opens: bool = False
    undone_by: Action | None = None
    can_be_looked_up: bool = True


KINDS: Final[dict[Action, Kind]] = {
    "notify_user": Kind("mail", can_be_looked_up=False),
    "notify": Kind("mail", can_be_looked_up=False),
    "require_sign_in": Kind("entra"),
    "suspend_user": Kind("entra", locks=True, undone_by="unsuspend_user"),
    "unsuspend_user": Kind("entra", opens=True, undone_by="suspend_user"),
    "confirm_compromised": Kind("entra", locks=True),
    "deactivate_egnyte_user": Kind("egnyte", locks=True, undone_by="reactivate_egnyte_user"),
    "reactivate_egnyte_user": Kind("egnyte", opens=True, undone_by="deactivate_egnyte_user"),
    "revoke_links": Kind("egnyte"),
}
CONTAINED: Final[dict[Action, Action]] = {"require_sign_in": "suspend_user"}
"""What the second does as well: suspending revokes all sessions."""
INSTEAD: Final[dict[Action, Action]] = {
    "suspend_user": "deactivate_egnyte_user",
    "unsuspend_user": "reactivate_egnyte_user",
}
"""What does at Egnyte what the first would do in Entra ID, for somebody who does not sign in there."""


def strongest_first(actions: Iterable[Action]) -> tuple[Action, ...]:
    """`actions`, each once; what another of them contains comes last, for it is needed only where that is not done."""
    named = tuple(dict.fromkeys(actions))
    return tuple(sorted(named, key=lambda action: CONTAINED.get(action) in named))


def is_mail(action: Action) -> bool:
    """Whether it tells somebody, which harms nobody and can't be taken back."""
    return KINDS[action].where == "mail"
