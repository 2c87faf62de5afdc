"""Chance that can be repeated: each purpose has a stream of its own, so that a new behaviour changes no other."""

import random


def chance(*purpose: object) -> random.Random:
    """The random stream of `purpose`, the seed being its first part; the same for the same words on every machine."""
    return random.Random("/".join(str(part) for part in purpose))  # noqa: S311 - repeatable, not secret
