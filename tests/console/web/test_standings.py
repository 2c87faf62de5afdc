"""How connectors stand, for a page that does not wait: the last answer, asked for once at a time."""

import asyncio

import pytest

from connectors.egnyte.standing import Report
from console.web.standings import FRESH_S, Standings
from streams.errors import Refused

ACME = Report(connector="acme", url="https://acme.example", state="connected")


class Broker:
    """Answers when `ready` is set, with `answer`."""

    def __init__(self) -> None:
        self.ready, self.asked, self.answer = asyncio.Event(), 0, [ACME]
        self.error: Exception | None = None

    async def ask(self) -> list[Report]:
        self.asked += 1
        await self.ready.wait()
        if self.error is not None:
            raise self.error
        return self.answer


async def test_nothing_waits_for_a_slow_broker_and_it_is_asked_once() -> None:
    broker = Broker()
    standings = Standings(broker.ask)
    first = await asyncio.gather(*(standings.latest(wait_s=0) for _ in range(5)))
    assert {each.reports is None for each in first} == {True}
    assert broker.asked == 1
    broker.ready.set()
    assert (await standings.latest(wait_s=60)).reports == [ACME]
    assert broker.asked == 1


async def test_an_answer_is_kept_for_a_while_and_stays_when_nothing_newer_comes() -> None:
    now, broker = [0.0], Broker()
    broker.ready.set()
    standings = Standings(broker.ask, lambda: now[0])
    assert (await standings.latest(wait_s=60)).reports == [ACME]
    now[0] = FRESH_S
    assert ((await standings.latest(wait_s=60)).age_s, broker.asked) == (FRESH_S, 1)
    now[0] += 1
    broker.error = TimeoutError()
    late = await standings.latest(wait_s=60)
    assert (late.reports, late.age_s, late.error, broker.asked) == (
        [ACME], FRESH_S + 1, "the broker did not answer in time", 2,
    )  # fmt: skip
    broker.error = None
    again = await standings.latest(wait_s=60)
    assert (again.age_s, again.error) == (0, "")


@pytest.mark.parametrize("error", [Refused("no vault"), OSError("no route")])
async def test_what_went_wrong_is_told(error: Exception) -> None:
    broker = Broker()
    broker.error = error
    broker.ready.set()
    assert (await Standings(broker.ask).latest(wait_s=60)).error == str(error)


async def test_what_nobody_expected_is_raised() -> None:
    broker = Broker()
    broker.error = KeyError("a mistake of ours")
    broker.ready.set()
    with pytest.raises(KeyError):
        await Standings(broker.ask).latest(wait_s=60)
