"""Which networks hide who uses them, and which are known for attacks: by tags of IP lists and databases."""

from typing import Final

from schemas.activity import IpCategory

ANONYMOUS_TAGS: Final[dict[str, str]] = {
    "tor": "an exit of the Tor network",
    "residential_proxy": "a proxy in somebody's home",
    "anonymous_proxy": "an anonymous proxy",
    "anonymous_vpn": "a VPN service that hides its users",
    "anonymous": "an anonymiser",
}
"""In the words of a message, the most telling first. Tags of the Anonymous-IP database and of IP lists."""

SUSPICIOUS_TAGS: Final[dict[str, str]] = {
    "c2": "a control server of malware",
    "botnet": "a botnet",
    "malware": "a source of malware",
    "password_spray": "password spraying",
    "credential_stuffing": "credential stuffing",
    "brute_force": "password guessing",
    "phishing": "phishing",
    "darknet_scanning": "scanning for victims",
    "attacker": "attacks",
}
"""Defender's tags (botnet, C&C server, brute-force attacker, darknet scanning) and what its documentation names as
reasons (password spray), with the usual names in lists of threats."""

OWN_CATEGORIES: Final[tuple[IpCategory, ...]] = ("corporate", "administrative", "vpn")
"""What the company listed as its own beats what others say of it."""


def first_of(tags: tuple[str, ...], words: dict[str, str]) -> str:
    """What `tags` stand for in `words`, or the tags themselves where they are none of these."""
    return next((text for tag, text in words.items() if tag in tags), ", ".join(tags))
