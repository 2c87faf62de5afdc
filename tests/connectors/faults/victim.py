"""A connector in the trial's time, as a process that can be killed: `python -m tests.connectors.faults.victim PORT`.

It is `egnyte-watch connector` but for the clock. Settings come from the environment, as in production. People must not
be read, nor a token be renewed: whoever else sleeps by the trial's clock moves it while the stream is at work.
"""

import asyncio
import signal
import sys

from connectors.egnyte.supervisor import supervise
from streams.logs import configure
from streams.settings import load
from tests.connectors.faults.remote_clock import RemoteClock


async def main(port: int) -> None:
    """Follows the domains until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = await RemoteClock.connected(port)
    clock.over.add_done_callback(lambda _: stop.set())
    await supervise(load().settings, stop=stop, clock=clock)


if __name__ == "__main__":
    configure("INFO", json=False)
    asyncio.run(main(int(sys.argv[1])))
