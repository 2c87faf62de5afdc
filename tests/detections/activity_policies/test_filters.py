"""What each filter and operator matches, and what not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections.activity_policies.attributes import ATTRIBUTES, operators
from detections.activity_policies.organisation import Organisation
from detections.state import UserState
from schemas.activity import Account, Knowledge, Network, Person, Place
from tests.detections.activity_policies.policies_of import DAY, OURS, act, matches, policy_of, problems_of

HOUR = 3_600_000
GUEST = Person(email="ines@partner.example", name="Ines")
BARE: dict[str, Any] = {
    "path": "", "client": "", "ip": "", "place": Place(), "network": Network(), "actor": Person(kind="anonymous"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "yes", "no"),
    [
        ("{actor: MARA@example.com}", {}, {"actor": GUEST}),
        ("{actor: '42'}", {}, {"actor": GUEST}),
        ("{actor: '@team'}", {}, {"actor": GUEST}),
        ("{actor: {glob: 'mara@*'}}", {}, {"actor": GUEST}),
        ("{actor: {contains: lindqvist}}", {}, {"actor": GUEST}),
        ("{subject: ines@partner.example}", {"subject": GUEST}, {}),
        ("{subject: {is_set: true}}", {"subject": GUEST}, {}),
        ("{person: ines@partner.example}", {"subject": GUEST}, {}),
        ("{person: mara@example.com}", {"subject": GUEST}, {"actor": GUEST}),
        ("{actor_kind: anonymous}", {"actor": Person(kind="anonymous")}, {}),
        ("{domain: example.com}", {}, {"actor": GUEST}),
        ("{subject_domain: partner.example}", {"subject": GUEST}, {}),
        ("{external: true}", {"actor": GUEST}, {}),
        ("{external: true}", {"actor": GUEST}, {"actor": Person(kind="anonymous")}),
        ("{external: true}", {"actor": Person(email="a@notexample.com")}, {}),
        ("{external: false}", {}, {"actor": GUEST}),
        ("{external: false}", {}, {"actor": Person(kind="anonymous")}),
        ("{subject_external: true}", {"subject": GUEST}, {}),
        ("{type: [download, upload]}", {}, {"type": "view"}),
        ("{type: {neq: view}}", {}, {"type": "view"}),
        ("{action: download}", {}, {"action": "Preview"}),
        ("{audit_source: file_audit}", {}, {"audit_source": "LOGIN_AUDIT"}),
        ("{outcome: failure}", {"outcome": "failure"}, {}),
        ("{administrative: true}", {"administrative": True}, {}),
        ("{interactive: true}", {}, {"interactive": False}),
        ("{info: {contains: co-editing}}", {"info": "Co-Editing Session Id: 7"}, {}),
        ("{group: Payroll}", {"group": "payroll"}, {}),
        ("{text: {contains: finance}}", {}, {"path": "/Shared/Financed"}),
        ("{text: {contains: lisbon}}", {}, {"place": Place()}),
        ("{path: {under: /shared/finance}}", {}, {"path": "/Shared/Finances/x"}),
        ("{path: {under: /shared/finance/}}", {"path": "/Shared/Finance"}, {"path": "/Shared"}),
        ("{path: {glob: '/Shared/*/2025/*.xlsx'}}", {}, {"path": "/Shared/A/B/2025/x.xlsx"}),
        ("{path: {glob: '/Shared/**/*.xlsx'}}", {}, {"path": "/Shared/Finance/x.docx"}),
        ("{path: {glob: '/Shared/**/*.xlsx'}}", {"path": "/Shared/x.xlsx"}, {"path": "/Private/x.xlsx"}),
        ("{path: {startswith: /shared/fin}}", {}, {"path": "/Shared/HR"}),
        ("{name: {contains: forecast}}", {}, {"path": "/forecast/x"}),
        ("{name: {contains: 'Q3 forecast'}}", {}, {"path": "/x/Q3x forecast"}),
        ("{name: {endswith: .xlsx}}", {}, {"path": "/x.xlsx/y"}),
        ("{extension: [xlsx, docx]}", {}, {"path": "/Shared/x.xlsx/noname"}),
        ("{extension: .xlsx}", {}, {"path": "/Shared/xlsx"}),
        ("{extension: {startswith: xls}}", {}, {"path": "/Shared/x.doc"}),
        ("{target_path: {is_set: true}}", {"target_path": "/Shared/b"}, {}),
        ("{target_name: b.locky}", {"target_path": "/Shared/b.locky"}, {}),
        ("{target_extension: locky}", {"target_path": "/Shared/b.LOCKY"}, {}),
        ("{ip: 198.51.100.0/24}", {}, {"ip": "198.51.101.7"}),
        ("{ip: {in: ['2001:db8::/32', 198.51.100.7]}}", {}, {"ip": "198.51.100.8"}),
        ("{ip: '2001:db8::/32'}", {"ip": "2001:db8::1"}, {}),
        ("{ip: {startswith: 198.51.}}", {}, {"ip": "198.52.1.1"}),
        ("{ip: {is_set: false}}", {"ip": ""}, {}),
        ("{ip_category: [corporate, vpn]}", {}, {"network": Network(category="risky")}),
        ("{ip_tag: office}", {}, {"network": Network(tags=("tor",))}),
        ("{country: [PT, NO]}", {"place": Place(country="NO")}, {"place": Place(country="ES")}),
        ("{country: pt}", {}, {"place": Place(country="ES")}),
        ("{city: lisbon}", {}, {"place": Place(city="Porto")}),
        ("{asn: 64500}", {}, {"network": Network(asn=64501)}),
        ("{asn: {is_set: true}}", {}, {"network": Network()}),
        ("{isp: {contains: telecom}}", {}, {"network": Network(organisation="Telecommunication")}),
        ("{client: web ui}", {}, {"client": "Mobile"}),
        ("{country_users: {lt: 6}}", {}, {"knowledge": Knowledge()}),
        ("{country_users: {gte: 5}, asn_users: {is_not_set: true}}", {}, {"knowledge": Knowledge(4)}),
        ("{flag: no_ip}", {"flags": ("no_ip",)}, {}),
        ("{flag: parent}", {"flags": ("parent",)}, {}),
        ("{time: 09:00-11:00}", {}, {"time_ms": DAY + 11 * HOUR}),
        ("{time: 22:00-06:00}", {"time_ms": DAY + 23 * HOUR}, {}),
        ("{time: 22:00-06:00}", {"time_ms": DAY + 5 * HOUR}, {"time_ms": DAY + 6 * HOUR}),
        ("{time: {not_in: 08:00-18:00}}", {"time_ms": DAY + 20 * HOUR}, {}),
        ("{weekday: [wed, sun]}", {}, {"time_ms": DAY + 24 * HOUR}),
        ("{weekday: {not_in: [sat, sun]}}", {}, {"time_ms": DAY + 72 * HOUR}),
        ("{any: [{client: M}, {ip_category: vpn, name: z}, {path: {under: /Shared}}]}", {}, {"path": ""}),
    ],
)  # fmt: skip
def test_what_a_filter_matches(filters: str, yes: dict[str, Any], no: dict[str, Any]) -> None:
    assert matches(filters, act(**yes))
    assert not matches(filters, act(**no))


@pytest.mark.parametrize(
    "name", ["path", "client", "ip", "country", "city", "asn", "isp", "ip_category", "ip_tag", "actor"]
)
def test_what_denies_keeps_what_lacks_the_attribute_and_set_does_not(name: str) -> None:
    value = {"asn": "1", "ip": "192.0.2.1", "ip_category": "risky", "country": "ES", "path": "/x"}.get(name, "x")
    bare = act(**BARE)
    assert matches(f"{{{name}: {{neq: {value}}}}}", bare)
    assert not matches(f"{{{name}: {{eq: {value}}}}}", bare)
    assert not matches(f"{{{name}: {{neq: {value}, is_set: true}}}}", bare)
    assert matches(f"{{{name}: {{neq: {value}, is_set: true}}}}", act())
    assert matches(f"{{{name}: {{is_not_set: true}}}}", bare)
    assert not matches(f"{{{name}: {{is_not_set: true}}}}", act())


@pytest.mark.parametrize("name", [name for name, each in ATTRIBUTES.items() if each.kind in ("text", "texts", "path")])
def test_every_operator_is_the_opposite_of_its_denial(name: str) -> None:
    if ATTRIBUTES[name].needs:
        return
    value = {"path": "/shared"}.get(name, "ab")
    activities = [act(), act(**BARE), act(subject=GUEST, target_path="/shared/ab", info="ab", client="ab", group="ab")]
    for operator, (positive, denied) in operators(name, ATTRIBUTES[name]).items():
        if denied and positive in operators(name, ATTRIBUTES[name]):
            given = "true" if positive == "is_set" else value
            for each in activities:
                assert matches(f"{{{name}: {{{operator}: {given}}}}}", each) is not matches(
                    f"{{{name}: {{{positive}: {given}}}}}", each
                )


def test_filters_are_anded_and_values_ored() -> None:
    assert matches("{type: [view, download], country: [ES, PT], ip_category: corporate}", act())
    assert not matches("{type: [view, download], country: [ES, PT], ip_category: risky}", act())
    assert not matches("{client: {neq: [Mobile, Web UI]}}", act())


def test_hours_are_of_the_policys_zone() -> None:
    at_ten_in_utc = act()
    assert matches("{time: 19:00-20:00}", at_ten_in_utc, "zone: Asia/Tokyo")
    assert not matches("{time: 10:00-11:00}", at_ten_in_utc, "zone: Asia/Tokyo")
    assert matches("{weekday: thu}", act(DAY + 20 * HOUR), "zone: Asia/Tokyo")


@pytest.mark.parametrize(
    "filters",
    [
        "{user_type: admin}", "{actor_group: {neq: x}}", "{guest: false}", "{privileged: {neq: true}}",
        "{user_type: {is_not_set: true}}", "{external: true}", "{external: false}",
    ],
)  # fmt: skip
def test_what_is_not_known_never_matches(filters: str) -> None:
    assert not matches(filters, act(), organisation=Organisation())


POWER = Account(user_type="power", auth_type="sso", groups=("Architects", "Finance"))
PARTNER = Account(user_type="standard", external=True)


@pytest.mark.parametrize(
    ("filters", "account", "yes"),
    [
        ("{user_type: POWER}", POWER, True),
        ("{user_type: [admin, standard]}", POWER, False),
        ("{user_type: {neq: admin}}", POWER, True),
        ("{user_type: {neq: power}}", POWER, False),
        ("{user_type: {is_set: true}}", Account(), False),
        ("{user_type: {is_not_set: true}}", Account(), True),
        ("{auth_type: {neq: sso}}", POWER, False),
        ("{auth_type: sso}", POWER, True),
        ("{actor_group: finance}", POWER, True),
        ("{actor_group: {startswith: arch}}", POWER, True),
        ("{actor_group: External users}", POWER, False),
        ("{actor_group: External users}", PARTNER, True),
        ("{actor_group: {neq: Finance}}", POWER, False),
        ("{actor_group: {neq: Finance}}", PARTNER, True),
        ("{actor_group: {is_not_set: true}}", Account(), True),
        ("{guest: true}", Account(guest=True), True),
        ("{guest: false}", Account(guest=True), False),
        ("{guest: {neq: true}}", POWER, True),
        ("{privileged: true}", Account(privileged=True), True),
        ("{external: true}", PARTNER, True),
        ("{external: false}", PARTNER, False),
        ("{external: true}", POWER, False),
        ("{external: {neq: true}}", POWER, True),
    ],
)
@pytest.mark.parametrize("organisation", [OURS, Organisation()], ids=["domains", "no domains"])
def test_what_the_directory_answers(filters: str, account: Account, yes: bool, organisation: Organisation) -> None:
    """Also where the domain of the e-mail says otherwise."""
    for actor in (act().actor, GUEST):
        assert matches(filters, act(account=account, actor=actor), organisation=organisation) is yes


def test_the_scope_knows_groups() -> None:
    member, other = act(account=POWER), act(account=PARTNER)
    for scope, of_member, of_other in (
        ("{include: {groups: finance}}", True, False),
        ("{exclude: {groups: [Finance]}}", False, True),
        ("{include: {groups: External users}}", False, True),
        ("{include: {domains: example.com}, exclude: {groups: External users}}", True, False),
    ):
        assert matches("{type: download}", member, f"scope: {scope}") is of_member
        assert matches("{type: download}", other, f"scope: {scope}") is of_other


def test_rows_of_children_match_only_where_asked_for() -> None:
    assert not matches("{type: move}", act(type="move", flags=("parent",)))
    assert matches("{type: move, flag: parent}", act(type="move", flags=("parent",)))
    assert matches("{type: move}", act(type="move", flags=("no_ip",)))


@pytest.mark.parametrize("kind", ["directory", "verdict"])
def test_what_nobody_did_at_egnyte_is_not_judged(kind: str) -> None:
    assert not matches("{}", act(type=kind))
    assert matches("{}", act())


@pytest.mark.parametrize(
    ("scope", "mara", "guest"),
    [
        ("{include: {users: mara@example.com}}", True, False),
        ("{include: {users: '*@partner.*'}}", False, True),
        ("{include: {domains: [EXAMPLE.com]}}", True, False),
        ("{exclude: {domains: example.com}}", False, True),
        ("{include: {domains: [example.com, partner.example]}, exclude: {users: '@team'}}", False, True),
        ("{include: {users: mara@example.com}, exclude: {users: mara@example.com}}", False, False),
        ("{include: {groups: Finance}}", False, False),
        ("{exclude: {groups: Finance}}", True, True),
    ],
)
def test_the_scope_includes_and_exclusion_wins(scope: str, mara: bool, guest: bool) -> None:
    assert matches("{type: download}", act(), f"scope: {scope}") is mara
    assert matches("{type: download}", act(actor=GUEST), f"scope: {scope}") is guest


@given(st.text(max_size=40), st.text(max_size=40), st.integers(-(1 << 60), 1 << 60))
def test_no_activity_makes_a_policy_raise(text: str, other: str, time_ms: int) -> None:
    activity = act(
        time_ms, type=text, path=other, ip=text, client=other, info=text, actor=Person(email=other, name=text)
    )
    for filters in (
        "{time: 01:00-02:00}", "{weekday: mon}", "{ip: 10.0.0.0/8}", "{text: {contains: a}}", "{external: true}",
        "{path: {glob: '**/*a*/?'}}", "{client: new}", "{actor: {glob: '*'}}", "{extension: a}",
    ):  # fmt: skip
        assert matches(filters, activity) in (True, False)


def test_a_finding_says_which_alternatives_hold() -> None:
    policy = policy_of(
        "filters:\n  any:\n    - {because: it was downloaded, action: download}\n"
        "    - {because: the network is not ours, ip_category: {neq: corporate}}\n    - {country: PT}\n"
    )

    def said(**fields: Any) -> list[str]:
        found = policy.judge(act(**fields), UserState())
        return [each.message.partition(" Because ")[2] for each in found]

    hotel = Network(category="")
    assert said() == ["it was downloaded."]
    assert said(network=hotel) == ["it was downloaded, and the network is not ours."]
    assert said(network=hotel, action="Preview") == ["the network is not ours."]
    assert said(action="Preview") == [""]
    assert said(action="Preview", place=Place(country="ES")) == []


def test_a_reason_without_words_is_a_mistake() -> None:
    text = "id: a_policy\ntitle: A policy\nfilters:\n  any:\n    - {because: [], country: PT}\n"
    assert [(each.field, each.line) for each in problems_of(text)] == [("filters.any[0].because", 5)]
