"""`/users/delta`: pages of all users at first, of what changed later, and the tokens between them."""

import base64
import binascii
import hashlib
import re
from typing import Any, Final, Literal

import msgspec

from simulators.entra.directory import Account, Directory
from simulators.entra.refusals import RefusedError, bad_request
from simulators.entra.switches import Switches

SEAL_BYTES: Final = 6
MAX_FILTERED: Final = 50
_ID_FILTER: Final = re.compile(r"\s*id\s+eq\s+'([^']*)'\s*")


class Token(msgspec.Struct, frozen=True, array_like=True):
    """A place in a round. `kind`: `skip` goes on in it, `delta` begins the next. `since`, `until`: the numbers of the
    changes of this round; `after`: the last account's place in the order. `serial`: tokens are numbered, so that they
    can be declared dead.
    """

    kind: Literal["skip", "delta"]
    issued_ms: int
    serial: int
    selected: tuple[str, ...]
    ids: tuple[str, ...]
    minimal: bool
    since: int
    until: int
    after: str = ""


class Page(msgspec.Struct, frozen=True):
    """One answer: users, and the token of the next page or of the next round."""

    users: list[dict[str, Any]]
    next: Token


class Deltas:
    """The tokens of one tenant, and the pages behind them."""

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self._key = name.encode()[:64]
        self._serial = 0
        self._dead_up_to = 0

    def expire(self) -> None:
        """Every token given out so far is dead from now on."""
        self._dead_up_to = self._serial

    def first(self, selected: tuple[str, ...], filtered: str, minimal: bool, now_ms: int) -> Token:
        """The token with which a new reader begins."""
        return self._issue(Token("skip", now_ms, 0, selected, _ids(filtered), minimal, 0, self._directory.changes))

    def latest(self, token: Token) -> Token:
        """The token of whoever wants nothing but what happens from now on."""
        return self._issue(msgspec.structs.replace(token, kind="delta", since=token.until))

    def write(self, token: Token) -> str:
        """The text that a reader gets."""
        body = msgspec.msgpack.encode(token)
        return base64.urlsafe_b64encode(self._seal(body) + body).decode().rstrip("=")

    def read(self, text: str, kind: str, switches: Switches, base: str, now_ms: int) -> Token:
        """The token out of its text. Raises RefusedError: 400 for what was never one, and as `expired_style` says for
        one that has died.
        """
        try:
            whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise bad_request("Badly formed token.") from None
        seal, body = whole[:SEAL_BYTES], whole[SEAL_BYTES:]
        if seal != self._seal(body):
            raise bad_request("Badly formed token.")
        token = msgspec.msgpack.decode(body, type=Token)
        if token.kind != kind:
            raise bad_request(f"The token is not a {kind}token.")
        if token.serial <= self._dead_up_to or now_ms - token.issued_ms > switches.link_days * 86_400_000:
            words = "The delta token is expired, and can no longer be used."
            if switches.expired_style == "410":
                where = {"Location": f"{base}/v1.0/users/delta?$deltatoken="}
                raise RefusedError(410, "resyncRequired", words, where)
            raise RefusedError(400, switches.expired_style, words)
        if token.kind == "delta":
            return msgspec.structs.replace(token, since=token.until, until=self._directory.changes, after="")
        return token

    def page(self, token: Token, switches: Switches, now_ms: int) -> Page:
        """The page of `token`, which `first` or `read` gave."""
        due = [account for account in self._directory.everybody() if self._is_due(account, token)]
        taken = due[: switches.page_size]
        users = [self._told(account, token, switches) for account in taken]
        if switches.repeats and taken:
            users.append(users[0])
            seen = [a for a in self._directory.everybody() if a.created <= token.until and not a.removed]
            start = token.until % len(seen) if seen else 0
            again = (seen[start:] + seen[:start])[: switches.repeats]
            users = [
                self._told(account, msgspec.structs.replace(token, since=0), switches) for account in again
            ] + users
        if len(due) > len(taken):
            following = msgspec.structs.replace(token, kind="skip", issued_ms=now_ms, after=taken[-1].order)
        else:
            following = msgspec.structs.replace(token, kind="delta", issued_ms=now_ms, after="")
        return Page(users, self._issue(following))

    def _is_due(self, account: Account, token: Token) -> bool:
        """What changes again while a reader is on its way is due in the next round."""
        if account.order <= token.after or (token.ids and account.id not in token.ids):
            return False
        if account.removed and not token.since:
            return False
        return token.since < account.last_change(token.selected) <= token.until

    def _told(self, account: Account, token: Token, switches: Switches) -> dict[str, Any]:
        if account.removed:
            reason = "deleted" if self._directory.is_purged(account) else "changed"
            return {"id": account.id, "@removed": {"reason": reason}}
        selected = token.selected
        if (token.minimal or switches.minimal) and account.created <= token.since:
            selected = tuple(name for name in selected if name == "id" or account.changed.get(name, 0) > token.since)
            return {name: account.properties.get(name) for name in selected}
        found = {name: account.properties.get(name) for name in selected}
        if switches.unset:
            return found
        emptied = {name for name in selected if token.since and account.changed.get(name, 0) > token.since}
        return {name: value for name, value in found.items() if value is not None or name in emptied}

    def _issue(self, token: Token) -> Token:
        self._serial += 1
        return msgspec.structs.replace(token, serial=self._serial)

    def _seal(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, digest_size=SEAL_BYTES, key=self._key).digest()


def _ids(filtered: str) -> tuple[str, ...]:
    if not filtered:
        return ()
    found = [_ID_FILTER.fullmatch(part) for part in re.split(r"\s+or\s+", filtered)]
    if len(found) > MAX_FILTERED or not all(found):
        raise bad_request(f"Delta query takes only filters of the form id eq '...', at most {MAX_FILTERED}.")
    return tuple(match[1] for match in found if match)
