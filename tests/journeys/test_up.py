"""``beckn-battery up`` as a person runs it: started, stopped, started again; and what it says when it can not run."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import tomli_w

from bap.client import AsyncBapClient
from bap.shapes import Contract
from beckn_battery.configuration import ROLES, LocalNetwork, write_settings
from beckn_battery.ports import free_ports
from energy.offers import Place
from node import keyfile
from node.auth import TOKEN_FILE
from tests.beckn_battery.command import COMMAND, PROJECT, finished
from tests.journeys.network import operator_api
from tests.journeys.trading import close, need, put_battery
from tests.waiting import until

COULD_NOT_RUN = 2
STARTED_WITHIN_S = 40
STOPPED_WITHIN_S = 30
BATTERIES = 3
TOKENS = ("bpp", "bap")
# So that no printed path is broken into two lines.
WIDE = {**os.environ, "COLUMNS": "200"}


def options(local: LocalNetwork) -> list[str]:
    """The command line of this network."""
    ports = [text for role in ROLES for text in (f"--{role}-port", str(local.port(role)))]
    return ["--data-dir", str(local.data_dir), *ports, "--batteries", str(BATTERIES), "--speed", str(local.speed)]


def network_in(folder: Path) -> LocalNetwork:
    """A network on free ports."""
    registry, gateway, bpp, bap = free_ports(4)
    return LocalNetwork(folder, registry, gateway, bpp, bap)


class Up:
    """A running ``up``; ``output`` is what it has printed, on both streams."""

    def __init__(self, local: LocalNetwork) -> None:
        self._printed = local.data_dir.with_suffix(".printed")
        with self._printed.open("wb") as file:
            command = [*COMMAND, "up", *options(local)]
            self._process = subprocess.Popen(command, cwd=PROJECT, stdout=file, stderr=file, env=WIDE)

    @property
    def output(self) -> str:
        return self._printed.read_text()

    async def started(self) -> None:
        """Wait until it says that it runs."""

        def runs() -> bool:
            assert self._process.poll() is None, self.output
            return "Stop with Ctrl-C" in self.output

        await until(runs, STARTED_WITHIN_S, "up")

    def stop(self, by: signal.Signals) -> int:
        """Send a signal; the exit code."""
        self._process.send_signal(by)
        return self._process.wait(STOPPED_WITHIN_S)

    def kill(self) -> None:
        """At the end, if it still runs."""
        self._process.kill()
        self._process.wait()


@dataclass
class Runs:
    """Two runs on one data folder: the first is stopped by SIGTERM, the second by Ctrl-C."""

    local: LocalNetwork
    outputs: list[str]
    exit_codes: list[int]
    ready: list[str]
    before: Contract
    after: Contract
    batteries: list[int]

    @property
    def log(self) -> str:
        return (self.local.data_dir / "network.log").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Both runs, from start to end."""
    local = network_in(tmp_path_factory.mktemp("up") / "network")
    outputs, exit_codes, ready, batteries = [], [], [], []
    contracts: list[Contract] = []
    for by in (signal.SIGTERM, signal.SIGINT):
        up = Up(local)
        try:
            await up.started()
            ready += [role for role in ROLES if await is_ready(local, role)]
            async with producer(local) as client, operator(local) as api:
                if not contracts:
                    await put_battery(api, "of-a-person", Place(Decimal(20), Decimal(80)))
                    contracts.append(await close(client, await need(client, Place(Decimal(20), Decimal(80)))))
                else:
                    contracts.append(await client.contract(contracts[0]["contract_id"]))
                batteries.append(len((await api.get("/batteries")).json()))
            exit_codes.append(up.stop(by))
            outputs.append(up.output)
        finally:
            up.kill()
    return Runs(local, outputs, exit_codes, ready, contracts[0], contracts[1], batteries)


async def is_ready(local: LocalNetwork, role: str) -> bool:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://{local.host}:{local.port(role)}/ready")).status_code == 200


def token(local: LocalNetwork, role: str) -> str:
    """As a person reads it from the file that ``up`` names."""
    return (local.data_dir / role / TOKEN_FILE).read_text().strip()


def producer(local: LocalNetwork) -> AsyncBapClient:
    return AsyncBapClient(f"http://{local.host}:{local.bap_port}", token(local, "bap"))


def operator(local: LocalNetwork) -> httpx.AsyncClient:
    return operator_api(f"http://{local.host}:{local.bpp_port}", token(local, "bpp"))


@pytest.mark.asyncio(loop_scope="module")
async def test_up_prints_the_addresses_the_token_files_and_the_link_to_the_page(runs: Runs) -> None:
    for output in runs.outputs:
        for role in ROLES:
            assert runs.local.url(role) in output
        for role in TOKENS:
            assert str(runs.local.data_dir / role / TOKEN_FILE) in output
        assert f"/console?token={token(runs.local, 'bap')}" in output
    assert runs.ready == [*ROLES, *ROLES]


@pytest.mark.asyncio(loop_scope="module")
async def test_up_stops_on_sigterm_and_on_ctrl_c_with_exit_code_0_and_no_trace(runs: Runs) -> None:
    assert runs.exit_codes == [0, 0]
    for output in runs.outputs:
        assert output.rstrip().endswith("stopped")
        assert "Traceback" not in output
    assert "Traceback" not in runs.log


@pytest.mark.asyncio(loop_scope="module")
async def test_keys_and_tokens_can_be_read_by_their_owner_alone(runs: Runs) -> None:
    secrets = [runs.local.data_dir / role / keyfile.FILE for role in ROLES]
    secrets += [runs.local.data_dir / role / TOKEN_FILE for role in TOKENS]
    assert {stat.S_IMODE(secret.stat().st_mode) for secret in secrets} == {0o600}


@pytest.mark.asyncio(loop_scope="module")
async def test_the_second_start_finds_contracts_and_batteries_again(runs: Runs) -> None:
    kept = ("contract_id", "order_id", "stage", "status", "quote", "charge", "giveback", "energy_wh")
    before, after = ({name: value for name, value in one.items() if name in kept} for one in (runs.before, runs.after))
    assert before == after
    assert runs.after["stage"] == "ACTIVE"
    assert runs.batteries == [BATTERIES + 1, BATTERIES + 1]


# -- what can not run -----------------------------------------------------------------------------------------


def written(folder: Path) -> LocalNetwork:
    """A network whose settings files and keys are there."""
    local = network_in(folder / "network")
    write_settings(local, datetime.now(UTC))
    return local


def check_one_clear_line(arguments: list[str], *words: str) -> None:
    """Exit code 2, and one line on stderr with these words in it."""
    ended = finished(*arguments)
    lines = ended.stderr.decode().splitlines()
    assert ended.returncode == COULD_NOT_RUN, ended.stderr
    assert len(lines) == 1, lines
    assert lines[0].startswith("beckn-battery: ")
    for word in words:
        assert word in lines[0]
    assert b"Traceback" not in ended.stdout


def test_a_port_in_use_is_one_line_that_names_it(tmp_path: Path) -> None:
    local = network_in(tmp_path / "network")
    with socket.socket() as taken:
        taken.bind((local.host, local.bpp_port))
        taken.listen()
        check_one_clear_line(["up", *options(local)], f"port {local.bpp_port}", "in use")


def test_a_key_file_that_others_can_read_is_one_line_that_says_what_to_run(tmp_path: Path) -> None:
    local = written(tmp_path)
    key = local.data_dir / "registry" / keyfile.FILE
    key.chmod(0o644)
    check_one_clear_line(["up", *options(local)], str(key), "chmod 600")


@pytest.mark.long
def test_a_key_file_of_something_else_is_one_line_that_names_it(tmp_path: Path) -> None:
    local = written(tmp_path)
    key = local.data_dir / "bap" / keyfile.FILE
    key.parent.mkdir()
    keyfile.write_secret(key, "no key")
    check_one_clear_line(["bap", "serve", "--config", str(local.file("bap"))], str(key), "JSON")


def check_setting(folder: Path, edit: Callable[[dict[str, Any]], object], *words: str) -> None:
    """One clear line about an operator's settings file that a person has edited."""
    local = written(folder)
    file = local.file("bpp")
    settings = tomllib.loads(file.read_text())
    edit(settings)
    file.write_text(tomli_w.dumps(settings))
    check_one_clear_line(["bpp", "serve", "--config", str(file)], str(file), *words)


def test_an_unknown_setting_is_one_line_that_names_it_and_the_one_that_was_meant(tmp_path: Path) -> None:
    check_setting(tmp_path, lambda bpp: bpp.update(terms={"quote_ttl": 60}), "terms.quote_ttl ", "quote_ttl_s")


@pytest.mark.long
def test_a_setting_of_another_type_or_none_is_one_line_that_names_it(tmp_path: Path) -> None:
    check_setting(tmp_path / "type", lambda bpp: bpp["provider"].update(name=7), "provider.name", "str")
    check_setting(tmp_path / "none", lambda bpp: bpp.pop("provider"), "provider is missing")


@pytest.mark.long
def test_a_settings_file_that_is_not_there_is_one_line_that_names_it(tmp_path: Path) -> None:
    missing = tmp_path / "bap.toml"
    check_one_clear_line(["bap", "serve", "--config", str(missing)], str(missing))
