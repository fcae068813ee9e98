"""Logging in: pages, sessions, CSRF and lock-out, as a browser meets them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from sqlalchemy import select

from node import accounts, tokens
from node.access import CACHE_S, CSRF_HEADER, csrf_token
from node.auth import COOKIE
from node.callers import AccessRole
from node.login import FORM_COOKIE
from node.settings import AccessSettings
from node.tables import sessions
from tests.node.doors import FILE_TOKEN, NOW, TRADES, Door, opened

PASSWORD = "a long enough password"
HASH = accounts.hashed(PASSWORD)
SETTINGS = AccessSettings(session_idle_s=600, session_max_s=1_500, failures_free=2, lock_max_s=60)


class Browser:
    """Keeps cookies as a browser does and gives forms back as it got them."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.cookies: dict[str, str] = {}
        self.set_cookie: list[str] = []

    async def send(
        self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, str]:
        """(status, Location, text)."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookie, "Accept": "text/html", **headers}
        self.door.client.session.cookie_jar.clear()
        async with self.door.client.request(method, path, data=fields, headers=sent, allow_redirects=False) as answer:
            self.set_cookie = answer.headers.getall("Set-Cookie", [])
            for line in self.set_cookie:
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            self.cookies = {name: value for name, value in self.cookies.items() if value}
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def log_in(self, account: str = "anna", password: str = PASSWORD) -> tuple[int, str, str]:
        """Open the form, fill it in, send it."""
        _, _, form = await self.send("GET", "/login")
        return await self.send("POST", "/login", {"csrf": hidden(form), "account": account, "password": password})

    async def reads(self) -> int:
        """What the API answers to the cookie."""
        return (await self.send("GET", TRADES))[0]


def hidden(form: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', form)
    return found[1] if found else ""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """With one account, anna, a trader."""
    async with opened(f"sqlite:///{tmp_path / 'bap.sqlite'}", SETTINGS) as one:
        await one.database.write(lambda tx: accounts.add(tx, "anna", AccessRole.TRADER, HASH, NOW))
        yield one


@pytest.fixture
def browser(door: Door) -> Browser:
    return Browser(door)


async def test_the_right_password_opens_the_console_as_the_account_with_its_role(browser: Browser) -> None:
    assert (await browser.log_in())[:2] == (303, "/console")
    status, _, text = await browser.send("GET", "/console")
    assert (status, text) == (200, '{"account":"anna","role":"trader","token_id":null}')


async def test_a_browser_without_a_session_is_led_to_the_login(browser: Browser) -> None:
    assert (await browser.send("GET", "/console"))[:2] == (303, "/login")


async def test_the_cookie_is_for_this_server_alone_and_only_its_hash_is_stored(browser: Browser) -> None:
    await browser.log_in()
    [cookie] = [line for line in browser.set_cookie if line.startswith(COOKIE)]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    row = await browser.door.database.read(lambda tx: tx.execute(select(sessions)).one())
    assert browser.cookies[COOKIE] not in str(row)


async def test_with_tls_every_cookie_is_secure(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'bap.sqlite'}", SETTINGS, encrypted=True) as door:
        browser = Browser(door)
        await browser.send("GET", "/login")
        assert all("Secure" in line for line in browser.set_cookie)
        await browser.send("GET", f"/console?token={FILE_TOKEN}")
        assert ["Secure" in line for line in browser.set_cookie] == [True]


async def test_a_token_in_the_consoles_address_becomes_a_session_and_is_not_the_cookie(browser: Browser) -> None:
    status, location, _ = await browser.send("GET", f"/console?token={FILE_TOKEN}")
    assert (status, location) == (303, "/console")
    assert FILE_TOKEN not in browser.cookies[COOKIE]
    assert await browser.reads() == 200
    await browser.door.database.write(lambda tx: tokens.revoke(tx, "api.token", NOW))
    browser.door.clock.pass_s(CACHE_S)
    assert await browser.reads() == 401


# -- how a session ends -------------------------------------------------------------------------------------


async def test_a_session_ends_when_it_was_idle_too_long_and_lives_on_while_it_is_used(browser: Browser) -> None:
    await browser.log_in()
    for _ in range(2):
        browser.door.clock.pass_s(599)
        assert await browser.reads() == 200
    browser.door.clock.pass_s(600)
    assert await browser.reads() == 401


async def test_a_session_ends_by_its_age_however_much_it_is_used(browser: Browser) -> None:
    await browser.log_in()
    for _ in range(4):
        browser.door.clock.pass_s(370)
        assert await browser.reads() == 200
    browser.door.clock.pass_s(20)
    assert await browser.reads() == 401


async def test_logging_out_ends_the_session_at_once(browser: Browser) -> None:
    await browser.log_in()
    _, _, page = await browser.send("GET", "/login")
    kept = dict(browser.cookies)
    assert (await browser.send("POST", "/logout", {"csrf": hidden(page)}))[:2] == (303, "/login")
    assert COOKIE not in browser.cookies
    browser.cookies = kept
    assert await browser.reads() == 401


@pytest.mark.parametrize("change", ["disabled", "another password"])
async def test_a_disabled_account_and_another_password_end_every_session(browser: Browser, change: str) -> None:
    await browser.log_in()
    if change == "disabled":
        await browser.door.database.write(lambda tx: accounts.disable(tx, "anna", NOW))
    else:
        await browser.door.database.write(
            lambda tx: accounts.set_password(tx, "anna", accounts.hashed("some other one"))
        )
    browser.door.clock.pass_s(CACHE_S)
    assert await browser.reads() == 401
    assert (await browser.log_in())[0] == 401


async def test_a_disabled_accounts_tokens_count_again_when_it_is_enabled(door: Door) -> None:
    header = await door.token("anna", AccessRole.VIEWER)
    await door.database.write(lambda tx: accounts.disable(tx, "anna", NOW))
    assert await door.status(header) == 401
    await door.database.write(lambda tx: accounts.enable(tx, "anna"))
    assert await door.status(header) == 200


async def test_a_login_begins_a_new_session_and_ends_the_one_before(browser: Browser) -> None:
    await browser.log_in()
    before = browser.cookies[COOKIE]
    browser.cookies[FORM_COOKIE] = "form"
    fields = {"csrf": "form", "account": "anna", "password": PASSWORD}
    assert (await browser.send("POST", "/login", fields))[0] == 303
    assert browser.cookies[COOKIE] != before
    browser.cookies[COOKIE] = before
    assert await browser.reads() == 401


# -- other sites --------------------------------------------------------------------------------------------


async def test_a_cookie_changes_something_only_together_with_its_csrf_token(browser: Browser) -> None:
    await browser.log_in()
    right = csrf_token(browser.cookies[COOKIE])
    answers = [(await browser.send("POST", TRADES, **{CSRF_HEADER: one}))[0] for one in ("", "wrong", right)]
    assert answers == [401, 401, 200]


async def test_a_login_form_of_another_site_is_refused(browser: Browser) -> None:
    fields = {"csrf": "guessed", "account": "anna", "password": PASSWORD}
    assert (await browser.send("POST", "/login", fields))[0] == 403
    await browser.send("GET", "/login")
    assert (await browser.send("POST", "/login", fields))[0] == 403
    assert COOKIE not in browser.cookies


async def test_nobody_is_logged_out_by_another_site(browser: Browser) -> None:
    await browser.log_in()
    assert (await browser.send("POST", "/logout", {"csrf": "guessed"}))[0] == 403
    assert await browser.reads() == 200


# -- guessing -----------------------------------------------------------------------------------------------


async def test_an_unknown_account_is_answered_like_a_wrong_password_and_locked_like_one(browser: Browser) -> None:
    answers = {name: [await browser.log_in(name, "wrong") for _ in range(3)] for name in ("anna", "nobody")}
    for one in answers.values():
        assert [status for status, _, _ in one] == [401, 401, 429]
    shown = [[re.sub(r'value="[^"]+"', "", text) for _, _, text in one] for one in answers.values()]
    assert shown[0] == shown[1]


async def test_a_locked_account_is_not_opened_by_the_right_password_until_the_wait_is_over(browser: Browser) -> None:
    assert [(await browser.log_in(password="wrong"))[0] for _ in range(2)] == [401, 401]
    assert (await browser.log_in())[0] == 429
    browser.door.clock.pass_s(1)
    assert (await browser.log_in())[0] == 303


async def test_an_address_that_tries_many_accounts_is_locked_for_all(browser: Browser) -> None:
    tried = SETTINGS.failures_free * 4
    assert {(await browser.log_in(f"name-{number}", "wrong"))[0] for number in range(tried)} == {401}
    assert (await browser.log_in())[0] == 429
