"""What every command shares: the settings, read when a command first needs them, and where it writes."""

from functools import cached_property
from pathlib import Path

import typer
from rich.console import Console

from streams import logs
from streams.settings import Loaded, Settings, load


class Session:
    """One run of the command. `path`: the settings file that was named, if any; `debug`: show tracebacks."""

    def __init__(self, path: Path | None, *, debug: bool) -> None:
        self.debug = debug
        self._path = path

    @cached_property
    def loaded(self) -> Loaded:
        """The settings with their origins; logging follows them from here on. Raises SettingsError."""
        loaded = load(self._path)
        console = loaded.settings.console
        json = {"auto": None, "text": False, "json": True}[console.log_format]
        logs.configure("DEBUG" if self.debug else console.log_level, json)
        return loaded

    @property
    def settings(self) -> Settings:
        """The settings. Raises SettingsError."""
        return self.loaded.settings

    @cached_property
    def out(self) -> Console:
        """Standard output; words are neither guessed at (no highlighting) nor taken for mark-up."""
        return Console(highlight=False, markup=False, soft_wrap=True)


def session_of(context: typer.Context) -> Session:
    """The session that `console.cli` put into the context."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("commands run below console.cli.app")
    return session
