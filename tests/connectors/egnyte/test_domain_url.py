"""What people type for their domain's address, and what they are told."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.egnyte.domain_url import AddressError, domain_url


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://acme.egnyte.com", "https://acme.egnyte.com"),
        ("  https://ACME.Egnyte.com/ ", "https://acme.egnyte.com"),
        ("https://acme.egnyte.com.", "https://acme.egnyte.com"),
        ("https://acme.egnyte.com:443", "https://acme.egnyte.com"),
        ("https://acme-2.egnytegov.com", "https://acme-2.egnytegov.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_what_is_a_domain(typed: str, address: str) -> None:
    assert domain_url(typed) == address


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "the address is empty"),
        ("acme", "no https:// in front: did you mean https://acme.egnyte.com?"),
        ("acme.egnyte.com/app", "no https:// in front: did you mean https://acme.egnyte.com?"),
        ("http://acme.egnyte.com", "in clear: did you mean https://acme.egnyte.com?"),
        ("http://simulators:8080", "--allow-http lifts that"),
        ("http://127.0.0.1:8080/pubapi", "leave it out: http://127.0.0.1"),
        ("http://127.0.0.1.evil.example", "in clear"),
        ("ftp://acme.egnyte.com", "begins with ftp://, not https://: did you mean https://acme.egnyte.com?"),
        ("https://acme.egnite.com", "did you mean https://acme.egnyte.com?"),
        ("https://acme.egnyte.co", "did you mean https://acme.egnyte.com?"),
        ("https://acme.egnyte-gov.com", "did you mean https://acme.egnytegov.com?"),
        ("https://files.acme.example", "A company's own address for its people does not serve the API"),
        ("https://acme.egnyte.com.evil.example", "is not below egnyte.com or egnytegov.com"),
        ("https://evilegnyte.com", "is not below egnyte.com or egnytegov.com"),
        ("https://a.b.egnyte.com", "has too many parts"),
        ("https://egnyte.com", "lacks the domain's own name"),
        ("https://www.egnyte.com", "is a site of Egnyte's"),
        ("https://developers.egnyte.com/docs", "is a site of Egnyte's"),
        ("https://acme.egnyte.com/app/index.do", "leave it out: https://acme.egnyte.com"),
        ("https://acme.egnyte.com?x=1", "has something after the domain"),
        ("https://acme.egnyte.com#x", "has something after the domain"),
        ("https://acme.egnyte.com:8443", "names a port"),
        ("https://acme.egnyte.com:x", "is no address"),
        ("https://", "is not below"),
        ("https://-acme.egnyte.com", "letters, digits and hyphens"),
        ("https://\u0430cme.egnyte.com", "letters, digits and hyphens"),
        ("https://[::1", "is no address"),
    ],
)
def test_what_is_none_is_told_why(typed: str, told: str) -> None:
    with pytest.raises(AddressError) as caught:
        domain_url(typed)
    assert told in str(caught.value)


def test_a_password_in_an_address_is_not_repeated() -> None:
    for typed in ("https://me:s3cret@acme.egnyte.com", "me:s3cret@acme.egnyte.com"):
        with pytest.raises(AddressError, match="holds a user name or password") as caught:
            domain_url(typed)
        assert "s3cret" not in str(caught.value)


def test_plain_http_elsewhere_is_for_whoever_asks_for_it() -> None:
    assert domain_url("http://simulators:8080", allow_http=True) == "http://simulators:8080"


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map(lambda text: f"https://{text}.egnyte.com")))
def test_anything_is_either_a_domain_or_told(typed: str) -> None:
    with contextlib.suppress(AddressError):
        found = domain_url(typed)
        assert found.startswith(("https://", "http://"))
        assert domain_url(found) == found
