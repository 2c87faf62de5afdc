"""Who may do what: accounts, tokens, and the prerequisites of audit reporting."""

import secrets
from typing import Final, Literal

import msgspec

from simulators.egnyte.refusals import RefusedError
from simulators.egnyte.switches import Switches

AUDIT_SCOPE: Final = "Egnyte.audit"
UserType = Literal["admin", "power", "standard"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the domain. `can_run_reports`: a power user's role allows it; an admin always may."""

    id: int = 10_427_781_000
    username: str = "audit.reader"
    first_name: str = "Audit"
    last_name: str = "Reader"
    email: str = "audit.reader@example.com"
    user_type: UserType = "admin"
    can_run_reports: bool = False
    password: str = "audit"  # noqa: S105 - a simulated one


class Grant(msgspec.Struct, frozen=True):
    """A token. `scopes`: none means all, as with old keys. `expires_ms`: -1 for never."""

    token: str
    account: Account
    scopes: tuple[str, ...] = (AUDIT_SCOPE,)
    client_id: str = "egnyte-watch"
    expires_ms: int = -1


class Access:
    """The tokens of one domain."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}

    def issue(self, grant: Grant) -> None:
        """Lets `grant` in from now on."""
        self._grants[grant.token] = grant

    def revoke(self, token: str) -> bool:
        """Turns `token` away from now on; False where it was unknown."""
        return self._grants.pop(token, None) is not None

    def tokens(self, account: Account) -> list[str]:
        """The tokens of `account`."""
        return [grant.token for grant in self._grants.values() if grant.account.id == account.id]

    def latest(self, account: Account, client_id: str, now_ms: int) -> Grant | None:
        """The newest token of `account` that the API key `client_id` was given and that is still good."""
        theirs = [
            grant
            for grant in self._grants.values()
            if grant.account.id == account.id and grant.client_id == client_id
            and not 0 <= grant.expires_ms <= now_ms
        ]  # fmt: skip
        return theirs[-1] if theirs else None

    def replace(self, account: Account) -> None:
        """Lets what `account` says from now on hold for the tokens that its person has."""
        for token, grant in self._grants.items():
            if grant.account.id == account.id:
                self._grants[token] = msgspec.structs.replace(grant, account=account)

    def grant(self, authorization: str, now_ms: int) -> Grant | None:
        """The grant of an Authorization header, None for a token that is missing, unknown, revoked or expired."""
        scheme, _, token = authorization.partition(" ")
        found = self._grants.get(token.strip()) if scheme.lower() == "bearer" else None
        if found is None or 0 <= found.expires_ms <= now_ms:
            return None
        return found


def new_token() -> str:
    """A token as Egnyte's look: 24 characters."""
    return secrets.token_urlsafe(18)


def require_audit(grant: Grant, switches: Switches) -> None:
    """Raises RefusedError (403, bare) where `grant` may not read the audit stream of this domain."""
    if grant.scopes and AUDIT_SCOPE not in grant.scopes:
        raise RefusedError(403, f"The token lacks the scope {AUDIT_SCOPE}", "INSUFFICIENT_SCOPE")
    if not switches.plan_has_audit:
        raise RefusedError(403, "Audit reporting is not part of the plan of this domain", "FEATURE_NOT_AVAILABLE")
    account = grant.account
    if account.user_type != "admin" and not (account.user_type == "power" and account.can_run_reports):
        raise RefusedError(
            403, "Only administrators and power users whose role can run reports may do this", "FORBIDDEN"
        )
