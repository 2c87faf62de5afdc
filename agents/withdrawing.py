"""Findings that a replay does not raise again are closed as `withdrawn`."""

from collections.abc import Callable

import msgspec

from agents.origin import origin_of_agent, read_origin
from detections.closing import withdrawn
from schemas import finding as findings
from streams.cluster import Headers, Record
from streams.withdrawal import Statement


class FindingsWithdrawn:
    """What an agent that publishes findings says of them; see `streams.withdrawal.Withdrawals`."""

    def __init__(self, agent: str, topics: tuple[str, ...], set_hash: Callable[[], str]) -> None:
        """`set_hash`: of the policies in force."""
        self.topics = topics
        self._agent = agent
        self._set_hash = set_hash

    def read(self, record: Record) -> Statement | None:
        """What was suppressed was not raised, and is not withdrawn."""
        origin = read_origin(record)
        if origin is None or origin.agent != self._agent or record.value is None:
            return None
        try:
            step = _step(record.value)
        except msgspec.MsgspecError:
            return None
        match step:
            case "create":
                return Statement(origin.offset, "begun")
            case "close":
                return Statement(origin.offset, "ended")
            case "update":
                return Statement(origin.offset, "told")
        return None

    def withdraw(self, record: Record) -> tuple[bytes, int, Headers]:
        """The Close, with the time and the origin of what it closes: the same bytes whoever writes it."""
        value = findings.encode(withdrawn(findings.decode(record.value or b""), self._set_hash()))
        origin = read_origin(record)
        headers = [] if origin is None else origin_of_agent(*origin)
        return value, record.timestamp, headers


class _Unmapped(msgspec.Struct, gc=False):
    step: str


class _Stepped(msgspec.Struct, gc=False):
    """As much of a finding as tells its step: logs are read to their end for it."""

    unmapped: _Unmapped


_stepped = msgspec.json.Decoder(_Stepped)


def _step(value: bytes) -> str:
    return _stepped.decode(value).unmapped.step
