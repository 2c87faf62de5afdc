from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.places.address import MAX_CHARS, Address, parse


@pytest.mark.parametrize(
    ("text", "ip", "prefix"),
    [
        ("81.2.69.142", "81.2.69.142", "81.2.69.0/24"),
        ("  81.2.69.142\t\n", "81.2.69.142", "81.2.69.0/24"),
        ("81.2.69.142:443", "81.2.69.142", "81.2.69.0/24"),
        ("81.2.69.142:0", "81.2.69.142", "81.2.69.0/24"),
        ("2A02:02E0:0:0::1", "2a02:2e0::1", "2a02:2e0::/48"),
        ("[2a02:2e0::1]", "2a02:2e0::1", "2a02:2e0::/48"),
        ("[2a02:2e0::1]:65535", "2a02:2e0::1", "2a02:2e0::/48"),
        ("2a02:2e0:0:5::1", "2a02:2e0:0:5::1", "2a02:2e0::/48"),
        ("2a02::5:0:0:0:1", "2a02:0:0:5::1", "2a02::/48"),
        ("fe80::1%eth0", "fe80::1", "fe80::/48"),
        ("[fe80::1%25eth0]:8080", "fe80::1", "fe80::/48"),
        ("::ffff:81.2.69.142", "81.2.69.142", "81.2.69.0/24"),
        ("::FFFF:5102:458e", "81.2.69.142", "81.2.69.0/24"),
        ("[::ffff:81.2.69.142]:443", "81.2.69.142", "81.2.69.0/24"),
        ("::", "::", "::/48"),
        ("::8.8.8.8", "::808:808", "::/48"),
    ],
)
def test_reads_an_address_however_it_is_written(text: str, ip: str, prefix: str) -> None:
    address = parse(text)
    assert isinstance(address, Address)
    assert (address.text, address.prefix) == (ip, prefix)


@pytest.mark.parametrize("text", [None, "", "   ", "N/A", "n/a", "-", "None", "null", " unknown "])
def test_tells_no_address(text: str | None) -> None:
    assert parse(text) == "no_ip"


@pytest.mark.parametrize(
    "text",
    [
        "not-an-ip", "81.2.69", "81.2.69.256", "081.2.69.142", "81.2.69.142:", "81.2.69.142:65536", "81.2.69.142:https",
        "81.2.69.142/32", "81.2.69.142, 10.0.0.1", "٨١.٢.٦٩.١٤٢", "81.2.69.142:٤٤٣", "[2a02::1", "[2a02::1]443",
        "[]", "[]:1", ":443", "2a02::1::2", "2a02:::1", "12345::1", "\x00", "81.2.69.142\x00", "\ud800",
        "1" * 5_000, " " * 5_000,
        f"{'8' * MAX_CHARS}.1", "%eth0", "0x51.2.69.142", "1359103374",
    ],
)  # fmt: skip
def test_tells_what_is_no_address(text: str) -> None:
    assert parse(text) == "bad_ip"


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.1", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
        "169.254.1.1", "172.16.0.0", "172.31.255.255", "192.0.0.8", "192.168.1.1", "198.18.0.1",
        "198.19.255.255", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
        "100::1", "64:ff9b:1::1",
        "::ffff:10.0.0.1", "::8.8.8.8",
    ],
)  # fmt: skip
def test_local_and_reserved_addresses_are_not_public(text: str) -> None:
    address = parse(text)
    assert isinstance(address, Address)
    assert not address.public


@pytest.mark.parametrize(
    "text",
    [
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.169.0.0", "198.17.255.255",
        "198.20.0.0", "223.255.255.255",
        "2000::", "2a02:2e0::1", "3fff:ffff::1", "::ffff:8.8.8.8",
    ],
)  # fmt: skip
def test_all_other_addresses_are_public(text: str) -> None:
    address = parse(text)
    assert isinstance(address, Address)
    assert address.public


@given(st.one_of(st.text(max_size=2 * MAX_CHARS), st.text(alphabet="0123456789abcdef.:%[]/ ", max_size=48)))
@example("1.2.3.4%eth0")
def test_any_text_is_an_address_or_is_said_not_to_be(text: str) -> None:
    address = parse(text)
    if isinstance(address, Address):
        assert parse(address.text) == address
    else:
        assert address in ("no_ip", "bad_ip")


@given(st.text(alphabet="0123456789abcdefF.:", max_size=45))
def test_takes_the_addresses_that_the_standard_library_takes(text: str) -> None:
    if text.count(":") == 1:
        return  # a port
    try:
        known: IPv4Address | IPv6Address = IPv6Address(text) if ":" in text else IPv4Address(text)
    except AddressValueError:
        assert not isinstance(parse(text), Address)
    else:
        assert isinstance(parse(text), Address), known


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_agrees_with_the_standard_library(ip: IPv4Address | IPv6Address) -> None:
    address = parse(str(ip))
    assert isinstance(address, Address)
    known = ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
    assert (address.text, address.version, address.number) == (str(known), known.version, int(known))
    network: IPv4Network | IPv6Network
    if isinstance(known, IPv4Address):
        network = IPv4Network((int(known) >> 8 << 8, 24))
    else:
        network = IPv6Network((int(known) >> 80 << 80, 48))
    assert address.prefix == str(network)
