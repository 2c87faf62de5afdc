"""Reads one address or CIDR block."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

FORMS = "A line holds one address or CIDR block, as in 198.51.100.7, 10.20.0.0/16 or 2001:db8::/32."

_MAPPED_PREFIX = 0xFFFF


class BlockError(Exception):
    """Text that is no block. `reason` says why, `advice` what to write."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


class Addresses(NamedTuple):
    """The addresses `first` to `last`, both included, of IP `version`, as numbers."""

    version: int
    first: int
    last: int


def parse_block(text: str) -> Addresses:
    """The block in `text`, IPv4-mapped IPv6 as the IPv4 block that it is. Raises BlockError."""
    address, slash, length = text.partition("/")
    try:
        ip = IPv6Address(address) if ":" in address else IPv4Address(address)
    except AddressValueError:
        raise BlockError("is not understood", FORMS) from None
    if slash and not (length.isascii() and length.isdecimal() and len(length) <= 3 and int(length) <= ip.max_prefixlen):
        raise BlockError("is not understood", FORMS)
    host_bits = ip.max_prefixlen - int(length) if slash else 0
    first = int(ip)
    start = first >> host_bits << host_bits
    if start != first:
        advice = f"Write {type(ip)(start)}/{length} for the block, or {ip} for the address."
        raise BlockError("has bits set right of its prefix", advice)
    last = first | ((1 << host_bits) - 1)
    if ip.version == 6 and first >> 32 == last >> 32 == _MAPPED_PREFIX:
        return Addresses(4, first & 0xFFFF_FFFF, last & 0xFFFF_FFFF)
    return Addresses(ip.version, first, last)
