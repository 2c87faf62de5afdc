"""Whether a user may still be at work: what the directory last told, and what the user did lately, in few bytes.

A change of the directory and an activity come to detection in the order in which they were learned. The account that an
activity is stamped with may be a moment older than what was told before it; so what was told is kept, for a while. And
a removal may be learned late: so the last activity of each recent hour and day is kept, too, to be judged again.
"""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from detections.model import DAY_MS, HOUR_MS, LATEST_MS
from detections.state import ID_CHARS, Recent, Standing
from schemas.activity import TYPES, Account, Activity

End = Literal["deleted", "left", "disabled"]
ENDS: Final[tuple[End, ...]] = ("deleted", "left", "disabled")
"""How access ends, the graver first."""

MOST_HOURS: Final = 4
MOST_DAYS: Final = 4
"""Hours with an activity, and days before them: what a removal that is learned late can be held against."""
RECENT_DAYS: Final = 14
TOLD_DAYS: Final = 30
"""So long what was told is kept. By then every activity has long been stamped with it."""
INCIDENT_DAYS: Final = 30
"""So long an incident is closed when the user is let in again."""
MAX_INCIDENTS: Final = 5
_NUMBERS: Final = {kind: number for number, kind in enumerate(TYPES)}
_MOST: Final = 1 << 31


class Slot(NamedTuple):
    """The last activity of an hour or a day that begins at `start_ms`, and how many there were."""

    start_ms: int
    last_ms: int
    event_id: str
    type: str
    activities: int


def ends_of(account: Account) -> dict[End, int]:
    """When access ended or will end, by how; only what is set. An end without a date is one since ever."""
    found: dict[End, int] = {}
    if account.deleted:
        found["deleted"] = _dated(account.deleted_ms)
    if account.leave_ms > 0:
        found["left"] = _dated(account.leave_ms)
    if account.disabled:
        found["disabled"] = _dated(account.disabled_ms)
    return found


def told(standing: Standing, account: Account, received_ms: int) -> bool:
    """Takes what the directory says at `received_ms`. False where something newer was told before."""
    if account.version < standing.version and _fresh(standing, received_ms):
        return False
    ends = ends_of(account)
    standing.version = min(max(account.version, 0), LATEST_MS)
    standing.told_ms = received_ms
    standing.deleted_ms, standing.left_ms, standing.disabled_ms = (ends.get(end, 0) for end in ENDS)
    return True


def in_force(standing: Standing, activity: Activity) -> dict[End, int]:
    """The ends of access that hold for `activity`: as it is stamped, or as was told since."""
    account = activity.account
    older = account is None or account.version < standing.version
    if older and standing.told_ms and _fresh(standing, activity.received_ms):
        times_ms = (standing.deleted_ms, standing.left_ms, standing.disabled_ms)
        return {end: time_ms for end, time_ms in zip(ENDS, times_ms, strict=True) if time_ms}
    return ends_of(account) if account is not None else {}


def keep(standing: Standing, activity: Activity) -> None:
    """Keeps `activity` as the last of its hour and its day. The order in which activities come does not matter."""
    time_ms = activity.time_ms
    if standing.hours:
        hour, day = standing.hours[-1], standing.days[-1]
        last_ms = hour.last_ms
        if time_ms > last_ms and time_ms // HOUR_MS == last_ms // HOUR_MS:  # the common case: later in the same hour
            hour.last_ms = day.last_ms = time_ms
            hour.last_id = day.last_id = _packed(activity.event_id)
            hour.type = day.type = _NUMBERS.get(activity.type, len(TYPES))
            hour.count = min(hour.count + 1, _MOST)
            day.count = min(day.count + 1, _MOST)
            return
    newest = Recent(time_ms, _packed(activity.event_id), _NUMBERS.get(activity.type, len(TYPES)), 1)
    _keep(standing.hours, newest, HOUR_MS, MOST_HOURS)
    _keep(standing.days, newest, DAY_MS, MOST_DAYS)


def recent(standing: Standing) -> Iterator[Slot]:
    """What is kept, oldest first: days before the oldest hour, then hours."""
    first_ms = standing.hours[0].last_ms // DAY_MS * DAY_MS if standing.hours else 0
    for span_ms, kept in ((DAY_MS, standing.days), (HOUR_MS, standing.hours)):
        for each in kept:
            start_ms = each.last_ms // span_ms * span_ms
            if span_ms == HOUR_MS or start_ms < first_ms:
                kind = TYPES[each.type] if each.type < len(TYPES) else "unspecified"
                yield Slot(start_ms, each.last_ms, _unpacked(each.last_id), kind, each.count)


def forget(standing: Standing, time_ms: int) -> None:
    """Drops what is too old at `time_ms`."""
    day = time_ms // DAY_MS
    for kept in (standing.hours, standing.days):
        while kept and kept[0].last_ms // DAY_MS < day - RECENT_DAYS:
            del kept[0]
    if standing.incidents:
        standing.incidents = [each for each in standing.incidents if each.anchor_ms // DAY_MS >= day - INCIDENT_DAYS]
    if standing.told_ms and standing.told_ms // DAY_MS < day - TOLD_DAYS:
        standing.version = standing.told_ms = standing.deleted_ms = standing.left_ms = standing.disabled_ms = 0


def _dated(time_ms: int) -> int:
    return min(max(time_ms, 1), LATEST_MS)


def _fresh(standing: Standing, now_ms: int) -> bool:
    return standing.told_ms // DAY_MS >= now_ms // DAY_MS - TOLD_DAYS


def _keep(kept: list[Recent], newest: Recent, span_ms: int, most: int) -> None:
    number = newest.last_ms // span_ms
    at = len(kept)
    while at and kept[at - 1].last_ms // span_ms > number:
        at -= 1
    if at and kept[at - 1].last_ms // span_ms == number:
        slot = kept[at - 1]
        slot.count = min(slot.count + 1, _MOST)
        if (newest.last_ms, newest.last_id) > (slot.last_ms, slot.last_id):
            slot.last_ms, slot.last_id, slot.type = newest.last_ms, newest.last_id, newest.type
        return
    if at == 0 and len(kept) >= most:
        return  # older than all that are kept
    kept.insert(at, Recent(newest.last_ms, newest.last_id, newest.type, 1))
    if len(kept) > most:
        del kept[0]


def _packed(event_id: str) -> bytes:
    """16 bytes for an id of ours; for a foreign one its text behind a NUL."""
    if len(event_id) == 32:
        try:
            packed = bytes.fromhex(event_id)
        except ValueError:
            packed = b""
        if packed.hex() == event_id:
            return packed
    text = b"\0" + event_id[:ID_CHARS].encode(errors="replace")
    return text if len(text) != 16 else b"\0" + text


def _unpacked(packed: bytes) -> str:
    return packed.hex() if len(packed) == 16 else packed.lstrip(b"\0").decode(errors="replace")
