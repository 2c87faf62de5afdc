"""A filter finds in the archive what the same filter of a policy matches in the stream: for each attribute and
operator, over activities of all kinds."""

import random
from collections.abc import Iterator

import msgspec
import pytest

from console.archive.database import Database
from console.archive.filters import Condition, conditions
from detections.activity_policies.attributes import ATTRIBUTES, JUDGED_TYPES, operators
from detections.activity_policies.moments import WEEKDAYS
from detections.state import UserState
from schemas.activity import Account, Activity, Knowledge, Network, Person, Place
from streams.errors import Refused
from tests.console.archive.archives import filled
from tests.detections.activity_policies.policies_of import DAY, act, policy_of

NAMES = ("mara@example.com", "Ines@partner.example", "o'neil@example.com", "Zoë Fürst", "=cmd()", "42", "")
PATHS = (
    "", "/Shared", "/Shared/Finance/2025/Q3 forecast_final.XLSX", "/Shared/Finance.old/a.tar.gz", "/Private/ß/Ïx",
    "/shared/finances/%_x?.pdf", "/Shared/a\nb/<script>alert(1)</script>.html", "/Shared/x.xlsx/noname", "/.hidden",
)  # fmt: skip
TEXTS = ("", "Web UI", "web ui", "Co-Editing Session Id: 7", "finance", "Finance Team", "d'or", "100%", "a_b", "Ünï")
IPS = ("", "198.51.100.7", "198.51.101.255", "2001:db8:1::7", "2001:db9::1", "10.0.0.1")
COUNTRIES = ("", "PT", "NO", "DE")
TAGS = ((), ("tor",), ("anonymous_vpn", "hosting"))
FLAGS = ((), ("parent",), ("no_ip",))
NUMBERS = (0, 1, 5, 64500)
SPANS = ("08:00-17:00", "22:00-06:00", "00:00-24:00")
ASKED = {
    "text": (*TEXTS[1:], *NAMES[:-1]), "path": (*PATHS[1:], "/Shared/*", "/Shared/**/*.xlsx", "**/*.pdf", "/Sh?red"),
    "number": ("0", "1", "5", "64500"), "span": SPANS, "weekday": WEEKDAYS,
    "address": ("198.51.100.7", "198.51.100.0/23", "2001:db8::/32", "0.0.0.0/0", "::/0", "10.0.0.0/8"),
}  # fmt: skip


def activities(count: int) -> Iterator[Activity]:
    chance = random.Random(7)  # noqa: S311
    pick = chance.choice

    def person() -> Person:
        return Person(
            kind=pick(("person", "anonymous")), email=pick(NAMES).lower(), name=pick(NAMES), user_id=pick(NAMES)
        )

    for n in range(count):
        account = Account(
            external=pick((True, False)), guest=pick((True, False)), privileged=pick((True, False)),
            user_type=pick(("", "power", "admin")), groups=pick(((), ("Payroll", "HR"), ("legal",))),
        )  # fmt: skip
        yield act(
            DAY + n * 1_234_567,
            type=pick(JUDGED_TYPES), outcome=pick(("success", "failure", "unknown")), actor=person(),
            subject=pick((None, person())), administrative=pick((True, False)), interactive=pick((True, False)),
            action=pick(TEXTS), audit_source=pick(("FILE_AUDIT", "LOGIN_AUDIT")), info=pick(TEXTS), group=pick(TEXTS),
            client=pick(TEXTS), path=pick(PATHS), target_path=pick(PATHS), ip=pick(IPS), flags=pick(FLAGS),
            place=Place(country=pick(COUNTRIES), city=pick(TEXTS)), account=pick((None, account)),
            network=Network(
                asn=pick(NUMBERS), organisation=pick(TEXTS), category=pick(("", "corporate", "risky")), tags=pick(TAGS)
            ),
            knowledge=Knowledge(country_users=pick((-1, *NUMBERS)), asn_users=pick((-1, *NUMBERS))),
        )  # fmt: skip


ALL = list(activities(400))


def events(database: Database, made: Condition) -> set[str]:
    query = f"SELECT event_id FROM activities WHERE {made.sql}"  # noqa: S608
    return {event for (event,) in database.read(query, made.values)}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = filled(tmp_path_factory.mktemp("archive") / "a.duckdb", ALL)
    yield database
    database.close()


def asked(name: str, operator: str, chance: random.Random) -> list[str]:
    attribute = ATTRIBUTES[name]
    if operator in ("is_set", "is_not_set") or attribute.kind == "flag":
        return [chance.choice(("true", "false"))]
    if attribute.choices:
        pool: tuple[str, ...] = attribute.choices
    elif name == "country":
        pool = COUNTRIES[1:]
    elif name.endswith("extension"):
        pool = ("xlsx", "gz", "html", "pdf")
    else:
        pool = ASKED.get(attribute.kind, ASKED["text"])
    return chance.sample(pool, 1 if attribute.kind == "number" and "eq" not in operator else min(2, len(pool)))


CASES = [
    (name, operator)
    for name, attribute in ATTRIBUTES.items()
    for operator in operators(name, attribute)
    if operator != "is_new" and not (name == "type" and "set" in operator)
]


@pytest.mark.parametrize(("name", "operator"), CASES)
def test_the_archive_and_a_policy_agree(database: Database, name: str, operator: str) -> None:
    chance = random.Random(f"{name}.{operator}")  # noqa: S311
    for _ in range(3):
        values = asked(name, operator, chance)
        made = conditions([(f"{name}.{operator}", value) for value in values], domains=["example.com"])
        found = events(database, made)
        filters = msgspec.json.encode({name: {operator: values if len(values) > 1 else values[0]}}).decode()
        # a policy is asked about rows of children only where it asks for them
        judged = [each for each in ALL if name == "flag" or "parent" not in each.flags]
        policy = policy_of(f"filters: {filters}")
        expected = {each.event_id for each in judged if policy.judge(each, UserState())}
        assert found & {each.event_id for each in judged} == expected, filters


def test_filters_are_anded_and_values_ored(database: Database) -> None:
    made = conditions([("country", "PT"), ("country", "NO"), ("type", "download")])
    expected = {each.event_id for each in ALL if each.place.country in ("PT", "NO") and each.type == "download"}
    assert events(database, made) == expected
    assert expected


def test_times_of_day_are_of_the_zone_asked_for(database: Database) -> None:
    winter = conditions([("time", "10:00-11:00")], zone="Europe/Berlin")
    plain = conditions([("time", "09:00-10:00")])
    found = events(database, winter)
    assert found == events(database, plain)
    assert found


@pytest.mark.parametrize(
    ("given", "value", "words"),
    [
        ("countri", "PT", "did you mean 'country'"),
        ("country.equals", "PT", "country knows no 'equals'"),
        ("type", "donwload", "did you mean 'download'"),
        ("ip", "10.0.0.1/8", "did you mean 10.0.0.0/8"),
        ("asn", "many", "expected a whole number"),
        ("time", "noon", "expected a time of day"),
        ("administrative", "perhaps", "expected true or false"),
        ("client.is_new", "true", "search for findings"),
    ],
)
def test_what_cannot_be_asked_is_told(given: str, value: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        conditions([(given, value)])


@pytest.mark.parametrize("hostile", ["' OR 1=1 --", "x'); DROP TABLE activities; --", "\x00", "%", "\\", "$1", "?"])
def test_values_are_never_sql(database: Database, hostile: str) -> None:
    for name in ("actor", "path", "client", "text"):
        for operator in ("eq", "contains", "startswith", "endswith", "glob"):
            made = conditions([(f"{name}.{operator}", hostile)])
            assert len(events(database, made)) < len(ALL)
    assert database.read("SELECT count(*) FROM activities") == [(len(ALL),)]
