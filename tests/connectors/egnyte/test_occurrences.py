"""Ids of events, and which of an answer's events are new."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte import occurrences
from connectors.egnyte.occurrences import Published, Sighting, Window, content_of, event_id

HOUR_MS = 3_600_000
NOW_MS = 1763971201123


def test_the_same_event_has_the_same_content_however_it_is_written() -> None:
    assert content_of(b'{"a":1,"b":{"d":"\xc3\xa9","c":[1,2]}}') == content_of(
        b' { "b" : {"c":[1, 2],"d":"\\u00e9"}, "a" : 1 } '
    )


def test_numbers_count_as_written() -> None:
    written = [
        b'{"a":1}',
        b'{"a":1.0}',
        b'{"a":1e0}',
        b'{"a":"1"}',
        b'{"a":123456789012345678901}',
        b'{"a":123456789012345678902}',
    ]
    assert len({content_of(raw) for raw in written}) == len(written)


def test_order_within_a_list_matters() -> None:
    assert content_of(b'{"a":[1,2]}') != content_of(b'{"a":[2,1]}')


def test_what_is_not_json_is_its_bytes() -> None:
    assert len({content_of(raw) for raw in (b"{", b"{ ", b'{"a":"\xff"}', b"[" * 100_000)}) == 4


def test_ids_are_stable_and_differ_by_connector_content_and_occurrence() -> None:
    one, other = content_of(b'{"a":1}'), content_of(b'{"a":2}')
    # Ids are on topics for months: a change of this value is a change of the contract.
    assert event_id("acme", one, 0) == "a08767dc434b45d07a7496989dee907a"
    ids = {event_id(name, content, n) for name in ("acme", "acme2") for content in (one, other) for n in range(3)}
    assert len(ids) == 12
    assert all(len(found) == 32 and int(found, 16) >= 0 for found in ids)


contents = st.sampled_from([bytes([letter]) * 16 for letter in b"abcd"])
answers = st.lists(st.lists(contents, max_size=8), max_size=8)


@given(answers)
def test_counts_of_answers_are_merged_by_maximum(pages: list[list[bytes]]) -> None:
    window = Window(HOUR_MS)
    published: list[tuple[bytes, int]] = []
    for page in pages:
        admission = window.admit([Sighting(content, NOW_MS) for content in page], NOW_MS)
        published += [(page[position], occurrence) for position, occurrence in admission.occurrences.items()]
        window.keep(admission, {})
    expected: Counter[bytes] = Counter()
    for page in pages:
        expected |= Counter(page)  # the maximum of each count
    assert Counter(content for content, _ in published) == expected
    assert len(set(published)) == len(published)
    assert all(occurrence < expected[content] for content, occurrence in published)


@given(answers, st.integers(0, 8))
def test_a_window_read_back_from_the_log_admits_the_same(pages: list[list[bytes]], cut: int) -> None:
    """What a restart rebuilds equals what was in memory, wherever the window's start fell."""
    window = Window(HOUR_MS)
    log: list[Published] = []
    for number, page in enumerate(pages):
        raws = [b'{"n":"%b"}' % content[:1] for content in page]
        admission = window.admit([Sighting(content_of(raw), NOW_MS) for raw in raws], NOW_MS)
        log += [
            Published(raws[position], event_id("acme", content_of(raws[position]), occurrence), 0, len(log), NOW_MS)
            for position, occurrence in admission.occurrences.items()
        ]
        window.keep(admission, {0: len(log)})
        if number == cut:
            break
    again = Window(HOUR_MS, newest_ms=window.newest_ms)
    again.restore("acme", log)
    again.restored({0: 0})
    probe = [
        Sighting(content_of(b'{"n":"%b"}' % letter), NOW_MS) for letter in (b"a", b"b", b"c", b"d") for _ in range(9)
    ]
    assert again.admit(probe, NOW_MS) == window.admit(probe, NOW_MS)


def test_reading_back_may_begin_with_a_later_occurrence() -> None:
    content = content_of(b'{"a":1}')
    window = Window(HOUR_MS)
    ids = [event_id("acme", content, occurrence) for occurrence in (2, 3)]
    window.restore("acme", [Published(b'{"a":1}', each, 0, at, NOW_MS) for at, each in enumerate(ids)])
    assert window.admit([Sighting(content, NOW_MS)] * 5, NOW_MS).occurrences == {4: 4}


def test_what_was_read_back_is_forgotten_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, "RESTORED_CONTENTS", 2)
    window = Window(HOUR_MS, newest_ms=NOW_MS, least_contents=4)
    raws = [b'{"n":%d}' % number for number in range(8)]
    known = [content_of(raw) for raw in raws]
    for partition in (0, 1):  # numbers 0, 2, 4, 6 and 1, 3, 5, 7, published one after the other
        mine = [
            Published(raws[n], event_id("acme", known[n], 0), partition, 10 + n // 2, NOW_MS + n)
            for n in range(partition, 8, 2)
        ]
        window.restore("acme", mine)
    window.restored({0: 10, 1: 5})
    assert window.start_offsets({}) == {0: 10, 1: 5}
    publish(window, NOW_MS + HOUR_MS + 1, 100, before=14)
    assert len(window) == 5, "the oldest pairs are gone, four of the newest are left"
    assert window.start_offsets({}) == {0: 12, 1: 12}
    repeated = [Sighting(content, NOW_MS) for content in known]
    assert sorted(window.admit(repeated, NOW_MS).occurrences) == [0, 1, 2, 3]


def test_a_clock_that_was_set_back_hides_nothing_that_was_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, "RESTORED_CONTENTS", 1)
    window = Window(HOUR_MS, newest_ms=NOW_MS, least_contents=2)
    raws, times = [b"0", b"1", b"2"], [NOW_MS, NOW_MS + 50, NOW_MS + 10]
    window.restore(
        "acme", [Published(raw, event_id("acme", content_of(raw), 0), 0, n, times[n]) for n, raw in enumerate(raws)]
    )
    window.restored({0: 0})
    publish(window, NOW_MS + HOUR_MS + 1, 100, before=3)
    assert window.start_offsets({}) == {0: 1}, "the second and the third are of one moment"
    assert len(window) == 3


def content(number: int) -> bytes:
    return number.to_bytes(16, "big")


def publish(window: Window, time_ms: int, *numbers: int, before: int = 0) -> list[int]:
    admission = window.admit([Sighting(content(number), time_ms) for number in numbers], NOW_MS * 2)
    window.keep(admission, {0: before})
    return sorted(admission.occurrences)


def test_the_window_forgets_what_a_restart_can_no_longer_bring() -> None:
    window = Window(HOUR_MS)
    publish(window, NOW_MS, 1, before=10)
    publish(window, NOW_MS + HOUR_MS, 2, before=11)
    assert window.start_offsets({0: 12}) == {0: 10}
    assert publish(window, NOW_MS, 1) == []
    publish(window, NOW_MS + HOUR_MS + 1, 3, before=12)
    assert window.start_offsets({0: 13}) == {0: 11}
    assert len(window) == 2
    assert publish(window, NOW_MS, 1) == [0]


def test_in_a_quiet_domain_the_newest_contents_are_remembered_however_old() -> None:
    window = Window(HOUR_MS, least_contents=3)
    for number in range(5):
        publish(window, NOW_MS + number * 10 * HOUR_MS, number, before=number)
    assert window.start_offsets({0: 5}) == {0: 2}
    assert publish(window, NOW_MS + 40 * HOUR_MS, 2, 3, 4) == []
    assert publish(window, NOW_MS + 40 * HOUR_MS, 1) == [0]


def test_a_late_event_is_remembered_as_long_as_its_neighbours() -> None:
    window = Window(HOUR_MS)
    publish(window, NOW_MS, 1)
    publish(window, NOW_MS - 10 * HOUR_MS, 2)
    publish(window, NOW_MS + HOUR_MS, 3)
    assert publish(window, NOW_MS - 10 * HOUR_MS, 2) == []


def test_a_date_in_the_future_does_not_empty_the_window() -> None:
    window = Window(HOUR_MS)
    publish(window, NOW_MS, 1)
    admission = window.admit([Sighting(content(2), NOW_MS + 50 * HOUR_MS), Sighting(content(3), None)], NOW_MS + 1)
    window.keep(admission, {})
    assert window.newest_ms == NOW_MS
    assert publish(window, NOW_MS, 1) == []


def test_a_content_that_comes_again_more_often_outlives_its_first_page() -> None:
    window = Window(HOUR_MS)
    publish(window, NOW_MS, 1)
    publish(window, NOW_MS + HOUR_MS, 1, 1)
    publish(window, NOW_MS + HOUR_MS + 1, 2)
    assert publish(window, NOW_MS, 1, 1) == []
    publish(window, NOW_MS + 3 * HOUR_MS, 4)
    assert len(window) == 1


def test_the_window_is_bounded_and_says_when_that_costs() -> None:
    window = Window(HOUR_MS, max_contents=10)
    for number in range(20):
        publish(window, NOW_MS, *range(number * 3, number * 3 + 3))
    assert len(window) <= 10
    assert window.forgotten_early >= 50


def test_a_window_that_was_never_published_to_starts_at_the_first_page() -> None:
    window = Window(HOUR_MS)
    window.restored({})
    assert window.start_offsets({0: 7}) == {0: 7}
    publish(window, NOW_MS, 1, before=7)
    assert window.start_offsets({0: 8}) == {0: 7}


def test_nothing_changes_until_it_is_published() -> None:
    window = Window(HOUR_MS)
    answer = [Sighting(content(1), NOW_MS)]
    assert window.admit(answer, NOW_MS) == window.admit(answer, NOW_MS)
    assert (len(window), window.newest_ms) == (0, 0)
