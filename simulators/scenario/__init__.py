"""A seeded organisation with real geography: what its people do, what is done to them, and the truth about it."""

from simulators.scenario.role import Label
from simulators.scenario.scenario import Scenario

__all__ = ["Label", "Scenario"]
