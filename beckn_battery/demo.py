"""``beckn-battery demo``: the whole story on free ports and in a temporary folder, in under 30 seconds.

Trade time runs 1,800 times as fast as the wall clock, so that five hours pass in ten seconds; intervals, samples and
windows are real ones of that clock. The exit code is 0 only if every step happened and every message was acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import orjson
from rich.console import Console

from bap.client import ApiError, AsyncBapClient
from beckn_battery.configuration import LocalNetwork
from beckn_battery.journal import Journal
from beckn_battery.network import Network
from beckn_battery.ports import free_ports
from beckn_battery.running import run
from beckn_battery.screen import Screen
from beckn_battery.story import Story, StoryFailed, tell
from beckn_battery.terminal import new_console
from node.observability import log_to

SPEED = 1_800


def run_demo(*, as_json: bool, seed: int) -> int:
    """Run it; 0 when every step happened."""
    console = new_console(stderr=as_json)
    with (
        tempfile.TemporaryDirectory(prefix="beckn-battery-") as folder,
        (Path(folder) / "demo.log").open("w", encoding="utf-8") as log,
    ):
        log_to(log, logging.INFO)
        return run(_demo(Path(folder), console, as_json=as_json, seed=seed))


async def _demo(folder: Path, console: Console, *, as_json: bool, seed: int) -> int:
    registry_port, gateway_port, bpp_port, bap_port = free_ports(4)
    local = LocalNetwork(folder, registry_port, gateway_port, bpp_port, bap_port, seed=seed, speed=SPEED)
    network = Network(local)
    screen = Screen(console)
    quiet = as_json
    journal = Journal(network.participants, _nothing if quiet else screen.message)
    story, failure = None, None
    await network.start()
    try:
        url = f"http://{local.host}:{local.bap_port}"
        async with AsyncBapClient(url, network.bap.participant.token) as client:
            story = await tell(client, _nothing if quiet else screen.step, asyncio.sleep)
    except (StoryFailed, ApiError, httpx.HTTPError) as error:
        failure = str(error) or type(error).__name__
    finally:
        screen.close()
        await network.stop()
    refused = [passed for passed in journal.messages if not passed.acknowledged]
    if failure is None and refused:
        failure = f"{len(refused)} messages were not acknowledged, the first: {refused[0].action}"
    if as_json and story is not None:
        sys.stdout.buffer.write(orjson.dumps(_report(network, journal, story)) + b"\n")
    return _verdict(console, failure, len(journal.messages))


def _verdict(console: Console, failure: str | None, messages: int) -> int:
    if failure is not None:
        console.print(f"[red]The story did not come to its end:[/] {failure}", soft_wrap=True)
        return 1
    console.print(f"[green]Every step happened[/]: {messages} signed messages, all acknowledged.")
    return 0


def _report(network: Network, journal: Journal, story: Story) -> dict[str, Any]:
    owns = [one.keyring.own for one in network.participants.values()]
    return {
        "messages": [passed.as_json() for passed in journal.messages],
        "public_keys": {f"{own.subscriber_id}|{own.key_id}": own.signing_public_b64 for own in owns},
        "contract": story.contract,
        "readings": story.readings,
        "invoice": story.invoice,
    }


def _nothing(*_args: object) -> None:
    return None
