"""Clients by name: one name for all versions of one, and never a long one."""

import re
from functools import lru_cache
from typing import Final

MAX_CHARS: Final = 32
_VARIABLE: Final = re.compile(r"\bv?\d+(?:[._]\d+)+\b|\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b")
"""Versions (3.14.1, v2.0) and ids (of a build, of a device): they change, the client does not."""


@lru_cache(maxsize=4_096)
def client_name(client: str) -> str:
    """`client` in lower case, without versions and ids, at most `MAX_CHARS` long; empty where nothing is left."""
    plain = _VARIABLE.sub(" ", client[: 8 * MAX_CHARS].lower())
    return " ".join(plain.split()).replace("( ", "(").replace(" )", ")").replace("()", "").strip()[:MAX_CHARS].strip()
