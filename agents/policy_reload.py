"""Policies that change while workers run: files are looked at every few seconds, and taken into use all or nothing.

What is judged is what was read, once, and found unchanged by the next look: an editor that writes a file in two goes,
or a mount whose links are being swapped, is waited for. `docs/adr/0006-policy-reload.md` has the reasons.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import msgspec
import structlog

from agents.policies import BUILT_IN_FILE, Contents, policies_of, read_files
from detections.activity_policies.document import Problem
from detections.policies import PoliciesError, PolicySet
from detections.settings import Mistake
from streams.chunk_app import ChunkApp

log = structlog.get_logger(__name__)
LOOK_S: Final = 2.0
"""Between two looks. A change is in use after two of them and the chunk at work: well within 10 s."""


@runtime_checkable
class FollowsPolicies(Protocol):
    """A handler that judges by the policies in force."""

    def use(self, policies: PolicySet) -> None:
        """Judge by `policies` from the next record on. Called in the event loop that runs the handler, which works
        through a chunk without a pause: so never within one."""
        ...


class Rejection(msgspec.Struct, frozen=True):
    """Files that can't be used. `content`: SHA-256 (hex) of them, so that two workers that see the same speak of the
    same."""

    content: str
    mistakes: tuple[Mistake, ...]


class PolicyFolder:
    """The policies in force, out of a folder. `rejected`: what lies there now and can't be used, None where all is
    well."""

    def __init__(self, folder: Path) -> None:
        """Raises PoliciesError with all mistakes: without an old set there is nothing to go on with."""
        self.folder = folder
        self.rejected: Rejection | None = None
        files = read_files(folder)
        self.current = policies_of(folder, files)
        self._held = len(files)
        self._judged = self._seen = content_of(folder, files)

    def refresh(self) -> bool:
        """Looks at the files, and judges them where they changed and stayed so since the last look. Returns whether
        `current` or `rejected` is another now. May take a second: call it from a thread. Never raises."""
        files = read_files(self.folder)
        content = content_of(self.folder, files)
        settled, self._seen = content == self._seen, content
        if not settled or content == self._judged:
            return False
        self._judged = content
        try:
            self._check_there(files)
            current = policies_of(self.folder, files)
        except PoliciesError as error:
            self.rejected = Rejection(content, error.mistakes)
            return True
        except Exception as error:  # noqa: BLE001 - whatever a file does to its reader: the old set goes on, and is told
            reason = f"can't be judged: {type(error).__name__}: {error}"
            self.rejected = Rejection(content, (Mistake("policies", reason, "take back the last change"),))
            return True
        self.rejected = None
        self.current, self._held = current, len(files)
        return True

    def _check_there(self, files: Contents) -> None:
        """Raises PoliciesError where everything is gone at once: that is a mount that failed rather than anybody's
        wish, and would switch off whatever people have written."""
        if files or not self._held:
            return
        was = f"is empty, and held {self._held} policy files" if self.folder.is_dir() else "is not there any more"
        advice = f"put it back; if you mean the defaults, leave a {BUILT_IN_FILE} with a comment in it"
        raise PoliciesError((Problem("folder", was, advice, str(self.folder), 0),))


def content_of(folder: Path, files: Contents) -> str:
    """SHA-256 (hex) of `files`, by their names below `folder`; of one that can't be read, of the reason."""
    digest = hashlib.sha256()
    for path, content in files.items():
        part = f"error {content.errno}".encode() if isinstance(content, OSError) else content
        for each in (str(path.relative_to(folder)).encode(errors="surrogateescape"), part):
            digest.update(len(each).to_bytes(8))
            digest.update(each)
    return digest.hexdigest()


async def keep_current(folder: PolicyFolder, apps: Iterable[ChunkApp]) -> None:
    """Gives each change of `folder` to the handlers of `apps` that follow policies, for ever."""
    handlers = [app.lanes.spec.handler for app in apps]
    followers = [handler for handler in handlers if isinstance(handler, FollowsPolicies)]
    while True:
        await asyncio.sleep(LOOK_S)
        await look(folder, followers)


async def look(folder: PolicyFolder, followers: Sequence[FollowsPolicies]) -> None:
    """Looks at `folder` once, and has `followers` use what is new and good. What is rejected is told in the log."""
    before = folder.current.hash
    if not await asyncio.to_thread(folder.refresh):
        return
    if folder.rejected is not None:
        mistakes = [str(mistake) for mistake in folder.rejected.mistakes]
        log.error("the policies are not reloaded, the old ones stay in use", mistakes=mistakes)
    elif folder.current.hash != before:
        for follower in followers:
            follower.use(folder.current)
        log.info("the policies are reloaded", set=folder.current.hash[:12], before=before[:12])
