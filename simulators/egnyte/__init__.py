"""What stands in for an Egnyte domain: the audit stream v2 over real HTTP, with every doubt about it a switch."""

from simulators.egnyte.access import Account
from simulators.egnyte.faults import Fault
from simulators.egnyte.oauth import App
from simulators.egnyte.simulator import EgnyteSimulator
from simulators.egnyte.switches import Switches

__all__ = ["Account", "App", "EgnyteSimulator", "Fault", "Switches"]
