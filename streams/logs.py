"""One log for this project and the libraries below it: key=value for people, JSON for machines, on standard error."""

import logging
import sys
from typing import Final, TextIO

import structlog

OURS: Final = ("agents", "connectors", "console", "detections", "simulators", "streams")
QUIET: Final = ("aiokafka", "asyncio", "faust", "httpcore", "httpx", "mode")
"""Libraries whose INFO is about themselves: their warnings are enough, but for somebody who asks for DEBUG."""


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
