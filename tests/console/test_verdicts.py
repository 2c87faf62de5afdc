"""What may be said about a finding, and how the command is used."""

import re

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from console.cli import app
from console.verdicts import check_sayable
from detections.closing import closed, reopened, withdrawn
from schemas.finding import Finding
from schemas.verdict import Verdict
from streams.errors import Refused
from tests.detections.test_finding import altered, made

AT = 1_700_100_000_000


def saying(found: Finding, *, close: bool = True) -> Verdict:
    if close:
        return Verdict(said="close", opinion="benign", by="ann", comment="Known.", finding=found)
    return Verdict(said="reopen", by="bob", finding=found)


def test_what_is_open_may_be_closed_and_what_is_closed_opened_again() -> None:
    found = made()
    check_sayable(saying(found))
    shut = closed(saying(found), AT)
    check_sayable(saying(shut, close=False))
    again = reopened(saying(shut, close=False), AT)
    check_sayable(saying(again))
    assert shut.status == closed(saying(again), AT).status != again.status


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (saying(closed(saying(made()), AT)), "already closed: as benign by ann at 2023-11-16 02:00:00Z (Known.)"),
        (saying(withdrawn(made(), "0")), "already closed: withdrawn, 2023-11-14"),
        (saying(made(), close=False), "is open"),
        (saying(made(altered(step="suppress", suppressed="learning"))), "was not raised, for learning"),
        (saying(replace(made(), unmapped=replace(made().unmapped, policy="policy_rejected"))), "closes by itself"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(verdict: Verdict, words: str) -> None:
    with pytest.raises(Refused, match=re.escape(words)):
        check_sayable(verdict)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["close", "12345678"], "Missing option"),
        (["close", "12345678", "--as", "harmless"], "none of true-positive, benign, false-positive"),
        (["close", "12345678", "--as", "benign", "--comment", "x" * 2_001], "2,001 characters"),
        (["close", "12345678", "--as", "benign", "--by", "x" * 300], "300 characters"),
        (["reopen"], "Missing argument"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["alerts", *arguments])
    assert result.exit_code == 2
    assert words in " ".join(re.sub(r"[│\n]", " ", result.output).split())
