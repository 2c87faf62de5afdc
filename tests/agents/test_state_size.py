"""What `detect` keeps of one user, with every shipped policy switched on: bytes, as they are stored."""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agents.detect import Detect
from agents.policies import load_policies
from detections import state as user_state
from detections.model import DAY_MS, HOUR_MS, MINUTE_MS
from detections.state import UserState, Verdicts, encode
from detections.verdicts import MAX_BENIGN, MAX_CLOSED
from schemas.activity import Activity
from streams.handler import Codec, State
from streams.testing import MemoryRecord
from tests.crash.books import Ledger
from tests.detections.streams_of_activities import (
    BOTNET,
    DENVER,
    LISBON,
    OFFICE,
    SINGAPORE,
    START,
    TOR,
    WORK,
    activity,
    source,
    work,
)

POLICIES = Path(__file__).parents[2] / "policies"
KEY = b"acme/mara.lindqvist@example.com"
MOST_BYTES = 8_192
"""Of a busy user; 100,000 of them are then less than a gigabyte, over all workers."""
MOST_HOSTILE_BYTES = 12_288
"""Of somebody who does everything, from everywhere, at any speed, under clients and names of the greatest length."""


@pytest.fixture
def detect(tmp_path: Path) -> Detect:
    """The handler, with the shipped policies, those too that are switched off."""
    shutil.copytree(POLICIES, tmp_path / "policies")
    for path in (tmp_path / "policies" / "activity").glob("*.yaml"):
        path.write_text(path.read_text().replace("enabled: false", "enabled: true"))
    policies = load_policies(tmp_path / "policies")
    assert all(each.settings.enabled for each in policies.activity)
    return Detect(policies, "alerts", "behaviors")


def largest(detect: Detect, life: Iterable[Activity], user: UserState, every: int) -> int:
    """The size of `user`, looked at after each `every`-th activity of `life`."""
    kept: State[UserState] = State({}, Codec(1, UserState, user_state.encode, user_state.decode), {KEY: user})
    out, encoder, most = Ledger("dead", 0), msgspec.json.Encoder(), 0
    for number, each in enumerate(life):
        detect.handle(MemoryRecord(number, each.time_ms, KEY, encoder.encode(each)), kept, out)
        if number % every == 0:
            most = max(most, len(encode(kept.load(KEY))))
    assert all(topic in ("alerts", "behaviors") for (topic, *_), _ in out.rows)
    assert out.rows
    return most


def judged() -> Verdicts:
    """As many verdicts as are kept."""
    return Verdicts(
        closed={f"{n:032x}": START + n for n in range(MAX_CLOSED)},
        benign={str(2**32 - 1 - n): START // DAY_MS for n in range(MAX_BENIGN)},
    )


def busy_life(dice: random.Random) -> Iterable[Activity]:
    """Six weeks: 600 activities a day at home, in the office and by phone, a trip each week, storms, wrong passwords,
    administration, five clients, and at the end an attack."""
    clients = ("Web UI", "Egnyte Desktop App 3.14.2 (Windows)", "Mobile", "Outlook Add-in", "Backup Robot")
    number = 0
    for day in range(42):
        where = dice.choice((LISBON, OFFICE)) if day % 7 != 3 else dice.choice((SINGAPORE, DENVER))
        now = START + day * DAY_MS + 8 * HOUR_MS
        for n in range(600):
            now += dice.randrange(2 * MINUTE_MS)
            kind = "failed_login" if 300 < n < 304 + 20 * (day % 9 == 0) else dice.choice(WORK)
            place = TOR if day == 41 and n > 500 else BOTNET if day == 41 and n > 550 else where
            number += 1
            path = f"/Shared/Confidential/Projects/{n % 50}/{number}.docx"
            more: dict[str, Any] = {"event_id": f"{number:032x}", "client": dice.choice(clients), "path": path}
            yield replace(work(now, place, kind, dice), **more)


def hostile_life(dice: random.Random, gap_s: int) -> Iterable[Activity]:
    now = START
    for number in range(2_500):
        now += dice.randrange(2 * gap_s * 1000)
        anywhere = source(
            f"{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)}.7",
            "".join(dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=2)),
            "Å" * dice.randrange(60),
            dice.uniform(-90, 90),
            dice.uniform(-180, 180),
            dice.randrange(1 << 32),
            organisation="Ø" * 60,
        )
        where = dice.choice((LISBON, SINGAPORE, TOR, BOTNET, anywhere, anywhere, anywhere))
        late = dice.randrange(HOUR_MS) if dice.random() < 0.3 else 0
        yield replace(
            work(now - late, where, dice.choice(("failed_login", "lockout", *WORK)), dice),
            event_id=f"{number:032x}",
            path=f"/Shared/Confidential/{number}/x" * 30,
            target_path=f"{number}.locky",
            client=f"{'Ø' * 40}{dice.randrange(20)}"[-40:],
        )


def test_a_busy_user_is_small(detect: Detect) -> None:
    dice = random.Random(7)  # noqa: S311
    known = UserState()
    days = [activity(START - day * DAY_MS, kind="login") for day in range(60, 0, -1)]
    assert largest(detect, [*days, activity(START, kind="login"), *busy_life(dice)], known, 97) < MOST_BYTES


@pytest.mark.parametrize("gap_s", [1, 700])
def test_nobody_is_large(detect: Detect, gap_s: int) -> None:
    dice = random.Random(gap_s)  # noqa: S311
    assert largest(detect, hostile_life(dice, gap_s), UserState(verdicts=judged()), 7) < MOST_HOSTILE_BYTES
