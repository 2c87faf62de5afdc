"""Numbers, times and names in plain words. Texts from data are plain text: whoever shows them escapes them."""

from datetime import UTC, datetime
from typing import Final

from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from schemas.activity import Activity

NAME_CHARS: Final = 80


def person(activity: Activity) -> str:
    """Who did it: the name that Egnyte wrote, else the e-mail, else the id."""
    actor = activity.actor
    return plain(actor.name) or plain(actor.email) or (f"User {plain(actor.user_id)}" if actor.user_id else "Somebody")


def plain(text: str) -> str:
    """`text` on one line, without control characters, cut to `NAME_CHARS` characters."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text[: 2 * NAME_CHARS]).split())
    return line if len(line) <= NAME_CHARS else line[: NAME_CHARS - 1] + "…"


def place(city: str, country: str) -> str:
    """A place as people name it: the city, with its country where that is known."""
    city = plain(city)
    return f"{city} ({country})" if city and country else city or country or "an unnamed place"


def source(activity: Activity) -> str:
    """Where it came from: the address, with its provider and place as far as they are known."""
    city, country, provider = activity.place.city, activity.place.country, plain(activity.network.organisation)
    known = [provider] if provider else []
    if city or country:
        known.append(place(city, country))
    return f"{plain(activity.ip)} ({', '.join(known)})" if known else plain(activity.ip) or "an unknown address"


def clock(time_ms: int, beside_ms: int | None = None) -> str:
    """`09:02 UTC`; with the date where `beside_ms` is of another day or not given."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    same_day = beside_ms is not None and beside_ms // DAY_MS == time_ms // DAY_MS
    return moment.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC")


def duration(span_ms: int) -> str:
    """A span of time in the unit that suits it: `12 s`, `25 min`, `3 h 5 min`."""
    if span_ms < MINUTE_MS:
        return f"{span_ms // 1000} s"
    minutes = span_ms // MINUTE_MS
    if span_ms < 2 * HOUR_MS:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def count(number: float, one: str, many: str = "") -> str:
    """`1 network`, `2 networks`, `11,900 km`: rounded, with thousands separated."""
    rounded = round(number)
    return f"{rounded:,} {one if rounded == 1 else many or one + 's'}"


def rounded(number: float) -> float:
    """`number` with three significant digits at most: more would pretend to an accuracy that places don't have."""
    return float(f"{number:.3g}")
