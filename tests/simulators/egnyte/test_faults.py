"""Faults on command, as a client meets them."""

import asyncio

import httpx
import pytest

from simulators.egnyte import Fault

USERINFO = "/pubapi/v1/userinfo"


async def test_a_status_for_some_requests(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="status", status=502, count=2, retry_after_s=7))
        answers = [await served.client.get(USERINFO) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [502, 502, 200]
        assert answers[0].headers["retry-after"] == "7"


async def test_a_status_for_some_time(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="status", count=0, duration_s=60))
        for _ in range(5):
            assert (await served.client.get(USERINFO)).status_code == 503
            served.clock.advance(11.9)
        served.clock.advance(0.5)
        assert (await served.client.get(USERINFO)).status_code == 200


async def test_a_fault_of_one_path_leaves_others_alone(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="status", path="/pubapi/v2/audit"))
        assert (await served.client.get(USERINFO)).status_code == 200
        assert (await served.start()).status_code == 503
        assert (await served.start()).status_code == 200


async def test_faults_strike_in_order(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="status", status=500))
        served.simulator.fault(Fault(kind="status", status=504))
        assert [(await served.client.get(USERINFO)).status_code for _ in range(3)] == [500, 504, 200]


@pytest.mark.parametrize(("style", "status"), [("429", 429), ("mashery", 403), ("fault", 429)])
async def test_a_throttle_out_of_the_blue(serve, style, status):
    async with serve(throttle_style=style) as served:
        served.simulator.fault(Fault(kind="throttle", retry_after_s=33))
        answer = await served.start()
        assert answer.status_code == status
        assert answer.headers["retry-after"] == "33"


async def test_a_page_of_html_with_status_200(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="html"))
        answer = await served.start()
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()


async def test_json_that_ends_in_the_middle(serve, minutes_back):
    async with serve([minutes_back(5)]) as served:
        whole = await served.start(0.4)
        served.simulator.fault(Fault(kind="cut_json"))
        cut = await served.start(0.4)
        assert cut.status_code == 200
        assert cut.content == whole.content[: len(whole.content) // 2]


async def test_a_connection_closed_in_the_middle(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="truncate"))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await served.start()
        assert (await served.start()).status_code == 200


async def test_a_connection_reset(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="reset"))
        with pytest.raises(httpx.ReadError) as caught:
            await served.start()
        reasons = []
        reason: BaseException | None = caught.value
        while reason is not None:
            reasons.append(type(reason))
            reason = reason.__cause__ or reason.__context__
        assert ConnectionResetError in reasons
        assert (await served.start()).status_code == 200


@pytest.mark.parametrize("kind", ["slow", "stall"])
async def test_a_slow_answer_takes_the_simulators_time(serve, kind):
    async with serve() as served:
        served.simulator.fault(Fault(kind=kind, seconds=300))
        asked = asyncio.create_task(served.client.get(USERINFO))
        while not served.clock._sleepers:
            await asyncio.wait({asked}, timeout=0.001)
        served.clock.advance(299)
        assert not (await asyncio.wait({asked}, timeout=0.02))[0]
        served.clock.advance(1)
        answer = await asyncio.wait_for(asked, 5)
        assert answer.json()["username"] == "audit.reader"


async def test_a_client_that_does_not_wait_for_a_slow_answer(serve):
    async with serve() as served:
        served.simulator.fault(Fault(kind="slow", seconds=300))
        with pytest.raises(httpx.ReadTimeout):
            await served.client.get(USERINFO, timeout=0.05)
        assert (await served.client.get(USERINFO)).status_code == 200


async def test_struck_requests_count_and_are_in_the_journal(serve):
    async with serve(per_minute=2) as served:
        served.simulator.fault(Fault(kind="status"))
        served.simulator.fault(Fault(kind="reset"))
        assert (await served.start()).status_code == 503
        with pytest.raises(httpx.ReadError):
            await served.start()
        assert (await served.start()).status_code == 429
        found = [(record.status, record.fault) for record in served.simulator.journal.records()]
        assert found == [(503, "status"), (0, "reset"), (429, "")]


@pytest.mark.parametrize(
    "wrong",
    [{"status": 200}, {"count": -1}, {"seconds": -1.0}, {"count": 0}, {"duration_s": -1.0}, {"retry_after_s": -1}],
)
def test_faults_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="fault"):
        Fault(kind="status", **wrong)
