"""Attacks: one file per kind."""

from simulators.scenario.attacks.brute_force import GUESSED, GUESSING
from simulators.scenario.attacks.stolen_password import STOLEN_PASSWORD
from simulators.scenario.attacks.stolen_session import STOLEN_SESSION
from simulators.scenario.role import Behaviour

ATTACKS: tuple[Behaviour, ...] = (STOLEN_PASSWORD, STOLEN_SESSION, GUESSING, GUESSED)
