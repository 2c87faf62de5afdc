"""A connector in the trial's time, as a process that can be killed: `python -m tests.connectors.faults.victim PORT`.

Settings come from the environment, as in production.
"""

import asyncio
import signal
import sys

from connectors.egnyte.client import EgnyteClient
from connectors.egnyte.cluster import ConnectorCluster
from connectors.egnyte.quota import Quota
from connectors.egnyte.service import Connector
from streams.logs import configure
from streams.settings import load
from tests.connectors.faults.remote_clock import RemoteClock


async def main(port: int) -> None:
    """Follows the domain until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = load().settings
    egnyte = settings.egnyte
    clock = await RemoteClock.connected(port)
    clock.over.add_done_callback(lambda _: stop.set())
    quota = Quota(egnyte.max_per_day, egnyte.max_per_minute)
    async with EgnyteClient(egnyte.base_url, egnyte.token, clock=clock, quota=quota) as client:
        await Connector(settings, stop, clock, lambda: ConnectorCluster(settings, "trial")).serve(client)


if __name__ == "__main__":
    configure("INFO", json=False)
    asyncio.run(main(int(sys.argv[1])))
