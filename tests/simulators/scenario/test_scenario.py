"""The organisation over some weeks: repeatable, in order, and with labels that tell the truth."""

import itertools
from collections import Counter, defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from simulators.scenario import Scenario
from simulators.scenario.attacks import ATTACKS
from simulators.scenario.confusers import CONFUSERS
from simulators.scenario.scenario import QUIET_DAYS
from simulators.scenario.whereabouts import local_ms

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
USERS = 120
DAYS = 18
PERSON = ("user", "actor", "assigner")
LONG_SILENT = {"awakening", "back_from_leave"}
ELSEWHERE = {"flight", "plane_wifi", "roaming_phone", "conference"}


def email_of(event):
    """Of whoever did it; empty for strangers."""
    named = next(event[role] for role in PERSON if role in event)
    return named.partition("( ")[2].removesuffix(" )")


@pytest.fixture(scope="module", params=[1, 2, 3])
def scenario(request):
    return Scenario(request.param, users=USERS, days=DAYS)


@pytest.fixture(scope="module")
def events(scenario):
    return list(scenario)


@pytest.fixture(scope="module")
def seen(scenario, events):
    """Of each e-mail: the successful events with an address, in order."""
    by_mail = defaultdict(list)
    for event in events:
        if "ipAddress" in event and event["action"] not in {"Failed Login", "Account Lockout"}:
            by_mail[email_of(event)].append(event)
    return by_mail


def _labels(scenario, kind):
    found = [label for label in scenario.labels if label.kind == kind]
    assert found, kind
    return found


def test_the_same_seed_gives_the_same_and_another_another(scenario, events):
    again = Scenario(scenario.seed, users=USERS, days=DAYS)
    assert list(again) == events
    assert again.labels == scenario.labels
    assert again.surroundings == scenario.surroundings
    assert again.directory_changes == scenario.directory_changes
    assert list(itertools.islice(Scenario(scenario.seed + 100), 100)) != events[:100]


def test_events_are_in_order_and_in_the_time(scenario, events):
    dates = [event["date"] for event in events]
    assert dates == sorted(dates)
    assert dates[-1] < scenario.end_ms
    silent = {label.user for label in scenario.labels if label.kind in LONG_SILENT}
    early = {email_of(event) for event in events if event["date"] < scenario.start_ms}
    assert early == silent


def test_all_sources_occur(events):
    sources = Counter(event["auditSource"] for event in events)
    assert set(sources) == {
        "FILE_AUDIT",
        "LOGIN_AUDIT",
        "USER_AUDIT",
        "GROUP_AUDIT",
        "PERMISSION_AUDIT",
        "WG_SETTINGS_AUDIT",
        "WORKFLOW_AUDIT",
    }
    assert {"Login", "Failed Login", "Logout", "Download", "Preview", "Upload", "Create Link"} <= {
        event.get("action") for event in events
    }


def test_everybody_is_known_before_anything_happens(scenario, events):
    """Learning takes seven days and ten logins."""
    first: dict[str, int] = {}
    logins: Counter[str] = Counter()
    quiet_ms = scenario.start_ms + QUIET_DAYS * DAY_MS
    for event in events:
        if event["auditSource"] == "LOGIN_AUDIT" and event["action"] == "Login" and event["date"] < quiet_ms:
            first.setdefault(event["user"], event["date"])
            logins[event["user"]] += 1
    unknown = {label.user for label in scenario.labels if label.kind in LONG_SILENT | {"new_joiner"}}
    for person in scenario.organisation.people:
        if person.email in unknown:
            continue
        assert logins[person.label] >= 10
        assert first[person.label] < scenario.start_ms + 3 * DAY_MS  # seven days before anything happens
    habits = {"carrier_hub_abroad"}
    assert min(label.start_ms for label in scenario.labels if label.kind not in habits) >= quiet_ms


def test_people_work_in_their_own_day(scenario, events):
    everybody = {person.label: person for person in scenario.organisation.people}
    away = {mail for label in scenario.labels if label.kind in ELSEWHERE for mail in (label.user, *label.company)}
    away |= {label.user for label in scenario.labels if label.kind in LONG_SILENT}
    staged = {id(event) for label in scenario.labels for event in label.events}
    for event in events:
        person = everybody.get(event.get("user", ""))
        if person is None or person.email in away or id(event) in staged:
            continue
        local_h = (event["date"] - local_ms(_date(event, person), 0, person.city.zone)) / HOUR_MS
        assert 6.5 < local_h < 23


def _home(scenario, mail):
    return next(person.home_ip for person in scenario.organisation.people if person.email == mail)


def _date(event, person):
    return datetime.fromtimestamp(event["date"] / 1_000, ZoneInfo(person.city.zone)).date()


def test_every_kind_is_staged_and_nobody_plays_twice(scenario):
    kinds = Counter(label.kind for label in scenario.labels)
    assert set(kinds) | set(scenario.left_out) == {behaviour.kind for behaviour in (*ATTACKS, *CONFUSERS)}
    assert set(scenario.left_out) <= {"mistagged_provider"}, "enough people for all that is not of an office"
    players = Counter(mail for label in scenario.labels for mail in (label.user, *label.company))
    assert max(players.values()) == 1
    assert len({label.incident for label in scenario.labels}) == len(scenario.labels)


def test_a_large_organisation_plays_more_of_each():
    large, larger = (Scenario(1, users=users, days=12).labels for users in (400, 800))
    assert Counter(label.kind for label in large)["stolen_password"] == 4
    assert Counter(label.kind for label in larger)["stolen_password"] == 8


def test_there_is_an_attack_for_every_policy(scenario):
    """Of the design, section 8."""
    assert {label.policy for label in scenario.labels if label.malicious} == {
        "impossible_travel",
        "failed_logins",
        "infrequent_country",
        "anonymous_ip",
        "suspicious_ip",
        "terminated_user",
        "mass_download",
        "mass_delete",
        "mass_share",
        "ransomware",
        "admin_activity",
        "password_spray",
        "credential_stuffing",
        "dormant_account",
        "new_client",
        "link_spread",
    }


def test_the_attacks_events_are_among_the_events(scenario, events):
    there = {id(event) for event in events}
    for label in scenario.labels:
        if label.malicious:
            assert label.start_ms == label.events[0]["date"]
            assert label.end_ms >= label.events[-1]["date"]
        if label.malicious and not label.networks and not label.link:
            assert {email_of(event) for event in label.events} == {label.user}
        assert label.networks or label.link or label.events or not label.malicious
        dates = [event["date"] for event in label.events]
        assert dates == sorted(dates)
        late = [event for event in label.events if id(event) not in there]
        assert all(event["date"] >= scenario.end_ms for event in late)
        assert not (label.malicious and late)


@pytest.mark.parametrize(("kind", "logins"), [("stolen_password", 1), ("stolen_session", 0)])
def test_a_thief_is_where_the_victim_cannot_be(scenario, seen, city_of, kind, logins):
    for label in _labels(scenario, kind):
        assert sum(event["action"] == "Login" for event in label.events) == logins
        assert sum(event["action"] == "Download" for event in label.events) >= 7
        lair = city_of(label.events[0]["ipAddress"])
        own = [event for event in seen[label.user] if event not in label.events]
        nearest = min(own, key=lambda event: abs(event["date"] - label.start_ms))
        km = city_of(nearest["ipAddress"]).distance_km(lair)
        hours = max(abs(nearest["date"] - label.start_ms) / HOUR_MS, 1 / 60)
        assert km > 4_000
        assert km / hours > 1_000
        working = [event for event in own if abs(event["date"] - label.start_ms) < 4 * HOUR_MS]
        assert {event["ipAddress"] for event in working if event["access"] != "Mobile"} == {_home(scenario, label.user)}


def test_guessing_is_far_more_than_anybody_mistypes(scenario, city_of):
    for label in _labels(scenario, "password_guessing") + _labels(scenario, "password_guessed"):
        failures = [event for event in label.events if event["action"] == "Failed Login"]
        assert len(failures) >= 25
        assert len({event["ipAddress"] for event in label.events}) == 1
        assert all(later["date"] - earlier["date"] <= 12_000 for earlier, later in itertools.pairwise(failures))
        success = [event for event in label.events if event["action"] == "Login"]
        assert len(success) == (label.kind == "password_guessed")
        assert all(event["date"] > failures[-1]["date"] for event in success)


def test_typos_are_few_and_end_in_a_login_from_home(scenario, seen):
    for label in _labels(scenario, "monday_typos"):
        *failures, login = label.events
        assert 3 <= len(failures) <= 6
        assert {event["action"] for event in failures} == {"Failed Login"}
        assert login["action"] == "Login"
        assert any(event["ipAddress"] == login["ipAddress"] for event in seen[label.user] if event not in label.events)


def test_a_traveller_is_never_faster_than_a_plane(scenario, seen, city_of):
    for label in _labels(scenario, "flight"):
        own = seen[label.user]
        cities = [city_of(event["ipAddress"]) for event in own]
        assert len({city.country for city in cities}) == 2
        for (earlier, here), (later, there) in itertools.pairwise(zip(own, cities, strict=True)):
            if here != there:
                assert here.distance_km(there) / ((later["date"] - earlier["date"]) / HOUR_MS) < 800


def test_the_vpn_is_on_the_list_and_only_the_list_explains_it(scenario, seen, city_of):
    listed = scenario.lists["company.csv"]
    for label in _labels(scenario, "company_vpn"):
        during = [event for event in seen[label.user] if label.start_ms <= event["date"] < label.end_ms]
        cities = {city_of(event["ipAddress"]).name: event["ipAddress"] for event in during}
        assert len(cities) == 2
        vpn = [network for network in listed.splitlines() if ",vpn," in network]
        tunnelled = [
            ip for ip in cities.values() if any(ip.rpartition(".")[0] == line.partition(".0/")[0] for line in vpn)
        ]
        assert len(tunnelled) == 1


@pytest.mark.parametrize("kind", ["carrier_exit", "ip_switch"])
def test_some_are_seen_in_two_cities_of_one_country(scenario, seen, city_of, kind):
    for label in _labels(scenario, kind):
        during = [event for event in seen[label.user] if label.start_ms <= event["date"] < label.end_ms]
        cities = {city_of(event["ipAddress"]) for event in during}
        assert len(cities) == 2
        assert len({city.country for city in cities}) == 1
        versions = {":" in event["ipAddress"] for event in during}
        assert versions == ({True, False} if kind == "ip_switch" else {False})


def test_some_are_seen_on_both_sides_of_a_border(scenario, seen, city_of):
    for label in _labels(scenario, "neighbouring_countries"):
        during = [event for event in seen[label.user] if label.start_ms <= event["date"] < label.end_ms]
        assert len({city_of(event["ipAddress"]).country for event in during}) == 2


def test_all_others_stay_where_they_live(scenario, events, city_of):
    moved = {mail for label in scenario.labels for mail in (label.user, *label.company)}
    staged = {id(event) for label in scenario.labels for event in label.events}
    home = {person.email: person.city for person in scenario.organisation.people if person.email not in moved}
    for event in events:
        if "ipAddress" in event and id(event) not in staged and (city := home.get(email_of(event))):
            assert city_of(event["ipAddress"]) is city


def test_there_is_everyday_life_without_roles():
    quiet = Scenario(1, users=3, days=2, behaviours=())
    assert quiet.labels == ()
    assert len(list(quiet)) > 50


def test_few_people_play_what_they_can_and_too_few_days_are_refused():
    assert len(Scenario(1, users=3).labels) == 3
    with pytest.raises(ValueError, match="too short"):
        Scenario(1, days=9)
    with pytest.raises(ValueError, match="at least one user"):
        Scenario(1, users=0)


def test_everybody_has_an_address_of_their_own():
    people = Scenario(1, users=1_200, days=1, behaviours=()).organisation.people
    assert len({person.email for person in people}) == 1_200
    assert len({person.user_id for person in people}) == 1_200
    assert sum(person.is_admin for person in people) == 48
