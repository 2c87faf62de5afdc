"""On which days a user worked with which client.

Whether one is new is judged by whole days before the present one, so that a new device stays new for all of its first
day: its login must not make the downloads after it look familiar.
"""

from typing import Final

from detections.seen import days_seen, mark, outdated
from detections.state import TEXT_CHARS, ActivityPolicies, Seen

MAX_CLIENTS: Final = 8
"""Egnyte knows about six; integrations have names of their own. Of more, those used most recently are kept."""


def used_before(kept: ActivityPolicies, client: str, day: int) -> bool:
    """Whether the user worked with `client` on any of the 30 days before `day` (since the epoch, UTC)."""
    return days_seen(kept.clients.get(client[:TEXT_CHARS]), day) > 0


def learn(kept: ActivityPolicies, client: str, day: int) -> None:
    """Takes note that the user worked with `client` on `day`."""
    clients, client = kept.clients, client[:TEXT_CHARS]
    seen = clients.get(client)
    if seen is not None:
        mark(seen, day)
        return
    clients[client] = Seen(day, 1)
    if len(clients) > MAX_CLIENTS:
        del clients[min(clients, key=lambda each: (clients[each].last_day, each))]


def forget(kept: ActivityPolicies, day: int) -> None:
    """Drops what is too old on `day`."""
    for client in [client for client, seen in kept.clients.items() if outdated(seen, day)]:
        del kept.clients[client]
