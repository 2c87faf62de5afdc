"""Faults on command: what a network, a gateway or a bad day does to an answer."""

from typing import Literal

from simulators.faults import Striking

Kind = Literal["status", "throttle", "html", "cut_json", "truncate", "reset", "slow", "stall", "lost", "late"]


class Fault(Striking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault that strikes the next requests with `method` (any where empty) for a path that begins with `path`; the
    login server's paths begin with the tenant.

    Before the effect: `status` answers with `status` (and `retry_after_s`, which may have decimals, if given);
    `throttle` with 429 (without Retry-After where `retry_after_s` is 0); `html` with a page and status 200; `reset`
    resets the connection; `slow` lets `seconds` of the simulator's clock pass first. After it: `lost` resets the
    connection, `late` answers after `seconds`, `stall` stops for so long in the middle, `truncate` closes in the
    middle, `cut_json` sends half of the answer as if it were whole. `count` requests are struck (0: any number) until
    `duration_s` of the clock have passed (0: no end).
    """

    kind: Kind
    code: str = ""
    path: str = "/v1.0/"
