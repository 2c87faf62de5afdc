"""Person strings in every known form."""

import pytest

from connectors.egnyte.people import normalise_email, person
from schemas.activity import Person


@pytest.mark.parametrize(
    ("text", "user_id", "expected"),
    [
        (
            "Mara Lindqvist ( mara@example.com )",
            "17",
            Person(email="mara@example.com", name="Mara Lindqvist", user_id="17"),
        ),
        ("Mara Lindqvist (mara@example.com)", "", Person(email="mara@example.com", name="Mara Lindqvist")),
        (
            "Mara (Ops) Lindqvist ( MARA@Example.COM )",
            "",
            Person(email="mara@example.com", name="Mara (Ops) Lindqvist"),
        ),
        ("( mara@example.com )", "", Person(email="mara@example.com")),
        ("Jose\u0301 ( jose\u0301@example.com )", "", Person(email="jos\u00e9@example.com", name="Jose\u0301")),
        ("mara@example.com", "17", Person(email="mara@example.com", name="mara@example.com", user_id="17")),
        ("Mara@example.com", "", Person(kind="unknown", email="mara@example.com", name="Mara@example.com")),
        ("jdoe-typo", "", Person(kind="unknown", name="jdoe-typo")),
        ("Mara ( not an email )", "", Person(kind="unknown", name="Mara ( not an email )")),
        ("Mara ( @ )", "", Person(kind="unknown", name="Mara ( @ )")),
        (")", "", Person(kind="unknown", name=")")),
        ("Anonymous", "", Person(kind="anonymous", name="Anonymous")),
        ("anonymous", "N/A", Person(kind="anonymous", name="anonymous")),
        ("System", "", Person(kind="system", name="System")),
        ("", "", Person(kind="unknown")),
        ("N/A", "N/A", Person(kind="unknown")),
        (" n/a ", "17", Person(user_id="17")),
    ],
)
def test_a_person_string(text: str, user_id: str, expected: Person) -> None:
    assert person(text, user_id) == expected
    assert person(text, user_id) == expected  # from the cache


def test_emails_compare_by_their_normal_form() -> None:
    assert (
        normalise_email(" E\u0301VA@Example.com ") == normalise_email("\u00e9va@example.COM") == "\u00e9va@example.com"
    )
