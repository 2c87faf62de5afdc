"""A deterministic driver for agents: the real lanes, units of work, state and handlers, on a cluster in memory and on
virtual time.

    from streams.testing import Driver, run

    async def story(driver: Driver) -> None:
        one, two = driver.worker(), driver.worker()
        await driver.assign({one: [0, 1], two: [2, 3]})
        driver.produce("in", 0, [(b"key", b"value")])
        one.crash_at("delivered")           # kill -9 between step 5's deliveries and its commit
        await driver.settle()
        assert driver.values("out", 0) == [...]

    run(spec, story)

Partitions are virtual, rebalances scripted (`assign`, also one that a stalled worker does not hear of), sends fail on
command (`cluster.fail_next`), a worker dies at any named step (`crash_at`), and time stands still until everything
waits for it (`VirtualTimeLoop`): no test sleeps, and a deadlock is an error at once. Only Faust's shell and the
network are left out; those are tested on a real broker.
"""

from streams.testing.driver import Driver, Worker, run
from streams.testing.memory import MemoryCluster, MemoryRecord
from streams.testing.virtual_time import Deadlock, VirtualTimeLoop

__all__ = ["Deadlock", "Driver", "MemoryCluster", "MemoryRecord", "VirtualTimeLoop", "Worker", "run"]
