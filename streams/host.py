"""One process for several apps: start them, watch over them, stop them within a bound."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Sequence

import structlog
import uvloop

from streams.chunk_app import ChunkApp
from streams.errors import Refused

log = structlog.get_logger(__name__)
WATCH_S = 0.2
HARD_STOP_EXIT = 1


def run(build: Callable[[], Sequence[ChunkApp]], stop_within_ms: int, beside: Sequence[asyncio.Task[None]] = ()) -> int:
    """Run the apps until SIGTERM, SIGINT or a crash. Returns the exit code: 0 stopped, 1 with the reason in the log.

    `build` is called inside the event loop. `beside`: read after that, tasks that run with the apps, are cancelled when
    they stop, and end them when they fail. After a signal the process ends within `stop_within_ms`, by force if it
    must: transactions and fences make that safe.
    """
    return uvloop.run(_run(build, stop_within_ms, beside))


async def _run(
    build: Callable[[], Sequence[ChunkApp]], stop_within_ms: int, beside: Sequence[asyncio.Task[None]]
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    apps = build()
    # Chunks make objects by the ten thousand and drop them together, without cycles: looking for cycles after every
    # 700 of them, as is Python's default, costs more than it finds.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    starting = [asyncio.create_task(app.start(), name=f"start {app.conf.id}") for app in apps]
    reason: BaseException | None = None
    while not stop.is_set() and reason is None:
        try:
            await asyncio.wait_for(stop.wait(), WATCH_S)
        except TimeoutError:
            reason = next((error for error in (_failure(app) for app in apps) if error is not None), None)
            reason = reason or next(
                (task.exception() for task in [*starting, *beside] if task.done() and task.exception()), None
            )
    if reason is not None:
        _say(reason)
    _stop_by_force_after(stop_within_ms / 1000, 0 if reason is None else HARD_STOP_EXIT)
    for task in [*starting, *beside]:
        task.cancel()
    await asyncio.gather(*(app.stop() for app in apps), *beside, return_exceptions=True)
    return 0 if reason is None else 1


def _failure(app: ChunkApp) -> BaseException | None:
    crash: BaseException | None = app.crash_reason
    return crash


def _say(reason: BaseException) -> None:
    if isinstance(reason, Refused):
        log.error("refused", reason=str(reason))
    else:
        log.error("the worker ends", reason=f"{type(reason).__name__}: {reason}", exc_info=reason)


def _stop_by_force_after(seconds: float, code: int) -> None:
    """A service that hangs must not keep the process from ending (known of Faust: rh#484, fs#324)."""

    def end() -> None:
        log.warning("not everything stopped in time; ending now", seconds=seconds)
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
