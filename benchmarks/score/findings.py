"""What the pipeline said, as far as the score needs it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: its first record, and whether any of its records was an alert. `user`: e-mail, empty where it is
    about a network or link. `networks`: of its evidence and resources. `told_ms`: event time of the activity that led
    to it. `suppressed`: why it was not raised, empty where it was. `count`: events, as last told.
    """

    uid: str
    policy: str
    user: str
    networks: frozenset[str]
    links: frozenset[str]
    alert: bool
    severity: str
    first_ms: int
    last_ms: int
    told_ms: int
    message: str
    suppressed: str = ""
    count: int = 1
    records: int = 1


def collected(records: Iterable[tuple[int, bytes]]) -> list[Told]:
    """Findings out of records (time, value) of alerts and behaviors, in the order in which they were first told."""
    found: dict[str, Told] = {}
    for told_ms, value in sorted(records, key=lambda each: each[0]):
        told = _told(told_ms, msgspec.json.decode(value))
        known = found.get(told.uid)
        if known is None or (known.suppressed and not told.suppressed):
            found[told.uid] = told
        elif not told.suppressed:
            found[told.uid] = msgspec.structs.replace(
                known,
                alert=known.alert or told.alert,
                first_ms=min(known.first_ms, told.first_ms),
                last_ms=max(known.last_ms, told.last_ms),
                networks=known.networks | told.networks,
                count=told.count,
                records=known.records + 1,
            )
    return list(found.values())


def _told(told_ms: int, finding: dict[str, Any]) -> Told:
    extra = finding["unmapped"]
    info = finding["finding_info"]
    resources: Sequence[dict[str, Any]] = finding.get("resources", ())
    networks = {str(each["name"]) for each in resources if each.get("type") == "Network"}
    networks |= {ip for each in finding.get("evidences", ()) if (ip := _ip(each))}
    if extra.get("network"):
        networks.add(extra["network"])
    return Told(
        uid=info["uid"],
        policy=extra["policy"],
        user=extra.get("user_key", "").partition("/")[2],
        networks=frozenset(networks),
        links=frozenset(filter(None, [extra.get("link", "")])),
        alert=finding["is_alert"],
        severity=finding["severity"],
        first_ms=info["first_seen_time"],
        last_ms=info["last_seen_time"],
        told_ms=told_ms,
        message=finding["message"],
        suppressed=extra.get("suppressed", ""),
        count=finding.get("count", 1),
    )


def _ip(evidence: dict[str, Any]) -> str:
    found: str = evidence.get("src_endpoint", {}).get("ip", "")
    return found
