"""Follows the people of a tenant: reads, waits, and outlasts what Graph does."""

from typing import Final

import structlog

from connectors.directory.health import SourceHealth
from connectors.directory.publisher import DirectoryPublisher
from connectors.entra.client import GraphClient
from connectors.entra.expiry import credential_ends_ms
from connectors.entra.refusals import NoAnswer
from connectors.entra.users import EntraUsers
from streams.sections import DAY_MS, EntraSettings

log = structlog.get_logger(__name__)

FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 300.0
"""Between tries while Graph is away, or until somebody mends secret, permission or tenant."""
DOUBLINGS: Final = 6
PROOF_EVERY_MS: Final = DAY_MS
"""Between two questions until when the app's proof is good: people count it in days."""


class EntraFollower:
    """A `connectors.directory.service.PeopleSource`."""

    def __init__(
        self, entra: EntraSettings, client: GraphClient, publisher: DirectoryPublisher, health: SourceHealth
    ) -> None:
        """`health` hears how it goes."""
        self._users = EntraUsers(client, publisher, client.clock)
        self._client = client
        self._entra = entra
        self._health = health
        self._failures = 0
        self._proof_read_ms: int | None = None
        health.follows(publisher)

    async def turn(self) -> float:
        """See `PeopleSource`."""
        try:
            put = await self._users.round()
        except NoAnswer as error:
            backoff_s = min(FIRST_RETRY_S * 2 ** min(self._failures, DOUBLINGS), LONGEST_RETRY_S)
            wait_s = LONGEST_RETRY_S if error.needs_people else backoff_s
            wait_s = max(wait_s, getattr(error, "retry_after_s", None) or 0.0)
            self._failures += 1
            self._health.failed(error.kind, str(error), self._in_ms(wait_s), needs_people=error.needs_people)
            log.warning(
                "people can't be read from Entra ID", tenant=self._entra.tenant, kind=error.kind, reason=str(error),
                needs_people=error.needs_people, again_in_s=wait_s, failures=self._failures,
            )  # fmt: skip
            return wait_s
        if self._failures:
            log.info("people are read from Entra ID again", tenant=self._entra.tenant, failures=self._failures)
            self._failures = 0
        if put.people or put.changes:
            log.info("people of Entra ID", tenant=self._entra.tenant, people=put.people, changes=put.changes)
        await self._look_at_the_proof()
        interval_s = float(self._entra.poll_interval_s)
        self._health.well(self._in_ms(interval_s))
        return interval_s

    async def _look_at_the_proof(self) -> None:
        now_ms = self._client.clock.now_ms()
        if self._proof_read_ms is None or now_ms - self._proof_read_ms >= PROOF_EVERY_MS:
            self._proof_read_ms = now_ms
            ends_ms = await credential_ends_ms(self._client, self._entra)
            self._health.proven_by(self._client.credential.kind, ends_ms)

    def _in_ms(self, seconds: float) -> int:
        return self._client.clock.now_ms() + round(seconds * 1_000)
