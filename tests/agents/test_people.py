"""What enrich knows of people: the account on every activity, and the directory's changes as activities."""

from typing import Any

import msgspec
import pytest

from agents.people import People
from schemas import directory as schema
from schemas.activity import Account, Activity, Person
from schemas.directory import DirectoryChange, DirectoryRecord, SourceRecord
from streams.cluster import TopicPartition
from streams.sections import StreamsSettings
from streams.testing import Driver, MemoryRecord, run
from tests.agents.partitioned import letters, put
from tests.agents.test_enrich import KEY, RECEIVED_MS, RETENTION_MS, activities, headers, row, spec

MARA = "mara.lindqvist@example.com"
ACCOUNT = Account(version=3, user_type="power", groups=("Architects",))


def record(alias: str = MARA, account: Account = ACCOUNT, user: str = MARA) -> DirectoryRecord:
    return DirectoryRecord(connector="acme", alias=alias, kind="email", user=user, email=user, account=account)


def known(alias: str, value: bytes | None) -> tuple[int, bytes, bytes | None, list[Any]]:
    return (1, schema.directory_key("acme", alias), value, [])


def told(directory: list[tuple[int, bytes, bytes | None, list[Any]]], *rows: Any) -> Driver:
    """Enrich at work on `rows`, with what `directory` says."""

    async def story(driver: Driver) -> None:
        driver.cluster.append(TopicPartition("egnyte.directory", 0), directory, "committed")
        put(driver, rows)
        await driver.assign({driver.worker(): [0]})
        await driver.settle()

    return run(spec(), story, settings=StreamsSettings(), partitions=1)


def test_an_activity_carries_the_account_of_its_key() -> None:
    driver = told([known(MARA, schema.encode(record()))], row(), row()._replace(key=b"acme/other@example.com"))
    one, other = activities(driver)
    assert (one.account, one.actor.email) == (ACCOUNT, MARA)
    assert other.account is None
    assert b'"account"' not in (driver.values("egnyte.activities", 0)[1] or b""), "omitted when unknown"


def test_who_has_left_the_directory_is_unknown_again() -> None:
    driver = told([known(MARA, schema.encode(record())), known(MARA, None)], row())
    assert activities(driver)[0].account is None


@pytest.mark.parametrize(
    ("user", "user_id", "actor"),
    [
        (None, "10427001", Person(email=MARA, user_id="10427001")),
        ("mlind", None, Person(email=MARA, name="mlind")),
        ("N/A", "10427001", Person(email=MARA, user_id="10427001")),
        ("M. L. ( ml@other.example )", None, Person(email="ml@other.example", name="M. L.")),
    ],
    ids=["id alone", "typed name", "no name", "an alias"],
)  # fmt: skip
def test_whoever_is_keyed_by_the_directory_is_a_person(user: str | None, user_id: str | None, actor: Person) -> None:
    """The connector has found the key by the directory; Egnyte wrote less."""
    driver = told([known(MARA, schema.encode(record()))], row(user=user, userId=user_id))
    assert activities(driver)[0].actor == actor


def test_a_change_of_the_directory_is_an_activity_dated_by_when_it_happened() -> None:
    account = Account(version=4, deleted=True, deleted_ms=RECEIVED_MS - 600_000)
    change = DirectoryChange(
        change="removed", at_ms=RECEIVED_MS - 600_000, seen_ms=RECEIVED_MS, source="entra", email=MARA,
        name="Mara Lindqvist", egnyte_id="7", detail="why", account=account,
    )  # fmt: skip
    value = schema.encode(change)
    rows = [
        row(value=schema.encode(each), given=headers(source="directory"))
        for each in (
            change,
            msgspec.structs.replace(change, at_ms=RECEIVED_MS + 1_000_000),
            msgspec.structs.replace(change, at_ms=RECEIVED_MS - RETENTION_MS - 1),
        )
    ]
    driver = told([known(MARA, schema.encode(record()))], *rows)
    assert letters(driver) == []
    past, future, ancient = activities(driver)
    assert bytes(past.raw) == value
    assert past == Activity(
        connector="acme", event_id="0" * 32, time_ms=RECEIVED_MS - 600_000, received_ms=RECEIVED_MS, source="directory",
        type="directory", action="removed", outcome="success", interactive=False, info="why",
        actor=Person(kind="system", name="entra"), subject=Person(email=MARA, name="Mara Lindqvist", user_id="7"),
        account=account, raw=past.raw,
    )  # fmt: skip
    assert (future.time_ms, ancient.time_ms) == (RECEIVED_MS, RECEIVED_MS - RETENTION_MS)
    assert driver.records("egnyte.activities", 0)[0].key == KEY


def test_only_names_that_activities_are_keyed_by_are_kept() -> None:
    people = People()
    source = schema.encode(SourceRecord(connector="acme", source="entra"))
    for alias in ("~name-mlind", "~idp-x", "~entra-a", "~id-7", "m.l@example.com"):
        people.apply(MemoryRecord(0, 1, schema.directory_key("acme", alias), schema.encode(record(alias))))
    people.apply(MemoryRecord(0, 1, schema.source_key("acme", "entra"), source))
    assert len(people) == 2
    assert people.account(b"acme/~id-7") == ACCOUNT
    assert people.account(None) is None


@pytest.mark.parametrize("value", [b"", b"{}", b"\xff", b'{"account":[]}'])
def test_what_is_no_record_is_refused_and_forgets_nothing(value: bytes) -> None:
    people = People()
    people.apply(MemoryRecord(0, 1, KEY, schema.encode(record())))
    with pytest.raises(ValueError, match="not a record of the directory"):
        people.apply(MemoryRecord(1, 1, KEY, value))
    with pytest.raises(ValueError, match="without a key"):
        people.apply(MemoryRecord(1, 1, None, value))
    assert people.account(KEY) == ACCOUNT
