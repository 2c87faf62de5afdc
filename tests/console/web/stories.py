"""What an archive of the tests holds: a journey that was found, what was not raised, and names that want to be code."""

from pathlib import Path

from console.archive import rows
from console.archive.database import Database
from detections.finding import finding
from detections.impossible_travel import ImpossibleTravel
from detections.model import Candidate, Evidence, Number, Step
from schemas import finding as findings
from schemas.activity import Activity, Network, Person, Place
from schemas.finding import Finding
from tests.console.archive.archives import Kept, record
from tests.detections.activity_policies.policies_of import DAY, act

HOUR = 3_600_000
SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd()"
WHO = f"acme/{FORMULA}"
LISBON = Place(country="PT", city="Lisbon", latitude=38.72, longitude=-9.14, radius_km=50, precision="city")
PERSON = Person(email=FORMULA, name=SCRIPT, user_id="7")
ACTIVITIES = [
    act(
        DAY + n * HOUR,
        event_id=f"e{n:02}",
        actor=PERSON,
        path=f"/Shared/{SCRIPT}",
        client=f'"><img src=x onerror=alert({n})>',
        place=LISBON,
        network=Network(prefix="198.51.100.0/24", asn=64500, organisation=SCRIPT),
    )
    for n in range(12)
]


def end(activity: Activity, city: str, latitude: float, longitude: float) -> Evidence:
    return Evidence(
        event_id=activity.event_id, time_ms=activity.time_ms, type=activity.type, ip=activity.ip, path=activity.path,
        country="PT", city=city, latitude=latitude, longitude=longitude, radius_km=50,
    )  # fmt: skip


def journey(anchor: str = "e05", step: Step = "create", suppressed: str = "") -> Finding:
    first, last = ACTIVITIES[4], ACTIVITIES[5]
    candidate = Candidate(
        policy="impossible_travel",
        step=step,
        anchor=anchor,
        severity="high",
        raises="alert",
        message=f"{SCRIPT} was in Lisbon, and 60 minutes later in Singapore",
        first_ms=first.time_ms,
        last_ms=last.time_ms,
        numbers=(Number("distance", 11_790.4, None, "km"), Number("speed", 11_790.4, 900.0, "km/h")),
        evidence=(end(first, "Lisbon", 38.72, -9.14), end(last, SCRIPT, 1.29, 103.85)),
        suppressed=suppressed,
    )
    return finding(
        candidate, ImpossibleTravel.metadata, connector="acme", user_key=WHO, actor=PERSON, set_hash="0",
        product_version="0",
    )  # fmt: skip


RAISED = journey()
QUIET = journey("e06", "suppress", "same_country")


def kept(offset: int, found: Finding, topic: str = "t.alerts") -> Kept:
    return Kept(topic, 0, offset, found.time, found.finding_info.uid.encode(), findings.encode(found))


def told(path: Path) -> Database:
    database = Database(path)
    activities = rows.activities([record(n, each) for n, each in enumerate(ACTIVITIES)]).table
    said = rows.finding_records([kept(0, RAISED), kept(1, QUIET, "t.behaviors")]).table
    database.store({"activities": [activities], "finding_records": [said]}, {("t.activities", 0): len(ACTIVITIES)})
    return database
