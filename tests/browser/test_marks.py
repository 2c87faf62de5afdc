"""Marks, what is normal and kept searches in Chromium, without scripts, and down to what a worker makes of a mark."""

import time

import msgspec
from playwright.sync_api import expect

from benchmarks.workload import Keyed, keyed
from tests.browser.stage import ADDRESS, FORMULA, Stage
from tests.browser.watched import Watched, reloaded

IP = "81.2.69.142"
"""Where the hostile user was, on no list."""


def preview(number: int) -> Keyed:
    """The same user from there, again."""
    now_ms = time.time_ns() // 1_000_000
    event = {
        "date": now_ms, "user": f"{FORMULA} ( {ADDRESS} )", "userId": "10427000001", "action": "Preview",
        "access": "Web UI", "ipAddress": IP, "actionInfo": "", "auditSource": "FILE_AUDIT",
        "sourcePath": f"/Shared/after-{number}.docx", "targetPath": "N/A",
    }  # fmt: skip
    return keyed(msgspec.json.encode(event), now_ms, 9_000 + number)


def test_a_mark_is_set_in_force_in_the_trail_and_taken_away(watched: Watched, stage: Stage) -> None:
    page = watched.page(java_script_enabled=False)
    page.goto(f"/ip?ip={IP}")
    page.get_by_label("this address").check()
    page.get_by_label("VPN:").check()
    page.get_by_label("Why").fill("exit of the agency")
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Mark").click()
    expect(page.get_by_text("The mark is set")).to_be_visible()

    sent = iter(range(1_000))

    def stamped(_: object) -> bool:
        stage.run(stage.tell([preview(next(sent))]))
        return page.locator("tbody a[href^='/activity/']").count() > 0

    page.goto(f"/activities?ip={IP}&ip_category=vpn&from=1h")
    reloaded(page, stamped, "a worker that stamps what comes from there as VPN")
    page.goto("/activities?type=mark&from=1h")
    page.locator("tbody a[href^='/activity/']").first.click()
    expect(page.get_by_text(f"{IP}: vpn (exit of the agency)").first).to_be_visible()

    page.goto(f"/ip?ip={IP}")
    page.get_by_label("no mark: take it away").check()
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Mark").click()
    expect(page.get_by_text("The mark is taken away")).to_be_visible()
    expect(page.get_by_role("cell", name="exit of the agency")).to_be_visible()


def test_what_is_normal_is_read_from_what_the_worker_learned(watched: Watched, stage: Stage) -> None:
    page = watched.page(java_script_enabled=False)
    page.goto(f"/user?key=acme/{stage.victim}")
    page.get_by_role("link", name="What is normal for this user").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What is normal for")
    known = page.locator("dt", has_text="Known for").locator("xpath=following-sibling::dd[1]").inner_text()
    assert int(known.split()[0]) >= 7, known
    assert page.get_by_role("heading", name="Countries").count() == 1


def test_a_search_is_kept_and_found_again(watched: Watched) -> None:
    page = watched.page(java_script_enabled=False)
    page.goto("/activities?type=upload&from=2d")
    page.get_by_text("Keep or forget a search").click()
    page.get_by_label("Name of this search").fill("<b>uploads</b>")
    page.get_by_role("button", name="Keep").click()
    page.goto("/activities")
    page.get_by_role("link", name="<b>uploads</b>").click()
    assert page.url.endswith("/activities?type=upload&from=2d")
    page.get_by_text("Keep or forget a search").click()
    page.get_by_role("button", name="Forget").click()
    expect(page.get_by_role("link", name="<b>uploads</b>")).to_have_count(0)
