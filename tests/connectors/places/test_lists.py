from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.places.errors import PlacesError
from connectors.places.listfile import CATEGORIES, HEADERS, ListFile, Row, read_list
from connectors.places.listset import Listing, combined, read_lists
from connectors.places.places import SHIPPED_LISTS


def folder(path: Path, **files: str | bytes) -> Path:
    """A folder of lists; `_` in a name stands for the dot before its ending."""
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / ".".join(name.rsplit("_", 1))).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def listing(path: Path, address: str) -> Listing | None:
    ip = ip_address(address)
    return read_lists(path).of_address(int(ip), ip.version)


def refusal(path: Path) -> PlacesError:
    with pytest.raises(PlacesError) as raised:
        read_lists(path)
    return raised.value


def test_a_plain_list_says_what_it_is_above_its_data(tmp_path: Path) -> None:
    head = "# Ours\n#category: VPN\n# Tags: London, office;berlin\n\n"
    text = f"{head}198.51.100.0/24\n2001:db8:40::/48 # new\n  203.0.113.7  \n"
    path = folder(tmp_path, offices_txt=text)
    vpn = Listing("vpn", ("london", "office", "berlin"), "offices")
    assert listing(path, "198.51.100.255") == listing(path, "2001:db8:40::1") == listing(path, "203.0.113.7") == vpn
    assert listing(path, "198.51.101.0") is listing(path, "2001:db8:41::") is listing(path, "203.0.113.6") is None


@pytest.mark.parametrize(
    ("name", "category", "tags"),
    [
        *((category, category, ()) for category in CATEGORIES),
        ("VPN-London", "vpn", ()),
        ("tor-exits", "risky", ("tor",)),
        ("tor_exits.2024", "risky", ("tor",)),
        ("anonymous-proxies", "risky", ("anonymous_proxy",)),
        ("botnet", "risky", ("botnet",)),
    ],
)
@pytest.mark.parametrize("suffix", ["txt", "cidr", "TXT"])
def test_else_its_name_says_it(tmp_path: Path, name: str, category: str, tags: tuple[str, ...], suffix: str) -> None:
    (tmp_path / f"{name}.{suffix}").write_text("198.51.100.7\n")
    assert listing(tmp_path, "198.51.100.7") == Listing(category, tags, name)  # type: ignore[arg-type]


def test_its_own_word_beats_its_name(tmp_path: Path) -> None:
    path = folder(tmp_path, vpn_txt="# category: other\n198.51.100.7")
    assert listing(path, "198.51.100.7") == Listing("other", (), "vpn")


@pytest.mark.parametrize(
    "text",
    [
        'cidr,category,tags\n198.51.100.0/24,risky,"botnet,reported"\n',
        "\ufeffcidr , Category , tags\r\n\r\n# why\r\n198.51.100.0/24 , RISKY , botnet reported # seen\r\n",
        "comment,tags,cidr,category\nx,botnet;reported,198.51.100.0/24,risky",
        "# category: risky\n# tags: botnet\ncidr,category,tags\n198.51.100.0/24,,reported",
        "# category: risky\n# tags: botnet,reported\ncidr\n198.51.100.0/24\n",
    ],
)
def test_csv(tmp_path: Path, text: str) -> None:
    assert listing(folder(tmp_path, feed_csv=text), "198.51.100.9") == Listing("risky", ("botnet", "reported"), "feed")


def test_csv_in_a_text_file(tmp_path: Path) -> None:
    path = folder(tmp_path, feed_txt="cidr,category\n198.51.100.0/24,cloud\n")
    assert listing(path, "198.51.100.9") == Listing("cloud", (), "feed")


def test_as_numbers(tmp_path: Path) -> None:
    path = folder(tmp_path, ships_csv="asn,category,tags,name\n64500,,satellite,A ship\nAS64501,cloud,,\n")
    assert read_lists(path).providers == {
        64500: Listing("", ("satellite",), "ships"),
        64501: Listing("cloud", (), "ships"),
    }


def test_ipv4_mapped_blocks_are_ipv4_blocks(tmp_path: Path) -> None:
    path = folder(tmp_path, corporate_txt="::ffff:10.0.0.0/104\n::ffff:192.0.2.1\n")
    assert listing(path, "10.255.255.255") == listing(path, "192.0.2.1") == Listing("corporate", (), "corporate")
    assert listing(path, "11.0.0.0") is None


NO_CATEGORY = "is no category. Categories are corporate, vpn, risky, administrative, cloud, other"
NO_HEADER = "is no header. The first line of a CSV file names its columns: " + HEADERS


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "vpn.txt",
            "10.0.0.1\nnonsense\n",
            "line 2: 'nonsense' is not understood. A line holds one address or CIDR block",
        ),
        ("vpn.txt", "10.0.0.0/33", "line 1: '10.0.0.0/33' is not understood"),
        ("vpn.txt", "10.0.0.0/255.0.0.0", "line 1: '10.0.0.0/255.0.0.0' is not understood"),
        ("vpn.txt", "10.0.0.0/", "line 1: '10.0.0.0/' is not understood"),
        ("vpn.txt", "2001:db8::/-1", "line 1: '2001:db8::/-1' is not understood"),
        ("vpn.txt", "\n10.0.0.5/8", "line 2: '10.0.0.5/8' has bits set right of its prefix. Write 10.0.0.0/8 for"),
        ("vpn.txt", "x" * 500, f"line 1: '{'x' * 80}...' is not understood"),
        ("mine.txt", "10.0.0.1", "line 1: '10.0.0.1' has no category. Say so above the first line of data"),
        ("mine.txt", "# category: coporate", f"line 1: 'coporate' {NO_CATEGORY} (nearest: corporate)."),
        ("vpn.txt", "# tags: a b, c!", "line 1: 'c!' is no tag. A tag has 1 to 32 letters"),
        ("vpn.txt", "10.0.0.1\n# category: risky", "line 2: '# category: risky' is not understood. Category and tags"),
        ("f.csv", "10.0.0.1,vpn", f"line 1: '10.0.0.1,vpn' {NO_HEADER}."),
        ("f.csv", "cidr,categry\n", f"line 1: 'cidr,categry' {NO_HEADER} (nearest: category)."),
        ("f.csv", "category,tags\n", "line 1: 'category,tags' is not understood. Each column is named once"),
        ("f.csv", "cidr,asn\n", "line 1: 'cidr,asn' is not understood. Each column is named once"),
        ("f.csv", "cidr,cidr\n", "line 1: 'cidr,cidr' is not understood. Each column is named once"),
        ("f.csv", "cidr,category\n10.0.0.1,\n", "line 2: '10.0.0.1' has no category"),
        ("f.csv", "cidr,category\n10.0.0.1\n", "line 2: '10.0.0.1' has no category"),
        ("f.csv", "cidr,category\n10.0.0.1,vpm\n", f"line 2: 'vpm' {NO_CATEGORY} (nearest: vpn)."),
        (
            "f.csv",
            "cidr,category,tags\n10.0.0.1,vpn,a,b\n",
            "line 2: '10.0.0.1,vpn,a,b' is not understood. There are 3",
        ),
        ("f.csv", "cidr,category\n,vpn\n", "line 2: '' is not understood"),
        ("f.csv", "asn,tags\nASX,a\n", "line 2: 'ASX' is not understood. An AS number is 1 to 4294967295"),
        ("f.csv", "asn,tags\n0,a\n", "line 2: '0' is not understood"),
        ("f.csv", "asn,tags\n64500,\n", "line 2: '64500' says nothing of its AS. Give it a category, tags, or both."),
        ("f.csv", "category,cidr\nvpn\n", "line 2: 'vpn' is not understood. The line ends before its column cidr"),
        ("f.csv", "tags,asn\na\n", "line 2: 'a' is not understood. The line ends before its column asn"),
        ("f.csv", f"cidr,category\n{'1' * 200_000},vpn\n", f"line 2: '{'1' * 80}...' is not understood. Mend the line"),
        ("vpn.txt", b"10.0.0.1\n\xff\xfe", "is not UTF-8 text (byte 9)"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert f"{path}: {said}" in str(refusal(tmp_path))


def test_overlaps_of_different_category_are_refused_with_both_lines(tmp_path: Path) -> None:
    folder(tmp_path, corporate_txt="# us\n10.0.0.0/8\n", vpn_csv="cidr,category\n192.0.2.1,vpn\n10.20.0.0/16,vpn\n")
    error = refusal(tmp_path)
    assert error.path == str(tmp_path / "vpn.csv")
    assert error.reason == ("vpn.csv line 3 (10.20.0.0/16, vpn) overlaps corporate.txt line 2 (10.0.0.0/8, corporate)")


@pytest.mark.parametrize(
    ("first", "second"), [("10.0.0.0/8", "10.0.0.0/8"), ("::ffff:10.0.0.0/104", "10.9.8.7"), ("::/0", "::1")]
)
def test_so_are_equal_and_mapped_and_ipv6_ones(tmp_path: Path, first: str, second: str) -> None:
    error = refusal(folder(tmp_path, corporate_txt=first, risky_txt=second))
    assert f"risky.txt line 1 ({second}, risky)" in error.reason
    assert f"corporate.txt line 1 ({first}, corporate)" in error.reason


def test_and_an_as_in_two_categories(tmp_path: Path) -> None:
    error = refusal(folder(tmp_path, a_csv="asn,category\n64500,cloud", b_csv="asn,category\n1,vpn\nAS64500,vpn"))
    assert "a.csv line 2 (AS64500, cloud)" in error.reason
    assert "b.csv line 3 (AS64500, vpn)" in error.reason


def test_blocks_of_one_category_may_lie_in_one_another(tmp_path: Path) -> None:
    risky = "# tags: reported\n198.51.100.0/24\n198.51.100.0/24\n198.51.100.8/29\n"
    path = folder(tmp_path, risky_txt=risky, tor_txt="198.51.100.9\n198.51.100.200/32")
    assert listing(path, "198.51.100.1") == Listing("risky", ("reported",), "risky")
    assert listing(path, "198.51.100.9") == Listing("risky", ("reported", "tor"), "tor")
    assert listing(path, "198.51.100.10") == Listing("risky", ("reported",), "risky")
    assert listing(path, "198.51.100.200") == Listing("risky", ("reported", "tor"), "tor")


def test_of_equal_blocks_the_first_file_gives_its_name_and_both_their_tags(tmp_path: Path) -> None:
    path = folder(tmp_path, risky_txt="198.51.100.9", tor_txt="198.51.100.9")
    assert listing(path, "198.51.100.9") == Listing("risky", ("tor",), "risky")
    path = folder(tmp_path / "asn", a_csv="asn,tags\n1,x", b_csv="asn,tags\n1,y")
    assert read_lists(path).providers == {1: Listing("", ("y", "x"), "a")}


def test_other_files_are_no_lists(tmp_path: Path) -> None:
    folder(tmp_path, README_md="not a list", data_mmdb=b"\x00")
    (tmp_path / ".hidden.txt").write_text("not a list")
    (tmp_path / "folder.txt").mkdir()
    assert read_lists(tmp_path).files == 0


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    error = refusal(tmp_path / "gone")
    assert (error.path, error.reason) == (str(tmp_path / "gone"), "can't be read: No such file or directory")
    assert "Create the folder" in error.advice


def test_the_digest_tells_any_change(tmp_path: Path) -> None:
    digests = [read_lists(folder(tmp_path, vpn_txt=text)).digest for text in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]
    (tmp_path / "vpn.txt").rename(tmp_path / "cloud.txt")
    digests.append(read_lists(tmp_path).digest)
    assert digests[0] == digests[2]
    assert len({*digests}) == 3
    assert len(digests[0]) == 16


BLOCKS_4 = st.integers(20, 32).flatmap(
    lambda length: st.integers(0, 2 ** (length - 20) - 1).map(
        lambda index: IPv4Network(((10 << 24) + (index << (32 - length)), length))
    )
)
BLOCKS_6 = st.integers(118, 128).flatmap(
    lambda length: st.integers(0, 2 ** (length - 118) - 1).map(
        lambda index: IPv6Network(((0x20010DB8 << 96) + (index << (128 - length)), length))
    )
)


@given(
    st.lists(st.tuples(st.one_of(BLOCKS_4, BLOCKS_6), st.sampled_from(["a", "b", "c"])), max_size=30),
    st.integers(0, 2**12 - 1),
)
def test_says_what_a_scan_of_all_lines_says(lines: list[tuple[IPv4Network | IPv6Network, str]], offset: int) -> None:
    rows = tuple(
        Row(block.version, int(block[0]), int(block[-1]), "risky", (tag,), number, str(block))
        for number, (block, tag) in enumerate(lines, start=1)
    )
    lists = combined([ListFile(Path("risky.txt"), "risky", rows, b"")])
    for ip in (ip_address((10 << 24) + offset), ip_address((0x20010DB8 << 96) + offset % 1024)):
        tags = {tag for block, tag in lines if block.version == ip.version and ip in block}
        found = lists.of_address(int(ip), ip.version)
        assert (set(found.tags) if found else set()) == tags
        assert found is None or found.category == "risky"


def test_the_shipped_lists_are_sound() -> None:
    lists = read_lists(SHIPPED_LISTS)
    assert lists.providers[14593] == Listing("", ("satellite",), "asn-tags")
    assert lists.providers[16509].category == "cloud"
    assert lists.providers[22616].tags == ("gateway",)
    numbers = [row.first for row in read_list(SHIPPED_LISTS / "asn-tags.csv").rows]
    assert len(numbers) == len(set(numbers)) == len(lists.providers)
