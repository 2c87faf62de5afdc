"""Attempts for tests: who, from where, when; and what the policies say to many of them."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import structs

from detections.attempts import link_key
from detections.model import DAY_MS, HOUR_MS, Candidate, SourcePolicy
from detections.policies import PolicySet
from detections.source_cases import judge
from detections.sources import Source, decode, encode
from schemas.attempt import Attempt

START: Final = 20_400 * DAY_MS + 9 * HOUR_MS
"""2025-11-08, a Saturday, in the morning."""
ATTACKER: Final = "203.0.113.0/24"
LINK: Final = "https://acme.egnyte.com/dl/Qm4TzX81La"


def login(time_ms: int, user: str, prefix: str = ATTACKER, *, failed: bool = True, **more: Any) -> list[Attempt]:
    """A login, as it is told: by its network, and among all."""
    kind = "unknown" if user.startswith("~") else "person"
    given: dict[str, Any] = {
        "connector": "acme", "event_id": f"{user} {time_ms} {prefix} {failed}", "time_ms": time_ms,
        "received_ms": time_ms, "type": "failed_login" if failed else "login", "user": f"acme/{user}", "kind": kind,
        "prefix": prefix, "ip": prefix.partition("/")[0],
    }  # fmt: skip
    return [Attempt(**(given | {"by": by} | more)) for by in ("network", "connector")]


def visit(time_ms: int, prefix: str, **more: Any) -> Attempt:
    """Somebody opens the link."""
    given: dict[str, Any] = {
        "connector": "acme", "event_id": f"{time_ms} {prefix}", "time_ms": time_ms, "received_ms": time_ms,
        "type": "link_access", "by": "link", "user": "acme/~anonymous-7", "kind": "anonymous", "link": LINK,
        "prefix": prefix, "ip": prefix.partition("/")[0],
    }  # fmt: skip
    return Attempt(**(given | more))


def key_of(attempt: Attempt) -> bytes:
    """The key of the source of `attempt`."""
    if attempt.by == "link":
        return link_key(attempt.connector, attempt.link)
    return f"{attempt.connector}/{attempt.prefix if attempt.by == 'network' else 'logins'}".encode()


def policies_of(**settings: dict[str, Any]) -> tuple[SourcePolicy, ...]:
    """The policies on sources, with settings by policy id."""
    return PolicySet.of(settings).by_source


def run(
    policies: Sequence[SourcePolicy], attempts: Iterable[Attempt], kept: dict[bytes, Source] | None = None
) -> list[Candidate]:
    """What `policies` say to `attempts`, which change what is `kept`."""
    kept = {} if kept is None else kept
    found: list[Candidate] = []
    for attempt in attempts:
        source = kept.setdefault(key_of(attempt), Source())
        for policy in policies:
            if policy.by == attempt.by:
                found += judge(policy, attempt, source)
    return found


def stored(kept: dict[bytes, Source]) -> dict[bytes, bytes]:
    """What is kept, as it would be stored."""
    return {key: encode(source) for key, source in kept.items()}


def restored(values: dict[bytes, bytes]) -> dict[bytes, Source]:
    """What was stored, as it would be restored."""
    return {key: decode(value) for key, value in values.items()}


def delayed(attempts: Iterable[Attempt], seed: int, late_ms: int = HOUR_MS) -> list[Attempt]:
    """`attempts` in an order in which each comes at most `late_ms` after it happened."""
    dice = random.Random(seed)  # noqa: S311 - a test's disorder, not a secret
    received = [(each.time_ms + dice.randrange(late_ms), each.event_id, each.by, each) for each in attempts]
    return [structs.replace(each, received_ms=at) for at, _, _, each in sorted(received, key=lambda each: each[:3])]
