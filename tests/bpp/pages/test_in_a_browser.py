"""A person with a phone and no mouse opens the operator's pages in a real browser."""

from __future__ import annotations

from typing import Any

from tests.bpp.api.test_forms import consent_of, form_of
from tests.bpp.api.test_tickets import feedback_of, link_of
from tests.bpp.platform import Platform
from tests.browser import needs_chromium, visiting

pytestmark = needs_chromium


async def test_a_producer_agrees_to_consent_and_terms_with_the_keyboard(platform: Platform, stranger: Any) -> None:
    url = str(stranger.make_url(await form_of(platform)))
    async with visiting() as visit:
        page = visit.page
        await page.goto(url)
        assert await page.locator("h1").inner_text() == "Consent to automatic dispatch"
        assert not await visit.is_wider_than_its_window()
        await visit.press("Tab", "Space", "Tab", "Enter")
        await page.get_by_text("Step 2 of 2").wait_for()
        assert "5610.90 INR, taxes included" in await page.locator("main").inner_text()
        assert not await visit.is_wider_than_its_window()
        await visit.press("Tab", "Space", "Tab", "Enter")
        number = await page.locator("code").inner_text()
        assert number == (await consent_of(platform)).submission_id
        assert set(visit.requested) == {url}
        assert visit.complaints == []


async def test_a_page_without_its_box_ticked_is_not_sent(platform: Platform, stranger: Any) -> None:
    async with visiting() as visit:
        await visit.page.goto(str(stranger.make_url(await form_of(platform))))
        await visit.press("Tab", "Tab", "Enter")
        assert await visit.page.locator("input[name=consent]:invalid").count() == 1
    assert (await consent_of(platform)).agreements == ()


async def test_a_page_that_was_agreed_to_in_another_window_is_shown_anew_with_the_reason(
    platform: Platform, stranger: Any
) -> None:
    url = str(stranger.make_url(await form_of(platform)))
    async with visiting() as first, visiting() as second:
        for visit in (first, second):
            await visit.page.goto(url)
        for visit in (first, second):
            await visit.page.get_by_role("checkbox").check()
            await visit.page.get_by_role("button").click()
        assert "out of date" in await second.page.get_by_role("alert").inner_text()
        assert await second.page.locator("h1").inner_text() == "Terms of the contract"
    assert len((await consent_of(platform)).agreements) == 1


async def test_a_producer_opens_a_ticket_and_reads_the_answer_on_a_phone(
    platform: Platform, stranger: Any, operator: Any
) -> None:
    url = str(stranger.make_url(await link_of(platform)))
    async with visiting() as visit:
        page = visit.page
        await page.goto(url)
        assert not await visit.is_wider_than_its_window()
        await page.get_by_label("What is it about?").select_option("question")
        await page.get_by_label("In a few words").fill("Losses")
        await page.get_by_label("Message").fill("How much is lost?")
        await visit.press("Tab", "Enter")
        await page.get_by_text("A question, open").wait_for()
        (ticket,) = (await (await operator.get("/api/v1/tickets")).json())["tickets"]
        await operator.post(f"/api/v1/tickets/{ticket['ticket_id']}/notes", json={"text": "36.2 kWh."})
        await page.reload()
        assert "36.2 kWh." in await page.locator("article").inner_text()
        assert not await visit.is_wider_than_its_window()
        assert set(visit.requested) == {url}
        assert visit.complaints == []


async def test_a_producer_writes_feedback_and_finds_it_again(platform: Platform, stranger: Any) -> None:
    async with visiting() as visit:
        await visit.page.goto(str(stranger.make_url(await feedback_of(platform))))
        await visit.page.get_by_label("What should Garden City Storage know?").fill("Prompt & friendly")
        await visit.press("Tab", "Enter")
        await visit.page.get_by_role("status").wait_for()
        assert await visit.page.locator("textarea").input_value() == "Prompt & friendly"
        assert visit.complaints == []
