"""The vault: what is kept comes back, only with the key, and nobody else sees it."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from msgspec.structs import replace

from connectors.secrets.errors import VaultError
from connectors.secrets.vault import Entry, Vault
from streams.secret import Secret
from streams.sections import VaultSettings

ENTRY = Entry(
    connector="acme",
    url="https://acme.egnyte.com",
    token=Secret("t0ken-of-acme"),
    refresh_token=Secret("refresh-of-acme"),
    client_secret=Secret("client-secret-of-acme"),
    issued_ms=1,
    connected_ms=1,
)
SECRETS = [b"t0ken-of-acme", b"refresh-of-acme", b"client-secret-of-acme"]


def vault(folder: Path, key: str = "") -> Vault:
    return Vault(VaultSettings(dir=str(folder), key=Secret(key)))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    kept = vault(tmp_path / "vault")
    assert kept.names() == []
    assert not (tmp_path / "vault").exists()
    other = replace(ENTRY, connector="other", url="https://other.egnyte.com", disabled=True)
    for entry in (other, ENTRY):
        kept.write(entry)
    again = vault(tmp_path / "vault")
    assert again.names() == ["acme", "other"]
    assert again.read("acme") == ENTRY
    assert again.read("other") == other
    assert again.read("nobody") is None
    assert again.remove("acme")
    assert not again.remove("acme")
    assert again.names() == ["other"]


def test_nothing_secret_is_readable_at_rest_nor_by_others(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    previous = os.umask(0)
    try:
        vault(folder).write(ENTRY)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for content in files(folder).values():
        assert not any(secret in content for secret in SECRETS)
    assert not any(secret.decode() in repr(ENTRY) for secret in SECRETS)


@pytest.mark.parametrize(
    "key",
    [Fernet.generate_key().decode(), "6fG+/2QFYqXh0mC3xk0cKp1nY0d9oXJ3Yk3o1Jq9bQg="],
    ids=["url-safe base64", "base64"],
)
def test_a_key_from_the_settings_leaves_none_beside_the_entries(tmp_path: Path, key: str) -> None:
    vault(tmp_path, key).write(ENTRY)
    assert vault(tmp_path, key).read("acme") == ENTRY
    assert "key" not in files(tmp_path)


@pytest.mark.parametrize("key", ["short", "not base64 at all!", "A" * 42])
def test_a_key_that_is_none_is_refused_without_telling_it(tmp_path: Path, key: str) -> None:
    with pytest.raises(VaultError, match=r"vault\.key is not 32 bytes in base64") as caught:
        vault(tmp_path, key).write(ENTRY)
    assert key not in str(caught.value)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    vault(tmp_path, Fernet.generate_key().decode()).write(ENTRY)
    with pytest.raises(VaultError, match=r"acme.connector: can't be decrypted: it was written under another key"):
        vault(tmp_path, Fernet.generate_key().decode()).read("acme")


def test_a_damaged_or_swapped_file_is_refused(tmp_path: Path) -> None:
    vault(tmp_path).write(ENTRY)
    path = tmp_path / "acme.connector"
    sealed = path.read_bytes()
    path.rename(tmp_path / "other.connector")
    with pytest.raises(VaultError, match="is the entry of 'acme'"):
        vault(tmp_path).read("other")
    path.write_bytes(sealed[:-1] + b"x")
    with pytest.raises(VaultError, match="can't be decrypted"):
        vault(tmp_path).read("acme")


def test_a_lost_key_is_said_and_no_new_one_made(tmp_path: Path) -> None:
    vault(tmp_path).write(ENTRY)
    (tmp_path / "key").unlink()
    for act in (lambda: vault(tmp_path).read("acme"), lambda: vault(tmp_path).write(ENTRY)):
        with pytest.raises(VaultError, match="is missing: put it back"):
            act()
    assert not (tmp_path / "key").exists()


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    vault(tmp_path).write(ENTRY)
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(VaultError, match="chmod 600"):
        vault(tmp_path).read("acme")


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VaultError, match=r"vault\.dir"):
        vault(tmp_path / "file" / "vault").write(ENTRY)


def test_a_renewed_token_does_not_undo_a_change_of_somebody_else(tmp_path: Path) -> None:
    kept = vault(tmp_path)
    kept.write(ENTRY)
    renewed = replace(ENTRY, token=Secret("renewed"))
    kept.write(replace(ENTRY, disabled=True))
    assert kept.renew(renewed, ENTRY.token_id)
    assert kept.read("acme") == replace(renewed, disabled=True)
    assert not kept.renew(replace(ENTRY, token=Secret("late")), ENTRY.token_id)
    assert kept.remove("acme")
    assert not kept.renew(renewed, renewed.token_id)
    assert kept.read("acme") is None


def test_whoever_writes_is_seen(tmp_path: Path) -> None:
    kept = vault(tmp_path)
    kept.write(ENTRY)
    before = kept.stamps()
    assert kept.stamps() == before
    kept.write(replace(ENTRY, token=Secret("another")))
    assert kept.stamps() != before


def _first_writer(folder: str, name: str) -> None:
    vault(Path(folder)).write(replace(ENTRY, connector=name))


def test_first_writers_at_once_agree_on_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    names = ["a", "b", "c"]
    writers = [context.Process(target=_first_writer, args=(str(tmp_path), name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert [entry.connector for name in names if (entry := vault(tmp_path).read(name))] == names
    assert sorted(files(tmp_path)) == [".lock", "a.connector", "b.connector", "c.connector", "key"]


def test_whether_it_can_be_written_is_known_beforehand(tmp_path: Path) -> None:
    vault(tmp_path / "new" / "vault").check()
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    with pytest.raises(VaultError, match=r"vault\.dir"):
        vault(tmp_path / "file" / "vault").check()
    with pytest.raises(VaultError, match="32 bytes"):
        vault(tmp_path, "short").check()
    vault(tmp_path).write(ENTRY)
    vault(tmp_path).check()
    (tmp_path / "key").unlink()
    with pytest.raises(VaultError, match="is missing"):
        vault(tmp_path).check()
