from ipaddress import IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from connectors.places.ranges import Block, Ranges

PREFIXES = st.integers(min_value=20, max_value=32)
ADDRESSES = st.integers(min_value=0, max_value=2**12 - 1)


def network(address: int, length: int) -> IPv4Network:
    return IPv4Network((address >> (32 - length) << (32 - length), length))


def join(outer: str, inner: str) -> str:
    return f"{outer} {inner}"


@given(st.lists(st.builds(network, ADDRESSES, PREFIXES), max_size=25), ADDRESSES)
def test_says_what_a_scan_of_all_blocks_says(networks: list[IPv4Network], address: int) -> None:
    blocks = [
        Block(int(network.network_address), int(network.broadcast_address), f"{index}:{network}")
        for index, network in enumerate(networks)
    ]
    around = [(-network.num_addresses, -index, str(network)) for index, network in enumerate(networks) if address in
              range(int(network.network_address), int(network.broadcast_address) + 1)]  # fmt: skip
    expected = " ".join(f"{-index}:{text}" for _, index, text in sorted(around)) or None
    assert Ranges.of(blocks, join).at(address) == expected


def test_the_whole_of_a_family() -> None:
    ranges = Ranges.of([Block(0, 2**128 - 1, "all"), Block(5, 5, "five")], join)
    assert [ranges.at(number) for number in (0, 4, 5, 6, 2**128 - 1)] == ["all", "all", "all five", "all", "all"]


def test_nothing() -> None:
    assert Ranges[str].of([], join).at(7) is None


def test_values_may_be_changed() -> None:
    assert Ranges.of([Block(4, 7, "a")], join).map(len).at(5) == 1
