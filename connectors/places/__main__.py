"""`python -m connectors.places check FILE|DIR...`: what databases and lists hold.

Exit code 0: all can be used; 1: at least one can't, with its reason and advice; 2: wrong usage.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from connectors.places.check import Checked, check


def main(arguments: Sequence[str] | None = None, now: datetime | None = None) -> int:
    """Runs the command; returns the exit code. Raises SystemExit(2) for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m connectors.places", description="Geo-IP databases and IP lists.")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="say what databases (.mmdb) and lists (.txt, .cidr, .csv) hold")
    checking.add_argument("paths", nargs="+", type=Path, metavar="FILE|DIR")
    checking.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(arguments)
    checked = [found for path in given.paths for found in check(path, now or datetime.now(UTC))]
    for found in checked:
        sys.stdout.write(f"{msgspec.json.encode(found).decode() if given.json else _line(found)}\n")
    return 0 if all(found.ok for found in checked) else 1


def _line(found: Checked) -> str:
    return f"{found.path}: {'' if found.ok else 'REFUSED: '}{found.holds}.{f' {found.advice}' if found.advice else ''}"


if __name__ == "__main__":
    sys.exit(main())
