"""Candidates of all kinds, as hypothesis strategies, and one from real life."""

from typing import Final

from hypothesis import strategies as st

from detections.model import Candidate, Evidence, Metadata, Number, Step, Technique
from schemas.activity import TYPES, Person

POLICY: Final = Metadata(
    id="impossible_travel",
    version="1",
    title="Impossible travel",
    description="Two activities of one user, further apart than anyone can travel in the time between them.",
    techniques=(
        Technique("T1078.004", "Cloud Accounts", "TA0001", "Initial Access"),
        Technique("T1530", "Data from Cloud Storage", "TA0009", "Collection"),
    ),
    severity="medium",
    raises="alert",
    false_positives=("A VPN that is not listed.",),
    triage="Ask the user where they are.",
    remediation="Suspend the user and reset the password.",
)
STEPS: Final[tuple[Step, ...]] = ("create", "update", "close", "suppress")
TIMES: Final = st.integers(0, 4_102_444_800_000)
"""ms: 1970 to 2100."""

numbers = st.builds(
    Number,
    name=st.text(max_size=30),
    observed=st.floats(),
    baseline=st.none() | st.floats(),
    unit=st.sampled_from(("", "km", "km/h", "logins")),
)
evidence = st.builds(
    Evidence,
    event_id=st.text(max_size=32),
    time_ms=TIMES,
    type=st.sampled_from(TYPES),
    ip=st.just("") | st.ip_addresses().map(str),
    country=st.sampled_from(("", "DE", "US", "FR")),
    city=st.text(max_size=300),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    radius_km=st.floats(0, 5_000),
    asn=st.integers(0, 2**32 - 1),
    organisation=st.text(max_size=300),
    client=st.text(max_size=300),
    path=st.text(max_size=40) | st.text(min_size=1, max_size=3).map(lambda part: f"/{part}" * 800),
)
persons = st.builds(
    Person,
    kind=st.sampled_from(("person", "anonymous", "system", "unknown")),
    email=st.just("") | st.emails() | st.text(max_size=400),
    name=st.text(max_size=400),
    user_id=st.text(max_size=20),
)


@st.composite
def candidates(draw: st.DrawFn, steps: tuple[Step, ...] = STEPS) -> Candidate:
    """Any candidate that keeps the rules of `Candidate`."""
    step = draw(st.sampled_from(steps))
    first_ms = draw(TIMES)
    return Candidate(
        policy=POLICY.id,
        step=step,
        anchor=draw(st.text(min_size=1, max_size=32)),
        severity=draw(st.sampled_from(("informational", "low", "medium", "high", "critical"))),
        raises=draw(st.sampled_from(("alert", "behavior"))),
        message=draw(st.text(max_size=40) | st.text(min_size=1, max_size=3).map(lambda part: part * 2_000)),
        first_ms=first_ms,
        last_ms=first_ms + draw(st.integers(0, 86_400_000)),
        count=draw(st.integers(1, 10**9)),
        numbers=tuple(draw(st.lists(numbers, max_size=4))),
        evidence=tuple(draw(st.lists(evidence, max_size=4))) * draw(st.sampled_from((1, 1, 10))),
        suppressed=draw(st.sampled_from(("learning", "same_country"))) if step == "suppress" else "",
    )
