"""Asks Egnyte's audit stream (v2) for pages."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec

from connectors.egnyte.answers import Page, read_page
from connectors.egnyte.api import EgnyteApi

STREAM_PATH: Final = "/pubapi/v2/audit/stream"


class Answer(msgspec.Struct, frozen=True):
    """A page, and what Egnyte says is left of its limits; None where it does not say."""

    page: Page
    minute_left: int | None = None
    hour_left: int | None = None


class EgnyteClient(EgnyteApi):
    """One domain's audit stream. Use it as an async context manager."""

    async def page(self, *, cursor: str = "", start_ms: int = 0) -> Answer:
        """The page after `cursor`, or, without one, the first page from `start_ms` (ms since the epoch; whole seconds
        are asked for).

        Raises a NoAnswer: Throttled, Unauthorized, Forbidden, CursorRefused or RequestRefused, ServerFault,
        Unreachable, Malformed.
        """
        asked = {"nextCursor": cursor} if cursor else {"startDate": _stamp(start_ms)}
        reply = await self.send("POST", STREAM_PATH, json=asked)
        if reply.status != httpx.codes.OK:
            raise self.refusal(reply, by_cursor=bool(cursor))
        return Answer(
            read_page(reply.body),
            _whole(reply.headers, "x-ratelimit-remaining-minute"),
            _whole(reply.headers, "x-ratelimit-remaining-hour"),
        )


def _stamp(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text) else None
