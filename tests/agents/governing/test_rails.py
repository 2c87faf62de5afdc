"""Who is left alone, when, and what stops a policy that has gone wrong."""

import random
from pathlib import Path
from typing import Any

import pytest

from agents.governing.ledger import Ledger
from agents.governing.rails import EGNYTE_GOES_ON, UNKNOWN_SIGN_IN, WONT_LAST, Decision, Go, Hold, Skip, decide
from agents.governing.requests import again, outcome
from agents.governing.rules import DAY_MS, Breaker, Mode, Rules, RulesError, read_rules
from agents.governing.standing import standing_of
from schemas.activity import Account
from schemas.directory import DirectoryRecord
from schemas.governance import GovernanceRecord, State
from tests.agents.governing.records import JANE, MINUTE_MS, NOW_MS, request, standing

ON = Rules(mode="on")


def decided(
    asked: GovernanceRecord | None = None, rules: Rules = ON, ledger: Ledger | None = None, people: int = 1_000,
    now_ms: int = NOW_MS, **who: Any,
) -> Decision:  # fmt: skip
    return decide(asked or request(), standing(**who), rules, ledger or Ledger(), people=people, now_ms=now_ms)


def reason(decision: Decision) -> str:
    assert isinstance(decision, Skip), decision
    return decision.reason


def locked(ledger: Ledger, user: str, at_ms: int, **facts: Any) -> None:
    asked = request(user=user, origin=f"f-{user}-{at_ms}", **facts)
    assert ledger.apply(asked)
    assert ledger.apply(outcome(asked, "started", at_ms, attempt=1))


def test_an_action_goes_and_says_what_it_does_not_do() -> None:
    assert decided() == Go((EGNYTE_GOES_ON,))
    assert decided(synced=True) == Go((WONT_LAST, EGNYTE_GOES_ON))
    assert decided(auth_type="") == Go((UNKNOWN_SIGN_IN,))
    assert decided(request("unsuspend_user"), synced=True) == Go((WONT_LAST,))
    assert decided(request("deactivate_egnyte_user"), synced=True, auth_type="egnyte") == Go()
    assert decided(request("notify_user"), entra_ids=(), egnyte_ids=()) == Go()


@pytest.mark.parametrize(
    ("connector", "policy", "mode"),
    [
        ("on", "on", "on"), ("on", "dry-run", "dry-run"), ("on", "off", "off"), ("on", None, "on"),
        ("dry-run", "on", "dry-run"), ("dry-run", "off", "off"), ("dry-run", None, "dry-run"),
        ("off", "on", "off"), ("off", None, "off"), (None, "on", "dry-run"), (None, None, "dry-run"),
    ],
)  # fmt: skip
def test_the_more_cautious_of_two_modes_holds(connector: Mode | None, policy: Mode | None, mode: Mode) -> None:
    rules = Rules(
        connectors={"acme": connector} if connector else {}, policies={"ransomware": policy} if policy else {}
    )
    assert rules.mode_of("acme", "ransomware") == mode
    decision = decided(rules=rules)
    if mode == "on":
        assert isinstance(decision, Go)
    else:
        assert reason(decision) == mode.replace("-", "_")


def test_a_person_acts_in_a_dry_run_but_not_where_governance_is_off() -> None:
    assert isinstance(decided(request(by="ann"), Rules()), Go)
    assert reason(decided(request(by="ann"), Rules(mode="off"))) == "off"


@pytest.mark.parametrize("by", ["", "ann"])
@pytest.mark.parametrize("entry", [JANE, "JANE@acme.example ", "jane@*", "*@acme.example"])
def test_protected_accounts_are_never_touched(by: str, entry: str) -> None:
    assert reason(decided(request(by=by), Rules(mode="on", protected=("x", entry)))) == "protected"
    assert isinstance(decided(rules=Rules(mode="on", protected=("jane?acme.example", "[j]ane@acme.example"))), Go)


def test_a_protected_account_is_found_by_any_of_its_names() -> None:
    rules = Rules(mode="on", protected=("breakglass@acme.onmicrosoft.com",))
    assert reason(decided(rules=rules, names=(JANE, "breakglass@acme.onmicrosoft.com"))) == "protected"


@pytest.mark.parametrize(
    ("who", "why", "allowed"),
    [
        ({"privileged": True}, "privileged", Rules(mode="on", act_on_privileged=True)),
        ({"guest": True}, "guest", Rules(mode="on", act_on_guests=True)),
    ],
)
def test_administrators_and_guests_are_left_to_people(who: dict[str, Any], why: str, allowed: Rules) -> None:
    assert reason(decided(**who)) == why
    assert isinstance(decided(rules=allowed, **who), Go)
    assert isinstance(decided(request(by="ann"), **who), Go)
    assert isinstance(decided(request("notify_user"), **who), Go)


def test_old_findings_act_no_longer_by_themselves() -> None:
    at_the_edge = request(found_ms=NOW_MS - 60 * MINUTE_MS)
    assert isinstance(decided(at_the_edge), Go)
    assert reason(decided(at_the_edge, now_ms=NOW_MS + 1)) == "too_old"
    assert reason(decided(request("notify_user", found_ms=NOW_MS - 61 * MINUTE_MS))) == "too_old"
    assert isinstance(decided(request(found_ms=0, by="ann")), Go)


def test_who_does_not_sign_in_by_entra_is_stopped_at_egnyte() -> None:
    decision = decided(auth_type="egnyte")
    assert isinstance(decision, Skip)
    assert (decision.reason, decision.instead) == ("no_effect", "deactivate_egnyte_user")
    other = decided(request("require_sign_in"), auth_type="egnyte")
    assert isinstance(other, Skip)
    assert (other.reason, other.instead) == ("no_effect", None)
    assert reason(decided(request(by="ann"), auth_type="egnyte")) == "no_effect"


def test_without_an_account_there_is_nothing_to_act_on() -> None:
    assert reason(decided(entra_ids=())) == "unknown_user"
    assert reason(decided(request("revoke_links"), egnyte_ids=())) == "unknown_user"


def test_what_a_stronger_action_does_is_not_done_again() -> None:
    suspension, weaker = request(), request("require_sign_in")
    ledger = Ledger()
    ledger.apply(suspension)
    assert reason(decided(weaker, ledger=ledger)) == "stronger"
    held = outcome(suspension, "requested", NOW_MS, reason="breaker")
    ledger.apply(held)
    assert isinstance(decided(weaker, ledger=ledger), Go)  # held: so at least this
    ledger.apply(again(held, "ann", NOW_MS))
    ledger.apply(outcome(suspension, "started", NOW_MS))
    assert reason(decided(weaker, ledger=ledger)) == "stronger"
    ledger.apply(outcome(suspension, "failed", NOW_MS))
    assert isinstance(decided(weaker, ledger=ledger), Go)


def test_a_suspension_of_long_ago_or_undone_stands_in_nobodys_way() -> None:
    suspension, ledger = request(), Ledger()
    for state in ("requested", "started", "succeeded"):
        ledger.apply(outcome(suspension, state, NOW_MS))
    assert reason(decided(request("require_sign_in", origin="f2"), ledger=ledger)) == "stronger"
    later = NOW_MS + 24 * 60 * MINUTE_MS
    weaker = request("require_sign_in", origin="f2", requested_ms=later, found_ms=later)
    assert isinstance(decided(weaker, ledger=ledger, now_ms=later), Go)
    ledger.apply(outcome(suspension, "reverted", NOW_MS))
    assert isinstance(decided(request("require_sign_in", origin="f2"), ledger=ledger), Go)


def test_a_suspension_that_is_not_to_be_stands_in_nobodys_way() -> None:
    ledger = Ledger()
    ledger.apply(request())
    weaker = request("require_sign_in", origin="f2", policy="mass_download")
    dry = Rules(mode="on", policies={"ransomware": "dry-run"})
    assert isinstance(decided(weaker, dry, ledger), Go)
    full = Rules(mode="on", breaker=Breaker(locks=1))
    locked(ledger, "ben", NOW_MS)
    assert isinstance(decided(weaker, full, ledger), Go)
    assert reason(decided(weaker, ledger=ledger)) == "stronger"
    ledger.apply(outcome(request(), "started", NOW_MS))
    assert reason(decided(weaker, dry, ledger)) == "stronger"
    ledger.apply(outcome(request(), "uncertain", NOW_MS))
    assert isinstance(decided(weaker, ledger=ledger), Go)


def test_a_suspension_that_another_action_has_undone_stands_in_nobodys_way() -> None:
    ledger, weaker = Ledger(), request("require_sign_in", origin="f2", requested_ms=NOW_MS + 9)
    opposite = request("unsuspend_user", origin="hand", by="ann")
    done: tuple[State, ...] = ("requested", "started", "succeeded")
    for asked, at_ms in ((request(), NOW_MS), (opposite, NOW_MS + 5)):
        for state in done:
            assert ledger.apply(outcome(asked, state, at_ms))
    assert isinstance(decided(weaker, ledger=ledger), Go)
    once_more = request(origin="f3")
    for state in done:
        ledger.apply(outcome(once_more, state, NOW_MS + 6))
    assert reason(decided(weaker, ledger=ledger)) == "stronger"


def test_the_breaker_counts_people_and_not_what_is_done_to_each() -> None:
    ledger = Ledger()
    for n in range(3):
        locked(ledger, f"u{n}", NOW_MS)
        locked(ledger, f"u{n}", NOW_MS + 1, action="confirm_compromised")
    assert isinstance(decided(ledger=ledger, now_ms=NOW_MS + 2), Go)
    for n in range(3, 5):
        locked(ledger, f"u{n}", NOW_MS)
    assert isinstance(decided(ledger=ledger, now_ms=NOW_MS + 2), Hold)
    again_locked = request("confirm_compromised", user="u4")
    assert isinstance(decided(again_locked, ledger=ledger, now_ms=NOW_MS + 2), Go)  # locked out already


def test_the_breaker_holds_the_sixth_within_a_quarter_of_an_hour() -> None:
    ledger = Ledger()
    for n in range(5):
        assert isinstance(decided(request(user=f"u{n}"), ledger=ledger), Go)
        locked(ledger, f"u{n}", NOW_MS + n)
    assert isinstance(decided(ledger=ledger, now_ms=NOW_MS + 10), Hold)
    assert isinstance(decided(request("deactivate_egnyte_user"), ledger=ledger, now_ms=NOW_MS + 10), Hold)
    assert isinstance(decided(request("require_sign_in"), ledger=ledger, now_ms=NOW_MS + 10), Go)
    assert isinstance(decided(request(by="ann"), ledger=ledger, now_ms=NOW_MS + 10), Go)
    assert isinstance(decided(ledger=ledger, now_ms=NOW_MS + 15 * MINUTE_MS - 1), Hold)
    assert isinstance(decided(ledger=ledger, now_ms=NOW_MS + 15 * MINUTE_MS), Go)


def test_the_breaker_holds_more_than_a_hundredth_of_the_people_a_day() -> None:
    ledger = Ledger()
    for n in range(10):
        locked(ledger, f"u{n}", NOW_MS - (n + 2) * 60 * MINUTE_MS)
    assert isinstance(decided(ledger=ledger, people=1_000), Hold)
    assert isinstance(decided(ledger=ledger, people=1_100), Go)
    assert isinstance(decided(request(user="u3"), ledger=ledger, people=1_000), Go)  # locked out already
    assert Breaker().a_day(people=50) == 5
    assert Breaker().a_day(people=100_000) == 1_000


def test_a_dry_run_shows_what_would_be_done_and_fills_no_breaker() -> None:
    ledger = Ledger()
    for n in range(50):
        asked = request(user=f"u{n}")
        assert reason(decided(asked, Rules(), ledger=ledger)) == "dry_run"
        ledger.apply(asked)
        ledger.apply(outcome(asked, "skipped", NOW_MS, reason="dry_run"))
    assert isinstance(decided(ledger=ledger), Go)


def test_no_storm_of_findings_locks_out_more_than_the_breaker_lets() -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    ledger, now_ms, starts = Ledger(), NOW_MS, []
    for n in range(2_000):
        now_ms += chance.randint(0, 2 * MINUTE_MS)
        action = chance.choice(["suspend_user", "deactivate_egnyte_user", "confirm_compromised"])
        asked = request(action, user=f"u{chance.randrange(400)}", origin=f"f{n}", found_ms=now_ms, at_ms=now_ms)  # type: ignore[arg-type]
        ledger.apply(asked)
        if isinstance(decided(asked, ledger=ledger, people=2_000, now_ms=now_ms), Go):
            ledger.apply(outcome(asked, "started", now_ms))
            ledger.apply(outcome(asked, "succeeded", now_ms))
            starts.append((now_ms, asked.user))
    assert len(starts) > 20
    for at_ms, _ in starts:
        within = [each for each in enumerate(starts) if at_ms - 15 * MINUTE_MS < each[1][0] <= at_ms]
        new = {
            user
            for n, (other, user) in within
            if not any(who == user and other - DAY_MS < before for before, who in starts[:n])
        }
        assert len(new) <= 5
        assert len({user for other, user in starts if at_ms - 1_440 * MINUTE_MS < other <= at_ms}) <= 20


def test_messages_about_nobody_obey_the_mode_and_the_age_alone() -> None:
    about_nobody = request("notify", user="")
    assert decided(about_nobody) == Go()
    assert reason(decided(about_nobody, Rules())) == "dry_run"
    assert reason(decided(about_nobody, Rules(mode="off"))) == "off"
    assert reason(decided(about_nobody, now_ms=NOW_MS + 60 * MINUTE_MS)) == "too_old"
    assert decided(request("notify", user="", by="ann"), now_ms=NOW_MS + 60 * MINUTE_MS) == Go()


def test_who_somebody_is_comes_from_the_directory() -> None:
    record = DirectoryRecord(
        connector="acme", alias=JANE, kind="email", user=JANE, email=JANE, upn="jane@acme.onmicrosoft.com",
        account=Account(guest=True, privileged=True, auth_type="egnyte"), synced=True, entra_ids=("e",),
        egnyte_ids=("1",),
    )  # fmt: skip
    known = standing_of(JANE, record)
    assert (known.guest, known.privileged, known.synced, known.by_entra) == (True, True, True, False)
    assert (known.entra_ids, known.egnyte_ids) == (("e",), ("1",))
    assert "jane@acme.onmicrosoft.com" in known.names
    nobody = standing_of(JANE, None)
    assert (nobody.known, nobody.names, nobody.entra_ids) == (False, (JANE,), ())


def test_rules_are_read(tmp_path: Path) -> None:
    path = tmp_path / "governance.yaml"
    assert read_rules(path) == Rules()
    path.write_text("")
    assert read_rules(path) == Rules()
    path.write_text(
        "mode: on\nconnectors: {acme: off}\npolicies: {ransomware: on, new_client: dry-run}\n"
        "protected: [breakglass@acme.example]\nact_on_guests: true\nmax_age_minutes: 30\n"
        "breaker: {locks: 3, minutes: 10, percent_of_people: 0.5}\n"
    )
    rules = read_rules(path)
    assert (rules.mode, rules.connectors, rules.policies["ransomware"]) == ("on", {"acme": "off"}, "on")
    assert rules.breaker == Breaker(locks=3, minutes=10, percent_of_people=0.5)
    assert rules.max_age_minutes == 30


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mode: maybe\n", "maybe"),
        ("modes: on\n", "modes"),
        ("breaker: {locks: 0}\n", "locks"),
        ("breaker: {percent_of_people: 200}\n", "percent_of_people"),
        ("policies: {ransomware: 3}\n", "policies"),
        ("- on\n", "Expected `object`"),
        ("mode: [\n", "is not YAML"),
        ("mode: \udcff\n", "can't be read"),
    ],
)
def test_wrong_rules_are_refused_with_the_file(text: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "governance.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(RulesError, match=word) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)
