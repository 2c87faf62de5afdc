"""What governance does about the demo's thief: shown as it is read back, and undone by the command that people type."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from console.demo_policies import ASKED
from console.demo_records import Records
from console.demo_report import Report
from console.demo_settings import environment
from detections import wording
from schemas.governance import GovernanceRecord
from streams.errors import Refused
from streams.sections import Settings

WHY: Final = "called, and given a new password"
BY: Final = "security"
ENDED: Final = frozenset({"succeeded", "failed", "skipped", "uncertain"})
_TOLD: Final[Mapping[str, str]] = {
    "suspend_user": "account disabled in Entra ID, and its sessions there ended",
    "deactivate_egnyte_user": "account deactivated at Egnyte, for sessions there outlive those of Entra ID",
    "notify_user": "mail sent",
    "unsuspend_user": "account enabled again in Entra ID",
    "reactivate_egnyte_user": "account active again at Egnyte",
}


class Response:
    """The actions about `email`, as the log has them."""

    def __init__(self, report: Report, records: Records, email: str) -> None:
        self._report = report
        self._records = records
        self._email = email
        self._shown = 0

    def show(self) -> None:
        """Shows the outcomes that were read since it was last asked."""
        fresh, self._shown = self._records.actions[self._shown :], len(self._records.actions)
        for record in fresh:
            if record.state in ENDED:
                self._report.done(f"{record.user}: {told(record)}")

    @property
    def is_over(self) -> bool:
        """Whether all that the policy asks for has come to an end."""
        return {record.action for record in self._ended()} >= set(ASKED)

    @property
    def locked_s(self) -> float | None:
        """From the act that was found to the account's being shut at Egnyte too; None where it was not."""
        locks = (each for each in self._ended() if each.action == ASKED[1] and each.state == "succeeded")
        return next(((each.at_ms - each.found_ms) / 1_000 for each in locks), None)

    async def undo(self, settings: Settings, read: Callable[[], Awaitable[object]]) -> None:
        """Undoes what can be undone by `egnyte-watch govern undo`, and reads (`read`) until the log says so. Raises
        Refused where the command fails.
        """
        locks = [each for each in self._ended() if each.action in ("suspend_user", "deactivate_egnyte_user")]
        asked = [each.uid for each in locks if each.state == "succeeded"]
        self._report.done(f"{self._email} was called and has a new password. To let her in again:")
        for uid in asked:
            self._report.command(f'govern undo {uid[:8]} --by {BY} --why "{WHY}"')
        asking = asyncio.gather(*(_undo(settings, uid) for uid in asked))
        while not asking.done():
            await read()
        await asking
        while {record.uid for record in self._records.actions if record.state == "reverted"} < set(asked):
            await read()

    def _ended(self) -> list[GovernanceRecord]:
        return [each for each in self._records.actions if each.user == self._email and each.state in ENDED]


def told(record: GovernanceRecord) -> str:
    """An outcome in plain words."""
    words = _TOLD.get(record.action, "")
    if record.action == "revoke_links":
        words = f"{wording.count(len(record.items), 'link')} deleted"
    if record.state != "succeeded" or not words:
        words = f"{record.action} {record.state}: {record.detail or record.reason}".rstrip(": ")
    if not record.found_ms:
        return f"{words}."
    return f"{words}. {(record.at_ms - record.found_ms) / 1_000:.1f} s after the first act."


async def _undo(settings: Settings, uid: str) -> None:
    command = ("-m", "console.cli", "--settings", os.devnull, "govern", "undo", uid, "--by", BY, "--why", WHY)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=environment(settings),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    if process.returncode:
        raise Refused(f"govern undo {uid[:8]} failed: {errors.decode(errors='replace').strip()}")
