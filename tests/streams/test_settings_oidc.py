"""Settings of who signs people in: what contradicts itself is told at start, not to the first who wants in."""

import pytest

from streams.settings import SettingsError, load

RIGHT = {
    "ISSUER": "https://login.example/tenant/v2.0",
    "CLIENT_ID": "console",
    "CONSOLE_URL": "https://watch.acme.example",
    "ADMINS": "console-admins",
}


def problems(**changes: str) -> tuple[str, ...]:
    given = {f"EGNYTE_WATCH_OIDC__{name}": value for name, value in (RIGHT | changes).items()}
    try:
        load(None, given)
    except SettingsError as error:
        return error.problems
    return ()


def test_what_is_right_is_taken() -> None:
    assert problems() == ()
    assert problems(VIEWERS="*", ADMINS="") == ()
    assert problems(ISSUER="http://127.0.0.1:9000", CONSOLE_URL="http://localhost:8440") == ()
    assert problems(CONSOLE_URL="http://watch.acme.example", ALLOW_HTTP="true") == ()
    assert problems(ISSUER="", CLIENT_ID="", CONSOLE_URL="", ADMINS="") == ()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"CLIENT_ID": ""}, "oidc.client_id", "is empty"),
        ({"CONSOLE_URL": ""}, "oidc.console_url", "is empty"),
        ({"CONSOLE_URL": "https://acme.example/watch"}, "oidc.console_url", "has a path"),
        ({"CONSOLE_URL": "http://watch.acme.example"}, "oidc.console_url", "in clear"),
        ({"ISSUER": "http://login.example"}, "oidc.issuer", "in clear"),
        ({"ISSUER": "login.example"}, "oidc.issuer", "an address that begins with"),
        ({"SCOPES": "profile email"}, "oidc.scopes", "lacks openid"),
        ({"ADMINS": " , "}, "oidc.admins", "nobody would have a role"),
        ({"ADMINS": "*"}, "oidc.admins", "who judges and acts is named"),
        ({"ANALYSTS": "a, *"}, "oidc.analysts", "who judges and acts is named"),
    ],
)
def test_what_contradicts_itself_is_told(changes: dict[str, str], field: str, words: str) -> None:
    (problem,) = problems(**changes)
    assert field in problem
    assert words in problem
