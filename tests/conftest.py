"""What every test may ask for: a real Kafka, shared by the session, and names on it that no other test uses."""

import logging
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from simulators.kafka import DevelopmentKafka, DevelopmentKafkaError, development_kafka
from streams import logs

BROKER_LOG = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """host:port of a real broker, started when the first test asks for it; $EGNYTE_WATCH_KAFKA__BOOTSTRAP if set.

    It has no topics of ours: a test makes its own, under its `prefix`. When tests failed, the broker's log is kept.
    """
    try:
        context = development_kafka()
        broker = context.__enter__()
    except DevelopmentKafkaError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield broker.bootstrap
        if isinstance(broker, DevelopmentKafka) and request.session.testsfailed:
            kept = request.config.rootpath / ".cache" / "test-broker.log"
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(broker.log_path, kept)
            request.config.stash[BROKER_LOG] = kept
    finally:
        context.__exit__(None, None, None)


@pytest.fixture
def prefix() -> str:
    """A topic prefix (and consumer group prefix) of this test's own, such as `t3f9a1`."""
    return f"t{secrets.token_hex(3)}"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Takes back what `streams.logs.configure` did in a test that ran a command: its stream ends with the test."""
    loggers = [logging.getLogger(name) for name in (None, *logs.OURS, *logs.QUIET)]
    levels = [logger.level for logger in loggers]
    handlers = list(loggers[0].handlers)
    yield
    if loggers[0].handlers != handlers:
        structlog.reset_defaults()
        loggers[0].handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says where the broker's log is, when there is one to read."""
    if kept := config.stash.get(BROKER_LOG, None):
        terminalreporter.write_line(f"The broker's log is in {kept}")
