"""Every mistake in a policy is told, all at once, with its line, its field and what would be right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections.activity_policies.definition import check, read, read_with_cases
from detections.activity_policies.organisation import Organisation
from detections.activity_policies.organisation import read as read_organisation
from tests.detections.activity_policies.policies_of import OURS, policy_of, problems_of

HEAD = "id: a_policy\ntitle: A policy\n"


@pytest.mark.parametrize(
    ("body", "line", "field", "told"),
    [
        ("filters: {tpye: download}", 3, "filters.tpye", "did you mean 'type'?"),
        ("filters:\n  type: donwload", 4, "filters.type", "did you mean 'download'?"),
        ("filters:\n  type:\n    - view\n    - login2", 6, "filters.type", "did you mean 'login'?"),
        ("filters: {path: {startwith: /a}}", 3, "filters.path.startwith", "'startswith'"),
        ("filters: {path: {eq: Shared}}", 3, "filters.path.eq", "did you mean '/Shared'?"),
        ("filters: {path: {under: []}}", 3, "filters.path.under", "expected a text"),
        ("filters: {path: {under: ''}}", 3, "filters.path.under", "expected a text"),
        ("filters: {path: {under: '@teem'}}", 3, "filters.path.under", "did you mean '@team'?"),
        ("filters: {path: {glob: '/**/a/**/b/**'}}", 3, "filters.path.glob", "at most 2"),
        ("filters: {ip: 198.51.100.7/24}", 3, "filters.ip", "did you mean 198.51.100.0/24?"),
        ("filters: {ip: 198.51.100}", 3, "filters.ip", "an address or a block"),
        ("filters: {ip_category: corporat}", 3, "filters.ip_category", "did you mean 'corporate'?"),
        ("filters: {country: Portugal}", 3, "filters.country", "two letters"),
        ("filters: {asn: {lt: [1, 2]}}", 3, "filters.asn.lt", "takes one"),
        ("filters: {asn: AS1}", 3, "filters.asn", "whole number"),
        ("filters: {external: yes}", 3, "filters.external", "true or false"),
        ("filters: {time: 9-17}", 3, "filters.time", "22:00-06:00"),
        ("filters: {weekday: monday}", 3, "filters.weekday", "did you mean 'mon'?"),
        ("filters: {extension: a.b}", 3, "filters.extension", "last dot"),
        ("filters: {any: {client: x}}", 3, "filters.any", "a list of filters"),
        ("filters: {any: [{clint: x}]}", 3, "filters.any[0].clint", "did you mean 'client'?"),
        ("filters: {}\nscope: {include: {user: a@b.c}}", 4, "scope.include.user", "did you mean 'users'?"),
        ("filters: {}\nscope: {include: {users: mara}}", 4, "scope.include.users", "e-mail"),
        ("filters: {}\nseverity: hihg", 4, "severity", "did you mean 'high'?"),
        ("filters: {}\nraise: alarm", 4, "raise", "did you mean 'alert'?"),
        ("filters: {}\nsevrity: high", 4, "sevrity", "did you mean 'severity'?"),
        ("filters: {}\nzone: Europe/Lisbo", 4, "zone", "did you mean 'Europe/Lisbon'?"),
        ("filters: {}\nrepeated: {count: 5}", 4, "repeated.within", "is missing"),
        ("filters: {}\nrepeated: {count: 1, within: 1 min}", 4, "repeated.count", "allowed are 2"),
        ("filters: {}\nrepeated: {count: 5, within: 5}", 4, "repeated.within", "'5 min'"),
        ("filters: {}\nrepeated: {count: 5, within: 2 d}", 4, "repeated.within", "1 s to 1 d"),
        ("filters: {}\nrepeated: {count: 65, within: 1 h, unique_targets: true}", 4, "repeated.count", "at most 64"),
        ("filters: {}\njoin: 1 h\nrepeated: {count: 5, within: 1 h}", 4, "join", "does not go with"),
        ("filters: {}\ndaily_limit: 0", 4, "daily_limit", "allowed are 1"),
        ("filters: {}\ngovern: [suspend]", 4, "govern", "did you mean 'suspend_user'?"),
        ("filters: {}\ngovern: [suspend_user, unsuspend_user]", 4, "govern", "contradict"),
        ("filters: {}\ntechniques: [T1531, T1587]", 4, "techniques[1]", "did you mean"),
        ("filters: {}\ncategory: threats", 4, "category", "did you mean 'threat_detection'?"),
        ("filters: {}\nfilters: {}", 4, "filters", "stands here twice, first in line 3"),
        ("filters: {}\nraise: *x", 4, "file", "alias"),
        ("filters: {", 3, "file", "is not YAML"),
        ("title: x", 3, "title", "twice"),
        ("filters: {}\ncases: {quiet: [{name: a, activities: [{at: 9}]}]}", 4, "cases.quiet[0].activities[0].at", "09"),
        ("filters: {}\ncases: {fires: [{name: a}]}", 4, "cases.fires[0].activities", "has none"),
        ("filters: {}\ncases: {borderline: [{name: a}]}", 4, "cases.borderline[0]", "two sides"),
        ("filters: {}\ncases: {base: {typ: login}}", 4, "cases.base.typ", "did you mean 'type'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_is_right(body: str, line: int, field: str, told: str) -> None:
    problems = problems_of(HEAD + body)
    assert any((each.line, each.field) == (line, field) and told in str(each) and not each.note for each in problems), [
        str(each) for each in problems
    ]
    assert read(HEAD + body, "x.yaml", OURS)[0] is None


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = "id: A\nseverity: worst\nraise: x\nfilters:\n  typ: login\n  ip: 1\n  country: Spain\ngovern: nothing\n"
    problems = check(text, "p.yaml")
    assert [each.line for each in problems] == [1, 1, 2, 3, 5, 6, 7, 8]
    assert all(str(each).startswith(f"p.yaml:{each.line}: ") for each in problems)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("filters: {user_type: admin}", "filters.user_type"),
        ("filters: {actor_group: [a]}", "filters.actor_group"),
        ("filters: {}\nscope: {exclude: {groups: x}}", "scope.exclude.groups"),
        ("filters: {external: true}", "filters.external"),
        ("filters: {type: {eq: view, neq: view}}", "filters.type"),
        ("filters: {path: /Shared/*}", "filters.path"),
        ("filters: {}\ngovern: [suspend_user, require_sign_in]", "govern"),
    ],
)
def test_what_can_not_match_or_is_needless_is_a_note_and_no_mistake(body: str, field: str) -> None:
    policy, problems = read(HEAD + body, "x.yaml", Organisation())
    assert policy is not None
    assert [(each.field, each.note) for each in problems] == [(field, True)]


@pytest.mark.parametrize(
    "text", ["", "[]", "text", "? [a]\n: b", "- a\n", "[" * 5_000, "id: \x00", "a: " * 3, "\ufeff"]
)
def test_what_is_no_policy_is_told(text: str) -> None:
    assert check(text, "x.yaml")


@given(st.text(max_size=200) | st.text("ab:{}[]&*!-\n '\"#|>?", max_size=60))
def test_no_text_makes_the_check_raise(text: str) -> None:
    for each in (text, HEAD + "filters:\n" + text):
        assert all(problem.problem for problem in check(each, "x.yaml")), "what is wrong is said"


@pytest.mark.parametrize("name", ["failed_logins", "policy_rejected"])
def test_ids_that_are_taken_are_refused(name: str) -> None:
    (problem,) = check(f"id: {name}\ntitle: x\nfilters: {{}}", "x.yaml", None, ("failed_logins",))
    assert "is taken" in problem.problem


def test_the_version_changes_with_what_the_policy_is_made_of_and_not_with_its_cases() -> None:
    def version(body: str, organisation: Organisation = OURS) -> str:
        return policy_of(body, organisation).metadata.version

    base = version("filters: {actor: '@team'}")
    assert base == version("filters:\n  actor: '@team' # all of them")
    assert base == version("filters: {actor: '@team'}\ncases: {}")
    assert base != version("filters: {actor: '@team'}\nseverity: low")
    assert base != version("filters: {actor: '@team'}", Organisation(lists={"team": ("x@y.z",)}))


def test_metadata_is_read_whole() -> None:
    metadata = policy_of(
        "description: D.\nseverity: low\nraise: behavior\ncategory: compliance\n"
        "govern: [notify, revoke_links, notify]\n"
        "techniques: [T1530, {uid: T9999, name: New, tactic_uid: TA0010}]\nfilters: {}\ntriage: T.\nremediation: R."
    ).metadata
    assert (metadata.severity, metadata.raises, metadata.category) == ("low", "behavior", "compliance")
    assert metadata.govern == ("notify", "revoke_links")
    assert [(each.uid, each.tactic) for each in metadata.techniques] == [
        ("T1530", "Collection"),
        ("T9999", "Exfiltration"),
    ]
    assert (metadata.description, metadata.triage, metadata.remediation) == ("D.", "T.", "R.")


def test_cases_that_do_not_hold_are_noticed() -> None:
    from detections.activity_policies.stories import mismatch

    text = HEAD + (
        "filters: {type: login}\ncases:\n  base: {type: login}\n  fires:\n"
        "    - {name: a, activities: [{at: '09:00'}]}\n"
        "    - {name: b, activities: [{at: '09:00', type: view}]}\n"
        "    - {name: c, activities: [{at: '09:00'}], finds: [create, update]}\n"
        "  quiet:\n    - {name: d, activities: [{at: '09:00'}]}\n"
        "    - {name: e, activities: [{at: '09:00', type: view}]}\n"
    )
    policy, cases = read_with_cases(text, "x.yaml")
    assert policy is not None
    assert [bool(mismatch(policy, each)) for each in cases] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("domain: [a.b]", "domain"),
        ("domains: [mara@a.b]", "domains"),
        ("domains: nodot", "domains"),
        ("lists: {a: []}", "lists.a"),
    ],
)
def test_a_wrong_organisation_is_told(text: str, field: str) -> None:
    (problem,) = read_organisation(text, "organisation.yaml")[1]
    assert problem.field == field


def test_an_organisation_may_be_empty() -> None:
    assert read_organisation("# nothing\n", "o") == (Organisation(), [])
    assert read_organisation("domains: []\n", "o") == (Organisation(), [])
