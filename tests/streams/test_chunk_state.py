"""The state of one chunk: what is read, changed, removed, and left as it was."""

import pytest

from streams.handler import Codec, Overlaid, State

CODEC: Codec[list[int]] = Codec(1, list, bytes, list)
COMMITTED = {b"a": b"\x01", b"b": b"\x02", b"c": b"\x03"}


def state(decoded: dict[bytes, list[int]] | None = None) -> State[list[int]]:
    return State(dict(COMMITTED), CODEC, decoded)


def small(value: list[int]) -> bool:
    return sum(value) < 3


def everywhere(key: bytes) -> bool:
    return True


def test_only_what_differs_is_a_change_and_nothing_is_stored_of_whom_nothing_is_known() -> None:
    chunk = state()
    chunk.load(b"a").append(9)
    chunk.load(b"b")
    chunk.load(b"stranger")
    assert chunk.changes() == {b"a": b"\x01\x09"}
    chunk.load(b"c").clear()
    assert chunk.changes() == {b"a": b"\x01\x09", b"c": None}


def test_what_is_dropped_is_removed_and_begins_anew_when_it_comes_again() -> None:
    chunk = state()
    chunk.load(b"b").append(5)
    chunk.load(b"new").append(1)
    chunk.drop(everywhere, small)
    assert chunk.changes() == {b"a": None, b"b": b"\x02\x05"}
    assert chunk.load(b"a") == []
    assert chunk.changes() == {b"a": None, b"b": b"\x02\x05"}
    chunk.load(b"a").append(4)
    assert chunk.changes()[b"a"] == b"\x04"


def test_only_what_is_asked_for_is_looked_at() -> None:
    chunk = state()
    chunk.drop(lambda key: key == b"b", small)
    assert chunk.changes() == {b"b": None}
    chunk.drop(lambda key: key == b"c", small)
    assert chunk.changes() == {b"b": None}


@pytest.mark.parametrize("touched", [False, True])
def test_a_value_kept_decoded_is_not_what_a_dropped_key_begins_with(touched: bool) -> None:
    decoded = {b"a": [1]}
    chunk = state(decoded)
    if touched:
        chunk.load(b"a")
    chunk.drop(everywhere, small)
    assert decoded == {}
    assert chunk.load(b"a") == []
    assert chunk.touched[b"a"] == []


def test_records_after_the_one_that_dropped_see_it_gone() -> None:
    overlaid = Overlaid(dict(COMMITTED))
    first = State(overlaid, CODEC)
    first.drop(everywhere, small)
    overlaid.changes.update(first.changes())
    assert overlaid.get(b"a") is None
    assert dict(overlaid.items()) == {b"c": b"\x03"}
    second = State(overlaid, CODEC)
    assert second.load(b"a") == []
    second.drop(everywhere, lambda value: True)
    assert second.changes() == {b"c": None}
