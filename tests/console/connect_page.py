"""Writes docs/connect.md: `python -m tests.console.connect_page`. Every transcript in it is of a real run."""

import logging
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from simulators.egnyte import EgnyteSimulator, Fault
from tests.console.browser import answered
from tests.console.connecting import BROWSER, KEY, Terminal, environment, free_port, key_given, run, served

PAGE: Final = Path(__file__).parents[2] / "docs" / "connect.md"
TEXT: Final = Path(__file__).with_name("connect_page.md")
SHOWN: Final = "https://acme.egnyte.com"


class Recorder:
    """Runs commands as people would, and keeps what they show: with Egnyte's address in place of the simulator's."""

    def __init__(self, folder: Path, egnyte: EgnyteSimulator, url: str) -> None:
        self.folder = folder
        self.egnyte = egnyte
        self.url = url
        self.port = free_port()
        self.environ = environment(folder, self.port) | {"EGNYTE_WATCH_VAULT__DIR": "vault"}

    def shown(self, text: str) -> str:
        text = text.replace(self.url, SHOWN).replace(self.url.removeprefix("http://"), "acme.egnyte.com")
        text = text.replace(str(self.port), "8910").replace(str(self.folder), "")
        text = re.sub(r"127\.0\.0\.1(?!\))", "acme.egnyte.com", text)
        text = re.sub(r"state=[\w-]+", "state=pbWkw0WQ...", text)
        text = re.sub(r"code=[\w-]+", "code=Vh3kQ...", text)
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    def headless(self, *arguments: str, before: str = "", text: str = "", **environ: str) -> str:
        """A command without a terminal, as it stands on the page: with its exit code where it fails."""
        result = run(*(each.replace(SHOWN, self.url) for each in arguments), environ=self.environ | environ, text=text)
        code = f"\n(exit code {result.exit_code})" if result.exit_code else ""
        command = " ".join(shlex.quote(each) for each in ("egnyte-watch", *arguments))
        return f"$ {before}{command}\n{self.shown(result.output)}{code}"

    def refused(self, *arguments: str) -> str:
        """The words of a failure alone."""
        result = run("connect", *(each.replace(SHOWN, self.url) for each in arguments), environ=self.environ)
        assert result.exit_code == 1, result.output
        return self.shown(result.output).splitlines()[-1].removeprefix("egnyte-watch: ")

    def token(self, **issued: Any) -> str:
        """A file with a token."""
        path = self.folder / "token"
        path.write_text(self.egnyte.issue_token(**issued))
        return "token"

    def in_a_terminal(self) -> str:
        """The whole of it: API key asked for, page in the browser, answer received."""
        browser = {"BROWSER": f"{sys.executable} {shlex.quote(str(BROWSER))} %s"}
        terminal = Terminal("connect", "acme", self.url, environ=self.environ | browser, folder=self.folder)
        terminal.until("Client id of the API key: ")
        terminal.type(KEY.client_id)
        terminal.until("(not shown): ")
        terminal.type(KEY.client_secret)
        assert terminal.end() == 0, terminal.said
        return f"$ egnyte-watch connect acme {SHOWN}\n{self.shown(terminal.said)}"

    def pasted(self) -> str:
        """On a server: the address that the browser was sent to is pasted."""
        environ = self.environ | key_given()
        terminal = Terminal("connect", "acme", self.url, "--paste", environ=environ, folder=self.folder)
        terminal.until("or the code: ")
        page = next(line.strip() for line in terminal.said.splitlines() if line.startswith("  http"))
        terminal.type(answered(page, "allow"))
        assert terminal.end() == 0, terminal.said
        return f"$ egnyte-watch connect acme {SHOWN} --paste\n{self.shown(terminal.said)}"


@contextmanager
def recorder(**switches: Any) -> Iterator[Recorder]:
    with tempfile.TemporaryDirectory() as folder, served(**switches) as (egnyte, url):
        before = Path.cwd()
        os.chdir(folder)
        try:
            yield Recorder(Path(folder), egnyte, url)
        finally:
            os.chdir(before)


ADDRESSES: Final = (
    "acme.egnyte.com", "http://acme.egnyte.com", "https://acme.egnite.com", "https://files.acme.com",
    "https://acme.egnyte.com/app/index.do", "https://www.egnyte.com", "https://egnyte.com", "https://a.acme.egnyte.com",
    "https://acme.egnyte.com:8443", "https://me:secret@acme.egnyte.com",
)  # fmt: skip


def addresses() -> str:
    """A row for every mistake in an address."""
    with tempfile.TemporaryDirectory() as folder:
        results = [(each, run("connect", "acme", each, environ=environment(Path(folder)))) for each in ADDRESSES]
    assert {result.exit_code for _, result in results} == {1}
    rows = [(f"`{each}`", result.output.strip().removeprefix("egnyte-watch: ")) for each, result in results]
    return _table(("typed", "told"), rows)


def refusals() -> str:
    """A row for everything that Egnyte may say no to."""
    rows: list[tuple[str, str]] = []
    with recorder() as at:
        arguments = ("acme", SHOWN, "--token-file")
        (at.folder / "wrong").write_text("revoked-or-mistyped")
        rows.append(("the token is revoked, expired, mistyped", at.refused(*arguments, "wrong")))
        at.egnyte.change_account(user_type="standard")
        rows.append(("a standard user's token", at.refused(*arguments, at.token())))
        at.egnyte.change_account(user_type="power")
        rows.append(("a power user's, whose role can't run reports", at.refused(*arguments, at.token())))
        at.egnyte.change_account(user_type="admin")
        rows.append(("a token for something else", at.refused(*arguments, at.token(scopes=("Egnyte.filesystem",)))))
        rows.append(("`--actions`, and a token that is not for them", at.refused(*arguments, at.token(), "--actions")))
        at.egnyte.change(plan_has_audit=False)
        rows.append(("the plan has no audit reporting", at.refused(*arguments, at.token())))
        at.egnyte.fault(Fault(kind="html", path="/pubapi/v1/userinfo"))
        rows.append(("something else answers", at.refused(*arguments, at.token())))
        at.egnyte.fault(Fault(kind="throttle", retry_after_s=30, path="/pubapi/v1/userinfo"))
        rows.append(("others use up the limit", at.refused(*arguments, at.token())))
        (at.folder / "two").write_text("two words")
        rows.append(("the file holds something else", at.refused(*arguments, "two")))
        rows.append(("no terminal, no token, no API key", at.refused("acme", SHOWN)))
        key = key_given()
        for told, more, code in (
            ("the secret of the API key is wrong", {"EGNYTE_WATCH_EGNYTE__CLIENT_SECRET": "mistyped"}, "any-code"),
            ("the code is wrong, or used", {}, "a-used-code"),
        ):
            result = run("connect", "acme", at.url, "--paste", environ=at.environ | key | more, text=f"{code}\n")
            rows.append((told, at.shown(result.output).splitlines()[-1].removeprefix("egnyte-watch: ")))
    return _table(("what is wrong", "told"), rows)


def page() -> str:
    """The whole page."""
    parts = {"addresses": addresses(), "refusals": refusals()}
    with recorder() as at:
        parts["terminal"] = at.in_a_terminal()
        parts["rotate"] = _rotated(at)
        parts["twice"] = at.headless("connect", "acme", SHOWN, "--token-file", at.token())
    with recorder() as at:
        parts["paste"] = at.pasted()
    with recorder(token_lasts_s=0) as at:
        parts["file"] = at.headless("connect", "acme", SHOWN, "--token-file", at.token())
    with recorder() as at:
        parts["environment"] = at.headless(
            "connect", "acme", SHOWN, before="EGNYTE_WATCH_EGNYTE__TOKEN_FILE=/run/secrets/egnyte_token ",
            EGNYTE_WATCH_EGNYTE__TOKEN_FILE=_secret(at),
        ).replace("mounted-secret", "/run/secrets/egnyte_token")  # fmt: skip
    text = TEXT.read_text(encoding="utf-8")
    for name, part in parts.items():
        assert f"{{{{{name}}}}}" in text, name
        text = text.replace(f"{{{{{name}}}}}", part)
    return text


def _secret(at: Recorder) -> str:
    (at.folder / at.token()).rename(at.folder / "mounted-secret")
    return "mounted-secret"


def _rotated(at: Recorder) -> str:
    browser = {"BROWSER": f"{sys.executable} {shlex.quote(str(BROWSER))} %s"}
    terminal = Terminal("rotate", "acme", environ=at.environ | browser, folder=at.folder)
    assert terminal.end() == 0, terminal.said
    return f"$ egnyte-watch rotate acme\n{at.shown(terminal.said)}"


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> str:
    told = "\n".join(f"| {left} | {right.replace('|', chr(92) + '|')} |" for left, right in rows)
    return f"| {head[0]} | {head[1]} |\n|---|---|\n{told}"


if __name__ == "__main__":
    logging.disable()
    PAGE.write_text(page(), encoding="utf-8")
