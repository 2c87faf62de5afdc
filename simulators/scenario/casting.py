"""Who plays what: nobody twice, and of every kind one before any has a second."""

from collections.abc import Iterator, Sequence
from typing import Final

from simulators.scenario.chance import chance
from simulators.scenario.organisation import Organisation
from simulators.scenario.people import Person
from simulators.scenario.role import Behaviour, anybody, not_admin

PER: Final = 400
"""Users that a behaviour's `per_400` speaks of."""


def cast(
    behaviours: Sequence[Behaviour], organisation: Organisation
) -> Iterator[tuple[Behaviour, int, tuple[Person, ...]]]:
    """Each role: its behaviour, its number within the behaviour, and its people, the one whom it is about first.

    Each kind has one role before any has two. A role that nobody is left for is left out.
    """
    free = list(organisation.people)
    chance(organisation.seed, "casting").shuffle(free)
    wanted = [
        (number, _ease(behaviour), order, behaviour)
        for order, behaviour in enumerate(behaviours)
        for number in range(wanted_of(behaviour, len(organisation.people)))
    ]
    for number, _, _, behaviour in sorted(wanted, key=lambda each: each[:3]):
        if people := _people(behaviour, free, organisation):
            free = [person for person in free if person not in people]
            yield behaviour, number, people


def wanted_of(behaviour: Behaviour, users: int) -> int:
    """How many roles of `behaviour` so many users should play."""
    return min(behaviour.most, max(1, round(behaviour.per_400 * users / PER)))


def _ease(behaviour: Behaviour) -> int:
    """The choosy ones first, those who need company last."""
    if behaviour.company:
        return 2
    return 1 if behaviour.fits in (anybody, not_admin) else 0


def _people(behaviour: Behaviour, free: Sequence[Person], organisation: Organisation) -> tuple[Person, ...]:
    for person in free:
        if not behaviour.fits(person, organisation):
            continue
        mates = [other for other in free if other is not person and behaviour.mate(person, other)]
        if len(mates) >= behaviour.company:
            return (person, *mates[: behaviour.company])
    return ()
