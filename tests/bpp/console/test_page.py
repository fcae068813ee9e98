"""The operator's console as files: kept to itself by its headers, and told of its session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bpp.console import page
from node.console.pages import PAGE, SHARED
from tests.bpp.console.conftest import Console
from tests.bpp.platform import Platform
from tests.consoles import check_files

FOLDER = Path(page.__file__).parent


@pytest.mark.parametrize("path", ["", *(f"/{name}" for name in (*page.FILES, *SHARED))])
async def test_every_file_is_served_with_a_policy_that_lets_nothing_else_in(operator: Any, path: str) -> None:
    answer = await operator.get(f"/console{path}")
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_file_of_the_console_is_served() -> None:
    there = {path.name for path in FOLDER.iterdir() if path.suffix in {".html", ".css", ".js", ".svg"}}
    assert there == {PAGE, *page.FILES}


def test_nothing_comes_from_elsewhere_and_nothing_is_read_as_markup() -> None:
    check_files(FOLDER)


async def test_a_stranger_is_led_to_the_login_and_sees_no_file(stranger: Any) -> None:
    asked = await stranger.get("/console", headers={"Accept": "text/html"}, allow_redirects=False)
    assert (asked.status, asked.headers["Location"]) == (303, "/login")
    for name in (*page.FILES, *SHARED, "session"):
        assert (await stranger.get(f"/console/{name}")).status == 401


async def test_a_session_reads_and_changes_only_with_its_token(platform: Platform, stranger: Any) -> None:
    await stranger.get("/console", params={"token": platform.bpp.participant.token})
    told = await (await stranger.get("/console/session")).json()
    assert (told["account"], told["role"]) == ("default", "admin")
    path = "/api/v1/batteries/battery-1/state"
    assert (await stranger.put(path, json={"state": "out-of-service"})).status == 401
    wrong = await stranger.put(path, json={"state": "out-of-service"}, headers={"X-CSRF-Token": "guessed"})
    assert wrong.status == 401
    right = await stranger.put(path, json={"state": "out-of-service"}, headers={"X-CSRF-Token": told["csrf"]})
    assert (right.status, (await right.json())["in_service"]) == (200, False)


async def test_a_program_with_a_token_is_told_of_no_csrf_token(console: Console, operator: Any) -> None:
    assert (await (await operator.get("/console/session")).json())["csrf"] is None
