"""Addresses that people have marked in the console: a list file of its own among the others, with who, when and why.

    cidr,category
    # {"by": "mara", "at_ms": 1764133200000, "why": "our office"}
    198.51.100.7,corporate

It is read as every list is. It is the console's: it writes the file anew with each mark. Lines that people have put
into it are kept as what they say of which block, and are nobody's.
"""

import json
import os
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

import msgspec

from connectors.places.block import Addresses, BlockError, parse_block
from connectors.places.errors import PlacesError
from connectors.places.listfile import read_list
from connectors.places.listset import combined, list_files

FILE: Final = "marks.csv"
TRIAL: Final = ".marks"
"""Folder in which a new version is tried, under the same name."""
HEAD: Final = "# Set in the console, on the pages of addresses. Above each line stands who, when, why.\ncidr,category\n"
WIDEST: Final = {4: 24, 6: 48}
"""Bits of the prefix of the largest block: the network of one address, as activities name it."""


class Marked(msgspec.Struct, frozen=True):
    """One line. `block`: an address or CIDR block in canonical form. `at_ms`: ms since the epoch, UTC; 0 and an empty
    `by` where nobody knows."""

    block: str
    category: str
    by: str = ""
    at_ms: int = 0
    why: str = ""


class _Said(msgspec.Struct):
    by: str = ""
    at_ms: int = 0
    why: str = ""


class MarkFile:
    """The marks of one folder of lists. One process may change them at a time: the console."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._trial = folder / TRIAL / FILE

    def read(self) -> tuple[Marked, ...]:
        """All marks, in the order of the file; none where there is none. Raises PlacesError where it can't be read."""
        if not self._path.exists():
            return ()
        rows, lines = read_list(self._path).rows, self._path.read_text(encoding="utf-8-sig").splitlines()
        made = []
        for row in rows:
            if not row.version:
                raise PlacesError(str(self._path), f"line {row.line}: {row.text}", "Put AS numbers into another list.")
            said = _said(lines[row.line - 2]) if row.line >= 2 else _Said()
            block = _canonical(_network(Addresses(row.version, row.first, row.last)))
            made.append(Marked(block, row.category, said.by, said.at_ms, said.why))
        return tuple(made)

    def prepare(self, marks: Sequence[Marked]) -> None:
        """Writes `marks` where they are not in use yet, and checks them beside the other lists.

        Raises PlacesError where they contradict another list, or the folder can't be written.
        """
        try:
            self._trial.parent.mkdir(parents=True, exist_ok=True)
            self._trial.write_text(HEAD + "".join(_lines(marks)), encoding="utf-8")
        except OSError as error:
            raise PlacesError(
                str(self._folder),
                f"can't be written: {error.strerror}",
                "The console has to be allowed to write there.",
            ) from None
        new = msgspec.structs.replace(read_list(self._trial), path=self._path)
        combined([*(read_list(each) for each in list_files(self._folder) if each != self._path), new])

    def commit(self) -> None:
        """Takes into use what was prepared. Raises PlacesError."""
        try:
            os.replace(self._trial, self._path)
        except OSError as error:
            advice = "The console has to be allowed to write there."
            raise PlacesError(str(self._path), f"can't be replaced: {error.strerror}", advice) from None

    def drop(self) -> None:
        """Forgets what was prepared and not taken into use."""
        self._trial.unlink(missing_ok=True)


def checked_block(text: str) -> str:
    """`text` in canonical form. Raises ValueError for what is no address, and no block that is small enough to mark."""
    try:
        block = parse_block(text.strip())
    except BlockError as error:
        raise ValueError(f"{text[:60]!r} {error.reason}. {error.advice}") from None
    network = _network(block)
    if network.prefixlen < WIDEST[block.version]:
        raise ValueError(
            f"{network} is more than one network (/{WIDEST[block.version]}): take larger ones in as a list, by "
            "egnyte-watch networks import"
        )
    return _canonical(network)


def covering(marks: Iterable[Marked], ip: str) -> list[Marked]:
    """Those marks that hold for the address `ip`, the smallest block first; none for what is no address."""
    try:
        one = parse_block(ip)
    except BlockError:
        return []
    held = [(block, each) for each in marks if _holds(block := parse_block(each.block), one)]
    return [each for _, each in sorted(held, key=lambda pair: pair[0].last - pair[0].first)]


def _holds(block: Addresses, one: Addresses) -> bool:
    return block.version == one.version and block.first <= one.first and one.last <= block.last


def _network(block: Addresses) -> IPv4Network | IPv6Network:
    length = (32 if block.version == 4 else 128) - (block.last - block.first).bit_length()
    return IPv4Network((block.first, length)) if block.version == 4 else IPv6Network((block.first, length))


def _canonical(network: IPv4Network | IPv6Network) -> str:
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _lines(marks: Sequence[Marked]) -> Iterable[str]:
    for each in marks:
        if each.by or each.why:
            # ASCII alone: no character of what people wrote may end the line, nor begin another one.
            yield f"# {json.dumps({'by': each.by, 'at_ms': each.at_ms, 'why': each.why})}\n"
        yield f"{each.block},{each.category}\n"


def _said(line: str) -> _Said:
    try:
        return msgspec.json.decode(line.strip().removeprefix("#").strip(), type=_Said)
    except msgspec.DecodeError:
        return _Said()
