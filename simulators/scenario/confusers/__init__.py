"""Confusers: what looks like an attack and is none. One file per kind, or for kinds of one nature."""

from simulators.scenario.confusers.busy_times import ONBOARDING, QUARTER_END
from simulators.scenario.confusers.careers import CAREERS
from simulators.scenario.confusers.carrier import CARRIER
from simulators.scenario.confusers.egress import CLOUD, GATEWAY, PLANE, RELAY
from simulators.scenario.confusers.flight import FLIGHT
from simulators.scenario.confusers.folders import FOLDERS
from simulators.scenario.confusers.ip_switch import IP_SWITCH
from simulators.scenario.confusers.leave import LEAVE
from simulators.scenario.confusers.moved_network import MOVED
from simulators.scenario.confusers.neighbours import NEIGHBOURS
from simulators.scenario.confusers.newsletter import NEWSLETTER
from simulators.scenario.confusers.office import OFFICE
from simulators.scenario.confusers.phones import HUB, NEW_PHONE, ROAMING
from simulators.scenario.confusers.programs import INTEGRATION, SYNC, THUMBNAILS
from simulators.scenario.confusers.shop_wifi import SHOP_WIFI
from simulators.scenario.confusers.typos import TYPOS
from simulators.scenario.confusers.vpn import VPN
from simulators.scenario.role import Behaviour

CONFUSERS: tuple[Behaviour, ...] = (
    VPN, FLIGHT, CARRIER, TYPOS, NEIGHBOURS, IP_SWITCH, RELAY, CLOUD, GATEWAY, PLANE, HUB, ROAMING, NEW_PHONE,
    SHOP_WIFI, MOVED, SYNC, THUMBNAILS, INTEGRATION, *FOLDERS, *OFFICE, *CAREERS, LEAVE, QUARTER_END, ONBOARDING,
    NEWSLETTER,
)  # fmt: skip
