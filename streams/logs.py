"""One log for this project and the libraries below it: key=value for people, JSON for machines, on standard error."""

import logging
import sys
import time
from typing import Final, TextIO

import structlog

OURS: Final = ("agents", "connectors", "console", "detections", "simulators", "streams")
QUIET: Final = ("aiokafka", "asyncio", "faust", "httpcore", "httpx", "mode")
"""Libraries whose INFO is about themselves: their warnings are enough, but for somebody who asks for DEBUG."""


EACH_S: Final = 10.0
"""A library that tries again says the same thing each time, hundreds of times a second while a broker is away."""
MOST_MESSAGES: Final = 1_000


class _Seldom(logging.Filter):
    """Lets each message of a library through once in `EACH_S`, with how often it was left out since."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`."""
        if record.name.partition(".")[0] not in QUIET:
            return True
        words = record.name, str(record.msg)
        said, left_out = self._said.get(words, (-EACH_S, 0))
        now = time.monotonic()
        if now - said < EACH_S:
            self._said[words] = said, left_out + 1
            return False
        if len(self._said) >= MOST_MESSAGES:
            self._said.clear()
        self._said[words] = now, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more of these)", None
        return True


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second `configure` finds the first one's."""


def configure(level: str = "INFO", json: bool | None = None) -> None:
    """Sends all logging to standard error, from `level` up. `json` None: key=value on a terminal, JSON otherwise.

    May be called again. Levels are set on our own loggers, on those of noisy libraries and on the handler, not only on
    the root logger: Faust's spinner turns that to DEBUG, which would else let all libraries' debug lines through.
    """
    stream = sys.stderr
    as_json = not stream.isatty() if json is None else json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream)
    handler.setLevel(level)
    if logging.getLevelNamesMapping()[level] > logging.DEBUG:
        handler.addFilter(_Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [*(other for other in root.handlers if not isinstance(other, _Handler)), handler]
    root.setLevel(level)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    wanted = logging.getLevelNamesMapping()[level]
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.INFO if wanted <= logging.DEBUG else max(logging.WARNING, wanted))
