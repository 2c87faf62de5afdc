"""The audit stream: what it takes, what it refuses, and how it pages."""

import itertools

import pytest

STREAM = "/pubapi/v2/audit/stream"
DAY_S = 86_400


async def test_a_quiet_half_hour_is_an_empty_page_that_is_not_drained(serve, minutes_back):
    async with serve([minutes_back(5)]) as served:
        first = (await served.start(2)).json()
        assert first["events"] == []
        assert first["moreEvents"] is True
        events, _, pages = await served.drain(first["nextCursor"])
        assert events == [minutes_back(5)]
        assert pages == 3


async def test_without_slices_one_request_covers_the_window(serve, minutes_back):
    async with serve([minutes_back(7 * 24 * 60), minutes_back(5)], slice_minutes=0) as served:
        page = (await served.start(7 * 24)).json()
        assert page["events"] == [minutes_back(7 * 24 * 60), minutes_back(5)]
        assert page["moreEvents"] is False


async def test_seven_days_in_slices_cost_336_requests(serve):
    async with serve() as served:
        assert (await served.drain_from(7 * 24))[2] == 336


async def test_pages_are_capped_and_the_cursor_goes_on_in_the_middle_of_a_millisecond(serve, minutes_back):
    events = [minutes_back(5, number=number) for number in range(7)]
    async with serve(events, page_cap=3) as served:
        first = (await served.start(0.4)).json()
        assert first["events"] == events[:3]
        assert first["moreEvents"] is True
        rest, _, pages = await served.drain(first["nextCursor"])
        assert rest == events[3:]
        assert pages == 2


async def test_a_full_last_page_is_drained(serve, minutes_back):
    async with serve([minutes_back(5), minutes_back(4)], page_cap=2) as served:
        assert (await served.start(0.4)).json()["moreEvents"] is False


async def test_the_default_cap_is_5000(serve, minutes_back):
    async with serve([minutes_back(5, number=number) for number in range(5_001)]) as served:
        page = (await served.start(0.4)).json()
        assert len(page["events"]) == 5_000
        assert page["moreEvents"] is True


async def test_a_drained_cursor_goes_on_with_what_comes_later(serve, minutes_back):
    async with serve() as served:
        _, cursor, _ = await served.drain_from(0.1)
        served.clock.advance(60)
        served.simulator.append(minutes_back(-1))
        events, cursor, pages = await served.drain(cursor)
        assert (events, pages) == ([minutes_back(-1)], 1)
        assert (await served.drain(cursor))[0] == []


async def test_get_and_post_give_the_same(serve, minutes_back):
    async with serve([minutes_back(5), minutes_back(4, "LOGIN_AUDIT")]) as served:
        start = "2025-11-24T07:40:00Z"
        got = await served.client.get(STREAM, params={"startDate": start, "auditType": ["LOGIN_AUDIT", "USER_AUDIT"]})
        sent = {"startDate": start, "auditType": ["USER_AUDIT", "LOGIN_AUDIT"]}
        posted = await served.client.post(STREAM, json=sent)
        assert got.json() == posted.json()
        assert got.json()["events"] == [minutes_back(4, "LOGIN_AUDIT")]


@pytest.mark.parametrize(
    "start", ["2025-11-24", "2025-11-24T07:40:00Z", "2025-11-24T07:40:00.123456Z", "2025-11-24T09:40:00+02:00"]
)
async def test_dates_come_in_several_forms(serve, minutes_back, start):
    async with serve([minutes_back(5)], slice_minutes=0) as served:
        answer = await served.client.get(STREAM, params={"startDate": start})
        assert answer.json()["events"] == [minutes_back(5)]


async def test_any_means_all_types(serve, minutes_back):
    events = [minutes_back(5, "LOGIN_AUDIT"), minutes_back(4, "SOMETHING_NEW")]
    async with serve(events) as served:
        assert (await served.start(0.4, auditType="ANY")).json()["events"] == events


async def test_end_date_closes_the_initial_set_only(serve, minutes_back):
    async with serve([minutes_back(25), minutes_back(5)]) as served:
        first = (await served.start(0.5, endDate="2025-11-24T07:50:00Z")).json()
        assert first["events"] == [minutes_back(25)]
        assert first["moreEvents"] is False
        assert (await served.drain(first["nextCursor"]))[0] == [minutes_back(5)]


REFUSED = {
    "nothing": {},
    "end only": {"endDate": "2025-11-24T07:00:00Z"},
    "no date": {"startDate": "yesterday"},
    "eight days back": {"startDate": "2025-11-16T08:00:00Z"},
    "a moment too old": {"startDate": "2025-11-17T07:59:59.999Z"},
    "ahead": {"startDate": "2025-11-24T08:00:01Z"},
    "end before start": {"startDate": "2025-11-24T07:00:00Z", "endDate": "2025-11-24T06:00:00Z"},
    "unknown type": {"startDate": "2025-11-24T07:00:00Z", "auditType": "FILES"},
    "cursor of nobody": {"nextCursor": "AAQ_1xYBAZ1kPq7AAAAAAAAAAAAAAAAAAAAAAA"},
    "no cursor at all": {"nextCursor": "æ"},
}


@pytest.mark.parametrize("params", REFUSED.values(), ids=REFUSED.keys())
async def test_bad_parameters_are_refused(serve, params):
    async with serve() as served:
        for answer in (await served.client.get(STREAM, params=params), await served.client.post(STREAM, json=params)):
            assert answer.status_code == 400
            assert answer.json()["Errors"][0]["description"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"startDate": 5}', b'{"auditType": [1]}', b"\xff"])
async def test_a_body_that_is_no_request_is_refused(serve, body):
    async with serve() as served:
        assert (await served.client.post(STREAM, content=body)).status_code == 400


async def test_a_tampered_cursor_is_refused(serve):
    async with serve() as served:
        cursor = (await served.start()).json()["nextCursor"]
        swapped = cursor[:20] + ("B" if cursor[20] == "A" else "A") + cursor[21:]
        assert (await served.follow(swapped)).status_code == 400
        assert (await served.follow(cursor)).status_code == 200


async def test_start_and_cursor_together_are_refused_unless_the_cursor_wins(serve):
    async with serve() as served:
        cursor = (await served.start()).json()["nextCursor"]
        together = {"startDate": "2025-11-24T07:00:00Z"}
        assert (await served.follow(cursor, **together)).status_code == 400
        served.simulator.change(cursor_beats_start=True)
        assert (await served.follow(cursor, **together)).status_code == 200


async def test_a_cursor_dies_after_seven_days_without_use(serve):
    async with serve(slice_minutes=0) as served:
        cursor = (await served.start()).json()["nextCursor"]
        served.clock.advance(7 * DAY_S)
        renewed = await served.follow(cursor)
        assert renewed.status_code == 200
        served.clock.advance(1)
        assert (await served.follow(cursor)).status_code == 400
        assert (await served.follow(renewed.json()["nextCursor"])).status_code == 200


async def test_the_filter_is_in_the_cursor(serve, minutes_back):
    events = [minutes_back(5, "LOGIN_AUDIT"), minutes_back(4)]
    async with serve(events) as served:
        cursor = (await served.start(1, auditType="LOGIN_AUDIT")).json()["nextCursor"]
        assert (await served.drain(cursor))[0] == [events[0]]
        assert (await served.follow(cursor, auditType="LOGIN_AUDIT")).status_code == 200
        assert (await served.follow(cursor, auditType="FILE_AUDIT")).status_code == 400
        served.simulator.change(cursor_keeps_filter=False)
        assert (await served.follow(cursor, auditType="FILE_AUDIT")).json()["events"] == [events[1]]
        assert (await served.follow(cursor)).json()["events"] == events


async def test_an_old_start_can_be_moved_to_the_edge_of_the_window(serve, minutes_back):
    old = [minutes_back(7 * 24 * 60 + 1), minutes_back(7 * 24 * 60 - 1)]
    async with serve(old, old_start="clamp", slice_minutes=0) as served:
        assert (await served.start(24 * 30)).json()["events"] == old[1:]


async def test_a_late_event_reaches_a_reader_of_cursors_and_one_who_starts_again(serve, minutes_back):
    async with serve([(minutes_back(20), None)]) as served:
        events, cursor, _ = await served.drain_from(0.5)
        assert events == [minutes_back(20)]
        served.simulator.append(minutes_back(25, late=True))
        assert (await served.drain(cursor))[0] == [minutes_back(25, late=True)]
        assert (await served.drain_from(0.5))[0] == [minutes_back(20), minutes_back(25, late=True)]
        assert (await served.drain_from(22 / 60))[0] == [minutes_back(20)]


async def test_an_event_is_not_there_before_its_time(serve, minutes_back):
    async with serve([(minutes_back(20), minutes_back(-10)["date"])]) as served:
        events, cursor, _ = await served.drain_from(0.5)
        assert events == []
        served.clock.advance(599.999)
        events, cursor, _ = await served.drain(cursor)
        assert events == []
        served.clock.advance(0.001)
        assert (await served.drain(cursor))[0] == [minutes_back(20)]


async def test_what_comes_late_is_delivered_though_it_is_dated_before_the_start(serve, minutes_back):
    async with serve([(minutes_back(50), minutes_back(10)["date"])]) as served:
        events, cursor, _ = await served.drain_from(0.5)
        assert events == []
        served.simulator.append(minutes_back(40))
        assert (await served.drain(cursor))[0] == [minutes_back(40)]


async def test_nothing_is_added_behind_a_reader(serve, minutes_back):
    async with serve() as served:
        _, cursor, _ = await served.drain_from(0.5)
        served.simulator.append(minutes_back(10), minutes_back(10)["date"])
        assert (await served.drain(cursor))[0] == [minutes_back(10)]


async def test_answers_overlap_on_demand(serve, minutes_back):
    events = [minutes_back(9 - number) for number in range(8)]
    async with serve(events, page_cap=4, repeat_events=2) as served:
        pages = [(await served.start(0.4)).json()]
        while pages[-1]["moreEvents"]:
            pages.append((await served.follow(pages[-1]["nextCursor"])).json())
        assert [page["events"] for page in pages] == [events[:4], events[2:6], events[4:8]]


async def test_identical_events_are_all_there(serve, minutes_back):
    async with serve([minutes_back(5)] * 3) as served:
        assert (await served.start(0.4)).json()["events"] == [minutes_back(5)] * 3


async def test_lateness_and_twins_are_drawn_from_the_seed(serve, minutes_back):
    events = [minutes_back(60 - number / 10, number=number) for number in range(200)]
    seen = []
    for _ in range(2):
        async with serve(events, late_percent=30, late_minutes=30, twin_percent=10, seed=5, slice_minutes=0) as served:
            served.clock.advance(3_600)
            seen.append((await served.start(3)).json()["events"])
    assert seen[0] == seen[1]
    numbers = [event["number"] for event in seen[0]]
    assert set(numbers) == set(range(200))
    assert 205 < len(numbers) < 235
    assert sum(later < earlier for earlier, later in itertools.pairwise(numbers)) > 20


@pytest.mark.parametrize(
    "odd",
    [
        b'{"auditSource":"FILE_AUDIT"}',
        b'{"date":0}',
        b'{"date":4102444800000}',
        b'{"date":"soon"}',
        b'"text"',
        b"\xff\xfe",
        b"{",
    ],
)
async def test_what_is_no_event_is_served_as_it_is(serve, odd):
    async with serve() as served:
        _, cursor, _ = await served.drain_from(0.1)
        served.simulator.append(odd, served.clock.now_ms())
        assert b'"events":[' + odd + b"]" in (await served.follow(cursor)).content


async def test_other_methods_and_paths_do_not_exist(serve):
    async with serve() as served:
        assert (await served.client.delete(STREAM)).status_code == 405
        assert (await served.client.get("/pubapi/v3/audit/stream")).status_code == 404
