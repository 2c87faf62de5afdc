"""Faults on command: what a network, a gateway or a bad day does to an answer."""

from typing import Literal

from simulators.faults import Striking

Kind = Literal["status", "throttle", "html", "cut_json", "truncate", "reset", "slow", "stall"]


class Fault(Striking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that strikes the next requests with `method` (any where empty) for a path that begins with `path`.

    `kind`: `status` answers with `status` (and `retry_after_s`, if given); `throttle` refuses as over a limit; `html`
    sends a page with status 200; `cut_json` sends half of the answer, as if it were whole; `truncate` closes the
    connection in the middle of the answer; `reset` resets it before the answer; `slow` answers after `seconds` of the
    simulator's clock; `stall` stops for so long in the middle. `count` requests are struck (0: any number) until
    `duration_s` of the clock have passed (0: no end).
    """

    kind: Kind
    retry_after_s: int = 0
    path: str = "/pubapi/"
