"""The key of the vault: given by the settings, or made once and kept in a file that nobody else may read."""

import base64
import binascii
import contextlib
import os
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from connectors.secrets.errors import VaultError
from streams.secret import Secret

KEY_FILE: Final = "key"
KEY_BYTES: Final = 32
OTHERS: Final = 0o077
"""Permission bits of group and world."""


def given_key(key: Secret) -> bytes:
    """The Fernet key out of `vault.key`. Raises VaultError where it is not 32 bytes in base64."""
    text = key.reveal().replace("+", "-").replace("/", "_")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise VaultError(f"vault.key is not {KEY_BYTES} bytes in base64: make one with `openssl rand -base64 32`")
    return base64.urlsafe_b64encode(raw)


def kept_key(folder: Path) -> bytes:
    """The key kept in `folder`. Raises VaultError where there is none, or others may read it."""
    path = folder / KEY_FILE
    try:
        with path.open("rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(1_024)
    except FileNotFoundError:
        raise VaultError(
            f"{path}: the key that the connectors' tokens are encrypted with is missing: put it back, or set vault.key "
            f"to it. Without it, remove {folder} and connect anew"
        ) from None
    except OSError as error:
        raise VaultError(f"{path}: can't be read ({error.strerror}): run as the user who has connected") from None
    if mode & OTHERS:
        raise VaultError(f"{path}: others may read this key: chmod 600 {path}")
    return given_key(Secret(text.decode(errors="replace").strip()))


def made_key(folder: Path) -> bytes:
    """The key kept in `folder`, made if there is none. Two processes that make it at once get the same."""
    path = folder / KEY_FILE
    new = path.with_name(f".{KEY_FILE}-{os.getpid()}")
    if not path.exists():
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(new, path)  # fails where somebody was faster, and never shows half a key
        finally:
            new.unlink(missing_ok=True)
    return kept_key(folder)
