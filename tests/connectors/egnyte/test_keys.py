"""User keys: stable, bounded, safe."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte.keys import BUCKETS, MAX_CHARS, user_key
from schemas.activity import Person


@pytest.mark.parametrize(
    ("person", "link", "key"),
    [
        (Person(email="mara@example.com", user_id="1"), "", "acme/mara@example.com"),
        (Person(email="MARA@example.com"), "/x", "acme/mara@example.com"),
        (Person(user_id="10427781034"), "", "acme/~id-10427781034"),
        (Person(kind="system", name="System"), "", "acme/~system"),
        # The bucket of a text may never change: state and partitions hang on it.
        (Person(kind="unknown", name="jdoe-typo"), "", "acme/~unknown-999"),
        (Person(kind="anonymous"), "https://acme.egnyte.com/dl/Qm4TzX81La", "acme/~anonymous-393"),
    ],
)
def test_keys(person: Person, link: str, key: str) -> None:
    assert user_key("acme", person, link=link) == key


def test_the_directory_knows_better() -> None:
    known = {"jdoe": "john.doe@example.com"}
    unknown = Person(kind="unknown", name="jdoe")
    assert user_key("acme", unknown, resolver=lambda person: known.get(person.name)) == "acme/john.doe@example.com"
    assert user_key("acme", Person(kind="unknown", name="x"), resolver=lambda _: None).startswith("acme/~unknown-")


def test_made_up_names_share_a_fixed_number_of_keys() -> None:
    keys = {user_key("acme", Person(kind="unknown", name=f"guess-{number}")) for number in range(100_000)}
    assert keys == {f"acme/~unknown-{bucket}" for bucket in range(BUCKETS)}
    mails = {
        user_key("acme", Person(kind="unknown", email=f"g{number}@x.org", name=f"g{number}@x.org"))
        for number in range(20_000)
    }
    assert mails == keys


def test_an_unknown_name_has_one_bucket_however_it_is_written() -> None:
    assert user_key("acme", Person(kind="unknown", name="JDoe ")) == user_key(
        "acme", Person(kind="unknown", name="jdoe")
    )


@given(st.text(min_size=1, max_size=600))
def test_a_key_is_bounded_and_free_of_control_characters(email: str) -> None:
    key = user_key("acme", Person(email=email))
    assert len(key) <= len("acme/") + MAX_CHARS
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in key)
    key.encode()


def test_what_was_cut_or_cleaned_still_differs() -> None:
    emails = ["a\x00@x.org", "a\x01@x.org", "a_@x.org", "a" * 400 + "@x.org", "a" * 401 + "@x.org"]
    assert len({user_key("acme", Person(email=email)) for email in emails}) == len(emails)
