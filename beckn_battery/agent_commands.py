"""``beckn-battery agent``: reads a battery beside it and forwards its samples to the operator's platform."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from beckn_battery.agent import Agent, AgentSettings
from beckn_battery.running import run, serve_until_stopped
from beckn_battery.terminal import new_console
from node.observability import log_to
from node.settings import load

ONCE_WITHIN_S = 30.0
LOOK_EVERY_S = 0.1
NOT_ALL = 1


@click.command()
@click.option("--config", "file", type=click.Path(path_type=Path), required=True, help="TOML settings file.")
@click.option("--once", is_flag=True, help="Read every source once, forward, say how it went, and end.")
def agent(file: Path, once: bool) -> None:
    """Read batteries here and forward their samples; what can not be sent waits on disk. Runs until Ctrl-C."""
    log_to()
    one = Agent(load(file, AgentSettings))
    if once:
        sys.exit(run(_once(one, new_console())))
    sys.exit(run(serve_until_stopped([one], _started, _nothing_to_reload)))


async def _started() -> None:
    return None


def _nothing_to_reload() -> None:
    return None


async def _once(one: Agent, console: Console) -> int:
    """Run until every source has delivered and all is forwarded; 0 if that came to pass within `ONCE_WITHIN_S`."""
    await one.start()
    try:
        waited_s = 0.0
        while not await _is_done(one) and waited_s < ONCE_WITHIN_S:
            await asyncio.sleep(LOOK_EVERY_S)
            waited_s += LOOK_EVERY_S
        done = await _is_done(one)
        table = Table("source", "address", "state", "what is wrong", box=None)
        for standing in one.standings:
            wrong = "; ".join(sentence for sentence, _ in standing.problems.values())
            state = "read" if standing.last_sample_at is not None else "nothing was read"
            table.add_row(standing.name, standing.address, state, wrong)
        console.print(table)
        console.print(f"{await one.store.count()} samples wait, {await one.store.refused_count()} were refused.")
    finally:
        await one.stop()
    return 0 if done and not any(standing.problems for standing in one.standings) else NOT_ALL


async def _is_done(one: Agent) -> bool:
    if any(standing.last_sample_at is None for standing in one.standings):
        return False
    return await one.store.count() == 0
