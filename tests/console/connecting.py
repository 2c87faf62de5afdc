"""A simulated Egnyte in a thread, and the command before it: in this process, or in a terminal of its own."""

import asyncio
import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from console.cli import app
from simulators.egnyte import App, EgnyteSimulator, Switches

KEY = App()
BROWSER = Path(__file__).with_name("browser.py")
DEADLINE_S = 60.0


@contextmanager
def served(*, domain: str = "acme", **switches: Any) -> Iterator[tuple[EgnyteSimulator, str]]:
    """A domain and its address."""
    ready, addresses = threading.Event(), []
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    simulator = EgnyteSimulator(switches=Switches.unlimited(**switches), domain=domain)

    async def serve() -> None:
        async with simulator.serve() as url:
            addresses.append(url)
            ready.set()
            await stop.wait()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(DEADLINE_S)
        yield simulator, addresses[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE_S)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def environment(folder: Path, redirect_port: int = 1, **more: str) -> dict[str, str]:
    """Of a command whose vault is in `folder`, with no Kafka."""
    return {
        "EGNYTE_WATCH_VAULT__DIR": str(folder / "vault"),
        "EGNYTE_WATCH_KAFKA__BOOTSTRAP": "127.0.0.1:1",
        "EGNYTE_WATCH_CONSOLE__DEADLINE_MS": "1000",
        "EGNYTE_WATCH_EGNYTE__REDIRECT_URI": f"http://localhost:{redirect_port}/callback",
    } | more


def key_given() -> dict[str, str]:
    """The API key, as settings."""
    return {
        "EGNYTE_WATCH_EGNYTE__CLIENT_ID": KEY.client_id,
        "EGNYTE_WATCH_EGNYTE__CLIENT_SECRET": KEY.client_secret,
    }


def run(*arguments: str, environ: Mapping[str, str], text: str = "") -> Result:
    """The command in this process."""
    return CliRunner().invoke(app, arguments, env=dict(environ), input=text, prog_name="egnyte-watch")


class Terminal:
    """The command as a process in a terminal of 120 columns; what is typed is told by what it says."""

    def __init__(self, *arguments: str, environ: Mapping[str, str], folder: Path) -> None:
        own, its = pty.openpty()
        others = {name: value for name, value in os.environ.items() if not name.startswith("EGNYTE_WATCH_")}
        ours = {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "120", "TERM": "dumb"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "console.cli", *arguments], stdin=its, stdout=its, stderr=its, cwd=folder,
            env=others | ours | dict(environ), start_new_session=True, preexec_fn=_heed_interrupts,
        )  # fmt: skip
        os.close(its)
        self._own = own
        self.said = ""

    def until(self, words: str) -> None:
        """Reads until it has said `words`."""
        self._read(lambda: words in self.said)
        assert words in self.said, self.said

    def type(self, text: str) -> None:
        os.write(self._own, text.encode() + b"\n")

    def arguments(self) -> str:
        """What `ps` shows of it."""
        return Path(f"/proc/{self._process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()

    def interrupt(self) -> int:
        """As Ctrl-C does, again if need be: Python misses one just before it begins to read. Its exit code."""
        until = time.monotonic() + DEADLINE_S
        while self._process.poll() is None:
            assert time.monotonic() < until, self.said
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        return self.end()

    def kill(self) -> None:
        """kill -9, where it still runs."""
        self._process.kill()

    def end(self) -> int:
        """Reads to its end; its exit code."""
        self._read(lambda: False)
        os.close(self._own)
        return self._process.wait(DEADLINE_S)

    def _read(self, enough: Callable[[], bool]) -> None:
        until = time.monotonic() + DEADLINE_S
        while not enough():
            assert time.monotonic() < until, self.said
            if not select.select([self._own], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self._own, 65_536)
            except OSError:  # the terminal's other end is gone
                return
            if not piece:
                return
            self.said += re.sub(r"\x1b\[[0-9;]*[a-zA-Z]", "", piece.decode(errors="replace")).replace("\r", "")


def _heed_interrupts() -> None:
    """Where a shell runs the tests in the background it has them ignore Ctrl-C, and what they start inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
