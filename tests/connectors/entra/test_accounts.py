"""Graph's words for a user, and the directory's."""

import msgspec
import pytest

from connectors.entra.accounts import User, entry_of, time_ms
from schemas.directory import DirectoryEntry

WHOLE = DirectoryEntry(
    source="entra", id="u", email="jane@acme.example", upn="jane@acme.example", name="Jane", idp_user_id="imm==",
    enabled=False, guest=True, synced=True, leave_ms=1, roles=("Global Administrator",),
)  # fmt: skip


def user(text: str) -> User:
    return msgspec.json.decode(text, type=User)


def test_a_user_becomes_an_entry() -> None:
    told = user(
        '{"id":"u","userPrincipalName":"jane@acme.example","mail":"Jane@acme.example","displayName":"Jane",'
        '"userType":"Guest","accountEnabled":false,"onPremisesSyncEnabled":true,"onPremisesImmutableId":"imm==",'
        '"employeeLeaveDateTime":"2025-11-30T17:00:00Z","shoeSize":43}'
    )
    assert entry_of(told) == DirectoryEntry(
        source="entra", id="u", email="Jane@acme.example", upn="jane@acme.example", name="Jane", idp_user_id="imm==",
        enabled=False, guest=True, synced=True, leave_ms=1_764_522_000_000,
    )  # fmt: skip


def test_what_is_not_said_is_as_it_was() -> None:
    assert entry_of(user('{"id":"u"}'), WHOLE) == WHOLE
    changed = entry_of(user('{"id":"u","accountEnabled":true}'), WHOLE)
    assert changed == msgspec.structs.replace(WHOLE, enabled=True)


def test_what_is_said_to_be_nothing_is_nothing() -> None:
    told = user(
        '{"id":"u","mail":null,"displayName":null,"userType":null,"accountEnabled":null,"onPremisesSyncEnabled":null,'
        '"onPremisesImmutableId":null,"employeeLeaveDateTime":null,"userPrincipalName":null}'
    )
    assert entry_of(told, WHOLE) == DirectoryEntry(source="entra", id="u", roles=WHOLE.roles)


@pytest.mark.parametrize("reason", ["changed", "deleted"])
def test_who_is_removed_keeps_what_was_known_and_may_come_back(reason: str) -> None:
    gone = entry_of(user('{"id":"u","@removed":{"reason":"' + reason + '"}}'), WHOLE)
    assert gone == msgspec.structs.replace(WHOLE, deleted=True)
    back = entry_of(user('{"id":"u","accountEnabled":true}'), msgspec.structs.replace(gone, deleted_ms=5))
    assert back == msgspec.structs.replace(WHOLE, enabled=True)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("", 0),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T01:00:01+01:00", 1_000),
        ("1970-01-02", 86_400_000),
        ("1601-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ("2025-11-30T17:00:00.1234567Z", 1_764_522_000_000),
        ("soon", 0),
    ],
)
def test_dates(text: str, ms: int) -> None:
    assert time_ms(text) == ms
