"""Consumer groups, as the broker sees them."""

from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, for_code

from streams.kafka_admin import admin_client
from streams.sections import Settings

MOVING = (GroupCoordinatorNotAvailableError.errno, NotCoordinatorForGroupError.errno)
"""A broker that was just started has no coordinator for the group yet."""


async def shares(settings: Settings, group: str) -> dict[str, list[int]]:
    """The partitions of each member, by member id; of a group that has them shared out, else none."""
    async with admin_client(settings) as client:
        (answer,) = await client.describe_consumer_groups([group])
    return _stable_shares(answer)


def _stable_shares(answer: Any) -> dict[str, list[int]]:
    ((code, _, state, _, _, members, *_),) = answer.groups
    if code in MOVING:
        return {}
    if code:
        raise for_code(code)
    if state != "Stable":
        return {}
    found = {}
    for member_id, _, _, _, assigned, *_ in members:
        topics = ConsumerProtocolMemberAssignment.decode(assigned).assignment
        found[member_id] = sorted(partition for _, partitions in topics for partition in partitions)
    return found
