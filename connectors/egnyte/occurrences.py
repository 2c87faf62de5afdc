"""Which events have been published already. Egnyte gives events no id, may repeat them, and may write two that are
equal.

An event is known by its content (canonical JSON) and by which occurrence of that content it is. Equal events within one
answer are different occurrences; an answer that has the same content again speaks of the same occurrences, so counts of
several answers are merged by maximum, never added.
"""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

ID_BYTES: Final = 16
"""128 bits: with 10 billion events, a chance of 1 in 10 to the 19 that two of them share an id."""

MAX_CONTENTS: Final = 1_000_000
"""About 160 MB. Twice what Egnyte's limits let through in an hour (100 answers of 5,000 events)."""

RESTORED_CONTENTS: Final = 1_000
"""Contents that are forgotten together once they were read back."""

_MOST_EQUAL: Final = 1_000
"""How far an occurrence number is searched. Equal events have one millisecond, person, path and action in common."""

Offsets = dict[int, int]
"""Next offset by partition of the events topic."""


def _as_written(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


_decoder: Final = msgspec.json.Decoder(float_hook=_as_written)
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def content_of(raw: bytes) -> bytes:
    """What an event says, as 16 bytes: the same for any order of keys, white space or escapes; numbers as written.

    What is not JSON is taken byte by byte.
    """
    try:
        canonical = _encoder.encode(_decoder.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        canonical = raw
    return hashlib.blake2b(canonical, digest_size=ID_BYTES).digest()


def event_id(connector: str, content: bytes, occurrence: int) -> str:
    """The id of the event: 32 hex digits, unique within a connector and across connectors."""
    whole = b"%b\x00%b\x00%d" % (connector.encode(), content, occurrence)
    return hashlib.blake2b(whole, digest_size=ID_BYTES).hexdigest()


class Sighting(NamedTuple):
    """An event of one answer: its content, and its date in ms, None where it has none."""

    content: bytes
    time_ms: int | None


class Admission(NamedTuple):
    """What of one answer is new: the occurrence number by position in the answer; and what the window becomes."""

    occurrences: dict[int, int]
    counts: dict[bytes, int]
    newest_ms: int


class Published(NamedTuple):
    """An event as it is read back: `at_ms`: when it was published; with its place on the events topic."""

    raw: bytes
    event_id: str
    partition: int
    offset: int
    at_ms: int


class _Page(NamedTuple):
    newest_ms: int
    before: Offsets
    contents: tuple[bytes, ...]


class Window:
    """Contents published while the stream moved on by the last `overlap_ms`, and at least the `least_contents` newest,
    with how many occurrences of each.

    The stream's place is the newest event date seen (`newest_ms`). An answer that starts again `overlap_ms`, or so many
    events, before it holds nothing that the window has forgotten. Pure: it reads no clock and no topic.
    """

    def __init__(
        self, overlap_ms: int, *, newest_ms: int = 0, least_contents: int = 0, max_contents: int = MAX_CONTENTS
    ) -> None:
        self.newest_ms = newest_ms
        self._overlap_ms = overlap_ms
        self._least_contents = least_contents
        self._max_contents = max_contents
        self._counts: dict[bytes, int] = {}
        self._pages: deque[_Page] = deque()
        self._listed_again: Counter[bytes] = Counter()
        self._read_back: list[tuple[int, int, int, bytes]] = []
        self.forgotten_early = 0
        """Contents dropped for want of room: if the stream has to be started again, these may be published twice."""

    def __len__(self) -> int:
        return len(self._counts)

    def admit(self, answer: Sequence[Sighting], received_ms: int) -> Admission:
        """What of `answer` is new. Changes nothing: give the admission to `keep` once it is published.

        Dates after `received_ms` do not move the stream's place: one wrong clock would empty the window.
        """
        seen: dict[bytes, int] = {}
        occurrences: dict[int, int] = {}
        counts: dict[bytes, int] = {}
        newest_ms = self.newest_ms
        for position, (content, time_ms) in enumerate(answer):
            occurrence = seen.get(content, 0)
            seen[content] = occurrence + 1
            if occurrence >= self._counts.get(content, 0):
                occurrences[position] = occurrence
                counts[content] = occurrence + 1
            if time_ms is not None and newest_ms < time_ms <= received_ms:
                newest_ms = time_ms
        return Admission(occurrences, counts, newest_ms)

    def keep(self, admission: Admission, before: Offsets) -> None:
        """Remembers what was published; `before`: the next offset of each partition before it was."""
        self.newest_ms = admission.newest_ms
        if admission.counts:
            self._listed_again.update(admission.counts.keys() & self._counts.keys())
            self._counts.update(admission.counts)
            self._pages.append(_Page(admission.newest_ms, dict(before), tuple(admission.counts)))
        self._forget()

    def restore(self, connector: str, events: Sequence[Published]) -> None:
        """Takes in a run of events read back from one partition, in order."""
        for event in events:
            content = content_of(event.raw)
            known = self._counts.get(content, 0)
            found = _occurrence(connector, content, event.event_id, known)
            self._counts[content] = max(known, found + 1)
            self._read_back.append((event.at_ms, event.partition, event.offset, content))

    def restored(self, before: Offsets) -> None:
        """All events have been read back, from the offsets `before` on; none, where no page had been published.

        They become pages again, so that the oldest can be forgotten first; each as if it had just been published.
        """
        if not before:
            return
        self._pages = deque(_Page(self.newest_ms, *each) for each in _pages_of(self._read_back, before))
        self._read_back.clear()
        listed = Counter(content for page in self._pages for content in page.contents)
        self._listed_again = Counter({content: times - 1 for content, times in listed.items() if times > 1})

    def start_offsets(self, upcoming: Offsets) -> Offsets:
        """Where reading back has to start to get this window; `upcoming`: the next offset of each partition."""
        return dict(self._pages[0].before) if self._pages else dict(upcoming)

    def _forget(self) -> None:
        floor_ms = self.newest_ms - self._overlap_ms
        while self._pages and (self._is_past(self._pages[0], floor_ms) or len(self._counts) > self._max_contents):
            page = self._pages.popleft()
            if page.newest_ms >= floor_ms:
                self.forgotten_early += len(page.contents)
            for content in page.contents:
                if self._listed_again[content]:
                    self._listed_again[content] -= 1
                else:
                    del self._listed_again[content], self._counts[content]

    def _is_past(self, page: _Page, floor_ms: int) -> bool:
        return page.newest_ms < floor_ms and len(self._counts) - len(page.contents) >= self._least_contents


def _pages_of(
    read_back: Sequence[tuple[int, int, int, bytes]], before: Offsets
) -> Iterator[tuple[Offsets, tuple[bytes, ...]]]:
    """Pages of about `RESTORED_CONTENTS`, the oldest first, each with the next offsets before it. What was published at
    one moment is in one page; clocks may be set back, and offsets tell.
    """
    latest: dict[int, int] = {}
    dated = []
    for at_ms, partition, offset, content in read_back:  # of each partition in order
        latest[partition] = max(at_ms, latest.get(partition, at_ms))
        dated.append((latest[partition], partition, offset, content))
    upcoming, began = dict(before), dict(before)
    contents: dict[bytes, None] = {}
    last_ms = 0
    for at_ms, partition, offset, content in sorted(dated):
        if len(contents) >= RESTORED_CONTENTS and at_ms > last_ms:
            yield began, tuple(contents)
            began, contents = dict(upcoming), {}
        contents[content] = None
        upcoming[partition], last_ms = offset + 1, at_ms
    yield began, tuple(contents)


def _occurrence(connector: str, content: bytes, published_id: str, likely: int) -> int:
    """Which occurrence has this id. Records of one content are read in order, so it is `likely` but for the first one
    read.
    """
    numbers = (likely, *(number for number in range(_MOST_EQUAL) if number != likely))
    return next((number for number in numbers if event_id(connector, content, number) == published_id), likely)
