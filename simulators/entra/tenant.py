"""One Entra ID tenant: its users and apps, its limits and faults, and what was asked of it."""

import secrets
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from simulators.clock import Clock, RealClock, iso
from simulators.entra.apps import App, Apps, AppSecret
from simulators.entra.deltas import Deltas
from simulators.entra.directory import Account, Directory
from simulators.entra.faults import Fault
from simulators.entra.journal import Effect, EffectKind, Journal, Mail
from simulators.entra.limits import Limits
from simulators.entra.switches import Switches
from simulators.faults import Faults


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How one account stands, for tests: `revoked_ms`: when its sessions were revoked. `compromised`: confirmed so."""

    id: str
    upn: str
    enabled: bool
    deleted: bool
    compromised: bool
    revoked_ms: tuple[int, ...]
    mails: int


class Tenant:
    """What stands behind `https://graph.microsoft.com` and `https://login.microsoftonline.com/<tenant>`.

    `users`: their properties by Graph's names. Without `apps` there is one, `client_id` with `client_secret`, which has
    every permission that the product's work takes and no directory role.
    """

    def __init__(
        self,
        users: Iterable[Mapping[str, Any]] = (),
        clock: Clock | None = None,
        switches: Switches | None = None,
        *,
        tenant: str = "",
        apps: Iterable[App] = (),
        client_secret: str | None = None,
    ) -> None:
        self.clock: Clock = clock or RealClock()
        self.switches = switches or Switches()
        self.name = tenant or str(uuid.uuid4())
        self.directory = Directory(self.clock)
        self.deltas = Deltas(self.directory, self.name)
        self.apps = Apps()
        self.limits = Limits()
        self.faults: Faults[Fault] = Faults()
        self.journal = Journal()
        self.risky: set[str] = set()
        self.client_secret = client_secret or secrets.token_urlsafe(24)
        self.client_id = str(uuid.uuid4())
        registered = tuple(apps) or (App(client_id=self.client_id, secrets=(AppSecret(self.client_secret),)),)
        self.client_id = registered[0].client_id
        for app in registered:
            self.apps.register(app)
        for user in users:
            self.directory.add(**user)

    def change(self, **switches: Any) -> None:
        """Turns switches. Raises ValueError for an unknown one or a value that does not fit."""
        self.switches = self.switches.changed(switches)

    def fault(self, fault: Fault) -> None:
        """Lets `fault` strike from now on."""
        self.faults.add(fault, self.clock.now_ms())

    def state(self, user: str) -> State:
        """How the account of an object id or principal name stands. Raises KeyError."""
        account = self._account(user)
        done = [effect for effect in self.journal.effects if effect.user == account.id]
        return State(
            id=account.id,
            upn=str(account.properties["userPrincipalName"]),
            enabled=bool(account.properties["accountEnabled"]),
            deleted=bool(account.removed),
            compromised=account.id in self.risky,
            revoked_ms=tuple(effect.at_ms for effect in done if effect.kind == "sessions_revoked"),
            mails=sum(account.properties.get("mail") in mail.to for mail in self.journal.mails),
        )

    def states(self) -> list[State]:
        """How every account stands."""
        return [self.state(account.id) for account in self.directory.everybody()]

    @property
    def mails(self) -> list[Mail]:
        """All mails that were accepted, oldest first."""
        return self.journal.mails

    def effects(self, kind: EffectKind | None = None) -> list[Effect]:
        """What was done through Graph, oldest first."""
        return [effect for effect in self.journal.effects if kind in {None, effect.kind}]

    def enable(self, account: Account, *, enabled: bool, request: int) -> None:
        """Enables or disables an account."""
        changed = self.directory.change(account.id, accountEnabled=enabled)
        self._note("enabled" if enabled else "disabled", account, request, changed=changed)

    def revoke_sessions(self, account: Account, request: int) -> None:
        """Sessions from before now are of no more use."""
        now_ms = self.clock.now_ms()
        self.directory.change(account.id, signInSessionsValidFromDateTime=iso(now_ms)[:19] + "Z")
        self._note("sessions_revoked", account, request)

    def confirm_compromised(self, account: Account, request: int) -> None:
        """The account's risk is high from now on."""
        changed = account.id not in self.risky
        self.risky.add(account.id)
        self._note("compromised", account, request, changed=changed)

    def note(self, kind: EffectKind, account: Account, request: int) -> None:
        """Writes an effect down."""
        self._note(kind, account, request)

    def synchronise(self) -> None:
        """What an on-premises directory overrides goes back to what it says there, `synced_hold_s` after it was
        changed here.
        """
        hold_ms, now_ms = self.switches.synced_hold_s * 1_000, self.clock.now_ms()
        if not hold_ms:
            return
        last = {effect.user: effect for effect in self.journal.effects if effect.kind in {"disabled", "enabled"}}
        for effect in last.values():
            account = self._account(effect.user)
            overdue = effect.kind == "disabled" and now_ms - effect.at_ms >= hold_ms
            if overdue and not account.removed and account.properties.get("onPremisesSyncEnabled"):
                self.directory.change(account.id, accountEnabled=True)

    def _note(self, kind: EffectKind, account: Account, request: int, *, changed: bool = True) -> None:
        self.journal.effects.append(
            Effect(at_ms=self.clock.now_ms(), kind=kind, user=account.id, request=request, changed=changed)
        )

    def _account(self, user: str) -> Account:
        wanted = user.casefold()
        for account in self.directory.everybody():
            if wanted in {account.id.casefold(), str(account.properties["userPrincipalName"]).casefold()}:
                return account
        raise KeyError(user)
