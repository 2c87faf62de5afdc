"""Attacks: one file per kind."""

from simulators.scenario.attacks.awakening import AWAKENING
from simulators.scenario.attacks.brute_force import GUESSED, GUESSING, PATIENT
from simulators.scenario.attacks.holiday import HOLIDAY
from simulators.scenario.attacks.ill_repute import ANONYMOUS_VPN, BOTNET, TOR
from simulators.scenario.attacks.insiders import DELETION, LINKS, PURGE, RUSH
from simulators.scenario.attacks.insiders import PATIENT as PATIENT_DOWNLOAD
from simulators.scenario.attacks.leaked_link import LEAKED_LINK
from simulators.scenario.attacks.leavers import DISABLED, LEARNED_LATE, LEFT, REMOVED
from simulators.scenario.attacks.odd_client import ODD_CLIENT
from simulators.scenario.attacks.ransomware import RENAMES, UNKNOWN_UPLOADS, UPLOADS
from simulators.scenario.attacks.rogue_admin import SPREE, UPSTART
from simulators.scenario.attacks.spraying import LUCKY_SPRAY, SPRAY, STUFFING
from simulators.scenario.attacks.stolen_password import STOLEN_PASSWORD
from simulators.scenario.attacks.stolen_session import STOLEN_SESSION
from simulators.scenario.role import Behaviour

ATTACKS: tuple[Behaviour, ...] = (
    STOLEN_PASSWORD, STOLEN_SESSION, GUESSING, GUESSED, PATIENT, HOLIDAY, TOR, ANONYMOUS_VPN, BOTNET, REMOVED,
    DISABLED, LEFT, LEARNED_LATE, RUSH, PATIENT_DOWNLOAD, DELETION, PURGE, LINKS, UPLOADS, RENAMES, UNKNOWN_UPLOADS,
    UPSTART, SPREE, SPRAY, LUCKY_SPRAY, STUFFING, AWAKENING, ODD_CLIENT, LEAKED_LINK,
)  # fmt: skip
