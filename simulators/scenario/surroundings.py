"""What an organisation knows of networks, as files, and how that changes over time: IP lists, and where a city
database places networks.
"""

from collections.abc import Iterable, Mapping

import msgspec


class ListLine(msgspec.Struct, frozen=True, kw_only=True):
    """From `at_ms` (midnight, UTC) on the list file `file` has `line`."""

    at_ms: int
    file: str
    line: str


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """From `at_ms` (midnight, UTC) on the city database places `network` in the city called `city`."""

    at_ms: int
    network: str
    city: str


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds from `at_ms` on. `lists`: IP list files, name and text. `moved`: networks that the city database
    places elsewhere than `places.json` does, with the city's name.
    """

    at_ms: int
    lists: Mapping[str, str]
    moved: Mapping[str, str]


def history(first_ms: int, lists: Mapping[str, str], changes: Iterable[ListLine | Move]) -> tuple[Surroundings, ...]:
    """From `lists` on, at `first_ms`, one state after the other, in order of time."""
    states = [Surroundings(at_ms=first_ms, lists=lists, moved={})]
    for change in sorted(changes, key=lambda each: each.at_ms):
        texts, moved = dict(states[-1].lists), dict(states[-1].moved)
        if isinstance(change, Move):
            moved[change.network] = change.city
        else:
            texts[change.file] = texts.get(change.file, "cidr,category,tags\n") + change.line + "\n"
        after = Surroundings(at_ms=change.at_ms, lists=texts, moved=moved)
        if states[-1].at_ms == change.at_ms and len(states) > 1:
            states[-1] = after
        else:
            states.append(after)
    return tuple(states)
