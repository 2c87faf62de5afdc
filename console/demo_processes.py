"""The demo's connector and worker: the ordinary commands as processes of their own, which end with the demo."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from simulators.kafka import supervisor
from streams.errors import Refused

TOLD_LINES: Final = 15
"""Of its log, when a process ends by itself."""


class Process:
    """One `egnyte-watch` command under a supervisor, which ends it when the demo is gone, by kill -9 too."""

    def __init__(self, command: str, environ: Mapping[str, str], folder: Path, stop_within_ms: int) -> None:
        """Starts `command` with the settings of `environ` alone; its log goes to a file in `folder`.

        It has `stop_within_ms` to end in order when the demo is killed; `folder` is then removed.
        """
        self.command = command
        self._log = folder / f"{command}.log"
        self._stop_within_s = stop_within_ms / 1_000
        ordinary = [sys.executable, "-m", "console.cli", "--settings", os.devnull, command]
        watched = [str(Path(supervisor.__file__)), str(self._log), str(self._stop_within_s), str(folder), "--"]
        self._supervisor = subprocess.Popen(  # noqa: S603 - no shell, no foreign input
            [sys.executable, "-I", "-S", *watched, *ordinary],
            env=dict(environ),
            stdin=subprocess.PIPE,  # its end tells the supervisor that the demo is gone
            stdout=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends its processes in order
        )

    def check(self) -> None:
        """Raises Refused, with the end of its log, when the process has ended by itself."""
        if self._supervisor.poll() is not None:
            told = self._log.read_text(errors="replace").strip().splitlines()[-TOLD_LINES:]
            raise Refused("\n".join([f"the {self.command} ended by itself. The end of its log:", *told]))

    def ask_to_stop(self) -> None:
        """SIGTERM, by way of the supervisor; returns at once."""
        self._order(b"t")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not do in time; returns when the process is gone."""
        self.ask_to_stop()
        try:
            self._supervisor.wait(self._stop_within_s + 5)
        except subprocess.TimeoutExpired:
            self._order(b"k")
            self._supervisor.wait(5)
        if self._supervisor.stdin is not None:
            self._supervisor.stdin.close()

    def _order(self, letter: bytes) -> None:
        if self._supervisor.stdin is None or self._supervisor.poll() is not None:
            return
        try:
            self._supervisor.stdin.write(letter)
        except BrokenPipeError:  # it ended in this very moment
            return
