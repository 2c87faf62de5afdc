"""`python -m benchmarks.archive`: what the console answers over 5,000,000 activities, and how fast it takes them in."""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.archive import filling, following
from benchmarks.archive.asking import BARS_S, Timed, ask
from benchmarks.archive.following import Taken
from console.archive.database import Database
from simulators.kafka import DevelopmentKafkaError, development_kafka

RESULTS = Path(__file__).parents[1] / "archive.md"


def main() -> int:
    """Run it; returns 1 where a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--activities", type=int, default=5_000_000)
    parser.add_argument("--times", type=int, default=7, help="how often each question is asked")
    parser.add_argument("--followed", type=int, default=400_000, help="activities that wait on the topic")
    parser.add_argument("--rounds", type=int, default=3, help="how often they are taken in")
    parser.add_argument("--archive", type=Path, help="kept there, and used again as it is")
    parser.add_argument("--no-write", action="store_true", help=f"leave {RESULTS.name} as it is")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="egnyte-watch-archive-") as folder:
        path = asked.archive or Path(folder) / "archive.duckdb"
        timed, held, size = _asked(path, asked.activities, asked.times)
    try:
        with development_kafka() as broker:
            taken = [following.measure(broker.bootstrap, asked.followed) for _ in range(asked.rounds)]
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    page = report(timed, taken, held, size)
    print(page)
    if not asked.no_write:
        RESULTS.write_text(page)
    return 0 if all(each.holds for each in timed) and min(each.per_s for each in taken) >= following.BAR else 1


def _asked(path: Path, number: int, times: int) -> tuple[list[Timed], int, int]:
    database = Database(path)
    try:
        count = "SELECT count(*) FROM activities"
        if not database.read(count)[0][0]:
            print(f"making {number:,} activities", flush=True)
            filling.fill(database, number, time.time_ns() // 1_000_000)
        database.read("CHECKPOINT")
        return ask(database, times), database.read(count)[0][0], path.stat().st_size
    finally:
        database.close()


def report(timed: Sequence[Timed], taken: Sequence[Taken], held: int, size: int) -> str:
    """The page `benchmarks/archive.md`."""
    about = (
        f"`python -m benchmarks.archive` on {datetime.now(UTC):%Y-%m-%d}: 2 cores, Python {platform.python_version()}. "
        f"{held:,} activities of {filling.DAYS} days and {filling.USERS:,} users of very uneven diligence, "
        f"{size / 2**20:,.0f} MiB on disk. Each answer is that of the whole page, made by the console's own "
        f"application, asked {len(timed[0].times_s)} times in a row."
    )
    followed = (
        f"Taken in from a topic of a real broker on the same cores, {taken[0].number:,} activities that wait, into a "
        f"new archive; at least {following.BAR:,} a second are asked for:"
    )
    lines = [
        "# The archive",
        "",
        about,
        "",
        "| what | of | median, s | worst, s | bar, s |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {each.what} | {each.how} | {each.median_s:.3f} | {max(each.times_s):.3f} | {BARS_S[each.what]:g}"
            f"{'' if each.holds else ', not met'} |"
            for each in timed
        ),
        "",
        followed,
        "",
        "| round | activities/s | activities per CPU second |",
        "|---:|---:|---:|",
        *(f"| {n} | {each.per_s:,.0f} | {each.per_cpu_s:,.0f} |" for n, each in enumerate(taken, 1)),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
