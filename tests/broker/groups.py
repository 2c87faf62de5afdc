"""Consumer groups, as the broker sees them."""

from itertools import chain

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
    for_code,
)

from streams.kafka_admin import admin_client
from streams.sections import Settings
from tests.broker.waiting import until

Shares = dict[str, list[int]]
"""The partitions of each member, by member id."""
MOVING = (GroupCoordinatorNotAvailableError.errno, GroupLoadInProgressError.errno, NotCoordinatorForGroupError.errno)
"""A broker that was just started has no coordinator for the group yet."""


async def shares(settings: Settings, group: str) -> tuple[str, Shares]:
    """The group's state in Kafka's words, and who has what; members have nothing while they are joining."""
    async with admin_client(settings) as client:
        try:
            (answer,) = await client.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            return "Moving", {}
    ((code, _, state, _, _, members, *_),) = answer.groups
    if code in MOVING:
        return "Moving", {}
    if code:
        raise for_code(code)
    found: Shares = {}
    for member_id, _, _, _, assigned, *_ in members:
        topics = ConsumerProtocolMemberAssignment.decode(assigned).assignment if assigned else []
        found[member_id] = sorted(partition for _, partitions in topics for partition in partitions)
    return state, found


async def until_shared(settings: Settings, group: str, members: int, partitions: int = 12) -> Shares:
    """Waits until the group has shared all partitions out among so many members; returns who has what."""
    latest: Shares = {}

    async def shared_out() -> bool:
        nonlocal latest
        state, latest = await shares(settings, group)
        mine = sorted(chain(*latest.values()))
        return state == "Stable" and len(latest) == members and mine == list(range(partitions))

    await until(shared_out, f"{members} members of {group} share {partitions} partitions")
    return latest
