"""What enrich writes to the attempts: which activities, under which keys, to which partitions."""

from typing import Any, Final

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner

from agents import enrich
from agents.attempts import REMEMBERED, Attempts
from connectors.places import Places
from detections.attempts import attempts_of, link_key
from schemas.activity import UNDATED, Activity, Network, Person, Place
from schemas.attempt import Attempt, decode
from schemas.event import Envelope
from streams.sections import PlacesSettings, Settings
from streams.testing import Driver
from streams.topics import PARTITIONS
from tests.agents.partitioned import Row, worked

NOW_MS: Final = 1_795_000_000_000
MARA: Final = Person(email="mara@example.com", name="Mara")
VISITOR: Final = Person(kind="anonymous", name="Anonymous")
LINK: Final = "https://acme.egnyte.com/dl/Qm4TzX81La"
LOGIN: Final[dict[str, Any]] = {
    "date": NOW_MS - 1_000, "user": "Mara ( mara@example.com )", "userId": "1", "action": "Failed Login",
    "access": "Web UI", "ipAddress": "203.0.113.9", "actionInfo": "", "auditSource": "LOGIN_AUDIT",
}  # fmt: skip
OPENED: Final[dict[str, Any]] = {
    "date": NOW_MS - 1_000, "sourcePath": "/Shared/a.docx", "targetPath": LINK, "user": "Anonymous", "userId": "",
    "action": "Download via Link", "access": "Web UI", "ipAddress": "2001:db8:1:2::3", "actionInfo": "",
    "auditSource": "FILE_AUDIT",
}  # fmt: skip


def act(kind: str = "failed_login", **changes: Any) -> Activity:
    given: dict[str, Any] = {"ip": "203.0.113.9", "network": Network(prefix="203.0.113.0/24"), "actor": MARA} | changes
    return Activity(connector="acme", event_id="e1", time_ms=1, received_ms=2, type=kind, **given)


def made(activity: Activity) -> dict[bytes, Attempt]:
    return dict(attempts_of(activity, "acme/mara@example.com"))


def enriched(*events: dict[str, Any], partition: int = 0) -> Driver:
    headers = list(Envelope("acme", "0" * 32).to_headers())
    rows = [Row(NOW_MS, b"acme/mara@example.com", msgspec.json.encode(event), headers) for event in events]
    return worked(enrich.spec(Settings(), Places(PlacesSettings())), [*([] for _ in range(partition)), rows])


def written(driver: Driver) -> list[tuple[int, bytes | None, Attempt]]:
    return [
        (partition, record.key, decode(record.value or b""))
        for partition in range(PARTITIONS)
        for record in driver.records("egnyte.attempts", partition)
    ]


def test_a_login_is_told_by_its_network_and_among_all() -> None:
    found = made(
        act(
            network=Network("203.0.113.0/24", 64500, "Net", "risky", ("tor",)), place=Place("RO"), client="Web UI",
            action="Failed Login",
        )
    )  # fmt: skip
    assert list(found) == [b"acme/203.0.113.0/24", b"acme/logins"]
    assert [each.by for each in found.values()] == ["network", "connector"]
    for each in found.values():
        assert (each.user, each.kind, each.type, each.ip) == (
            "acme/mara@example.com", "person", "failed_login", "203.0.113.9",
        )  # fmt: skip
        assert (each.prefix, each.asn, each.organisation, each.country) == ("203.0.113.0/24", 64500, "Net", "RO")
        assert (each.category, each.tags, each.client, each.action) == ("risky", ("tor",), "Web UI", "Failed Login")


def test_what_a_visitor_does_is_told_by_link() -> None:
    (found,) = made(act("link_access", actor=VISITOR, target_path=LINK, path="/a")).items()
    assert found[0] == link_key("acme", LINK) != link_key("acme", f"{LINK}x")
    assert (found[1].by, found[1].link, found[1].path) == ("link", LINK, "/a")


def test_a_link_that_is_not_told_goes_by_its_file() -> None:
    (found,) = made(act("link_access", actor=VISITOR, path="/a"))
    assert found == link_key("acme", "/a")


@pytest.mark.parametrize(
    "activity",
    [
        act("download"), act("lockout"), act("logout"), act("link_access", target_path=LINK),
        act("link_access", actor=VISITOR), act(ip="", network=Network()),
        *(act(flags=(flag,)) for flag in sorted(UNDATED)),
    ],
    ids=lambda each: f"{each.type} {' '.join(each.flags)}",
)  # fmt: skip
def test_all_else_counts_for_nothing(activity: Activity) -> None:
    assert made(activity) == {}
    assert made(act(flags=("no_user",)))


def test_enrich_writes_them_beside_the_activities_where_kafka_itself_would_put_them() -> None:
    driver = enriched(LOGIN, LOGIN | {"action": "Login"}, OPENED, OPENED | {"action": "Preview"}, partition=3)
    found = written(driver)
    assert len(driver.values("egnyte.activities", 3)) == 4
    keys = [b"acme/203.0.113.0/24", b"acme/logins", link_key("acme", LINK)]
    assert {key for _, key, _ in found} == set(keys)
    assert len(found) == 5
    for partition, key, attempt in found:
        assert partition == DefaultPartitioner()(key, list(range(PARTITIONS)), list(range(PARTITIONS)))
        assert attempt.time_ms == NOW_MS - 1_000
    assert len({partition for partition, _, _ in found}) > 1, "choose keys that differ in their partition"
    assert {attempt.prefix for _, _, attempt in found} == {"203.0.113.0/24", "2001:db8:1::/48"}


def test_unknown_names_come_as_their_bucket() -> None:
    key = b"acme/~unknown-17"
    attempt = next(iter(attempts_of(act(actor=Person("unknown", name="root")), key.decode())))[1]
    assert (attempt.user, attempt.kind) == (key.decode(), "unknown")


def test_partitions_do_not_depend_on_what_is_remembered() -> None:
    attempts = Attempts("t", PARTITIONS)
    keys = [b"acme/%d" % each for each in range(REMEMBERED + 2)]
    first = [attempts.partition(key) for key in keys]
    assert [attempts.partition(key) for key in keys] == first
    assert len(attempts._known) <= REMEMBERED
    assert set(first) == set(range(PARTITIONS))
