"""People find every switch, fault, command and endpoint written down."""

import re
from pathlib import Path
from typing import get_args

from simulators.egnyte import EgnyteSimulator, Switches
from simulators.egnyte.control import Control
from simulators.egnyte.faults import Kind
from simulators.egnyte.pubapi import PublicApi
from simulators.egnyte.signin import SignIn
from simulators.entra.switches import Switches as EntraSwitches
from simulators.wire import Wire

DOCS = (Path(__file__).parents[3] / "docs" / "simulators.md").read_text()


def test_every_switch_is_explained_where_they_are_listed() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)`", Switches.__doc__ or ""))
    assert set(Switches.__struct_fields__) - named == set()
    assert named - set(Switches.__struct_fields__) <= {"name"}


def test_the_page_names_every_command_fault_and_endpoint() -> None:
    simulator = EgnyteSimulator()
    for route in Control(simulator).routes():
        assert route.path in DOCS
    for kind in get_args(Kind):
        assert f"`{kind}`" in DOCS
    for route in [*PublicApi(simulator, Wire()).routes(), *SignIn(simulator).routes()]:
        beginning = route.path.split("/{")[0].removesuffix("/jobs").removesuffix("/consent")
        assert beginning in DOCS, route.path


def test_the_page_names_no_switch_that_is_none() -> None:
    for name in re.findall(r"--set ([a-z_0-9]+)=", DOCS) + re.findall(r"`([a-z]+_[a-z_]+)=", DOCS):
        assert name in {*Switches.__struct_fields__, *EntraSwitches.__struct_fields__}
