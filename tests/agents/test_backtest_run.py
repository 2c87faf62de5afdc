"""What a backtest writes is on its topics, or it says that it is not."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import RecordTooLargeError

from agents import backtest_run
from agents.backtest import Said
from streams.sections import Settings

SAID = Said("egnyte.alerts", b"uid", b"{}", 1, [], 3)


class Producer:
    """Takes records, and fails to deliver some of them afterwards, as aiokafka's does."""

    made: list["Producer"]
    fails_at = -1

    def __init__(self, **options: Any) -> None:
        self.sent: list[str] = []
        self.stopped = False
        self.made.append(self)

    async def start(self) -> None: ...

    async def send(self, topic: str, *given: Any, **more: Any) -> asyncio.Future[None]:
        delivery: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self.sent) == self.fails_at:
            delivery.set_exception(RecordTooLargeError())
        else:
            delivery.set_result(None)
        self.sent.append(topic)
        return delivery

    async def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[Producer]:
    """Those that were made."""
    made: list[Producer] = []
    monkeypatch.setattr(Producer, "made", made, raising=False)
    monkeypatch.setattr(backtest_run, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(backtest_run, "MOST_ON_THEIR_WAY", 4)
    return made


async def written(count: int) -> None:
    writer = backtest_run._Writer(Settings(), {"egnyte.alerts": "egnyte.alerts.backtest-1"})
    await writer.start()
    try:
        for _ in range(count):
            await writer.write(SAID)
        await writer.deliver()
    finally:
        await writer.close()


async def test_what_is_written_is_delivered(producers: list[Producer]) -> None:
    await written(6)
    assert producers[0].sent == ["egnyte.alerts.backtest-1"] * 6
    assert producers[0].stopped


@pytest.mark.parametrize(("fails_at", "sent"), [(1, 4), (5, 6)], ids=["on the way", "at the end"])
async def test_what_is_not_delivered_is_an_error(
    producers: list[Producer], monkeypatch: pytest.MonkeyPatch, fails_at: int, sent: int
) -> None:
    monkeypatch.setattr(Producer, "fails_at", fails_at)
    with pytest.raises(RecordTooLargeError):
        await written(6)
    assert len(producers[0].sent) == sent
    assert producers[0].stopped
