"""Confusers: what looks like an attack and is none. One file per kind."""

from simulators.scenario.confusers.carrier import CARRIER
from simulators.scenario.confusers.flight import FLIGHT
from simulators.scenario.confusers.ip_switch import IP_SWITCH
from simulators.scenario.confusers.neighbours import NEIGHBOURS
from simulators.scenario.confusers.typos import TYPOS
from simulators.scenario.confusers.vpn import VPN
from simulators.scenario.role import Behaviour

CONFUSERS: tuple[Behaviour, ...] = (VPN, FLIGHT, CARRIER, TYPOS, NEIGHBOURS, IP_SWITCH)
