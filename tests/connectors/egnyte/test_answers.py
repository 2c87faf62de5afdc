"""Pages: events byte for byte, and what is done with a page that is broken."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte.answers import read_page
from connectors.egnyte.refusals import Malformed
from connectors.egnyte.salvage import salvage


def body(*events: bytes, cursor: str = "AAQ_1x", more: bool = False) -> bytes:
    tail = b'"moreEvents": %b}' % (b"true" if more else b"false")
    return b'{"nextCursor": "%b", "events": [%b], ' % (cursor.encode(), b", ".join(events)) + tail


def test_events_stay_as_they_came() -> None:
    written = [b'{ "b":1.50,\t"a" : "\\u00e9" }', b"{}", b"17", '{"é":1}'.encode()]
    page = read_page(body(*written, more=True))
    assert (page.events, page.cursor, page.more, page.mended) == (written, "AAQ_1x", True, False)


@pytest.mark.parametrize("data", [b'{"nextCursor":"x"}', b'{"nextCursor":"x","events":null,"new":1}'])
def test_a_page_may_be_empty(data: bytes) -> None:
    assert (read_page(data).events, read_page(data).more) == ([], False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<h1>maintenance</h1>",
        b"[]",
        b'{"events":[],"moreEvents":false}',
        b'{"nextCursor":"","events":[]}',
        b'{"nextCursor":null,"events":[]}',
        b'{"nextCursor":"x","events":{}}',
        b'{"nextCursor":"x","events":[{"a":1}',
        b'{"nextCursor":"x","events":[' + b"[" * 100_000,
        b'{"nextCursor":"\xff","events":[]}',
    ],
)
def test_what_is_no_page_says_so_and_keeps_the_body(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read_page(data)
    assert caught.value.body == data


def test_half_a_surrogate_pair_does_not_stop_the_stream() -> None:
    pair, literal = rb'{"p":"\ud83d\ude00"}', rb'{"p":"C:\\ud800"}'
    page = read_page(body(rb'{"p":"/a/\ud800"}', pair, literal, rb'{"p":"\uDFFF\ud800x"}'))
    assert page.events == [rb'{"p":"/a/\ufffd"}', pair, literal, rb'{"p":"\ufffd\ufffdx"}']
    assert page.mended


@pytest.mark.parametrize(
    ("pieces", "broken"),
    [
        ([b'{"a":1}', b'{"a":2'], [1]),
        ([b'{"a":1', b'{"a":2}'], [0]),
        ([b'{"a":1}', b'{"user":"A, {\\"x', b'{"a":[{"b":1},{"c":2}]}'], [1]),
        ([b'{"a":tru}', b"nonsense", b'{"a":3}'], [0]),
        ([b'{"a":"\xff"', b'{"a":3}'], [0]),
    ],
)
def test_a_broken_event_is_set_apart_from_the_others(pieces: list[bytes], broken: list[int]) -> None:
    data = body(*pieces, more=True)
    with pytest.raises(Malformed):
        read_page(data)
    page = salvage(data)
    assert page is not None
    assert (page.cursor, page.more) == ("AAQ_1x", True)
    whole = [piece for number, piece in enumerate(pieces) if number not in broken and piece != b"nonsense"]
    assert [event for event in page.events if event in whole] == whole
    assert b", ".join(page.events) == b", ".join(pieces)  # not a byte is lost


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<h1>maintenance</h1>",
        body(b'{"a":1}')[:-20],
        body(b'{"a":1}')[:40],
        b'{"events":[{"a":1],"moreEvents":false}',
        b'{"events":[{"a":1},"nextCursor":"x"}',
    ],
)
def test_nothing_is_salvaged_where_the_cursor_is_not_certain(data: bytes) -> None:
    assert salvage(data) is None


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text()) | st.binary(max_size=20).map(repr), max_size=5))
def test_whatever_is_between_the_brackets_is_kept(events: list[Any]) -> None:
    written = [json.dumps(event).encode() for event in events]
    page = salvage(body(*written))
    assert page is not None
    assert page.events == written
