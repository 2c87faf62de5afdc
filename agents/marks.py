"""What `enrich` makes of people's marks of addresses: activities that tell who said what, and teach nothing."""

import msgspec

from schemas import mark as marks
from schemas.activity import Activity, Person
from schemas.mark import Mark


def mark_of(value: bytes) -> Mark:
    """The mark in an event. Raises ValueError, saying what is wrong with it."""
    try:
        return marks.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a mark: {error}") from None


def marked(activity: Activity, mark: Mark) -> Activity:
    """`activity` with what `mark` says. Its actor is no user of Egnyte's: nothing is judged, or learned, by it."""
    words = f"{mark.block}: {mark.category or 'no mark any more'}"
    return msgspec.structs.replace(
        activity,
        outcome="success",
        actor=Person(kind="system", name=mark.by),
        info=f"{words} ({mark.why})" if mark.why else words,
    )
