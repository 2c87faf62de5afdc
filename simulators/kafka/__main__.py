"""`python -m simulators.kafka`: a development Kafka until Ctrl-C."""

import argparse
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from simulators.kafka.broker import BOOTSTRAP_VARIABLE, DevelopmentKafka
from simulators.kafka.distribution import jars, java
from simulators.kafka.errors import DevelopmentKafkaError


def main() -> int:
    """Prints the address when the broker is ready; 0 after Ctrl-C or SIGTERM, 1 when the broker fails."""
    parser = argparse.ArgumentParser(prog="python -m simulators.kafka", description="A development Kafka until Ctrl-C.")
    parser.add_argument("--data", type=Path, help="keep the data in this folder (default: a temporary one)")
    parser.add_argument("--port", type=int, help="listen on this port of 127.0.0.1 (default: a free one)")
    parser.add_argument("--heap", default="512m", help="the broker's memory, as Java's -Xmx (default: %(default)s)")
    parser.add_argument("--prepare", action="store_true", help="only see that everything is there, and download Kafka")
    options = parser.parse_args()
    if options.prepare:
        return prepare()
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    try:
        with DevelopmentKafka(options.data, port=options.port, heap=options.heap) as kafka:
            print(kafka.bootstrap, flush=True)
            while not asked_to_end.wait(0.2):
                if not kafka.running:
                    print(f"Kafka ended by itself. Its last lines:\n{kafka.last_log_lines()}", file=sys.stderr)
                    return 1
    except DevelopmentKafkaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def prepare() -> int:
    """Checks Java and Maven and downloads Kafka, unless another Kafka is named; 1, with advice, if one is missing."""
    if os.environ.get(BOOTSTRAP_VARIABLE):
        return 0
    problems = []
    for need in (java, jars):
        try:
            need()
        except DevelopmentKafkaError as error:
            problems.append(str(error))
            if shutil.which("mvn"):  # Maven runs on Java: nothing to be learned from it without
                break
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
