"""Which networks stand for a place. The exits of the others tell where a machine is, not where the person is."""

from typing import Final

from schemas.activity import IpCategory, Network

UNPLACEABLE_CATEGORIES: Final[tuple[IpCategory, ...]] = ("vpn", "cloud")
"""The company's own networks do stand for a place: that a session is used elsewhere while its owner sits in the office
is what detection is for. Where they leave the company's network far from the office, list them as `vpn`."""

UNPLACEABLE_TAGS: Final = (
    "anonymous_proxy",
    "anonymous_vpn",
    "gateway",
    "hosting",
    "mobile",
    "relay",
    "satellite",
    "tor",
    "vpn",
)
"""`gateway`: security gateways such as Zscaler. `mobile`: carriers, whose addresses come out at a hub, and at home even
when roaming. `satellite`: also Wi-Fi on board of planes."""

SAFE_CATEGORIES: Final[tuple[IpCategory, ...]] = ("corporate",)


def has_place(
    network: Network,
    categories: tuple[str, ...] = UNPLACEABLE_CATEGORIES,
    tags: tuple[str, ...] = UNPLACEABLE_TAGS,
) -> bool:
    """Whether `network` is in none of the unplaceable `categories` and has none of the unplaceable `tags`."""
    if network.category in categories:
        return False
    return not network.tags or not any(tag in tags for tag in network.tags)


def prefix_of(network: Network, ip: str) -> str:
    """The network that `ip` is in, as text: its /24 or /48, or the address itself where that is not known."""
    return network.prefix or ip
