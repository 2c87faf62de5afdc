"""What the demo says of actions, and how it sees whether they reached the clouds."""

import pytest

from console.demo_clouds import Clouds
from console.demo_response import told
from schemas.governance import GovernanceRecord
from simulators.scenario.demo import Demo
from tests.agents.governing.records import NOW_MS, request

STORY = Demo(NOW_MS)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            request(state="succeeded", found_ms=NOW_MS - 900),
            "account disabled in Entra ID, and its sessions there ended. 0.9 s after the first act.",
        ),
        (
            request("revoke_links", state="succeeded", items=("a", "b"), found_ms=NOW_MS - 1_000),
            "2 links deleted. 1.0 s after the first act.",
        ),
        (request("unsuspend_user", state="succeeded", found_ms=0), "account enabled again in Entra ID."),
        (
            request(state="skipped", reason="privileged", detail="the user is an administrator", found_ms=0),
            "suspend_user skipped: the user is an administrator.",
        ),
        (request(state="failed", reason="login", found_ms=0), "suspend_user failed: login."),
    ],
)
def test_an_outcome_is_told_in_plain_words(record: GovernanceRecord, words: str) -> None:
    assert told(record) == words


def test_what_did_not_reach_the_clouds_is_seen() -> None:
    clouds = Clouds(STORY)
    victim = STORY.cast.mara
    assert clouds.wrong() == (
        "the account was disabled 0 times in Entra ID",
        "its sessions in Entra ID go on",
        f"links are left: {', '.join(STORY.links)}",
        "0 mails were sent",
    )
    account = next(each for each in clouds.tenant.directory.everybody() if each.properties["mail"] == victim.email)
    clouds.tenant.enable(account, enabled=False, request=1)
    user = clouds.egnyte.users.one(victim.user_id)
    clouds.egnyte.users.change(user, {"active": False}, clouds.egnyte.switches, NOW_MS)
    told = clouds.wrong()
    assert "the account is still disabled in Entra ID" in told
    assert "the account is still deactivated at Egnyte" in told
    assert "the account was disabled 0 times in Entra ID" not in told
