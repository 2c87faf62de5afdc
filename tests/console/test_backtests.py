"""The last backtest's report: kept for the console, whole; none where there is none that can be read."""

from pathlib import Path

from agents.backtest_report import Brief, Compared
from agents.backtest_run import Report
from console.backtests import FILE, Kept, keep, last
from streams.sections import Settings, StreamsSettings

BRIEF = Brief("u", "p", "alert", "high", "acme/mara", 5, "words")
ROW = Compared(policy="p", live=1, backtest=2, same=1, changed=0, added=1, gone=0, examples_added=(BRIEF,))
REPORT = Report(
    from_ms=1, to_ms=9, agents=("detect",), policy_set="0", judged=7, letters={"p": 1}, topics=("t",), policies=(ROW,)
)


def test_the_last_report_is_kept_whole(tmp_path: Path) -> None:
    settings = Settings(streams=StreamsSettings(data_dir=str(tmp_path / "data")))
    assert last(settings) is None
    keep(settings, Kept(3, "tried", REPORT))
    keep(settings, Kept(4, "tried again", REPORT))
    assert last(settings) == Kept(4, "tried again", REPORT)
    assert [each.name for each in (tmp_path / "data").iterdir()] == [FILE]


def test_one_that_can_not_be_read_is_none(tmp_path: Path) -> None:
    settings = Settings(streams=StreamsSettings(data_dir=str(tmp_path)))
    for content in (b"", b"{}", b'{"at_ms": 1, "policies": "p", "report": {"from_ms": 1}}', b"\xff"):
        (tmp_path / FILE).write_bytes(content)
        assert last(settings) is None
