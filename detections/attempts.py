"""Which attempts an activity is: one for each source that is judged by itself. Pure: cases are told by it too."""

import hashlib
from collections.abc import Iterator
from typing import Final

from detections.networks import prefix_of
from schemas.activity import UNDATED, Activity
from schemas.attempt import Attempt, AttemptType, By

TYPES: Final[dict[str, AttemptType]] = {
    "login": "login",
    "failed_login": "failed_login",
    "link_access": "link_access",
}
"""The activity types that are attempts."""
NOBODY: Final = ("anonymous", "unknown")
"""Who opens a link without an account. That a colleague opens it spreads nothing."""
PATH_CHARS: Final = 1_024
LINK_DIGITS: Final = 32
ALL_LOGINS: Final = "logins"


def attempts_of(activity: Activity, user: str) -> Iterator[tuple[bytes, Attempt]]:
    """The attempts that `activity` of `user` (the user key) is, each with its key; none where it counts for nothing.

    What has no address or no date can't be put beside others, and a link that nobody names is none.
    """
    kind = TYPES.get(activity.type)
    if kind is None or not activity.ip or (activity.flags and not UNDATED.isdisjoint(activity.flags)):
        return
    connector, prefix = activity.connector, prefix_of(activity.network, activity.ip)
    if kind == "link_access":
        link = activity.target_path or activity.path
        if link and activity.actor.kind in NOBODY:
            yield link_key(connector, link), _attempt(activity, user, kind, "link", prefix, link)
        return
    yield f"{connector}/{prefix}".encode(), _attempt(activity, user, kind, "network", prefix)
    yield f"{connector}/{ALL_LOGINS}".encode(), _attempt(activity, user, kind, "connector", prefix)


def link_key(connector: str, link: str) -> bytes:
    """The key of all that is done with `link`. A hash, as links may be long; of no more than findings have of it, so
    that it can be told from these."""
    digest = hashlib.sha256(link[:PATH_CHARS].encode(errors="surrogatepass")).hexdigest()
    return f"{connector}/link/{digest[:LINK_DIGITS]}".encode()


def _attempt(activity: Activity, user: str, kind: AttemptType, by: By, prefix: str, link: str = "") -> Attempt:
    network = activity.network
    return Attempt(
        connector=activity.connector,
        event_id=activity.event_id,
        time_ms=activity.time_ms,
        received_ms=activity.received_ms,
        by=by,
        type=kind,
        user=user,
        kind=activity.actor.kind,
        action=activity.action,
        client=activity.client,
        link=link[:PATH_CHARS],
        path=activity.path[:PATH_CHARS],
        ip=activity.ip,
        prefix=prefix,
        asn=network.asn,
        organisation=network.organisation,
        country=activity.place.country,
        category=network.category,
        tags=network.tags,
    )
