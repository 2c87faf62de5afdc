"""The join, its conflicts, and what of a person has changed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from connectors.directory.accounts import MOST_SHARING
from schemas.activity import Person as Named
from schemas.directory import DirectoryEntry
from tests.connectors.directory.people import DAY_MS, NOW_MS, Topic, egnyte, entra


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (egnyte("7", "Mara@Example.com"), entra("a-1", "mara@example.com")),
        (egnyte("7", "m.l@example.com"), entra("a-1", "mara@example.com", upn="m.l@example.com")),
        (egnyte("7", "m.l@example.com", user_name="Mara@example.com"), entra("a-1", "mara@example.com")),
        (egnyte("7", "m.l@example.com", user_name="mlind"), entra("a-1", "mara@example.com", user_name="MLind")),
        (egnyte("7", "m.l@example.com", idp_user_id="A-1"), entra("a-1", "mara@example.com")),
        (egnyte("7", "m.l@example.com", idp_user_id="mara@corp"), entra("a-1", "mara@example.com", upn="mara@corp")),
        (egnyte("7", "m.l@example.com", upn="mara@corp"), entra("a-1", "mara@example.com", upn="mara@corp")),
    ],
    ids=["e-mail", "UPN", "user name as e-mail", "user name", "object id", "idpUserId as UPN", "Egnyte's UPN"],
)
def test_two_accounts_of_one_person_are_joined(one: DirectoryEntry, other: DirectoryEntry) -> None:
    for entries in ((one, other), (other, one)):
        topic = Topic()
        topic.take(*entries)
        assert len(topic.people) == 1
        (record,) = {each.user: each for each in topic.records.values()}.values()
        assert (record.sources, record.egnyte_ids, record.entra_ids) == (("egnyte", "entra"), ("7",), ("a-1",))
    assert topic.records[record.user].entries == (
        topic.directory.entry("egnyte", "7"),
        topic.directory.entry("entra", "a-1"),
    )


def test_every_name_leads_to_the_person() -> None:
    topic = Topic()
    topic.take(
        egnyte("7", "mara@example.com", user_name="mlind", idp_user_id="X9"),
        entra("A-1", "mara@example.com", upn="mlind@corp.example.com"),
    )
    assert topic.people == {
        "mara@example.com": [
            "mara@example.com",
            "mlind@corp.example.com",
            "~entra-a-1",
            "~id-7",
            "~idp-x9",
            "~name-mlind",
        ]
    }
    resolve = topic.directory.resolve
    for named in (
        Named(email="mara@example.com"), Named(email="mlind@corp.example.com"), Named(user_id="7"),
        Named(kind="unknown", name="MLind"), Named(kind="unknown", email="mlind@corp.example.com", name="whatever"),
    ):  # fmt: skip
        assert resolve(named) == "mara@example.com", named
    for named in (Named(email="eve@example.com", name="mlind"), Named(kind="unknown", name="mara"), Named(user_id="8")):
        assert resolve(named) is None, named


def test_the_name_that_activities_are_keyed_by_stays_while_it_is_one() -> None:
    topic = Topic()
    topic.take(entra("a-1", "mara@example.com", upn="m.l@example.com"))
    assert topic.take(egnyte("7", "m.l@example.com")) == []
    assert list(topic.people) == ["mara@example.com"]
    both = entra("a-1", "mara.berg@example.com", upn="m.l@example.com"), egnyte("7", "mara.berg@example.com")
    renamed = topic.take(*both, at_ms=NOW_MS + 1)
    assert renamed == ["m.l@example.com renamed mara@example.com to m.l@example.com"]
    assert topic.people["m.l@example.com"] == ["m.l@example.com", "mara.berg@example.com", "~entra-a-1", "~id-7"]
    assert "mara@example.com" not in topic.records
    topic.take(entra("a-1", "mara.berg@example.com"), at_ms=NOW_MS + 2)
    assert list(topic.people) == ["mara.berg@example.com"]
    assert topic.take(egnyte("7", "mara.berg@example.com")) == []


def test_of_two_people_with_one_name_the_rule_decides_and_says_so() -> None:
    topic = Topic()
    with capture_logs() as logs:
        topic.take(egnyte("7", "info@example.com"), egnyte("8", "info@example.com"), egnyte("9", "x@example.com"))
    assert topic.people == {
        "info@example.com": ["info@example.com", "~id-7"],
        "~id-8": ["~id-8"],
        "x@example.com": ["x@example.com", "~id-9"],
    }
    assert [(each["log_level"], each["alias"]) for each in logs] == [("warning", "info@example.com")]
    freed = topic.take(egnyte("7", "seven@example.com"))
    assert freed == [
        "seven@example.com renamed info@example.com to seven@example.com",
        "info@example.com renamed ~id-8 to info@example.com",
    ]
    assert topic.people["info@example.com"] == ["info@example.com", "~id-8"], "it falls to the other, once free"


def test_an_email_is_stronger_than_a_principal_name_and_an_idp_id_than_both() -> None:
    topic = Topic()
    topic.take(
        egnyte("7", "jan@example.com"),
        entra("a-1", "other@example.com", upn="jan@example.com"),
        entra("a-2", "jan@example.com", upn="jan2@example.com"),
    )
    assert topic.records["~entra-a-2"].user == "jan@example.com"
    assert topic.records["~entra-a-1"].user == "other@example.com"
    topic.take(egnyte("7", "jan@example.com", idp_user_id="a-1"))
    assert topic.records["~entra-a-1"].user == "jan@example.com"
    assert topic.records["~id-7"].user == "jan@example.com"
    assert topic.records["~entra-a-2"].user != "jan@example.com"


def test_a_name_that_many_have_is_nobodys() -> None:
    topic = Topic()
    many = [egnyte(str(n), f"p{n}@example.com", idp_user_id="none") for n in range(3 * MOST_SHARING)]
    topic.take(*many)
    assert len(topic.people) == 3 * MOST_SHARING
    topic.take(entra("none", "stranger@example.com"))
    assert topic.records["~entra-none"].user == "stranger@example.com"


def test_removed_at_one_source_while_another_has_the_account() -> None:
    topic = Topic("entra", "egnyte")
    topic.take(egnyte("7", "mara@example.com"), entra("a-1", "mara@example.com"))
    gone = entra("a-1", deleted=True, deleted_ms=NOW_MS - 5 * 60_000, upn="")
    assert topic.take(gone) == ["mara@example.com removed"]
    (_, change) = topic.changes[-1]
    assert (change.source, change.at_ms, change.seen_ms) == ("entra", NOW_MS - 5 * 60_000, NOW_MS)
    account = topic.account("mara@example.com")
    assert (account.deleted, account.deleted_ms) == (True, NOW_MS - 5 * 60_000)
    assert topic.records["~entra-a-1"].user == "mara@example.com", "its names are kept"
    assert topic.take(gone, at_ms=NOW_MS + DAY_MS) == [], "told again"
    assert topic.take(entra("a-9", "mara@example.com"), at_ms=NOW_MS + DAY_MS) == ["mara@example.com restored"]
    assert not topic.account("mara@example.com").deleted
    assert topic.account("mara@example.com").version > account.version


def test_who_is_disabled_is_dated_by_when_it_was_first_seen() -> None:
    topic = Topic("egnyte")
    topic.take(egnyte("7", "mara@example.com"))
    assert topic.take(egnyte("7", "mara@example.com", enabled=False), at_ms=NOW_MS + 1) == ["mara@example.com disabled"]
    assert topic.take(egnyte("7", "mara@example.com", enabled=False), at_ms=NOW_MS + 2) == []
    assert topic.account("mara@example.com").disabled_ms == NOW_MS + 1
    gone = egnyte("7", "mara@example.com", enabled=False, deleted=True)
    assert topic.take(gone, at_ms=NOW_MS + 3) == ["mara@example.com removed"]
    assert topic.take(egnyte("7", "mara@example.com"), at_ms=NOW_MS + 4) == ["mara@example.com restored"]
    assert topic.take(egnyte("7", "mara@example.com", leave_ms=NOW_MS + DAY_MS)) == ["mara@example.com leave_date"]


def test_an_end_in_the_future_is_none_yet() -> None:
    topic = Topic()
    topic.take(entra("a-1", "mara@example.com", deleted=True, deleted_ms=NOW_MS + DAY_MS))
    assert topic.account("mara@example.com").deleted_ms == NOW_MS


def test_only_who_comes_after_a_source_was_read_is_new() -> None:
    assert Topic().take(egnyte("7", "mara@example.com")) == []
    assert Topic("egnyte").take(egnyte("7", "mara@example.com")) == ["mara@example.com created"]
    assert Topic("egnyte").take(entra("a-1", "mara@example.com")) == []
    left = Topic().take(entra("a-1", "mara@example.com", enabled=False, leave_ms=NOW_MS - DAY_MS))
    assert left == ["mara@example.com disabled", "mara@example.com leave_date"], "ends are told from the beginning"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (egnyte("7", "mara@example.com", user_type="admin"), ["privileged none", "user_type power to admin"]),
        (egnyte("7", "mara@example.com", user_type="standard"), ["external yes", "user_type power to standard"]),
        (egnyte("7", "mara@example.com", locked=True), ["locked"]),
        (egnyte("7", "mara@example.com", groups=("b", "a", "")), ["groups +a, +b"]),
        (egnyte("7", "mara@example.com", roles=("User Administrator",)), ["privileged User Administrator"]),
        (egnyte("7", "mara@example.com", last_active_ms=NOW_MS), []),
    ],
    ids=["admin", "standard", "locked", "groups", "role", "at work"],
)
def test_changes_are_told_in_words(changed: DirectoryEntry, words: list[str]) -> None:
    topic = Topic()
    topic.take(egnyte("7", "mara@example.com"))
    assert topic.take(changed) == [f"mara@example.com {word}" for word in words]


def test_who_is_an_outsider() -> None:
    topic = Topic()
    topic.take(
        egnyte("7", "partner@other.example", user_type="standard"),
        egnyte("8", "temp@example.com", user_type="standard"),
    )
    assert topic.account("partner@other.example").external
    topic.take(entra("a-8", "temp@example.com"), entra("a-7", "partner@other.example", guest=True))
    assert not topic.account("temp@example.com").external, "the company's own directory has her as a member"
    assert (topic.account("partner@other.example").external, topic.account("partner@other.example").guest) == (
        True,
        True,
    )


def test_nothing_is_known_of_an_account_that_was_gone_before() -> None:
    topic = Topic()
    assert topic.take(entra("a-1", deleted=True, upn="")) == []
    assert topic.records == {}
    with pytest.raises(ValueError, match="an account of entra has no id"):
        topic.take(entra("", "mara@example.com"))


_ADDRESSES = [f"{name}@example.com" for name in "abcd"]
_ENTRIES = st.builds(
    DirectoryEntry,
    source=st.sampled_from(["egnyte", "entra"]),
    id=st.sampled_from(["1", "2", "3"]),
    email=st.sampled_from(["", *_ADDRESSES, "not an address", "~id-1"]),
    upn=st.sampled_from(["", *_ADDRESSES]),
    user_name=st.sampled_from(["", "a", "b@example.com"]),
    idp_user_id=st.sampled_from(["", "1", "a@example.com", "none"]),
    deleted=st.booleans(),
    enabled=st.booleans(),
)


@given(st.lists(_ENTRIES, max_size=12), st.integers(0, 12))
def test_whatever_comes_each_name_has_one_owner_and_a_restart_changes_nothing(
    told: list[DirectoryEntry], stop: int
) -> None:
    whole, first = Topic(), Topic()
    for number, entry in enumerate(told):
        whole.take(entry, at_ms=NOW_MS + number)
    for number, entry in enumerate(told[:stop]):
        first.take(entry, at_ms=NOW_MS + number)
    second = first.again()
    for number, entry in enumerate(told[stop:], min(stop, len(told))):
        second.take(entry, at_ms=NOW_MS + number)
    assert second.records == whole.records
    assert first.changes + second.changes == whole.changes
    for user, aliases in whole.people.items():
        assert user in aliases
        entries = whole.records[user].entries
        in_use = [entry.source for entry in entries if not entry.deleted]
        assert len(in_use) == len(set(in_use)), "one account in use of each source"
        assert whole.records[user].aliases == tuple(sorted(aliases))


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_sources_tell_does_not_matter(chance: random.Random) -> None:
    told = [
        *(egnyte(str(n), f"p{n}@example.com", idp_user_id=f"a-{n}" if n % 3 else "") for n in range(6)),
        *(entra(f"a-{n}", f"p{n}@example.com", upn=f"q{n}@example.com") for n in range(6)),
    ]
    chance.shuffle(told)
    topic = Topic()
    topic.take(*told)
    assert {record.user for record in topic.records.values()} <= {f"p{n}@example.com" for n in range(6)}
    assert all(len(topic.records[f"p{n}@example.com"].entries) == 2 for n in range(6))
