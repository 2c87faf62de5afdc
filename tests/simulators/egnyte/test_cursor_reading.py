"""Whatever the caps, slices, filters and late events: who follows cursors sees every visible event exactly once."""

import asyncio
from collections import Counter

import httpx
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.clock import VirtualClock, from_iso, iso
from simulators.egnyte import EgnyteSimulator, Switches
from simulators.egnyte.stream import Query

NOW_MS = from_iso("2025-11-24T08:00:00Z")
HOUR_MS = 3_600_000
STREAM = "/pubapi/v2/audit/stream"

SOURCES = st.sampled_from(["FILE_AUDIT", "LOGIN_AUDIT"])
ARRIVALS = st.lists(st.tuples(st.integers(-6 * HOUR_MS, HOUR_MS), st.integers(0, 2 * HOUR_MS), SOURCES), max_size=25)
"""Of each event: its date after NOW_MS, how much later it becomes visible, its source."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.sampled_from([0, 1, 90_000, HOUR_MS])),
        st.tuples(st.just("append"), st.tuples(st.integers(-20 * HOUR_MS, HOUR_MS), SOURCES)),
        st.tuples(st.just("append at"), st.tuples(st.integers(-2 * HOUR_MS, HOUR_MS), SOURCES)),
        st.tuples(st.just("read"), st.just(0)),
    ),
    max_size=25,
)
SWITCHES = st.builds(
    Switches.unlimited,
    window_days=st.just(0),
    page_cap=st.sampled_from([1, 2, 7, 0]),
    slice_minutes=st.sampled_from([0, 7, 30, 600]),
)


def _event(date_ms: int, source: str, number: int) -> dict[str, object]:
    return {"date": date_ms, "auditSource": source, "number": number}


def _loaded(arrivals: list[tuple[int, int, str]]) -> list[tuple[dict[str, object], int]]:
    return [
        (_event(NOW_MS + offset_ms, source, number), NOW_MS + offset_ms + delay_ms)
        for number, (offset_ms, delay_ms, source) in enumerate(arrivals)
    ]


def _numbers(events: list[bytes]) -> Counter[int]:
    return Counter(msgspec.json.decode(event)["number"] for event in events)


@settings(max_examples=300, deadline=None)
@given(ARRIVALS, STEPS, SWITCHES, st.sampled_from([(), ("LOGIN_AUDIT",)]))
def test_every_visible_event_exactly_once(arrivals, steps, switches, types):
    clock = VirtualClock(NOW_MS)
    simulator = EgnyteSimulator(_loaded(arrivals), clock, switches)
    seen: Counter[int] = Counter()
    query = Query(iso(NOW_MS - 6 * HOUR_MS), audit_types=types)
    number = len(arrivals)

    def read() -> bool:
        nonlocal query
        page = simulator.stream.answer(query, simulator.switches, clock.now_ms())
        assert len(page.entries) <= (switches.page_cap or len(page.entries))
        seen.update(_numbers([entry.body for entry in page.entries]))
        query = Query(cursor=page.next_cursor)
        return page.more

    read()
    for step, what in steps:
        if step == "advance":
            clock.advance(what / 1_000)
        elif step == "read":
            read()
        else:
            offset_ms, source = what
            date_ms = clock.now_ms() + offset_ms
            simulator.append(_event(date_ms, source, number), date_ms if step == "append at" else None)
            number += 1
    clock.advance(6 * HOUR_MS / 1_000)
    while read():
        pass
    wanted = [body for body in simulator.visible_events() if not types or b"LOGIN_AUDIT" in body]
    assert seen == _numbers(wanted)
    assert sum(seen.values()) == len(wanted)
    if not types:
        assert set(seen) == set(range(number))


@settings(max_examples=15, deadline=None)
@given(ARRIVALS, SWITCHES)
def test_the_same_over_http(arrivals, switches):
    async def run() -> None:
        clock = VirtualClock(NOW_MS)
        simulator = EgnyteSimulator(_loaded(arrivals), clock, msgspec.structs.replace(switches, slice_minutes=60))
        headers = {"Authorization": f"Bearer {simulator.token}"}
        async with (
            simulator.serve() as url,
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client,
        ):
            seen: list[int] = []
            page = (await client.get(STREAM, params={"startDate": iso(NOW_MS - 7 * HOUR_MS)})).json()
            seen += [event["number"] for event in page["events"]]
            for _ in range(2):
                while True:
                    page = (await client.post(STREAM, json={"nextCursor": page["nextCursor"]})).json()
                    seen += [event["number"] for event in page["events"]]
                    if not page["moreEvents"]:
                        break
                await client.post("/control/clock", json={"advance_s": 4 * 3_600})
            found = (await client.get("/control/events")).json()
            visible = [event["number"] for event in found["events"]]
        assert sorted(seen) == sorted(visible[: len(seen)])
        late = [
            number for number, (offset_ms, delay_ms, _) in enumerate(arrivals) if offset_ms + delay_ms <= 4 * HOUR_MS
        ]
        assert sorted(seen) == late

    asyncio.run(run())


@settings(max_examples=200, deadline=None)
@given(ARRIVALS, st.integers(-5 * HOUR_MS, 0), st.integers(0, HOUR_MS))
def test_who_starts_again_misses_nothing_dated_later(arrivals, start_offset_ms, wait_ms):
    """Restarting at a date gives every event of that date or later that is visible, and whatever comes after."""
    clock = VirtualClock(NOW_MS)
    simulator = EgnyteSimulator(_loaded(arrivals), clock, Switches.unlimited())
    start_ms = NOW_MS + start_offset_ms
    query, more, seen = Query(iso(start_ms)), True, Counter[int]()
    while more:
        page = simulator.stream.answer(query, simulator.switches, clock.now_ms())
        seen.update(_numbers([entry.body for entry in page.entries]))
        query, more = Query(cursor=page.next_cursor), page.more
    wanted = [
        number
        for number, (offset_ms, delay_ms, _) in enumerate(arrivals)
        if start_offset_ms <= offset_ms and offset_ms + delay_ms <= 0
    ]
    assert seen == Counter(wanted)
    clock.advance(wait_ms / 1_000)
    page = simulator.stream.answer(query, msgspec.structs.replace(simulator.switches, slice_minutes=0), clock.now_ms())
    later = [number for number, (offset_ms, delay_ms, _) in enumerate(arrivals) if 0 < offset_ms + delay_ms <= wait_ms]
    assert _numbers([entry.body for entry in page.entries]) == Counter(later)
