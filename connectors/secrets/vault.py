"""The vault: what each connector needs to be let in, encrypted at rest, one file a connector.

Fernet (AES-128-CBC with HMAC-SHA-256), files 0600 in a folder 0700, replaced as a whole. One process runs the
connectors while people run commands beside it, so changes are made under a lock, and a renewed token is only written
where nobody has replaced the token that it was renewed from.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from msgspec.structs import replace

from connectors.secrets.errors import VaultError
from connectors.secrets.key import given_key, kept_key, made_key
from streams.secret import Secret
from streams.sections import VaultSettings

SUFFIX: Final = ".connector"
LOCK_FILE: Final = ".lock"
SCHEMA: Final = 1


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One connected domain. Times are ms since the epoch, UTC.

    `issued_ms`: when the token was got. `expires_ms`: when it ends, 0 where Egnyte did not say (older domains' tokens
    have no end). `scopes`: what was asked for, empty for a token that was brought along. `user`: whose token it is.
    `disabled`: kept, but not used.
    """

    connector: str
    url: str
    token: Secret
    issued_ms: int
    connected_ms: int
    expires_ms: int = 0
    refresh_token: Secret = Secret()
    client_id: str = ""
    client_secret: Secret = Secret()
    redirect_uri: str = ""
    scopes: tuple[str, ...] = ()
    user: str = ""
    allow_http: bool = False
    disabled: bool = False
    schema: int = SCHEMA

    @property
    def token_id(self) -> str:
        """Tells tokens apart without telling them."""
        return token_id(self.token)


def token_id(token: Secret) -> str:
    """12 hex digits of the token's SHA-256: to tell whether it is still the same one."""
    return hashlib.sha256(b"egnyte-watch token\0" + token.reveal().encode()).hexdigest()[:12]


class Vault:
    """The entries of one folder. Nothing is read, and no folder made, before it is needed."""

    def __init__(self, settings: VaultSettings) -> None:
        self._folder = Path(settings.dir)
        self._key = settings.key

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    def stamps(self) -> dict[str, tuple[int, int, int]]:
        """Every connector's name, and what changes whenever its entry does. Raises VaultError."""
        found = {}
        try:
            for path in self._folder.glob(f"[!.]*{SUFFIX}"):
                about = path.stat()
                found[path.name.removesuffix(SUFFIX)] = (about.st_mtime_ns, about.st_ino, about.st_size)
        except FileNotFoundError:  # removed in between
            return self.stamps()
        except OSError as error:
            raise self._unusable(error) from None
        return found

    def names(self) -> list[str]:
        """The connectors, in order. Raises VaultError."""
        return sorted(self.stamps())

    def check(self) -> None:
        """Raises VaultError where an entry could not be written: said before somebody logs in for it, not after."""
        if self._key:
            given_key(self._key)
        elif self.stamps():
            kept_key(self._folder)
        there = next((each for each in (self._folder, *self._folder.absolute().parents) if each.exists()), self._folder)
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise self._unusable(OSError(errno.EACCES, os.strerror(errno.EACCES), str(there)))

    def read(self, connector: str) -> Entry | None:
        """What `connector` needs, None where it is not connected. Raises VaultError."""
        path = self._path(connector)
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            entry = _decoder.decode(Fernet(self._existing_key()).decrypt(sealed))
        except InvalidToken:
            raise VaultError(
                f"{path}: can't be decrypted: it was written under another key (vault.key), or damaged. "
                f"Give the right key, or remove the file and connect {connector} anew"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VaultError(f"{path}: is not an entry of this version ({error}): upgrade, or connect anew") from None
        if entry.connector != connector:
            raise VaultError(f"{path}: is the entry of {entry.connector!r}: give the file its name back")
        if entry.schema > SCHEMA:
            raise VaultError(f"{path}: has schema {entry.schema}, this program knows {SCHEMA}: upgrade it")
        return entry

    def write(self, entry: Entry) -> None:
        """Keeps `entry`, in place of any other of its connector. Raises VaultError."""
        with self._locked():
            self._write(entry)

    def renew(self, entry: Entry, before: str) -> bool:
        """Keeps `entry` where the connector's token is still the one with the id `before`; tells whether it was.
        Whether it is disabled stays as it is.
        """
        with self._locked():
            there = self.read(entry.connector)
            if there is None or there.token_id != before:
                return False
            self._write(replace(entry, disabled=there.disabled))
            return True

    def remove(self, connector: str) -> bool:
        """Forgets `connector`; False where it was not there."""
        with self._locked():
            try:
                self._path(connector).unlink()
            except FileNotFoundError:
                return False
            except OSError as error:
                raise self._unusable(error) from None
            return True

    def _path(self, connector: str) -> Path:
        return self._folder / f"{connector}{SUFFIX}"

    def _existing_key(self) -> bytes:
        return given_key(self._key) if self._key else kept_key(self._folder)

    def _write(self, entry: Entry) -> None:
        path = self._path(entry.connector)
        new = path.with_name(f".{entry.connector}-{os.getpid()}")
        try:
            key = given_key(self._key) if self._key else self._own_key()
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet(key).encrypt(_encoder.encode(entry)))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unusable(error) from None
        finally:
            new.unlink(missing_ok=True)

    def _own_key(self) -> bytes:
        """The folder's own key: made with the first entry, and never beside entries that it can't open."""
        return kept_key(self._folder) if self.stamps() else made_key(self._folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unusable(self, error: OSError) -> VaultError:
        return VaultError(
            f"{error.filename or self._folder}: {error.strerror}: the vault (vault.dir) has to be a folder of the user "
            "who runs egnyte-watch, and of nobody else"
        )


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"{type(value).__name__} is not kept")


def _hide(kind: type, value: Any) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise msgspec.ValidationError(f"{kind.__name__} expected")


_encoder: Final = msgspec.json.Encoder(enc_hook=_reveal)
_decoder: Final = msgspec.json.Decoder(Entry, dec_hook=_hide)
