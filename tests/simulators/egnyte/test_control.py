"""The simulator's own endpoints."""

import httpx
import pytest

from simulators.clock import RealClock, from_iso
from simulators.egnyte import EgnyteSimulator

USERINFO = "/pubapi/v1/userinfo"


async def test_the_clock_can_be_moved(serve):
    async with serve() as served:
        moved = await served.client.post("/control/clock", json={"set": "2025-11-24T09:00:00Z", "advance_s": 1.5})
        assert moved.json() == {
            "now_ms": from_iso("2025-11-24T09:00:01.500Z"),
            "now": "2025-11-24T09:00:01.500Z",
            "factor": 0.0,
        }
        assert (await served.client.get(USERINFO)).headers["date"] == "Mon, 24 Nov 2025 09:00:01 GMT"
        started = await served.client.post("/control/clock", json={"factor": 1_000})
        assert started.json()["factor"] == 1_000
        while served.clock.now_ms() == from_iso("2025-11-24T09:00:01.500Z"):
            await served.client.get("/control/clock")


@pytest.mark.parametrize(
    "body", [{"set": "2025-11-24T07:00:00Z"}, {"advance_s": -1}, {"jump": 1}, {"set": "soon"}, {"factor": -2}]
)
async def test_a_wrong_command_moves_nothing(serve, body):
    async with serve() as served:
        before_ms = served.clock.now_ms()
        answer = await served.client.post("/control/clock", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert served.clock.now_ms() == before_ms


async def test_real_time_cannot_be_moved():
    async with (
        EgnyteSimulator(clock=RealClock()).serve() as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        assert (await client.get("/control/clock")).json()["factor"] == 1
        answer = await client.post("/control/clock", json={"advance_s": 1})
        assert answer.status_code == 400
        assert "virtual clock" in answer.json()["error"]


async def test_switches_can_be_turned(serve):
    async with serve() as served:
        assert (await served.client.get("/control/switches")).json()["page_cap"] == 5_000
        turned = await served.client.post("/control/switches", json={"page_cap": 10_000, "throttle_style": "mashery"})
        assert turned.json()["page_cap"] == 10_000
        assert served.simulator.switches.throttle_style == "mashery"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"page_gap": 1}, "page_gap"),
        ({"page_cap": "many"}, "page_cap"),
        ({"page_cap": -1}, "page_cap"),
        ({"late_percent": 101}, "late_percent"),
    ],
)
async def test_a_wrong_switch_is_named(serve, change, word):
    async with serve() as served:
        answer = await served.client.post("/control/switches", json=change)
        assert answer.status_code == 400
        assert word in answer.json()["error"]


async def test_faults_can_be_ordered_listed_and_ended(serve):
    async with serve() as served:
        ordered = await served.client.post("/control/faults", json={"kind": "status", "status": 500, "count": 3})
        assert ordered.json()["faults"][0]["left"] == 3
        assert (await served.client.get(USERINFO)).status_code == 500
        assert (await served.client.get("/control/faults")).json()["faults"][0]["left"] == 2
        assert (await served.client.delete("/control/faults")).json() == {"faults": []}
        assert (await served.client.get(USERINFO)).status_code == 200
        assert (await served.client.post("/control/faults", json={"kind": "earthquake"})).status_code == 400


async def test_events_can_be_added_live_and_compared_with(serve, minutes_back):
    async with serve([minutes_back(5)]) as served:
        later_ms = served.clock.now_ms() + 1_000
        sent = {"events": [minutes_back(3)], "visible_at_ms": later_ms}
        assert (await served.client.post("/control/events", json=sent)).json() == {"added": 1}
        assert (await served.client.post("/control/events", json={"events": [minutes_back(4)]})).json() == {"added": 1}
        found = (await served.client.get("/control/events")).json()
        assert found == {"total": 2, "offset": 0, "events": [minutes_back(5), minutes_back(4)]}
        served.clock.advance(1)
        found = (await served.client.get("/control/events", params={"offset": 1, "count": 1})).json()
        assert found == {"total": 3, "offset": 1, "events": [minutes_back(4)]}
        assert (await served.drain_from(0.4))[0] == [minutes_back(5), minutes_back(4), minutes_back(3)]


@pytest.mark.parametrize(
    "body", [{}, {"events": {}}, {"events": [5]}, {"events": [], "visible_at_ms": "now"}, {"event": []}]
)
async def test_events_of_a_wrong_form_are_refused(serve, body):
    async with serve() as served:
        assert (await served.client.post("/control/events", json=body)).status_code == 400


async def test_tokens_can_be_issued_and_revoked(serve):
    async with serve() as served:
        issued = (await served.client.post("/control/tokens", json={"scopes": ["Egnyte.user"]})).json()["token"]
        served.client.headers["Authorization"] = f"Bearer {issued}"
        assert (await served.client.get(USERINFO)).status_code == 200
        assert (await served.start()).status_code == 403
        revoked = await served.client.request("DELETE", "/control/tokens", json={"token": issued})
        assert revoked.json() == {"revoked": True}
        assert (await served.client.get(USERINFO)).status_code == 401


async def test_the_journal_tells_every_request(serve, minutes_back):
    async with serve([minutes_back(5)], per_minute=2) as served:
        first = await served.start(0.4)
        served.clock.advance(1.25)
        await served.follow(first.json()["nextCursor"])
        await served.client.get("/pubapi/v2/audit/stream")
        await served.client.get(USERINFO, headers={"Authorization": "Bearer nobody"})
        journal = (await served.client.get("/control/journal")).json()
        assert journal["total"] == 4
        one, two, three, four = journal["requests"]
        assert (one["status"], one["events"], one["number"], one["token"]) == (200, 1, 0, served.simulator.token[-4:])
        assert one["start_date"] == "2025-11-24T07:36:00.000Z"
        assert two["cursor"] == one["next_cursor"] == first.json()["nextCursor"]
        assert two["at_ms"] == one["at_ms"] + 1_250
        assert (three["status"], three["error"], three["retry_after_s"]) == (429, "throttled", 59)
        assert (four["status"], four["error"], four["path"]) == (401, "unknown token", USERINFO)
        assert served.simulator.token not in str(journal)
        since = (await served.client.get("/control/journal", params={"since": 3})).json()
        assert since["requests"] == [four]
