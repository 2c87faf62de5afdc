"""Faults on command, as a client meets them: before the effect, and after it."""

import asyncio

import httpx
import pytest

from simulators.entra import Fault
from tests.simulators.entra.harness import people

USER = "/v1.0/users/u0"


async def _disable(served, **more):
    return await served.client.patch(USER, json={"accountEnabled": False}, **more)


async def test_a_status_and_a_fractional_pause(serve):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind="status", status=504, count=2, retry_after_s=2.128))
        answers = [await served.client.get(USER) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [504, 504, 200]
        assert answers[0].headers["retry-after"] == "2.128"
        assert answers[0].json()["error"]["code"] == "timeout"


@pytest.mark.parametrize(("seconds", "header"), [(2.128, "2.128"), (0, None)])
async def test_a_throttle(serve, seconds, header):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind="throttle", retry_after_s=seconds))
        answer = await _disable(served)
        assert answer.status_code == 429
        assert answer.headers.get("retry-after") == header
        assert answer.json()["error"]["innerError"]["status"] == "429"
        assert served.simulator.state("u0").enabled


async def test_a_fault_of_one_method_and_path(serve):
    async with serve(people(2)) as served:
        served.simulator.fault(Fault(kind="status", method="PATCH", path="/v1.0/users/u1"))
        assert (await served.client.get("/v1.0/users/u1")).status_code == 200
        assert (await _disable(served)).status_code == 204
        assert (await served.client.patch("/v1.0/users/u1", json={"accountEnabled": False})).status_code == 503


async def test_the_login_server_has_faults_of_its_own(serve):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind="status", path=f"/{served.simulator.name}/"))
        assert (await served.client.get(USER)).status_code == 200
        assert (await served.ask_token()).status_code == 503
        assert (await served.ask_token()).status_code == 200


@pytest.mark.parametrize("kind", ["reset", "lost"])
async def test_a_reset_before_and_after_the_effect(serve, kind):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind=kind))
        with pytest.raises(httpx.ReadError):
            await _disable(served)
        assert served.simulator.state("u0").enabled is (kind == "reset")
        record = served.simulator.journal.records()[-1]
        assert (record.status, record.fault, record.effect) == (0, kind, "" if kind == "reset" else "disabled")


@pytest.mark.parametrize("kind", ["slow", "late"])
async def test_an_answer_that_comes_too_late(serve, kind):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind=kind, seconds=300))
        asked = asyncio.create_task(_disable(served))
        while not served.clock._sleepers:
            await asyncio.wait({asked}, timeout=0.001)
        assert served.simulator.state("u0").enabled is (kind == "slow")
        served.clock.advance(300)
        assert (await asyncio.wait_for(asked, 5)).status_code == 204
        assert not served.simulator.state("u0").enabled


@pytest.mark.parametrize("kind", ["truncate", "cut_json", "html"])
async def test_an_answer_that_is_none(serve, kind):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind=kind))
        with pytest.raises((httpx.RemoteProtocolError, ValueError)):
            (await served.client.get(USER)).json()
        assert (await served.client.get(USER)).json()["id"] == "u0"


async def test_an_empty_answer_is_truncated_to_nothing(serve):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind="truncate"))
        with pytest.raises(httpx.ReadError):
            await _disable(served)
        assert not served.simulator.state("u0").enabled


async def test_a_fault_for_some_time(serve):
    async with serve(people(1)) as served:
        served.simulator.fault(Fault(kind="status", count=0, duration_s=10))
        for _ in range(3):
            assert (await served.client.get(USER)).status_code == 503
        served.clock.advance(10)
        assert (await served.client.get(USER)).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"status": 200}, {"count": -1}, {"seconds": -1.0}, {"count": 0}, {"duration_s": -1.0}, {"retry_after_s": -1}],
)
def test_faults_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="fault"):
        Fault(kind="status", **wrong)
