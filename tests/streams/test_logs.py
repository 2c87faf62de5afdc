"""One log, in two forms, that Faust's spinner can't flood."""

import json
import logging

import pytest
import structlog

from streams import logs

Captured = pytest.CaptureFixture[str]


def lines(capsys: Captured) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_ours_and_the_libraries_lines_have_one_form(capsys: Captured) -> None:
    logs.configure("INFO")
    structlog.get_logger("streams.unit").info("chunk done", partition=3)
    logging.getLogger("agents.enrich").warning("slow %s", "disk")
    first, second = lines(capsys)
    assert (first["event"], first["partition"], first["level"], first["logger"]) == (
        "chunk done",
        3,
        "info",
        "streams.unit",
    )
    assert (second["event"], second["level"], second["logger"]) == ("slow disk", "warning", "agents.enrich")
    assert str(first["timestamp"]).endswith("Z")


def test_people_get_key_and_value(capsys: Captured) -> None:
    logs.configure("INFO", json=False)
    structlog.get_logger("streams.unit").info("chunk done", partition=3)
    text = capsys.readouterr().err
    assert "chunk done" in text
    assert "partition=3" in text
    assert not text.startswith("{")


def test_an_exception_is_one_json_line(capsys: Captured) -> None:
    logs.configure("INFO")
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("agents.detect").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: invalid literal" in str(line["exception"])


def test_a_root_logger_turned_to_debug_opens_nothing(capsys: Captured) -> None:
    logs.configure("INFO")
    logging.getLogger().setLevel(logging.DEBUG)  # as Faust's spinner does
    for name in ("aiokafka.client", "faust.app", "mode.worker", "streams.unit", "somebody.else"):
        logging.getLogger(name).debug("noise")
    logging.getLogger("aiokafka.client").info("noise")
    structlog.get_logger("streams.unit").debug("noise")
    assert capsys.readouterr().err == ""
    assert not logging.getLogger("faust.app").isEnabledFor(logging.INFO)
    assert not logging.getLogger("streams.unit").isEnabledFor(logging.DEBUG)


def test_debug_shows_the_libraries_doings(capsys: Captured) -> None:
    logs.configure("DEBUG")
    logging.getLogger("aiokafka.client").info("rebalance")
    structlog.get_logger("streams.unit").debug("detail")
    assert [line["event"] for line in lines(capsys)] == ["rebalance", "detail"]


def test_a_second_call_doubles_no_line(capsys: Captured) -> None:
    logs.configure("INFO")
    logs.configure("WARNING")
    structlog.get_logger("streams.unit").info("once")
    structlog.get_logger("streams.unit").warning("once")
    assert [line["level"] for line in lines(capsys)] == ["warning"]


def test_a_library_that_repeats_itself_is_cut_short(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("streams.logs.time.monotonic", lambda: clock[0])
    logs.configure("INFO")
    for n in range(50):
        logging.getLogger("aiokafka.client").warning("no connection to node %s", n % 2)
        logging.getLogger("agents.enrich").warning("ours is never cut")
    clock[0] += logs.EACH_S
    logging.getLogger("aiokafka.client").warning("no connection to node %s", 7)
    said = [str(line["event"]) for line in lines(capsys)]
    assert said.count("ours is never cut") == 50
    assert [words for words in said if "node" in words] == [
        "no connection to node 0",
        "no connection to node 7 (49 more of these)",
    ]
