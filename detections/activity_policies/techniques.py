"""MITRE ATT&CK Enterprise techniques that activity policies may name by id. Source: ATT&CK v17.1, attack.mitre.org.

Others can be written out in the policy: `{uid, name, tactic_uid, tactic}`.
"""

from typing import Final

from detections.model import Technique

_TABLE: Final = """
T1020 TA0010 Automated Exfiltration
T1039 TA0009 Data from Network Shared Drive
T1048 TA0010 Exfiltration Over Alternative Protocol
T1070 TA0005 Indicator Removal
T1074.002 TA0009 Remote Data Staging
T1078 TA0001 Valid Accounts
T1078.004 TA0001 Cloud Accounts
T1090 TA0011 Proxy
T1090.003 TA0011 Multi-hop Proxy
T1098 TA0003 Account Manipulation
T1098.003 TA0003 Additional Cloud Roles
T1110 TA0006 Brute Force
T1110.001 TA0006 Password Guessing
T1110.003 TA0006 Password Spraying
T1110.004 TA0006 Credential Stuffing
T1119 TA0009 Automated Collection
T1136.003 TA0003 Cloud Account
T1199 TA0001 Trusted Relationship
T1213 TA0009 Data from Information Repositories
T1485 TA0040 Data Destruction
T1486 TA0040 Data Encrypted for Impact
T1490 TA0040 Inhibit System Recovery
T1530 TA0009 Data from Cloud Storage
T1531 TA0040 Account Access Removal
T1550.004 TA0008 Web Session Cookie
T1562 TA0005 Impair Defenses
T1567 TA0010 Exfiltration Over Web Service
T1567.002 TA0010 Exfiltration to Cloud Storage
"""
TACTICS: Final = {
    "TA0001": "Initial Access",
    "TA0003": "Persistence",
    "TA0004": "Privilege Escalation",
    "TA0005": "Defense Evasion",
    "TA0006": "Credential Access",
    "TA0007": "Discovery",
    "TA0008": "Lateral Movement",
    "TA0009": "Collection",
    "TA0010": "Exfiltration",
    "TA0011": "Command and Control",
    "TA0040": "Impact",
}

TECHNIQUES: Final = {
    uid: Technique(uid, name, tactic, TACTICS[tactic])
    for uid, tactic, name in (line.split(" ", 2) for line in _TABLE.strip().splitlines())
}
