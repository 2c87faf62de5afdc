"""What is kept of people's verdicts, for one user (or network, or link): which incidents are closed, and which networks
were found benign.

A verdict is an event like others: it comes in the user's own stream, and a replay hears it again. It is forgotten by
event time, and bounded.
"""

import uuid
from typing import Final

import msgspec

from detections.attempts import ALL_LOGINS, link_key
from detections.closing import closed, reopened
from detections.model import DAY_MS
from detections.state import KEPT_DAYS, Verdicts
from schemas.finding import Finding
from schemas.verdict import Verdict, decode

CLOSED_DAYS: Final = 9
"""An incident ends at the turn of the week at the latest; what comes later is another."""
MAX_CLOSED: Final = 16
"""Of one user. Of more, those closed longest ago are forgotten, and updated again if they should still go on."""
MAX_BENIGN: Final = 16
BY_SOURCE: Final = frozenset({"password_spray", "credential_stuffing", "link_spread"})
"""Policies of agent `networks`: their findings are about a network or a link, and closed by that agent."""
ABOUT_PLACES: Final = frozenset({"impossible_travel", "infrequent_country", "anonymous_ip", "suspicious_ip"})
"""Policies about where somebody comes from: that one of their findings is benign speaks for the networks in it."""


def verdict_of(value: bytes, key: bytes) -> Verdict:
    """The verdict in an event of the given key. Raises ValueError that says what is wrong, also where the verdict is on
    a finding of somebody else."""
    try:
        verdict = decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a verdict: {error}") from None
    found = verdict.finding
    if key_of(found).encode(errors="replace") != key:
        raise ValueError(f"the verdict is on a finding of {key_of(found)!r}, and came with another key")
    uid_of(found.finding_info.uid)
    return verdict


def key_of(found: Finding) -> str:
    """The key of the stream that `found` was judged in, and of verdicts on it: the user's, else that of the network,
    the link or the connector's logins."""
    unmapped = found.unmapped
    if unmapped.user_key:
        return unmapped.user_key
    if unmapped.network:
        return f"{unmapped.connector}/{unmapped.network}"
    if unmapped.link:
        return link_key(unmapped.connector, unmapped.link).decode()
    return f"{unmapped.connector}/{ALL_LOGINS}"


def heard(verdict: Verdict, kept: Verdicts, time_ms: int) -> Finding | None:
    """What is to be published after `verdict`, given at `time_ms`; None for what changes nothing: it is closed already,
    or open."""
    found = verdict.finding
    uid = uid_of(found.finding_info.uid)
    if verdict.said == "reopen":
        for asn in _networks(found):
            kept.benign.pop(asn, None)
        kept.closed.pop(uid, None)
        return reopened(verdict, time_ms)
    if uid in kept.closed:
        return None
    kept.closed[uid] = time_ms
    if len(kept.closed) > MAX_CLOSED:
        del kept.closed[min(kept.closed, key=lambda each: (kept.closed[each], each))]
    if verdict.opinion == "benign" and found.unmapped.policy in ABOUT_PLACES:
        _learn(kept, found, time_ms // DAY_MS)
    return closed(verdict, time_ms)


def uid_of(uid: str) -> str:
    """A finding's uid as it is kept. Raises ValueError for what is none."""
    return uuid.UUID(uid).hex


def is_closed(kept: Verdicts, uid: str) -> bool:
    """Whether the finding `uid` was closed by a person, and is not to be updated."""
    return bool(kept.closed) and uid_of(uid) in kept.closed


def is_benign(kept: Verdicts, asn: int, day: int) -> bool:
    """Whether a finding about this user and the provider `asn` was closed as benign in the 80 days before `day`."""
    return asn > 0 and bool(kept.benign) and kept.benign.get(str(asn), -KEPT_DAYS - 1) >= day - KEPT_DAYS


def forget(kept: Verdicts, time_ms: int) -> None:
    """Drops what is too old at `time_ms`."""
    if kept.closed:
        oldest_ms = time_ms - CLOSED_DAYS * DAY_MS
        kept.closed = {uid: at_ms for uid, at_ms in kept.closed.items() if at_ms >= oldest_ms}
    if kept.benign:
        oldest = time_ms // DAY_MS - KEPT_DAYS
        kept.benign = {asn: day for asn, day in kept.benign.items() if day >= oldest}


def _learn(kept: Verdicts, found: Finding, day: int) -> None:
    benign = kept.benign
    for asn in _networks(found):
        benign[asn] = max(day, benign.get(asn, 0))
    while len(benign) > MAX_BENIGN:
        del benign[min(benign, key=lambda each: (benign[each], each))]


def _networks(found: Finding) -> list[str]:
    """The providers that the evidence names, by AS number in digits."""
    systems = [each.src_endpoint.autonomous_system for each in found.evidences if each.src_endpoint is not None]
    return sorted({str(system.number) for system in systems if system is not None and system.number > 0})
