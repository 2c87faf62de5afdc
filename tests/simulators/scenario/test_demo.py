"""The demonstration's story: the attacks are attacks, the colleagues are none, and all of it fits Egnyte's stream."""

import itertools
from collections import Counter

import msgspec
import pytest

from simulators.clock import VirtualClock, from_iso, iso
from simulators.egnyte import EgnyteSimulator, Switches
from simulators.egnyte.stream import Query
from simulators.scenario.demo import LIVE_S, Demo

NOW_MS = from_iso("2025-11-24T08:00:00Z")
BEGINS_MS = NOW_MS + 10_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


@pytest.fixture(scope="module", params=[1, 7])
def demo(request):
    return Demo(NOW_MS, request.param)


@pytest.fixture(scope="module")
def live(demo):
    return [event for event, _ in demo.live(BEGINS_MS)]


def _placed(events, person, city_of):
    """The person's successful events in order, each with its city."""
    own = [event for event in events if event["user"] == person.label and event["action"] != "Failed Login"]
    return [(event, city_of(event["ipAddress"])) for event in own]


def test_the_past_is_cut_where_the_streams_window_ends(demo):
    dates = [event["date"] for event in (*demo.history, *demo.recent)]
    assert dates == sorted(dates)
    assert demo.history[-1]["date"] < NOW_MS - 7 * DAY_MS + HOUR_MS <= demo.recent[0]["date"]
    assert dates[-1] < NOW_MS


def test_a_reader_gets_the_past_at_once_and_the_attack_as_it_happens(demo, live):
    clock = VirtualClock(NOW_MS)
    simulator = EgnyteSimulator([*demo.recent, *demo.live(BEGINS_MS)], clock, Switches.unlimited(slice_minutes=0))
    page = simulator.stream.answer(Query(iso(NOW_MS - 7 * DAY_MS)), simulator.switches, clock.now_ms())
    assert len(page.entries) == len(demo.recent)
    got = 0
    for _ in range(LIVE_S + 10):
        clock.advance(1)
        page = simulator.stream.answer(Query(cursor=page.next_cursor), simulator.switches, clock.now_ms())
        assert len(page.entries) < len(live) / 2
        got += len(page.entries)
    assert got == len(live)


def test_everybody_has_been_learned(demo):
    past = (*demo.history, *demo.recent)
    for person in msgspec.structs.astuple(demo.cast):
        logins = [event["date"] for event in past if event["user"] == person.label and event["action"] == "Login"]
        assert len(logins) >= 20
        assert logins[0] < NOW_MS - 9 * DAY_MS
        assert sum(event["user"] == person.label for event in demo.history) > 10


def test_ines_cannot_be_in_singapore(demo, live, city_of):
    ines = demo.cast.ines
    before = [(event, city) for event, city in _placed(demo.recent, ines, city_of) if event["date"] >= NOW_MS - HOUR_MS]
    assert {city.name for _, city in before} == {"Lisbon"}
    assert before[-1][0]["date"] == NOW_MS - 25 * 60_000
    during = _placed(live, ines, city_of)
    stolen = [event for event, city in during if city.name == "Singapore"]
    assert Counter(event["action"] for event in stolen) == {"Preview": 1, "Download": 20}
    assert all(event["sourcePath"].startswith("/Shared/HR/Payroll/") for event in stolen)
    assert {city.name for event, city in during if event not in stolen} == {"Lisbon"}


def test_hanas_password_is_guessed_and_nothing_else_is_impossible(demo, live, city_of):
    hana = demo.cast.hana
    assert hana.is_admin
    own = [event for event in live if event["user"] == hana.label]
    assert Counter(event["action"] for event in own) == {"Failed Login": 26, "Login": 1, "Download": 5}
    assert [event["action"] for event in own][:27] == ["Failed Login"] * 26 + ["Login"]
    assert len({event["ipAddress"] for event in own}) == 1
    assert _fastest_kmh([*demo.recent, *live], hana, city_of) < 500


def test_maras_folder_is_taken_through_tor_and_she_herself_is_away(demo, live):
    own = [event for event in live if event["user"] == demo.cast.mara.label]
    assert Counter(event["action"] for event in own) == {"Login": 1, "Create Link": 1, "Download": 14}
    assert own[0]["action"] == "Login"
    assert {event["ipAddress"] for event in own} <= set(demo.lists["tor-exits.txt"].splitlines())
    made = own[1]
    assert demo.links[made["targetPath"].rpartition("/")[2]] == made["sourcePath"]
    assert all(event["sourcePath"].startswith(made["sourcePath"] + "/") for event in own[2:])
    past = {event["ipAddress"] for event in (*demo.history, *demo.recent) if event["user"] == demo.cast.mara.label}
    assert not past & set(demo.lists["tor-exits.txt"].splitlines())


@pytest.mark.parametrize("name", ["noor", "amina", "jun"])
def test_colleagues_move_no_faster_than_planes(demo, live, city_of, name):
    person = getattr(demo.cast, name)
    assert _fastest_kmh([*demo.history, *demo.recent, *live], person, city_of) < 700


def test_only_the_list_explains_leilas_two_places(demo, live, city_of):
    leila = demo.cast.leila
    during = _placed(live, leila, city_of)
    assert {city.name for _, city in during} == {"Frankfurt am Main", "São Paulo"}
    listed = [line.partition(".0/")[0] for line in demo.lists["company.csv"].splitlines() if ",vpn," in line]
    for event, city in during:
        assert (event["ipAddress"].rpartition(".")[0] in listed) == (city.name == "Frankfurt am Main")


def test_amina_mistypes_a_little(demo, live):
    own = [event["action"] for event in live if event["user"] == demo.cast.amina.label]
    assert own == ["Failed Login"] * 4 + ["Login"]


def test_what_is_expected_and_what_must_be_quiet_are_different_people(demo, live):
    expected = {user for _, user in demo.expected}
    assert demo.expected[0] == ("impossible_travel", demo.cast.ines.email)
    assert demo.expected[1] == ("failed_logins", demo.cast.hana.email)
    assert demo.expected[2] == ("anonymous_ip", demo.cast.mara.email)
    assert not expected & set(demo.quiet)
    assert len(expected | set(demo.quiet)) == 7
    spoken = {event["user"].partition("( ")[2].removesuffix(" )") for event in live}
    assert spoken == expected | set(demo.quiet)


def _fastest_kmh(events, person, city_of):
    fastest = 0.0
    for (earlier, here), (later, there) in itertools.pairwise(_placed(events, person, city_of)):
        if here != there:
            fastest = max(fastest, here.distance_km(there) / ((later["date"] - earlier["date"]) / HOUR_MS))
    return fastest
