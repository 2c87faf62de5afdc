"""The Kafka of the demo."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from console.demo_report import Report
from simulators.kafka import DevelopmentKafka, Kafka, development_kafka


def quieten() -> None:
    """The libraries tell of every step while a broker starts; what matters comes as an error, and is told then."""
    for name in ("aiokafka", "uvicorn"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def kafka_for(report: Report) -> Iterator[Kafka]:
    """A Kafka while the context lasts: the one that the environment names, or a broker of the demo's own."""
    with ExitStack() as stack:
        with report.working("starting Kafka") as news:
            say = news if report.out.is_terminal else report.done
            kafka = stack.enter_context(development_kafka(say=say))
        started = "Apache Kafka is ready" if isinstance(kafka, DevelopmentKafka) else "using the Kafka"
        report.done(f"{started} at {kafka.bootstrap}")
        yield kafka
