"""Takes into account from where a link is opened: by network, provider and country, within a day."""

from collections import Counter
from typing import Final

from detections.model import DAY_MS, HOUR_MS, LATENESS_MS
from detections.sources import MAX_COUNTRIES, MAX_VISITS, Visit, Visits, hashed, mark
from detections.state import goes_on
from schemas.attempt import Attempt

KEPT_MS: Final = DAY_MS + LATENESS_MS


def visited(kept: Visits, attempt: Attempt) -> bool:
    """Takes `attempt` in. True where there are more networks or countries now; most openings bring none."""
    time_ms = attempt.time_ms
    if time_ms < kept.newest_ms - KEPT_MS:
        return False
    if time_ms // HOUR_MS > kept.newest_ms // HOUR_MS:
        forget(kept, time_ms)
    kept.newest_ms = max(kept.newest_ms, time_ms)
    network = hashed(attempt.prefix)
    there = kept.networks.get(network)
    news = there is None or there.last_ms <= kept.newest_ms - DAY_MS
    if there is None:
        _make_room(kept)
        kept.networks[network] = Visit(time_ms, attempt.asn)
    elif time_ms > there.last_ms:
        there.last_ms = time_ms
    country = attempt.country[:2]
    if country and (country in kept.countries or len(kept.countries) < MAX_COUNTRIES):
        last_ms = kept.countries.get(country, 0)
        news = news or last_ms <= kept.newest_ms - DAY_MS
        kept.countries[country] = max(last_ms, time_ms)
    mark(kept.marks, time_ms // HOUR_MS, attempt)
    return news


def networks(kept: Visits, per_provider: int) -> int:
    """How many networks of the last day there are, at most `per_provider` of each provider: a phone gets about in its
    carrier's networks. Where the provider is not known the network stands for itself."""
    since_ms = kept.newest_ms - DAY_MS
    recent = Counter(each.asn for each in kept.networks.values() if each.last_ms > since_ms)
    return recent.pop(0, 0) + sum(min(number, per_provider) for number in recent.values())


def providers(kept: Visits) -> int:
    """How many known providers these networks have."""
    since_ms = kept.newest_ms - DAY_MS
    return len({each.asn for each in kept.networks.values() if each.last_ms > since_ms} - {0})


def countries(kept: Visits) -> int:
    """How many countries of the last day there are."""
    return sum(last_ms > kept.newest_ms - DAY_MS for last_ms in kept.countries.values())


def forget(kept: Visits, time_ms: int) -> None:
    """Drops what no attempt from `time_ms` on, or as late as allowed, can meet."""
    oldest_ms = time_ms - KEPT_MS
    kept.networks = {network: each for network, each in kept.networks.items() if each.last_ms >= oldest_ms}
    kept.countries = {country: last_ms for country, last_ms in kept.countries.items() if last_ms >= oldest_ms}
    kept.marks = [each for each in kept.marks if each.number >= oldest_ms // HOUR_MS]
    if kept.lost_ms < oldest_ms:
        kept.lost_ms = -1
    if kept.spread is not None and not goes_on(kept.spread.first.first_ms, time_ms):
        kept.spread = None


def _make_room(kept: Visits) -> None:
    if len(kept.networks) >= MAX_VISITS:
        oldest = min(kept.networks, key=lambda each: (kept.networks[each].last_ms, each))
        kept.lost_ms = max(kept.lost_ms, kept.networks.pop(oldest).last_ms)
