"""Who somebody is, by whichever name they are asked for: joined as the directory joins them."""

import pytest

from agents.governing.accounts import Accounts
from agents.governing.ledger import Ledger
from agents.governing.rails import Go, Skip, decide
from agents.governing.rules import Rules
from connectors.directory.join import joined
from connectors.directory.person import alias_kinds, person_of
from schemas.directory import DirectoryEntry, DirectoryRecord, directory_key, encode
from streams.testing import MemoryRecord
from tests.agents.governing.records import NOW_MS, request

ENTRA = DirectoryEntry(source="entra", id="e1", email="breakglass@acme.example", upn="bg@acme.example")
EGNYTE = DirectoryEntry(
    source="egnyte", id="77", email="bg.egnyte@acme.example", user_name="bg", idp_user_id="bg@acme.example"
)
OTHER = DirectoryEntry(source="entra", id="e2", email="ben@acme.example", upn="ben@acme.example")
NAMES = ("breakglass@acme.example", "bg@acme.example", "bg.egnyte@acme.example", "~name-bg", "~id-77", "~entra-e1")


def directory(*entries: DirectoryEntry) -> list[MemoryRecord]:
    """What the directory's topic says of people of whom sources say this."""
    records: list[DirectoryRecord] = []
    for one in joined(entries):
        person = person_of(one, {alias: kind for each in one for alias, kind in alias_kinds(each).items()}, ())
        records += person.records("acme")
    return [
        MemoryRecord(number, NOW_MS, directory_key("acme", each.alias), encode(each))
        for number, each in enumerate(records)
    ]


def known(*records: MemoryRecord) -> Accounts:
    accounts = Accounts()
    for record in records:
        accounts.apply(record)
    return accounts


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("asked", NAMES)
@pytest.mark.parametrize("entry", ["breakglass@acme.example", "bg@acme.example", "bg.egnyte@acme.example", "bg"])
def test_whoever_is_protected_by_one_name_is_so_by_every_other(asked: str, entry: str, order: int) -> None:
    accounts = known(*directory(ENTRA, EGNYTE, OTHER)[::order])
    rules, ledger = Rules(mode="on", protected=(entry,)), Ledger()

    def decided(user: str) -> object:
        who = accounts.standing("acme", user)
        return decide(request(user=user), who, rules, ledger, people=100, now_ms=NOW_MS)

    refused = decided(asked)
    assert isinstance(refused, Skip)
    assert refused.reason == "protected"
    assert isinstance(decided("ben@acme.example"), Go)


@pytest.mark.parametrize("asked", NAMES)
def test_by_whichever_name_the_same_accounts_and_address_are_found(asked: str) -> None:
    who = known(*directory(ENTRA, EGNYTE, OTHER)).standing("acme", asked)
    assert (who.known, who.entra_ids, who.egnyte_ids) == (True, ("e1",), ("77",))
    assert "ben@acme.example" not in who.names
    assert who.addresses[0] == known(*directory(ENTRA, EGNYTE)).standing("acme", ENTRA.email).addresses[0]


def test_without_the_primary_record_an_alias_says_what_it_can() -> None:
    rows = directory(ENTRA, EGNYTE)
    accounts = known(*rows[1:])
    assert accounts.people("acme") == 0
    who = accounts.standing("acme", "~name-bg")
    assert (who.known, who.entra_ids) == (True, ("e1",))
    assert "~name-bg" in who.names
    gone = rows[-1]
    accounts.apply(MemoryRecord(99, NOW_MS, gone.key, None))
    assert not accounts.standing("acme", gone.key.decode().removeprefix("acme/") if gone.key else "").known
