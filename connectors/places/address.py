"""Reads an address as event sources write it: with ports, brackets, zones and blanks, or not at all."""

from bisect import bisect_right
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final, Literal, NamedTuple

MAX_CHARS: Final = 128
"""The longest useful text, `[` IPv6 `%` zone `]:` port, has under 80; what is longer is not read at all."""

ABSENT: Final = frozenset({"", "-", "n/a", "none", "null", "unknown"})
"""Words that sources write where there is no address, in lower case. Egnyte writes `N/A`."""

Flaw = Literal["no_ip", "bad_ip"]

_MAPPED: Final = 0xFFFF
_GLOBAL_UNICAST_6: Final = 0b001
"""IANA hands out global IPv6 addresses from 2000::/3 only; the rest is local, multicast, or reserved."""

_NOT_PUBLIC_4: Final = [
    int(IPv4Address(bound))
    for bounds in (
        ("0.0.0.0", "0.255.255.255"),  # this network, RFC 791  # noqa: S104
        ("10.0.0.0", "10.255.255.255"),  # private, RFC 1918
        ("100.64.0.0", "100.127.255.255"),  # carrier-grade NAT, RFC 6598
        ("127.0.0.0", "127.255.255.255"),  # loopback, RFC 1122
        ("169.254.0.0", "169.254.255.255"),  # link-local, RFC 3927
        ("172.16.0.0", "172.31.255.255"),  # private, RFC 1918
        ("192.0.0.0", "192.0.0.255"),  # protocol assignments, RFC 6890
        ("192.168.0.0", "192.168.255.255"),  # private, RFC 1918
        ("198.18.0.0", "198.19.255.255"),  # benchmarks, RFC 2544
        ("224.0.0.0", "255.255.255.255"),  # multicast, reserved, broadcast: RFC 5771, RFC 1112
    )
    for bound in bounds
]
"""First and last address of each block of IANA's special-purpose registry, in order. Own table, because Python versions
differ in what `ipaddress.is_private` means. Documentation ranges (RFC 5737) are left to the database:
no real one knows them.
"""


class Address(NamedTuple):
    """One address. `text`: canonical; `prefix`: its /24 or /48; `public`: a database may know where it is."""

    text: str
    version: int
    number: int
    prefix: str
    public: bool


def parse(text: str | None) -> Address | Flaw:
    """The address in `text`, IPv4-mapped IPv6 as IPv4; or why there is none. Never raises."""
    if text is None:
        return "no_ip"
    if len(text) > MAX_CHARS:
        return "bad_ip"
    bare = text.strip()
    if bare.lower() in ABSENT:
        return "no_ip"
    host = _without_port(bare)
    try:
        if ":" not in host:
            return _from_4(inet_pton(AF_INET, host), host)  # takes no other form than the canonical one
        packed = inet_pton(AF_INET6, host.partition("%")[0])
    except (OSError, ValueError):
        return "bad_ip"
    number = int.from_bytes(packed, "big")
    if number >> 32 == _MAPPED:
        return _from_4(packed[12:], inet_ntop(AF_INET, packed[12:]))
    # inet_ntop writes the deprecated ::/96 with dots, the standard (RFC 5952) and ipaddress do not
    canonical = inet_ntop(AF_INET6, packed) if number >> 32 else str(IPv6Address(number))
    return Address(canonical, 6, number, _prefix_6(number), number >> 125 == _GLOBAL_UNICAST_6)


def _from_4(packed: bytes, text: str) -> Address:
    number = int.from_bytes(packed, "big")
    bounds_up_to_it = bisect_right(_NOT_PUBLIC_4, number)
    public = bounds_up_to_it % 2 == 0 and _NOT_PUBLIC_4[bounds_up_to_it - 1] != number
    return Address(text, 4, number, f"{text[: text.rindex('.')]}.0/24", public)


def _prefix_6(number: int) -> str:
    """The /48 of an address. Its last five groups are its longest run of zeros, so `::` stands there."""
    groups = [number >> 112, number >> 96 & 0xFFFF, number >> 80 & 0xFFFF]
    while groups and not groups[-1]:
        groups.pop()
    return f"{':'.join([f'{group:x}' for group in groups])}::/48"


def _without_port(bare: str) -> str:
    """The host of `host`, `host:port`, `[host]` or `[host]:port`; empty where the rest is not a port."""
    if bare.startswith("["):
        host, _, rest = bare[1:].partition("]")
        if not rest and bare.endswith("]"):
            return host
        return host if rest.startswith(":") and _is_port(rest[1:]) else ""
    if bare.count(":") != 1:
        return bare
    host, _, port = bare.partition(":")
    return host if _is_port(port) else ""


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len("65535") and int(text) <= 65_535
