"""One Egnyte domain: its events, its tokens, its limits and faults, and what was asked of it."""

from collections.abc import Iterable
from typing import Any

import msgspec

from simulators.clock import Clock, RealClock
from simulators.egnyte.access import AUDIT_SCOPE, Access, Account, Grant, new_token
from simulators.egnyte.arrivals import Arrival, arrivals
from simulators.egnyte.eventlog import Event, EventLog
from simulators.egnyte.faults import Fault
from simulators.egnyte.journal import Journal
from simulators.egnyte.limits import Limits
from simulators.egnyte.links import Links
from simulators.egnyte.oauth import App, OAuth
from simulators.egnyte.reports import Reports
from simulators.egnyte.stream import AuditStream
from simulators.egnyte.switches import Switches
from simulators.egnyte.users import Users
from simulators.faults import Faults


class Domain:
    """What stands behind `https://<domain>.egnyte.com`.

    `events` are Egnyte's raw events (mappings, or bytes served as they are), each alone or with the time (ms) at
    which it becomes visible; alone it is visible at its date. The switches `late_percent` and `twin_percent` act on
    them.
    """

    def __init__(
        self,
        events: Iterable[Event | bytes | Arrival] = (),
        clock: Clock | None = None,
        switches: Switches | None = None,
        *,
        domain: str = "acme",
        token: str | None = None,
        account: Account | None = None,
    ) -> None:
        self.clock: Clock = clock or RealClock()
        self.switches = switches or Switches()
        self.name = domain
        self.log = EventLog()
        self.log.load(arrivals(events, self.switches), self.clock.now_ms())
        self.stream = AuditStream(self.log, domain)
        self.reports = Reports(self.log)
        self.links = Links()
        self.users = Users()
        self.access = Access()
        self.oauth = OAuth(self.access)
        self.oauth.register(App())
        self.limits = Limits()
        self.faults: Faults[Fault] = Faults()
        self.journal = Journal()
        self.account = account or Account()
        self.token = self.issue_token(token=token)

    def append(self, raw_event: Event | bytes, visible_at_ms: int | None = None) -> None:
        """Adds an event to the running stream. Without `visible_at_ms` it is visible at its date, at the earliest
        now; never before the time up to which the stream has already answered.
        """
        self.log.append(raw_event, visible_at_ms, self.clock.now_ms())

    def visible_events(self) -> list[bytes]:
        """The JSON of every event that was ever visible, in the stream's order: what a reader must have got."""
        return [entry.body for entry in self.log.visible(self.clock.now_ms())]

    def change(self, **switches: Any) -> None:
        """Turns switches. Raises ValueError for an unknown one or a value that does not fit."""
        self.switches = self.switches.changed(switches)

    def fault(self, fault: Fault) -> None:
        """Lets `fault` strike from now on."""
        self.faults.add(fault, self.clock.now_ms())

    def issue_token(
        self,
        *,
        token: str | None = None,
        scopes: tuple[str, ...] = (AUDIT_SCOPE,),
        account: Account | None = None,
        lasts_s: float = 0,
    ) -> str:
        """A token with `scopes` (none: all) for `account`, valid for `lasts_s` seconds of the clock (0: for ever)."""
        expires_ms = self.clock.now_ms() + round(lasts_s * 1_000) if lasts_s else -1
        grant = Grant(token or new_token(), account or self.account, scopes, expires_ms=expires_ms)
        self.access.issue(grant)
        return grant.token

    def revoke_token(self, token: str | None = None) -> bool:
        """Revokes `token`, by default the first one; False where it was unknown."""
        return self.oauth.revoke(token or self.token)

    def change_account(self, **changes: Any) -> Account:
        """Changes whose tokens these are: role, rights, name. A new password ends all of the person's tokens.

        Raises ValueError for an unknown field or a value that does not fit.
        """
        try:
            self.account = msgspec.convert(msgspec.structs.asdict(self.account) | changes, Account)
        except msgspec.ValidationError as problem:
            raise ValueError(f"account: {problem}") from None
        self.access.replace(self.account)
        if "password" in changes:
            self.oauth.forget(self.account)
        return self.account
