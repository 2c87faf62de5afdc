"""Pages out of templates. All that is put into one is escaped; nothing here turns that off."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from detections import wording

HERE: Final = Path(__file__).parent
SEVERITIES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
STEPS: Final = {"create": "raised", "update": "went on", "close": "closed", "suppress": "not raised"}


def stamp(time_ms: int | None) -> str:
    """`2026-03-01 08:30:00Z`; a dash where there is none."""
    if not time_ms:
        return "–"
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"{time_ms} ms"


def day(time_ms: int) -> str:
    """`2026-03-01`."""
    return stamp(time_ms)[:10]


def ago(time_ms: int | None) -> str:
    """`25 min ago`."""
    return f"{wording.duration(max(0, round(time.time() * 1000) - time_ms))} ago" if time_ms else "never"


def address(path: str, parameters: Iterable[tuple[str, object]] = ()) -> str:
    """A link within the console; empty parameters are left out."""
    query = urlencode([(name, str(value)) for name, value in parameters if value not in ("", None)])
    return f"{path}?{query}" if query else path


def _link(path: str, **parameters: object) -> str:
    """For templates: a trailing `_` lets a name be one of Python's own, `__` stands for the dot of an operator."""
    return address(path, [(name.rstrip("_").replace("__", "."), value) for name, value in parameters.items()])


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"stamp": stamp, "day": day, "ago": ago, "duration": wording.duration}
    made.globals |= {"link": _link, "severities": SEVERITIES, "steps": STEPS}
    return made


_templates: Final = _environment()


def render(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """The page `template` (without `.html`)."""
    page = _templates.get_template(f"{template}.html")
    return HTMLResponse(page.render(session=request.state.session, path=request.scope["path"], **context), status)
