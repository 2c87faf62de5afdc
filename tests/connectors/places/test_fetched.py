"""Lists from URLs: fetched once, asked for again with their marks, and never put into use when anything is wrong."""

import gzip
import re
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from connectors.places import Places, PlacesError
from connectors.places.fetched import FetchedLists
from connectors.places.sources import read_sources
from streams.settings import PlacesSettings

HOUR_MS = 3_600_000
NOW_MS = 1_763_971_200_000
URL = "https://lists.example.org/exits.txt"
Server = Callable[[httpx.Request], httpx.Response]


def sources(folder: Path, text: str = "") -> None:
    (folder / "sources.toml").write_text(text or f'[tor-exits]\nurl = "{URL}"\nevery = "1h"\n')


class Site:
    """What answers, and what it was asked."""

    def __init__(self, body: bytes = b"198.51.100.7\n", **headers: str) -> None:
        self.body, self.headers, self.status = body, headers, 200
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.headers.get("ETag") and request.headers.get("If-None-Match") == self.headers["ETag"]:
            return httpx.Response(304)
        return httpx.Response(self.status, content=self.body, headers=self.headers)


def lists(folder: Path, site: Server) -> FetchedLists:
    return FetchedLists(folder, httpx.MockTransport(site))


def test_a_list_is_fetched_and_taken_into_use(tmp_path: Path) -> None:
    sources(tmp_path)
    site = Site(b"\xef\xbb\xbf# ours: ok\r\n198.51.100.7\r\n203.0.113.0/24 ; SBL1\r\n\r\n2001:db8::/48\r\n")
    fetched = lists(tmp_path, site).refresh(NOW_MS)["tor-exits"]
    assert (fetched.error, fetched.rows, fetched.changed_ms) == ("", 3, NOW_MS)
    assert (tmp_path / "tor-exits.txt").read_text().splitlines() == [
        f"# {URL}", "# category: risky", "# tags: tor", "198.51.100.7", "203.0.113.0/24", "2001:db8::/48",
    ]  # fmt: skip
    used = Places(PlacesSettings(lists_dir=str(tmp_path)))
    assert used.locate("203.0.113.9").network.tags == ("tor",)
    site.body = b"198.51.100.8\n"
    lists(tmp_path, site).refresh(NOW_MS + HOUR_MS)
    assert [change.ok for change in used.refresh()] == [True]
    assert used.locate("203.0.113.9").network.tags == ()


def test_it_is_asked_for_again_in_its_time_with_the_marks_of_the_last_answer(tmp_path: Path) -> None:
    sources(tmp_path)
    headers: dict[str, str] = {"ETag": '"v1"', "Last-Modified": "Mon, 24 Nov 2025 08:00:00 GMT"}
    site = Site(b"198.51.100.7\n", **headers)
    assert lists(tmp_path, site).refresh(NOW_MS)
    before = (tmp_path / "tor-exits.txt").stat().st_mtime_ns
    assert lists(tmp_path, site).refresh(NOW_MS + HOUR_MS - 1) == {}
    fetched = lists(tmp_path, site).refresh(NOW_MS + HOUR_MS)["tor-exits"]
    assert site.asked[1].headers["If-Modified-Since"] == "Mon, 24 Nov 2025 08:00:00 GMT"
    assert (fetched.error, fetched.checked_ms, fetched.changed_ms) == ("", NOW_MS + HOUR_MS, NOW_MS)
    assert (tmp_path / "tor-exits.txt").stat().st_mtime_ns == before
    (tmp_path / "tor-exits.txt").unlink()  # somebody has lost it: all of it is asked for
    lists(tmp_path, site).refresh(NOW_MS + 2 * HOUR_MS)
    assert "If-None-Match" not in site.asked[-1].headers
    assert (tmp_path / "tor-exits.txt").exists()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html><h1>Maintenance</h1></html>", "is not understood"),
        (b"", "holds no address"),
        (b"# nothing\n", "holds no address"),
        (b"198.51.100.7\n0.0.0.0/0\n", "too large a block"),
        (b"::/3\n", "too large a block"),
        (b"\xff\xfe", "not UTF-8"),
        (b"cidr,category\n198.51.100.0/24,corporate\n", "categories of its own"),
        (b"198.51.100.7\n" * 100_000, "larger than 1000 bytes"),
        (b"192.0.2.9\n", "overlaps"),
        (b"198.51.100.7, risky\n", "is not understood"),
    ],
)
def test_what_can_not_be_used_leaves_the_old_list_in_place(tmp_path: Path, body: bytes, reason: str) -> None:
    sources(tmp_path, f'[tor-exits]\nurl = "{URL}"\nevery = "1h"\nmax_bytes = 1000\n')
    (tmp_path / "corporate.txt").write_text("192.0.2.0/24\n")
    site = Site()
    lists(tmp_path, site).refresh(NOW_MS)
    kept = (tmp_path / "tor-exits.txt").read_bytes()
    site.body = body
    fetched = lists(tmp_path, site).refresh(NOW_MS + HOUR_MS)["tor-exits"]
    assert reason in fetched.error
    assert (fetched.rows, fetched.changed_ms) == (1, NOW_MS)
    assert (tmp_path / "tor-exits.txt").read_bytes() == kept
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.endswith(".new")) == []
    assert lists(tmp_path, site).refresh(NOW_MS + HOUR_MS + 599_000) == {}
    site.body = b"198.51.100.9\n"
    assert lists(tmp_path, site).refresh(NOW_MS + HOUR_MS + 600_000)["tor-exits"].error == ""


def test_comments_of_a_list_choose_no_category(tmp_path: Path) -> None:
    sources(tmp_path)
    lists(tmp_path, Site(b"# category: corporate\n# tags: trusted\n198.51.100.7\n")).refresh(NOW_MS)
    listed = Places(PlacesSettings(lists_dir=str(tmp_path))).locate("198.51.100.7").network
    assert (listed.category, listed.tags) == ("risky", ("tor",))


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503, 206])
def test_refusals_and_faults_are_told(tmp_path: Path, status: int) -> None:
    sources(tmp_path)
    site = Site()
    site.status = status
    assert str(status) in lists(tmp_path, site).refresh(NOW_MS)["tor-exits"].error
    assert not (tmp_path / "tor-exits.txt").exists()


def test_redirects_are_followed_but_never_into_the_clear(tmp_path: Path) -> None:
    sources(tmp_path)

    def redirecting(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/exits.txt":
            return httpx.Response(301, headers={"Location": "/new"})
        return httpx.Response(302, headers={"Location": "http://lists.example.org/clear"})

    assert "in clear" in lists(tmp_path, redirecting).refresh(NOW_MS)["tor-exits"].error
    endless = lists(tmp_path, lambda request: httpx.Response(302, headers={"Location": str(request.url)}))
    assert "redirects" in endless.refresh(NOW_MS + HOUR_MS)["tor-exits"].error


@pytest.mark.parametrize(
    "location", ["https://[", "//[::1", "https://a:b/", "https://\x00/", "http:///x", "https://xn--\x80/"]
)
def test_a_redirect_to_what_is_no_address_is_a_fault_of_that_list(tmp_path: Path, location: str) -> None:
    sources(tmp_path, f'[tor-a]\nurl = "{URL}"\n[tor-b]\nurl = "https://other.example.org/b"\n')

    def half(request: httpx.Request) -> httpx.Response:
        if request.url.host == "other.example.org":
            return httpx.Response(200, content=b"198.51.100.7\n")
        return httpx.Response(302, headers={"Location": location})

    found = lists(tmp_path, half).refresh(NOW_MS)
    assert found["tor-a"].error
    assert found["tor-b"].error == ""


def test_a_mark_that_can_not_be_sent_back_is_not(tmp_path: Path) -> None:
    sources(tmp_path)
    strange = httpx.Headers([(b"ETag", b"\xe9")])
    for now_ms in (NOW_MS, NOW_MS + HOUR_MS):
        site = lists(tmp_path, lambda request: httpx.Response(200, content=b"198.51.100.7\n", headers=strange))
        assert site.refresh(now_ms)["tor-exits"].error == ""


def test_an_unpacked_answer_is_bounded(tmp_path: Path) -> None:
    sources(tmp_path, f'[tor-exits]\nurl = "{URL}"\nmax_bytes = 1000\n')
    bomb = gzip.compress(b"198.51.100.7\n" * 10_000)
    assert len(bomb) < 1_000
    site = Site(bomb, **{"Content-Encoding": "gzip"})
    assert "larger than" in lists(tmp_path, site).refresh(NOW_MS)["tor-exits"].error


def test_a_file_of_the_users_own_is_never_overwritten(tmp_path: Path) -> None:
    sources(tmp_path)
    (tmp_path / "tor-exits.txt").write_text("198.51.100.1\n")
    site = Site()
    assert "was not fetched" in lists(tmp_path, site).refresh(NOW_MS)["tor-exits"].error
    assert (tmp_path / "tor-exits.txt").read_text() == "198.51.100.1\n"
    assert site.asked == []


@pytest.mark.parametrize("damaged", [None, b"", b"{", b"\xff", b'{"tor-exits": 7}', b"[]"])
def test_without_a_sound_state_all_are_asked_for_anew(tmp_path: Path, damaged: bytes | None) -> None:
    sources(tmp_path)
    site = Site()
    lists(tmp_path, site).refresh(NOW_MS)
    state = tmp_path / ".sources.json"
    state.unlink() if damaged is None else state.write_bytes(damaged)
    site.body = b"198.51.100.8\n"
    assert lists(tmp_path, site).refresh(NOW_MS + 1)["tor-exits"].error == ""
    assert (tmp_path / "tor-exits.txt").read_text().endswith("198.51.100.8\n")


@pytest.mark.parametrize("head", ["", f"# {URL}\n", f"# {URL}x\n# category: risky\n", f"#  {URL}\n# category: risky\n"])
def test_a_file_that_only_looks_like_ours_is_the_users(tmp_path: Path, head: str) -> None:
    sources(tmp_path)
    (tmp_path / "tor-exits.txt").write_text(f"{head}198.51.100.1\n")
    assert "was not fetched" in lists(tmp_path, Site()).refresh(NOW_MS)["tor-exits"].error
    assert (tmp_path / "tor-exits.txt").read_text() == f"{head}198.51.100.1\n"


class Killed(BaseException):
    """As a process ends that is killed: nothing more of it runs."""


def test_what_was_fetched_before_a_kill_is_known(tmp_path: Path) -> None:
    sources(tmp_path, f'[tor-a]\nurl = "{URL}"\n[tor-b]\nurl = "https://other.example.org/b"\n')

    def killing(request: httpx.Request) -> httpx.Response:
        if request.url.host == "other.example.org":
            raise Killed
        return httpx.Response(200, content=b"198.51.100.7\n")

    with pytest.raises(Killed):
        lists(tmp_path, killing).refresh(NOW_MS)
    assert list(lists(tmp_path, Site(b"198.51.100.9\n")).refresh(NOW_MS + 1)) == ["tor-b"]
    assert lists(tmp_path, Site()).state()["tor-a"].rows == 1


def test_a_full_disk_leaves_the_old_list_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources(tmp_path)
    lists(tmp_path, Site()).refresh(NOW_MS)
    kept = (tmp_path / "tor-exits.txt").read_bytes()
    full = lists(tmp_path, Site(b"198.51.100.8\n"))
    with monkeypatch.context() as disk:
        disk.setattr("connectors.places.fetched.os.fsync", lambda number: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            full.refresh(NOW_MS + HOUR_MS)
    assert (tmp_path / "tor-exits.txt").read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []
    assert full.refresh(NOW_MS + HOUR_MS)["tor-exits"].error == ""


def test_one_list_that_fails_harms_no_other(tmp_path: Path) -> None:
    sources(tmp_path, f'[tor-a]\nurl = "{URL}"\n[tor-b]\nurl = "https://other.example.org/b"\n')

    def half(request: httpx.Request) -> httpx.Response:
        if request.url.host == "other.example.org":
            raise httpx.ConnectTimeout("no answer")
        return httpx.Response(200, content=b"198.51.100.7\n")

    found = lists(tmp_path, half).refresh(NOW_MS)
    assert (found["tor-a"].error, found["tor-b"].error) == ("", "no answer")


def test_of_several_processes_one_asks(tmp_path: Path) -> None:
    sources(tmp_path)
    other: list[dict[str, object]] = []

    def answering(request: httpx.Request) -> httpx.Response:
        thread = threading.Thread(target=lambda: other.append(dict(lists(tmp_path, Site()).refresh(NOW_MS))))
        thread.start()
        thread.join()
        return httpx.Response(200, content=b"198.51.100.7\n")

    assert lists(tmp_path, answering).refresh(NOW_MS)["tor-exits"].rows == 1
    assert other == [{}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tor", "is no TOML"),
        ('url = "x"', "is no table"),
        ("['../x']\nurl = 'https://a.example/'", "no name of a list"),
        ("[tor]\nurl = 'http://a.example/'", "in clear"),
        ("[tor]\nurl = 'ftp://a.example/'", "begins with https"),
        ("[tor]\nurl = 'https://a.example/'\nevery = '10s'", "too short"),
        ("[tor]\nurl = 'https://a.example/'\nevery = '1min'", "too short"),
        ("[tor]\nurl = 'https://a.example/'\ncategory = 'evil'", "Invalid enum value"),
        ("[tor]\nurl = 'https://a.example/'\ntag = 'evil'", "'tag' is not known"),
        ("[mine]\nurl = 'https://a.example/'", "has no category"),
        ("[tor]\nevery = '1h'", "missing required field `url`"),
    ],
)
def test_mistakes_in_the_sources_are_named(tmp_path: Path, text: str, reason: str) -> None:
    sources(tmp_path, text)
    with pytest.raises(PlacesError, match=re.escape(reason)):
        read_sources(tmp_path)


def test_plain_http_is_for_this_machine_or_by_the_switch(tmp_path: Path) -> None:
    sources(tmp_path, "[tor-a]\nurl = 'http://127.0.0.1:1/'\n[tor-b]\nurl = 'http://a.example/'\nallow_http = true\n")
    assert [source.name for source in read_sources(tmp_path)] == ["tor-a", "tor-b"]


def test_a_folder_without_sources_asks_nobody(tmp_path: Path) -> None:
    assert lists(tmp_path, Site()).refresh(NOW_MS) == {}
    assert list(tmp_path.iterdir()) == []
