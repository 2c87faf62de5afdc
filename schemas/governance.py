"""`egnyte.governance`: what was done about findings, by whom, why, and what became of it: governance's log and lane.

One record for each state that an action reaches, JSON. Key: the action's uid; partition: the connector's, so that one
owner acts for a connector and finds all that it must know in one log. Record timestamp: `at_ms`.
"""

import uuid
from typing import Any, Final, Literal

import msgspec

SCHEMA: Final = 1

NAMESPACE: Final = uuid.UUID("c60b2f0f-6c36-4a5e-9f0c-5a1b3d0c8e42")
"""Made once at random. A change of it would let every finding act a second time."""

Action = Literal[
    "notify_user", "notify", "require_sign_in", "suspend_user", "unsuspend_user", "confirm_compromised",
    "deactivate_egnyte_user", "reactivate_egnyte_user", "revoke_links",
]  # fmt: skip
State = Literal["requested", "started", "succeeded", "failed", "skipped", "uncertain", "reverted"]
"""`requested`: due, or, with the reason `breaker`, held until a person asks for it. `started`: it may be under way, or
have happened. `skipped`: not done, and not to be done by itself. `uncertain`: done, perhaps twice, or perhaps not.
`reverted`: undone later."""
Reason = Literal[
    "", "breaker", "off", "dry_run", "protected", "privileged", "guest", "unknown_user", "no_effect", "too_old",
    "stronger", "already_done", "not_found", "login", "forbidden", "mailbox", "invalid", "throttled", "unavailable",
    "interrupted",
]  # fmt: skip
"""Why. Of `skipped`: `off` and `dry_run` by the mode in force; `protected`, `privileged`, `guest`: whom nothing is done
to by itself; `unknown_user`: no account is known to act on; `no_effect`: the user does not sign in there; `too_old`:
the finding is; `stronger`: another action does that as well; `already_done`: it was so before. Of `failed` (`not_found`
also of `skipped`): what the other side said. Of `uncertain`: `interrupted` where a process ended in the middle."""

WHY_CHARS: Final = 500
DETAIL_CHARS: Final = 2_000


class GovernanceRecord(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One action reaches one state. Times: ms since the epoch, UTC.

    `user`: the user key's part after the connector. `origin`: the finding's uid, or that of a person's request.
    `policy`, `by`: who asked, a policy or a person. `why`: the finding's title, or the person's words. `found_ms`:
    event time of the finding. `requested_ms`: when it was first asked for. `took_ms`: of an outcome, since it was
    started. `attempt`: how often it was started. `reason`, `detail`, `advice`: what stands in the way. `warnings`: what
    it will not do although it succeeded. `arguments`: what the action takes, such as addresses. `before`: what was
    before, by which it is recognised and undone. `items`: what it was done to, such as the links deleted. `reverts`:
    uid of the action that it undoes.
    """

    schema: int = msgspec.field(default_factory=lambda: SCHEMA)  # a plain default would not be sent
    uid: str
    connector: str
    action: Action
    state: State
    user: str
    origin: str
    at_ms: int
    requested_ms: int
    policy: str = ""
    by: str = ""
    why: str = ""
    found_ms: int = 0
    took_ms: int = 0
    attempt: int = 0
    reason: Reason = ""
    detail: str = ""
    advice: str = ""
    warnings: tuple[str, ...] = ()
    arguments: dict[str, str] = {}
    before: dict[str, Any] = {}
    items: tuple[str, ...] = ()
    reverts: str = ""


def action_uid(origin: str, action: Action, user: str, connector: str) -> str:
    """The uid of an action: the same finding asks for the same action on the same user once, however often it is read.

    `connector`, `user`: the two parts of the user key.
    """
    return str(uuid.uuid5(NAMESPACE, "\x00".join((origin, action, connector, user))))


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(GovernanceRecord)


def encode(record: GovernanceRecord) -> bytes:
    """The value of a record (JSON). Equal records give equal bytes."""
    return _encoder.encode(record)


def decode(value: bytes) -> GovernanceRecord:
    """The record out of its value. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(value)
