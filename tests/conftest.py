"""What every test may ask for: a real Kafka, shared by the session, and names on it that no other test uses."""

import logging
import os
import secrets
import shutil
from collections.abc import Iterator

import pytest
import structlog

from simulators.kafka import DevelopmentKafka, DevelopmentKafkaError, development_kafka
from streams import logs


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
            kept = (
                request.config.rootpath / ".cache" / f"test-broker-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}.log"
            )
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(broker.log_path, kept)
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


def pytest_configure(config: pytest.Config) -> None:
    """Forgets the logs of earlier runs; those of tests side by side begin together."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        for old in (config.rootpath / ".cache").glob("test-broker*.log"):
            old.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says where the brokers' logs are, when there are any to read."""
    for kept in sorted((config.rootpath / ".cache").glob("test-broker*.log")):
        terminalreporter.write_line(f"A broker's log is in {kept}")
