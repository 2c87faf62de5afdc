"""The demo's copy of the policies: one asks for actions, and nothing of the user's own rules is in force."""

from pathlib import Path

from agents.governing.rules import Notify, read_rules
from agents.policies import load_policies
from console.demo_clouds import CONNECTOR, MAILBOX
from console.demo_policies import ASKED, POLICY, write_policies

SHIPPED = Path(__file__).parents[2] / "policies"


def asking(folder: Path) -> dict[str, tuple[str, ...]]:
    found = load_policies(folder)
    return {each.metadata.id: each.metadata.govern for each in found.policies if each.metadata.govern}


def test_the_shipped_policies_ask_for_nothing_and_the_demos_for_what_stops_the_thief(tmp_path: Path) -> None:
    write_policies(SHIPPED, tmp_path / "copy")
    assert asking(SHIPPED) == {}
    assert asking(tmp_path / "copy") == {POLICY: ASKED}
    assert read_rules(SHIPPED / "governance.yaml").mode_of(CONNECTOR) == "dry-run"
    assert read_rules(tmp_path / "copy" / "governance.yaml").mode_of(CONNECTOR) == "on"


def test_the_users_policies_are_taken_but_not_whom_they_really_tell(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "builtin.yaml").write_text("failed_logins: {min_failures: 7}\nanonymous_ip:\n")
    (own / "governance.yaml").write_text("notify: {webhooks: [{url: 'https://hooks.example.com/real'}]}\nmode: off\n")
    write_policies(own, tmp_path / "copy")
    settings = load_policies(tmp_path / "copy").settings
    assert getattr(settings["failed_logins"], "min_failures") == 7  # noqa: B009 - of its own type only
    assert asking(tmp_path / "copy") == {POLICY: ASKED}
    assert read_rules(tmp_path / "copy" / "governance.yaml").notify == Notify(copy=(MAILBOX,))
    assert "min_failures: 7" in (own / "builtin.yaml").read_text()


def test_without_policies_there_are_the_defaults(tmp_path: Path) -> None:
    write_policies(tmp_path / "nowhere", tmp_path / "copy")
    assert asking(tmp_path / "copy") == {POLICY: ASKED}
