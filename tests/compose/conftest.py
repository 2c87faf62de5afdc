"""The containers, once for all tests of this folder, and gone with all they kept when these are done."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.stack import Stack

BUILD_WITHIN_S = 900
"""The first build fetches all packages."""


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo with three workers and the console, built from this checkout."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.fail(
            "Docker with Compose 2.20 or newer is needed: https://docs.docker.com/engine/install", pytrace=False
        )
    stack = Stack(tmp_path_factory.mktemp("secrets"))
    stack.compose("down", "--volumes", "--remove-orphans")  # of a run that was killed
    try:
        stack.compose("build", within_s=BUILD_WITHIN_S)
        stack.compose("up", "--detach", "--scale", "worker=3", within_s=300)
        yield stack
    finally:
        if request.session.testsfailed:
            print(stack.compose("ps", "--all"), stack.compose("logs", "--no-color", "--tail", "60"))
        stack.compose("down", "--volumes", "--remove-orphans")
