"""Connecting a domain as people do, over real HTTP: in a terminal, headless, and with everything that can be wrong."""

import logging
import shlex
import sys
import webbrowser
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.secrets.vault import Entry, Vault
from console.signing_in import api_key
from simulators.egnyte import App, Fault
from streams.secret import Secret
from streams.sections import DAY_MS, EgnyteSettings, VaultSettings
from tests.console.browser import answered
from tests.console.connecting import BROWSER, KEY, Terminal, environment, free_port, key_given, run, served


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Browser(webbrowser.BaseBrowser):
    """Answers Egnyte's page at once, and follows where it is sent."""

    answer = "allow"

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        httpx.get(answered(url, self.answer), trust_env=False, timeout=20)
        return True


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    found = Browser()
    monkeypatch.setattr(webbrowser, "get", lambda: found)
    return found


def kept(folder: Path, name: str = "acme") -> Entry | None:
    return Vault(VaultSettings(dir=str(folder / "vault"))).read(name)


def token_file(folder: Path, token: str) -> str:
    path = folder / "token"
    path.write_text(token + "\n")
    return str(path)


def test_a_browser_does_it_all(tmp_path: Path) -> None:
    port = free_port()
    environ = environment(tmp_path, port, BROWSER=f"{sys.executable} {shlex.quote(str(BROWSER))} %s")
    with served() as (egnyte, url):
        terminal = Terminal("connect", "acme", url, environ=environ, folder=tmp_path)
        terminal.until("Client id")
        terminal.type(KEY.client_id)
        terminal.until("(not shown): ")  # from here on nothing typed is echoed
        terminal.type(KEY.client_secret)
        assert terminal.end() == 0, terminal.said
        entry = kept(tmp_path)
        assert entry is not None
        assert (entry.url, entry.scopes, entry.user) == (url, ("Egnyte.audit",), "audit.reader@example.com")
        assert entry.expires_ms - entry.issued_ms == 30 * DAY_MS
        assert entry.refresh_token
        for said in ("Administrator", "may run audit reports", "lasts 30 days and renews itself", "Connected."):
            assert said in terminal.said
        for secret in (entry.token, entry.refresh_token):
            assert secret.reveal() not in terminal.said
        assert KEY.client_secret not in terminal.said
        asked = [record.path for record in egnyte.journal.records()]
        assert asked == [
            "/puboauth/token", "/puboauth/consent", "/puboauth/token", "/pubapi/v1/userinfo", "/pubapi/v1/whoami",
            "/pubapi/v2/audit/stream",
        ]  # fmt: skip


def test_who_says_no_is_told_so(tmp_path: Path, browser: Browser) -> None:
    browser.answer = "deny"
    with served() as (_, url):
        result = run("connect", "acme", url, environ=environment(tmp_path, free_port()) | key_given())
    assert result.exit_code == 1
    assert "answered with no: begin again, and allow it" in result.output
    assert not (tmp_path / "vault").exists()


def test_the_answer_may_be_pasted(tmp_path: Path) -> None:
    environ = environment(tmp_path) | key_given()
    with served() as (egnyte, url):
        terminal = Terminal("connect", "acme", url, "--paste", "--actions", environ=environ, folder=tmp_path)
        terminal.until("or the code")
        page = next(line.strip() for line in terminal.said.splitlines() if line.startswith("  http"))
        terminal.type(answered(page, "allow"))
        assert terminal.end() == 0, terminal.said
        assert "Connected." in terminal.said
        assert egnyte.journal.records()[-1].status == 200
    entry = kept(tmp_path)
    assert entry is not None
    assert entry.scopes == ("Egnyte.audit", "Egnyte.user", "Egnyte.link")


def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with served() as (_, url):
        arguments = ("connect", "acme", url, "--paste")
        terminal = Terminal(*arguments, environ=environment(tmp_path) | key_given(), folder=tmp_path)
        terminal.until("or the code")
        assert terminal.interrupt() == 1
    assert "Traceback" not in terminal.said
    assert kept(tmp_path) is None


def test_a_pasted_code_that_is_wrong_is_told(tmp_path: Path) -> None:
    with served() as (_, url):
        environ = environment(tmp_path) | key_given()
        result = run("connect", "acme", url, "--paste", environ=environ, text="wr0ng-c0de\n")
        assert result.exit_code == 1
        assert "the code is wrong, was used already, or has expired" in result.output
        result = run("connect", "acme", url, "--paste", environ=environ)  # nothing is pasted
        assert result.exit_code == 1
    assert kept(tmp_path) is None


@pytest.mark.parametrize("way", ["file", "standard input", "environment", "secret file"])
def test_headless_with_a_token_that_is_there(tmp_path: Path, way: str) -> None:
    with served() as (egnyte, url):
        environ, arguments, text = environment(tmp_path), ["connect", "acme", url], ""
        if way == "file":
            arguments += ["--token-file", token_file(tmp_path, egnyte.token)]
        elif way == "standard input":
            arguments, text = [*arguments, "--token-file", "-"], egnyte.token
        elif way == "environment":
            environ["EGNYTE_WATCH_EGNYTE__TOKEN"] = egnyte.token
        else:
            environ["EGNYTE_WATCH_EGNYTE__TOKEN_FILE"] = token_file(tmp_path, egnyte.token)
        result = run(*arguments, environ=environ, text=text)
        assert result.exit_code == 0, result.output
        assert "Egnyte names no end for it" in result.output
        entry = kept(tmp_path)
        assert entry is not None
        assert entry.token.reveal() == egnyte.token
        assert egnyte.token not in result.output
        again = run(*arguments, environ=environ, text=text)
        assert (again.exit_code, "is connected already: egnyte-watch rotate acme" in again.output) == (1, True)
        arguments[1] = "other"
        again = run(*arguments, environ=environ, text=text)
        assert (again.exit_code, "is connected already, as acme" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("account", "switches", "scopes", "told"),
    [
        ({"user_type": "standard"}, {}, ("Egnyte.audit",), "(Standard user) may not run audit reports. An Eg"),
        ({"user_type": "power"}, {}, ("Egnyte.audit",), "(Power user) may not run audit reports. An Egnyte"),
        ({}, {"plan_has_audit": False}, ("Egnyte.audit",), "domain's plan has no audit reporting. Audit reporting is"),
        ({}, {}, ("Egnyte.user",), "lacks the scope Egnyte.audit (it has Egnyte.user). Connect again, and allow"),
        ({"user_type": "standard"}, {"error_style": "html"}, ("Egnyte.audit",), "(Standard user) may not run audit"),
        ({}, {"plan_has_audit": False, "error_style": "text"}, ("Egnyte.audit",), "plan has no audit reporting"),
    ],
)  # fmt: skip
def test_a_missing_prerequisite_is_named_with_who_can_grant_it(
    tmp_path: Path, account: dict[str, str], switches: dict[str, Any], scopes: tuple[str, ...], told: str
) -> None:
    with served(**switches) as (egnyte, url):
        egnyte.change_account(**account)
        token = egnyte.issue_token(scopes=scopes)
        arguments = ["connect", "acme", url, "--token-file", token_file(tmp_path, token)]
        result = run(*arguments, environ=environment(tmp_path))
    assert result.exit_code == 1
    assert told in result.output
    assert token not in result.output
    assert kept(tmp_path) is None


def test_actions_need_their_scopes(tmp_path: Path) -> None:
    with served() as (egnyte, url):
        arguments = ["connect", "acme", url, "--actions", "--token-file", token_file(tmp_path, egnyte.token)]
        result = run(*arguments, environ=environment(tmp_path))
    assert (result.exit_code, "the token lacks Egnyte.user, Egnyte.link" in result.output) == (1, True)


@pytest.mark.parametrize("gateway_refuses", [False, True])
def test_a_token_that_is_not_accepted_is_told_and_not_shown(tmp_path: Path, gateway_refuses: bool) -> None:
    with served(gateway_refuses=gateway_refuses) as (_, url):
        arguments = ["connect", "acme", url, "--token-file", token_file(tmp_path, "revoked-t0ken")]
        result = run(*arguments, environ=environment(tmp_path))
    assert result.exit_code == 1
    assert "wrong, expired, revoked" in result.output
    assert "revoked-t0ken" not in result.output


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(kind="html", path="/pubapi/v1/userinfo"), "is not Egnyte's API: check it"),
        (Fault(kind="throttle", retry_after_s=30, path="/pubapi/v1/userinfo"), "try again in 30 s"),
        (Fault(kind="reset", path="/pubapi/v1/userinfo"), "Check the address, the network"),
        (Fault(kind="status", status=503, path="/pubapi/v2/audit"), "503 from 127.0.0.1"),
    ],
)  # fmt: skip
def test_bad_answers_while_it_tests(tmp_path: Path, fault: Fault, told: str) -> None:
    with served() as (egnyte, url):
        egnyte.fault(fault)
        arguments = ["connect", "acme", url, "--token-file", token_file(tmp_path, egnyte.token)]
        result = run(*arguments, environ=environment(tmp_path))
        assert result.exit_code == 1
        assert told in result.output
        assert "Traceback" not in result.output
        assert egnyte.token not in result.output
    assert kept(tmp_path) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Acme Corp", "https://acme.egnyte.com"], "can't be a connector's name"),
        (["../acme", "https://acme.egnyte.com"], "can't be a connector's name"),
        (["acme", "acme.egnyte.com"], "did you mean https://acme.egnyte.com?"),
        (["acme", "https://acme.egnyte.com", "--history", "soon"], "give a number of days, such as 90d"),
        (["acme", "https://acme.egnyte.com", "--token-file", "absent"], "--token-file absent: No such file"),
        (["acme", "https://acme.egnyte.com"], "egnyte.client_id and egnyte.client_secret not set, and there is no"),
        (["acme", "http://127.0.0.1:1", "--token-file", "-"], "--token-file - is empty"),
    ],
)  # fmt: skip
def test_what_is_asked_for_wrongly_is_told_before_anything_is_sent(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    result = run("connect", *arguments, environ=environment(tmp_path))
    assert result.exit_code == 1
    assert told in result.output
    assert not (tmp_path / "vault").exists()


@pytest.mark.usefixtures("browser")
def test_rotate_takes_the_old_token_back_once_the_new_one_is_good(tmp_path: Path) -> None:
    environ = (
        environment(tmp_path, free_port(), BROWSER=f"{sys.executable} {shlex.quote(str(BROWSER))} %s") | key_given()
    )
    with served() as (egnyte, url):
        assert run("connect", "acme", url, environ=environ).exit_code == 0
        before = kept(tmp_path)
        assert before is not None
        result = run("rotate", "acme", environ=environ)
        assert result.exit_code == 0, result.output
        after = kept(tmp_path)
        assert after is not None
        assert after.token != before.token
        assert after.connected_ms == before.connected_ms
        now_ms = egnyte.clock.now_ms()
        assert egnyte.access.grant(f"Bearer {before.token.reveal()}", now_ms) is None
        assert egnyte.access.grant(f"Bearer {after.token.reveal()}", now_ms) is not None
        egnyte.change_account(user_type="standard")
        refused = run("rotate", "acme", environ=environ)
        assert refused.exit_code == 1
        assert "may not run audit reports" in refused.output
        assert kept(tmp_path) == after, "the token that was there stays"
        assert egnyte.access.grant(f"Bearer {after.token.reveal()}", now_ms) is not None


@pytest.mark.usefixtures("browser")
def test_rotate_where_the_same_token_is_given_again(tmp_path: Path) -> None:
    environ = (
        environment(tmp_path, free_port(), BROWSER=f"{sys.executable} {shlex.quote(str(BROWSER))} %s") | key_given()
    )
    with served(token_lasts_s=0, same_token=True) as (egnyte, url):
        egnyte.revoke_token()
        assert run("connect", "acme", url, environ=environ).exit_code == 0
        before = kept(tmp_path)
        result = run("rotate", "acme", environ=environ)
        assert result.exit_code == 0, result.output
        assert "the same token again, as older domains do" in result.output
        after = kept(tmp_path)
        assert before is not None
        assert after is not None
        assert after.token != before.token
        assert not after.expires_ms
        assert egnyte.access.grant(f"Bearer {before.token.reveal()}", egnyte.clock.now_ms()) is None


@pytest.mark.parametrize(
    ("settings", "option", "wanted"),
    [
        (("", ""), "", ("of-the-domain", "its-secret")),
        (("of-another", "anothers-secret"), "", ("of-the-domain", "its-secret")),
        (("of-the-domain", "changed-secret"), "", ("of-the-domain", "changed-secret")),
        (("of-another", "anothers-secret"), "of-another", ("of-another", "anothers-secret")),
    ],
)
def test_each_domain_is_rotated_with_its_own_api_key(
    settings: tuple[str, str], option: str, wanted: tuple[str, str]
) -> None:
    entry = Entry(
        connector="acme", url="https://acme.egnyte.com", token=Secret("t"), issued_ms=1, connected_ms=1,
        client_id="of-the-domain", client_secret=Secret("its-secret"), redirect_uri="https://acme.example/back",
    )  # fmt: skip
    key = api_key(EgnyteSettings(client_id=settings[0], client_secret=Secret(settings[1])), option, entry)
    assert (key.client_id, key.client_secret.reveal()) == wanted
    assert (key.redirect_uri == entry.redirect_uri) == (wanted[0] == "of-the-domain")


def test_disconnect_revokes_and_forgets(tmp_path: Path) -> None:
    environ = environment(tmp_path) | key_given()
    with served() as (egnyte, url):
        path = token_file(tmp_path, egnyte.token)
        assert run("connect", "acme", url, "--token-file", path, environ=environ).exit_code == 0
        result = run("disconnect", "acme", environ=environ)
        assert result.exit_code == 0, result.output
        assert "can't be revoked without its API key" in result.output
        assert "its status could not be written: no Kafka broker" in result.output
        assert kept(tmp_path) is None
        assert run("disconnect", "acme", environ=environ).exit_code == 1


@pytest.mark.usefixtures("browser")
def test_a_token_that_cannot_be_revoked_is_not_forgotten_without_force(tmp_path: Path) -> None:
    environ = environment(tmp_path, free_port()) | key_given()
    with served() as (egnyte, url):
        assert run("connect", "acme", url, environ=environ).exit_code == 0
        entry = kept(tmp_path)
        assert entry is not None
        egnyte.oauth.register(App(client_secret="another"))  # noqa: S106 - of a simulated key
        result = run("disconnect", "acme", environ=environ)
        assert (result.exit_code, "Nothing was changed; --force forgets" in result.output) == (1, True)
        assert kept(tmp_path) == entry
        for secret in (entry.token.reveal(), KEY.client_secret):
            assert secret not in result.output
        egnyte.oauth.register(KEY)
        result = run("disconnect", "acme", environ=environ)
        assert (result.exit_code, "old token revoked" in result.output) == (0, True)
        assert egnyte.access.grant(f"Bearer {entry.token.reveal()}", egnyte.clock.now_ms()) is None


def test_disable_keeps_the_token_and_enable_uses_it(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    with served() as (egnyte, url):
        path = token_file(tmp_path, egnyte.token)
        assert run("connect", "acme", url, "--token-file", path, environ=environ).exit_code == 0
        for command, disabled in (("disable", True), ("enable", False)):
            assert run(command, "acme", environ=environ).exit_code == 0
            entry = kept(tmp_path)
            assert entry is not None
            assert entry.disabled is disabled
            assert entry.token.reveal() == egnyte.token


def test_no_secret_is_logged_even_when_debugging(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with served() as (egnyte, url), caplog.at_level(logging.DEBUG):
        path = token_file(tmp_path, egnyte.token)
        result = run("--debug", "connect", "acme", url, "--token-file", path, environ=environment(tmp_path))
        assert result.exit_code == 0, result.output
        assert egnyte.token not in result.output + caplog.text
