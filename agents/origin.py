"""Which record a finding was made from: a header, by which a replay tells what it has to raise again."""

from typing import Final, NamedTuple

from streams.cluster import Headers, Record

ORIGIN: Final = "origin"


class Origin(NamedTuple):
    """The agent that made it, and the offset of its input, of the partition of the same number."""

    agent: str
    offset: int


def origin_of(agent: str, record: Record) -> Headers:
    """The header of what `agent` makes of `record`."""
    return origin_of_agent(agent, record.offset)


def origin_of_agent(agent: str, offset: int) -> Headers:
    """The header of what `agent` made of the record at `offset`."""
    return [(ORIGIN, f"{agent} {offset}".encode())]


def read_origin(record: Record) -> Origin | None:
    """The origin in the headers of `record`; None where there is none, or nothing that this code has written."""
    for name, value in record.headers:
        if name == ORIGIN and value:
            agent, _, offset = value.decode(errors="replace").partition(" ")
            return Origin(agent, int(offset)) if agent and offset.isdecimal() else None
    return None
