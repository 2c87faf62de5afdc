"""`python -m detections.contract_page [--check]`: keeps the example finding in docs/contract.md true.

The example is what `finding` really makes of a candidate, so the page can't drift from the code.
Exit code 0: written, or not stale; 1: stale, or without the markers; 2: wrong usage.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from detections.finding import finding
from detections.impossible_travel import ImpossibleTravel
from detections.model import Candidate, Evidence, Number
from schemas import finding as schema
from schemas.activity import Person

PAGE: Final = Path(__file__).parents[1] / "docs" / "contract.md"
COMMAND: Final = "python -m detections.contract_page"
BEGIN: Final = "<!-- example: begin -->\n"
END: Final = "<!-- example: end -->\n"

_POLICY: Final = ImpossibleTravel.metadata
_CANDIDATE: Final = Candidate(
    policy=_POLICY.id,
    step="create",
    anchor="0c8e1b7a4f3d4e5996d2a1b0c3f4e587",
    severity="medium",
    raises="alert",
    message=(
        "Jane Doe was in Berlin (DE) at 2025-10-09 09:00 UTC and 20 min later in Boston (US), 6,080 km away: "
        "18,200 km/h, faster than any airliner (800 km/h)."
    ),
    first_ms=1_760_000_400_000,
    last_ms=1_760_001_600_000,
    numbers=(
        Number("distance", 6_080.0, 500.0, "km"),
        Number("speed", 18_240.0, 800.0, "km/h"),
        Number("time between", 20.0, unit="min"),
    ),
    evidence=(
        Evidence(
            event_id="5f1d3a0c9b7e42d1a6c8e0f2b4d69713",
            time_ms=1_760_000_400_000,
            type="login",
            ip="192.0.2.17",
            country="DE",
            city="Berlin",
            latitude=52.52,
            longitude=13.405,
            radius_km=20.0,
            asn=64500,
            organisation="Example Telekom",
            client="WebUI",
        ),
        Evidence(
            event_id="0c8e1b7a4f3d4e5996d2a1b0c3f4e587",
            time_ms=1_760_001_600_000,
            type="download",
            ip="198.51.100.4",
            country="US",
            city="Boston",
            latitude=42.36,
            longitude=-71.06,
            radius_km=20.0,
            path="/Shared/Finance/2025/forecast.xlsx",
        ),
    ),
)


def example() -> schema.Finding:
    """The finding of the page."""
    return finding(
        _CANDIDATE,
        _POLICY,
        connector="acme",
        user_key="acme/jane@example.com",
        actor=Person(email="jane@example.com", name="Jane Doe", user_id="1742"),
        set_hash="9c1185a5c5e9fc54",
        product_version="0.1.0",
    )


def rendered(page: str) -> str:
    """`page` with today's example between its markers. Raises ValueError where it lacks a marker."""
    for marker in (BEGIN, END):
        if page.count(marker) != 1:
            raise ValueError(f"docs/contract.md needs the line {marker.strip()!r} exactly once")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    text = json.dumps(json.loads(schema.encode(example())), indent=2, ensure_ascii=False)
    return f"{before}{BEGIN}```json\n{text}\n```\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code. Raises OSError where the page can't be read or written."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Bring the example in docs/contract.md up to date.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the example is stale")
    check = parser.parse_args(arguments).check
    page = PAGE.read_text("utf-8")
    try:
        wanted = rendered(page)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if check and page != wanted:
        sys.stderr.write(f"docs/contract.md: the example is stale: run `{COMMAND}`\n")
        return 1
    if not check:
        PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
