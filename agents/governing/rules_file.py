"""The file of rules, followed."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

from agents.governing.rules import FILE, Rules, RulesError, read_rules

log = structlog.get_logger(__name__)
RULES_EVERY_S: Final = 5.0


class RulesFile:
    """The rules in force: those of the file, read again when it changes. A broken file leaves those of before; so does
    one that is gone or empty, as it is for a moment while somebody replaces it.
    """

    def __init__(self, folder: Path) -> None:
        """Raises RulesError."""
        self._path = folder / FILE
        self.current: Rules = read_rules(self._path)

    async def follow(self) -> None:
        """Looks for changes, for ever."""
        said = ""
        while True:
            await asyncio.sleep(RULES_EVERY_S)
            try:
                found = await asyncio.to_thread(read_rules, self._path, needed=self.current != Rules())
            except RulesError as error:
                if said != str(error):
                    log.error("rules not reloaded, the old ones stay in force", reason=str(error))  # noqa: TRY400
                said = str(error)
                continue
            said = ""
            if found != self.current:
                log.info("rules reloaded", file=str(self._path))
                self.current = found
