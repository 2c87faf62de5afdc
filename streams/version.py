"""The product's version, as findings and the console name it."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("egnyte-watch")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0.0.0+source"


VERSION: Final = _installed()
