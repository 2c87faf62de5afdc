"""How fast the archive takes in what a topic holds: the follower itself, on a real broker, into a real file."""

import asyncio
import secrets
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.workload import Keyed, events, publish_to
from console.archive.database import Database
from console.archive.follower import Follower
from schemas.activity import Activity, Network, Person, Place
from streams.sections import KafkaSettings, Settings
from streams.topic_admin import prepare_topics

BAR: Final = 20_000
"""Activities a second."""
WITHIN_S: Final = 600.0


class Taken(msgspec.Struct, frozen=True):
    """`wall_s`: from the start to the last commit. `cpu_s`: of this process meanwhile, the broker's is its own."""

    number: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Activities a second."""
        return self.number / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """The same on a core that nobody else uses."""
        return self.number / self.cpu_s


def measure(bootstrap: str, number: int) -> Taken:
    """`number` activities that wait on the topic, into a new archive. Raises RuntimeError where some do not come."""
    settings = Settings(kafka=KafkaSettings(bootstrap=bootstrap, topic_prefix=f"bench{secrets.token_hex(3)}"))
    with tempfile.TemporaryDirectory(prefix="egnyte-watch-archive-") as folder:
        return asyncio.run(_measure(settings, number, Path(folder)))


async def _measure(settings: Settings, number: int, folder: Path) -> Taken:
    await prepare_topics(settings)
    await publish_to(settings, "activities", [_activity(each) for each in events(number, 5_000)])
    database = Database(folder / "archive.duckdb")
    done = asyncio.Event()
    follower = Follower(settings, database, lambda _: done.set() if follower.stored >= number else None)
    begun, cpu = time.monotonic(), time.process_time()
    following = asyncio.create_task(follower.run())
    try:
        async with asyncio.timeout(WITHIN_S):
            await done.wait()
        taken = Taken(number, time.monotonic() - begun, time.process_time() - cpu)
    except TimeoutError:
        raise RuntimeError(f"only {follower.stored:,} of {number:,} in {WITHIN_S} s: {follower.last_error}") from None
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    found = database.read("SELECT count(*), count(DISTINCT event_id) FROM activities")
    database.close()
    if found != [(number, number)]:
        raise RuntimeError(f"the archive holds {found} of {number:,}")
    return taken


_encode: Final = msgspec.json.Encoder().encode


def _activity(event: Keyed) -> Keyed:
    """The event as `enrich` would publish it, about as long."""
    raw = msgspec.json.decode(event.value)
    person, _, email = raw["user"].removesuffix(" )").partition(" ( ")
    activity = Activity(
        connector="acme", event_id=event.headers[1][1].decode(), time_ms=raw["date"], received_ms=event.received_ms,
        audit_source=raw["auditSource"], action=raw["action"], type="view", outcome="success",
        actor=Person(kind="person", email=email, name=person, user_id=raw["userId"]),
        path=raw.get("sourcePath", ""), client=raw["access"], ip=raw["ipAddress"],
        place=Place(country="PT", city="Lisbon", latitude=38.72, longitude=-9.14, radius_km=50, precision="city"),
        network=Network(prefix="198.51.100.0/24", asn=64_500, organisation="PT Telecom"), raw=msgspec.Raw(event.value),
    )  # fmt: skip
    return msgspec.structs.replace(event, value=_encode(activity))
