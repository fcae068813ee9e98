"""The platform as a server: it starts without its registry, answers, and stops."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bpp.app import Bpp
from protocol.errors import SettingsWrong
from tests.bpp.platform import settings
from tests.ports import free_port


async def test_a_platform_serves_while_its_registry_is_down(tmp_path: Path) -> None:
    port = free_port()
    bpp = Bpp(replace(settings(tmp_path), port=port))
    await bpp.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        health = await client.get("/health")
        ready = await client.get("/ready")
        refused = await client.get("/api/v1/batteries")
    await bpp.stop()
    assert (health.status_code, ready.status_code, refused.status_code) == (200, 503, 401)


async def test_a_platform_whose_port_is_taken_says_so_and_can_be_started_again(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsWrong, match=f"port {port}"):
            await Bpp(replace(settings(tmp_path), port=port)).start()
    again = Bpp(replace(settings(tmp_path), port=port))
    await again.start()
    await again.stop()
    assert (tmp_path / "samples.sqlite").exists()


async def test_on_postgresql_samples_and_trades_share_one_database(tmp_path: Path, postgres_url: str) -> None:
    bpp = Bpp(replace(settings(tmp_path, postgres_url), port=free_port()))
    await bpp.start()
    await bpp.stop()
    assert bpp.samples is bpp.participant.database
    assert not (tmp_path / "samples.sqlite").exists()
