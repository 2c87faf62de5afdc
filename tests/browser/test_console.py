"""In Chromium: an alert is found, understood, acted on, judged, by hand and by keyboard, whatever files are named."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.stage import ADDRESS, FORMULA, IMAGE, SCRIPT, Stage
from tests.browser.watched import Watched, reloaded


def open_finding(page: Page, title: str) -> None:
    page.goto("/")
    page.get_by_role("link", name="Findings", exact=True).click()
    page.get_by_role("link", name=title).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_an_alert_is_found_and_understood(page: Page, stage: Stage) -> None:
    open_finding(page, "Impossible travel")
    expect(page.get_by_role("main")).to_contain_text("faster than any airliner")
    numbers = page.get_by_role("table", name="The numbers behind it")
    speed = numbers.get_by_role("row", name="speed in km/h").get_by_role("cell").all_inner_texts()
    assert float(speed[0].replace(",", "")) > float(speed[1].replace(",", "")) == 800
    drawing = page.get_by_role("img", name="Map of the journey")
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] > 2 * 200
    assert drawing.locator("path.way").count() == 1
    assert drawing.locator("circle").count() == 2
    land = drawing.locator("use.land").bounding_box()
    assert land is not None
    assert land["width"] > box["width"], "outlines of Natural Earth are behind it, beyond its sides"
    expect(page.get_by_role("region", name="Evidence").get_by_role("row")).to_have_count(3)
    assert page.get_by_role("region", name="Timeline").get_by_label("evidence").count() == 2
    page.get_by_role("link", name=stage.victim).first.click()
    expect(page.get_by_role("heading", name="Hours of the day")).to_be_visible()


def test_somebody_acts(page: Page, stage: Stage) -> None:
    open_finding(page, "Impossible travel")
    page.get_by_text("Act on").click()
    page.get_by_label("require sign in").check()
    page.get_by_role("textbox", name="Why").fill("Ends the thief's session")
    page.get_by_role("button", name="Act", exact=True).click()
    acting = page.locator("form[action='/governance/ask']").get_by_role("checkbox", name="I am sure")
    assert acting.evaluate("box => box.validity.valueMissing"), "not without being sure"
    acting.check()
    page.get_by_role("button", name="Act", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="It is asked for")).to_be_visible()
    reloaded(page, lambda here: over(here, "require sign in") != "", "it has come to an end")
    assert over(page, "require sign in") == "succeeded"
    assert [effect.user for effect in stage.tenant.effects("sessions_revoked")].count(person(stage)) >= 1


def over(page: Page, action: str) -> str:
    """How `action` ended, empty where it has not."""
    states = page.get_by_role("row").filter(has_text=action).locator("td.state").all_inner_texts()
    return next((state for state in states if state.split()[0] not in ("requested", "started")), "")


def person(stage: Stage) -> str:
    """The victim's id in the tenant."""
    (found,) = (n for n, each in enumerate(stage.scenario.organisation.people) if each.email == stage.victim)
    return f"u{found}"


def test_an_action_is_undone(page: Page, stage: Stage) -> None:
    assert not stage.tenant.state(person(stage)).enabled, "the policy had the thief's victim suspended"
    open_finding(page, "Impossible travel")
    page.get_by_role("link", name="what became of them").click()
    page.get_by_role("link", name="suspend user").click()
    undo = page.url
    page.get_by_label("undo").check()
    page.get_by_label("Why").fill("She was on a plane after all")
    page.get_by_role("button", name="Ask").click()
    assert page.get_by_role("checkbox", name="I am sure").evaluate("box => box.validity.valueMissing")
    assert page.url == undo, "not without being sure"
    page.get_by_role("checkbox", name="I am sure").check()
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("status").filter(has_text="It is asked for")).to_be_visible()
    reloaded(page, lambda here: "reverted" in here.get_by_role("heading", level=1).inner_text(), "it is undone")
    assert stage.tenant.state(person(stage)).enabled


def test_an_alert_is_closed_and_opened_again(page: Page) -> None:
    open_finding(page, "Impossible travel")
    page.get_by_label("true positive").check()
    page.get_by_label("Comment").fill(f"Confirmed with her {SCRIPT}")
    page.get_by_role("checkbox", name="I am sure").check()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="The verdict is kept")).to_be_visible()
    reloaded(page, lambda here: here.get_by_role("heading", name="Open it again").count() == 1, "it is closed")
    expect(page.get_by_role("main")).to_contain_text("closed as true positive by")
    expect(page.get_by_role("main")).to_contain_text(f"Confirmed with her {SCRIPT}")
    finding = page.url.partition("?")[0]
    page.goto("/findings?kind=alert&state=closed")
    expect(page.get_by_role("link", name="Impossible travel")).to_have_count(1)
    page.goto(finding)
    page.get_by_role("checkbox", name="I am sure").check()
    page.get_by_role("button", name="Open again").click()
    reloaded(page, lambda here: here.get_by_role("heading", name="Close it").count() == 1, "it is open again")


def test_the_log_is_searched_and_taken_away(page: Page, tmp_path: Path) -> None:
    page.goto("/activities")
    page.get_by_label("Path has the words").fill("locky")
    page.locator("select[name=type]").select_option("upload")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row")).to_have_count(41)
    expect(page.get_by_role("region", name="Activities found")).to_contain_text(SCRIPT)
    expect(page.get_by_role("region", name="Activities found")).to_contain_text(IMAGE)
    with page.expect_download() as taking:
        page.get_by_role("link", name="CSV").click()
    taking.value.save_as(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["actor_email"] for row in rows} == {f"'{ADDRESS}"}
    assert all(SCRIPT in row["path"] for row in rows)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]
    page.get_by_role("row").nth(1).get_by_role("link").first.click()
    page.get_by_role("link", name="Same user").click()
    expect(page.get_by_role("region", name="Activities found")).to_contain_text(ADDRESS)


def test_what_wants_to_be_code_is_only_read(page: Page) -> None:
    open_finding(page, "Ransomware activity")
    expect(page.get_by_role("main")).to_contain_text(SCRIPT)
    page.get_by_role("link", name=ADDRESS).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(ADDRESS)
    expect(page.get_by_role("main")).to_contain_text(FORMULA)
    expect(page.get_by_role("main")).to_contain_text(IMAGE)
    assert page.locator("main script, main img").count() == 0


def test_news_comes_by_itself(page: Page, stage: Stage) -> None:
    page.goto("/findings")
    page.evaluate("window.stays = true")
    stage.fail_logins("late@example.com")
    expect(page.get_by_role("status").filter(has_text=re.compile("new records? of"))).to_be_visible()
    assert page.evaluate("window.stays"), "without a reload"
    page.get_by_role("status").get_by_role("link").click()
    expect(page.get_by_role("link", name="Multiple failed logins").first).to_be_visible()


def test_all_can_be_read_without_scripts(watched: Watched) -> None:
    page = watched.page(java_script_enabled=False)
    open_finding(page, "Impossible travel")
    expect(page.get_by_role("img", name="Map of the journey")).to_be_visible()
    page.get_by_role("link", name="All of the user's activities").click()
    assert page.get_by_role("row").count() > 10
    page.locator("summary", has_text="Any other filter of policies").click()
    page.locator("select[name=attribute]").select_option("extension")
    page.get_by_role("textbox", name="Value").fill("pdf")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("extension=pdf")).to_be_visible()


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto("/findings?kind=alert&state=open&policy=ransomware")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(page, "Ransomware activity")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ransomware activity")
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "said":
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Ours: a drill")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="The verdict is kept")).to_be_visible()
    reloaded(page, lambda here: here.get_by_role("heading", name="Open it again").count() == 1, "it is closed")
    expect(page.get_by_role("main")).to_contain_text("closed as benign by")
    expect(page.get_by_role("main")).to_contain_text("Ours: a drill")


def tab_to(page: Page, text: str) -> None:
    for _ in range(80):
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", "one sees where one is"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {text!r}")
