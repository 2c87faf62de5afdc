"""What stands in for a Microsoft Entra ID tenant: its login server and Microsoft Graph v1.0 over real HTTP, with every
doubt about them a switch.
"""

from simulators.entra.apps import App, AppSecret
from simulators.entra.faults import Fault
from simulators.entra.simulator import EntraSimulator
from simulators.entra.switches import Switches

__all__ = ["App", "AppSecret", "EntraSimulator", "Fault", "Switches"]
