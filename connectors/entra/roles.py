"""Who holds a privileged role in Entra ID, by assignment or by a group."""

from collections import defaultdict
from typing import Final

import msgspec
import structlog

from connectors.entra.client import GraphClient
from connectors.entra.refusals import Forbidden, NotFound

log = structlog.get_logger(__name__)

HARMLESS: Final = frozenset(
    {"Directory Readers", "Guest Inviter", "Message Center Reader", "Reports Reader", "Usage Summary Reports Reader"}
)
"""Roles whose holders count as no administrators in Microsoft's own rules on who may act on whom."""

GROUP: Final = "#microsoft.graph.group"
USER: Final = "#microsoft.graph.user"

Roles = dict[str, tuple[str, ...]]
"""The names of the roles of each user, by object id."""


class _Role(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    display_name: str = ""


class _Member(msgspec.Struct, frozen=True):
    id: str
    kind: str = msgspec.field(default="", name="@odata.type")


async def privileged_roles(client: GraphClient) -> Roles | None:
    """The privileged roles of every user who holds one; None where the app may not read roles.

    A role that lies with a group counts for all its members; where groups can't be read, only for those named
    themselves. Raises a NoAnswer.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    try:
        async for role in client.pages("/directoryRoles", _Role, params={"$select": "id,displayName"}):
            if role.display_name in HARMLESS:
                continue
            async for member in client.pages(f"/directoryRoles/{role.id}/members", _Member, params={"$select": "id"}):
                for user in [member.id] if member.kind != GROUP else await _members(client, member):
                    found[user].add(role.display_name)
    except Forbidden as error:
        log.warning(
            "privileged roles can't be read: nobody is known to be an administrator of Entra ID", reason=str(error),
            advice="grant the app RoleManagement.Read.Directory",
        )  # fmt: skip
        return None
    return {user: tuple(sorted(names)) for user, names in found.items()}


async def _members(client: GraphClient, group: _Member) -> list[str]:
    path = f"/groups/{group.id}/transitiveMembers"
    try:
        members = [member async for member in client.pages(path, _Member, params={"$select": "id"})]
    except (Forbidden, NotFound) as error:
        log.warning("the members of a group with a privileged role can't be read", group=group.id, reason=str(error))
        return []
    return [member.id for member in members if member.kind == USER]
