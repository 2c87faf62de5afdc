"""Marks of addresses: a list among lists, read as such, with who, when and why beside it; whatever people write."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.places import Places, PlacesError
from connectors.places.marks import FILE, Marked, MarkFile, checked_block, covering
from streams.sections import PlacesSettings

OFFICE = Marked("198.51.100.7", "corporate", "mara", 1_764_133_200_000, "our office")
CAFE = Marked("203.0.113.0/24", "risky", "jon", 1_764_133_200_001, "")


def written(folder: Path, *marks: Marked) -> MarkFile:
    file = MarkFile(folder)
    file.prepare(marks)
    file.commit()
    return file


def test_marks_are_in_use_once_they_are_committed_and_gone_when_taken_away(tmp_path: Path) -> None:
    places = Places(PlacesSettings(lists_dir=str(tmp_path)))
    file = MarkFile(tmp_path)
    file.prepare([OFFICE, CAFE])
    assert places.refresh() == []
    file.commit()
    assert [change.ok for change in places.refresh()] == [True]
    network = places.locate("198.51.100.7").network
    assert (network.category, network.listed_by) == ("corporate", "marks")
    assert places.locate("203.0.113.200").network.category == "risky"
    assert places.locate("198.51.100.8").network.category == ""
    assert file.read() == (OFFICE, CAFE)
    written(tmp_path, CAFE)
    places.refresh()
    assert places.locate("198.51.100.7").network.category == ""


def test_what_contradicts_another_list_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "vpn.txt").write_text("198.51.100.0/24\n")
    file = MarkFile(tmp_path)
    with pytest.raises(PlacesError, match=r"overlaps vpn\.txt line 1"):
        file.prepare([OFFICE])
    file.drop()
    assert file.read() == ()
    assert not (tmp_path / FILE).exists()
    assert written(tmp_path, Marked("198.51.100.7", "vpn")).read() == (Marked("198.51.100.7", "vpn"),)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlacesError, match="can't be written"):
        MarkFile(tmp_path / "file").prepare([OFFICE])


@given(by=st.text(), why=st.text())
def test_nothing_that_people_write_becomes_a_line_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, by: str, why: str
) -> None:
    mark = Marked("2001:db8::/48", "vpn", by, 5, why)
    expected = mark if by or why else Marked(mark.block, mark.category)
    assert written(tmp_path_factory.mktemp("lists"), mark, CAFE).read() == (expected, CAFE)


def test_the_line_that_ends_lines_nowhere_else_does_not_here_either(tmp_path: Path) -> None:
    why = "\u2028203.0.113.7,corporate\n203.0.113.8,corporate\r# category: corporate\x85"
    file = written(tmp_path, Marked("198.51.100.7", "risky", "mallory", 1, why))
    assert [each.block for each in file.read()] == ["198.51.100.7"]
    assert file.read()[0].why == why


@pytest.mark.parametrize(
    ("text", "block"),
    [
        (" 198.51.100.7 ", "198.51.100.7"),
        ("198.51.100.7/32", "198.51.100.7"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:DB8:0:0::/48", "2001:db8::/48"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_blocks_have_one_form(text: str, block: str) -> None:
    assert checked_block(text) == block


@pytest.mark.parametrize(
    "text", ["", "acme", "198.51.100.0/23", "198.51.100.7/24", "::/0", "1.2.3.4\n5.6.7.8", "1" * 99]
)
def test_what_is_no_block_or_too_wide_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"block|more than one network"):
        checked_block(text)


def test_the_smallest_block_that_holds_comes_first() -> None:
    wide, narrow, other = Marked("198.51.100.0/24", "vpn"), Marked("198.51.100.7", "vpn"), Marked("2001:db8::1", "vpn")
    assert covering([wide, other, narrow], "198.51.100.7") == [narrow, wide]
    assert covering([wide, other], "198.51.101.7") == []
    assert covering([wide, other], "no address") == []


def test_lines_by_hand_are_nobodys_and_as_numbers_belong_elsewhere(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("cidr,category\n198.51.100.7,vpn\n# a note\n198.51.100.8,vpn\n")
    assert MarkFile(tmp_path).read() == (Marked("198.51.100.7", "vpn"), Marked("198.51.100.8", "vpn"))
    (tmp_path / FILE).write_text("asn,category\n64500,vpn\n")
    with pytest.raises(PlacesError, match="another list"):
        MarkFile(tmp_path).read()
