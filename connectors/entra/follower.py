"""Follows the people of a tenant: reads, waits, and outlasts what Graph does."""

from typing import Final

import structlog

from connectors.directory.publisher import DirectoryPublisher
from connectors.entra.client import GraphClient
from connectors.entra.refusals import NoAnswer
from connectors.entra.users import EntraUsers
from streams.sections import EntraSettings

log = structlog.get_logger(__name__)

FIRST_RETRY_S: Final = 5.0
LONGEST_RETRY_S: Final = 300.0
"""Between tries while Graph is away, or until somebody mends secret, permission or tenant."""
DOUBLINGS: Final = 6


class EntraFollower:
    """A `connectors.directory.service.PeopleSource`."""

    def __init__(self, entra: EntraSettings, client: GraphClient, publisher: DirectoryPublisher) -> None:
        self._users = EntraUsers(client, publisher, client.clock)
        self._tenant = entra.tenant
        self._interval_s = float(entra.poll_interval_s)
        self._failures = 0

    async def turn(self) -> float:
        """See `PeopleSource`."""
        try:
            put = await self._users.round()
        except NoAnswer as error:
            backoff_s = min(FIRST_RETRY_S * 2 ** min(self._failures, DOUBLINGS), LONGEST_RETRY_S)
            wait_s = LONGEST_RETRY_S if error.needs_people else backoff_s
            self._failures += 1
            log.warning(
                "people can't be read from Entra ID", tenant=self._tenant, kind=error.kind, reason=str(error),
                needs_people=error.needs_people, again_in_s=wait_s, failures=self._failures,
            )  # fmt: skip
            return max(wait_s, getattr(error, "retry_after_s", None) or 0.0)
        if self._failures:
            log.info("people are read from Entra ID again", tenant=self._tenant, failures=self._failures)
            self._failures = 0
        if put.people or put.changes:
            log.info("people of Entra ID", tenant=self._tenant, people=put.people, changes=put.changes)
        return self._interval_s
