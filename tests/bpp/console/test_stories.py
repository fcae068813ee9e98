"""Operators at work in a real browser: with a phone, without a mouse, and without a connection to anywhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from energy.offers import StorageUse
from tests.bpp.console.conftest import Console
from tests.bpp.platform import order
from tests.browser import Visit, needs_chromium
from tests.consoles import small_texts
from tests.energy.examples import hours

pytestmark = [needs_chromium, pytest.mark.timeout(120)]

SHORT = StorageUse(20_000, hours(13, 14), hours(20, 21))
PLACES = ("fleet", "batteries/battery-1", "calendar", "contracts", "dispatch", "alerts", "telemetry", "tickets")


_LANDMARKS: tuple[Any, ...] = ("banner", "navigation", "main", "contentinfo")
_FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.textContent.trim() || at.id, style.outlineStyle !== "none" && style.outlineWidth !== "0px"];
}"""


async def settled(visit: Visit) -> None:
    """The page has shown what it read."""
    await visit.page.locator("#fresh", has_text="Up to date.").wait_for()
    await visit.page.locator("#view > section").first.wait_for(state="attached")


async def test_somebody_logs_in_sees_the_fleet_and_opens_a_battery_and_its_day(console: Console) -> None:
    await console.platform.buy(order(use=SHORT))
    async with console.visited_by("olga") as visit:
        page = visit.page
        row = page.get_by_role("row", name="Hebbal 1")
        await row.wait_for()
        assert "50 %" in await row.inner_text()
        assert "Resting" in await row.inner_text()
        await page.get_by_role("link", name="Hebbal 1").click()
        await page.get_by_role("heading", name="Hebbal 1").wait_for()
        assert await page.get_by_role("meter", name="State of charge").get_attribute("aria-valuetext") == "50 %"
        assert "to 50 % at" in str(await page.get_by_role("img", name="State of charge").get_attribute("aria-label"))
        await page.get_by_label("Look at a time of this day").focus()
        await visit.press("End", *["PageDown"] * 3)
        assert "plan:" in await page.locator("#look-words").inner_text()
        await page.get_by_text("This day in numbers").click()
        assert await page.locator("table.hours tbody tr").count() == 24
        assert await page.locator("table.bookings tbody tr").count() == 1


async def test_a_day_shows_what_was_planned_beside_what_was_measured(console: Console) -> None:
    await console.platform.buy(order(use=SHORT))
    day = await console.tells("batteries/battery-1/day")
    async with console.visited_by("olga", "batteries/battery-1") as visit:
        page = visit.page
        await page.locator(".plan-in").wait_for(state="attached")
        assert await page.locator(".plan-in").count() == await page.locator(".plan-out").count() == 1
        assert day["facts"][0]["soc_percent"] == "50"
        for drawn in (".plan-line", ".fact-line"):
            assert "L" in str(await page.locator(drawn).first.get_attribute("d"))
        await page.get_by_role("button", name="Day before").click()
        await page.get_by_text("Nothing was measured on this day.").wait_for()


async def test_a_battery_is_taken_out_of_service_after_confirmation_alone(console: Console) -> None:
    async with console.visited_by("olga", "batteries/battery-1") as visit:
        page = visit.page
        await page.get_by_role("button", name="Take out of service").click()
        await page.get_by_role("dialog", name="Take Hebbal 1 out of service?").wait_for()
        await visit.press("Escape")
        assert (await console.tells("batteries/battery-1"))["in_service"] is True
        await page.get_by_role("button", name="Take out of service").click()
        await page.get_by_role("dialog").get_by_role("button", name="Take out of service").click()
        await page.get_by_role("button", name="Put back into service").wait_for()
        assert (await console.tells("batteries/battery-1"))["in_service"] is False
        await page.get_by_role("link", name="Fleet").click()
        await page.get_by_role("row", name="Hebbal 1").get_by_text("Out of service").wait_for()


async def test_who_only_looks_can_not_change_anything(console: Console) -> None:
    async with console.visited_by("vera", "batteries/battery-1") as visit:
        button = visit.page.get_by_role("button", name="Take out of service")
        await button.wait_for()
        assert await button.is_disabled()
        assert "this role only reads" in await visit.page.locator("#who").inner_text()


async def test_an_alert_shows_by_itself_and_somebody_sees_to_it(console: Console) -> None:
    platform = console.platform
    async with console.visited_by("olga", "alerts") as visit:
        page = visit.page
        await page.get_by_text("No alert is open.").wait_for()
        platform.go_to(platform.trade + timedelta(hours=3))
        await platform.bpp.alarm.open()
        await platform.bpp.alarm.look()
        row = page.get_by_role("row", name="Not heard")
        await row.wait_for()
        await page.get_by_role("link", name="Alerts, 1 open").wait_for()
        await row.get_by_role("button", name="I see to it").click()
        await page.get_by_role("dialog").get_by_role("button", name="I see to it").click()
        await row.get_by_text("Seen to").wait_for()
        (alert,) = (await console.tells("alerts"))["alerts"]
        assert alert["acknowledged_by"] == "olga (session)"
        await page.goto(f"{console.url}/console#/telemetry")
        await page.get_by_role("row", name="battery-1").get_by_text("look at the battery's gateway").wait_for()


async def test_a_battery_is_dispatched_by_hand_after_confirmation_and_left_to_itself_again(console: Console) -> None:
    async with console.visited_by("olga", "batteries/battery-1") as visit:
        page = visit.page
        await page.get_by_role("button", name="Dispatch").click()
        dialog = page.get_by_role("dialog", name="Dispatch Hebbal 1 by hand")
        await dialog.get_by_label("The battery shall").select_option(label="give back, up to 80 kW")
        await dialog.get_by_label("Power in kW").fill("90")
        await dialog.get_by_role("button", name="Send the set-point").click()
        assert "80 kW" in await dialog.get_by_role("alert").inner_text()
        assert (await console.tells("setpoints"))["setpoints"] == []
        await dialog.get_by_label("Power in kW").fill("12.5")
        await dialog.get_by_role("button", name="Send the set-point").click()
        await page.get_by_text("By hand: it is told to give back 12.5 kW").wait_for()
        (told,) = (await console.tells("setpoints"))["setpoints"]
        assert (told["battery_id"], told["power_w"], told["by"]) == ("battery-1", -12_500, "operator")
        await page.goto(f"{console.url}/console#/dispatch")
        assert "By hand" in await page.locator("table.commanded tbody").inner_text()
        await page.get_by_role("link", name="battery-1").click()
        await page.get_by_role("button", name="Take the set-point back").click()
        await page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
        await page.get_by_role("button", name="Dispatch").wait_for()
        assert (await console.tells("setpoints"))["setpoints"] == []


async def test_an_emergency_stop_stands_until_it_is_released(console: Console) -> None:
    async with console.visited_by("olga", "batteries/battery-1") as visit:
        page = visit.page
        await page.get_by_role("button", name="Emergency stop").click()
        await page.get_by_label("Why?").fill("Smoke")
        await visit.press("Enter")
        await page.get_by_text("Emergency stop of battery-1 by olga (session): Smoke").wait_for()
        (stop,) = (await console.tells("stops"))["stops"]
        assert (stop["battery_id"], stop["reason"]) == ("battery-1", "Smoke")
        await page.get_by_role("button", name="Release the stop").click()
        await page.get_by_role("dialog").get_by_role("button", name="Release the stop").click()
        await page.get_by_role("button", name="Emergency stop").wait_for()
        assert (await console.tells("stops"))["stops"] == []


async def test_the_whole_fleet_is_stopped_from_one_place(console: Console) -> None:
    async with console.visited_by("olga", "dispatch") as visit:
        page = visit.page
        await page.get_by_role("button", name="Stop the whole fleet").click()
        await page.get_by_label("Why?").fill("Flood")
        await visit.press("Enter")
        await page.get_by_role("button", name="Release the whole fleet").wait_for()
        assert [stop["battery_id"] for stop in (await console.tells("stops"))["stops"]] == ["*"]


async def test_maintenance_is_planned_with_a_ticket_and_shows_in_the_calendar(console: Console) -> None:
    async with console.visited_by("olga", "batteries/battery-1") as visit:
        page = visit.page
        await page.get_by_role("button", name="Plan maintenance").click()
        await page.get_by_label("What is done?").fill("New fans")
        await visit.press("Enter")
        await page.locator("table.bookings").wait_for()
        await page.goto(f"{console.url}/console#/calendar")
        await page.locator("td.free.f0").first.wait_for()
        await page.goto(f"{console.url}/console#/tickets")
        await page.get_by_role("link", name="New fans").click()
        await page.get_by_role("button", name="End the maintenance").click()
        await page.get_by_role("dialog").get_by_role("button", name="End the maintenance").click()
        await page.locator("#end-maintenance").wait_for(state="hidden")
        (ticket,) = (await console.tells("tickets"))["tickets"]
        assert ticket["maintenance"] is None


async def test_what_can_not_be_is_said_in_the_dialog_and_nothing_is_left_over(console: Console) -> None:
    await console.platform.buy(order(use=SHORT))
    async with console.visited_by("olga", "batteries/battery-1") as visit:
        page = visit.page
        await page.get_by_role("button", name="Plan maintenance").click()
        await page.get_by_label("What is done?").fill("New fans")
        await visit.press("Enter")
        await page.get_by_role("dialog").get_by_role("alert").wait_for()
        assert "choose another time" in await page.get_by_role("dialog").get_by_role("alert").inner_text()
        (ticket,) = (await console.tells("tickets"))["tickets"]
        assert ticket["state"] == "closed"


async def test_a_contract_is_read_and_cancelled_with_a_reason(console: Console) -> None:
    await console.platform.buy(order(use=SHORT))
    async with console.visited_by("olga", "contracts") as visit:
        page = visit.page
        await page.get_by_role("row").get_by_role("link").first.click()
        await page.get_by_text("Agreed price").wait_for()
        await page.get_by_role("button", name="Cancel this contract").click()
        await page.get_by_role("dialog").get_by_role("button", name="Cancel the contract").click()
        await page.get_by_text("Cancelled by the operator").wait_for()
        (contract,) = (await console.tells("contracts"))["contracts"]
        assert contract["stage"] == "CANCELLED"


async def test_a_ticket_is_opened_answered_and_closed_with_the_keyboard(console: Console) -> None:
    async with console.visited_by("olga", "tickets") as visit:
        page = visit.page
        await page.get_by_role("button", name="New ticket").focus()
        await visit.press("Enter")
        await page.get_by_role("dialog").wait_for()
        await page.get_by_label("In a few words").focus()
        await page.keyboard.type("Loud fan")
        await visit.press("Tab", "Tab")
        await page.keyboard.type("It is loud at night.")
        await visit.press("Tab", "Enter")
        link = page.get_by_role("link", name="Loud fan")
        await link.focus()
        await visit.press("Enter")
        await page.get_by_role("heading", name="Loud fan").wait_for()
        assert await page.evaluate("document.activeElement.id") == "title"
        await page.get_by_role("button", name="Answer").focus()
        await visit.press("Enter")
        await page.keyboard.type("We come on Tuesday.")
        await visit.press("Tab", "Enter")
        await page.get_by_role("listitem").filter(has_text="We come on Tuesday.").wait_for()
        assert await page.evaluate("document.activeElement.id") == "answer"


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(console: Console) -> None:
    async with console.visited_by("olga") as visit:
        page = visit.page
        await settled(visit)
        seen = []
        for _ in range(14):
            await visit.press("Tab")
            seen.append(await page.evaluate(_FOCUS))
        names = [name for name, _ in seen]
        assert names[0] == "Skip to content"
        assert {"Fleet", "Dispatch", "Contracts", "search", "Hebbal 1"} <= set(names)
        assert all(has_outline for _, has_outline in seen), seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_view_is_wider_than_a_phone_and_every_text_stands_out(console: Console, scheme: Any) -> None:
    await console.platform.buy(order(use=SHORT))
    await console.platform.bpp.alarm.open()
    async with console.visited_by("olga") as visit:
        await visit.page.emulate_media(color_scheme=scheme)
        for place in PLACES:
            await visit.page.goto(f"{console.url}/console#/{place}")
            await visit.page.locator("nav a[aria-current]").wait_for()
            await settled(visit)
            assert not await visit.is_wider_than_its_window(), place
            assert await small_texts(visit) == [], place
            landmarks = [await visit.page.get_by_role(role).count() for role in _LANDMARKS]
            assert landmarks == [1, 1, 1, 1], place


async def test_words_of_a_battery_are_words_and_no_markup(console: Console, operator: Any) -> None:
    name = "<img src=x onerror=alert(1)>"
    assert (await operator.patch("/api/v1/batteries/battery-1", json={"name": name})).status == 200
    async with console.visited_by("olga") as visit:
        await visit.page.get_by_role("link", name=name).wait_for()
        assert await visit.page.locator("main img").count() == 0


async def test_a_session_that_is_over_is_said(console: Console) -> None:
    async with console.visited_by("olga") as visit:
        await settled(visit)
        await visit.page.context.clear_cookies()
        notice = visit.page.get_by_role("alert")
        await notice.wait_for()
        assert await notice.inner_text() == "You are not logged in any more. Log in again to go on."
