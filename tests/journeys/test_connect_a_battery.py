"""``docs/connect-a-battery.md`` is run as it stands: each block by the shell, one after the other.

Only the ports are others, so that tests can run beside each other and beside a network of one's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from beckn_battery.ports import free_ports
from node.telemetry.readings import Field
from node.telemetry.register_maps import read_map
from tests.beckn_battery.command import PROJECT

DOCUMENT = PROJECT / "docs" / "connect-a-battery.md"
PORTS = {"registry": 4000, "gateway": 4001, "bpp": 4002, "bap": 4003, "box": 5020}
WITHIN_S = 100
PYTHON = '#!/bin/sh\nexec "{python}" "$@"\n'
COMMAND = '#!/bin/sh\nexec "{python}" -c "from beckn_battery.cli import main; main()" "$@"\n'

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def blocks(language: str) -> list[str]:
    """The document's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)


def with_ports(script: str, ports: dict[str, int]) -> str:
    """The script on other ports."""
    for name, port in PORTS.items():
        script = re.sub(rf"\b{port}\b", str(ports[name]), script)
    roles = " ".join(f"--{role}-port {ports[role]}" for role in ("registry", "gateway", "bpp", "bap"))
    return script.replace("beckn-battery up", f"beckn-battery up {roles}")


@dataclass
class Walk:
    """The document as it was run: what each block printed, and the folder that it left."""

    folder: Path
    exit_code: int
    printed: str

    def content(self, name: str) -> dict[str, object]:
        found = json.loads((self.folder / name).read_text())
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Every block in one shell, in a folder of its own; whatever it started ends with it."""
    folder = tmp_path_factory.mktemp("walk")
    programs = folder / "bin"
    programs.mkdir()
    for name, script in (("beckn-battery", COMMAND), ("python", PYTHON)):
        program = programs / name
        program.write_text(script.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    script = "\n".join(["set -eu", *(with_ports(block, ports) for block in blocks("sh"))])
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "COLUMNS": "200",
    }
    output = folder / "printed.txt"
    with output.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-c", script], cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        exit_code = shell.wait(WITHIN_S)
        logs = [path.read_text() for path in (folder / "network.txt", folder / "agent.txt") if path.exists()]
        yield Walk(folder, exit_code, "\n".join([output.read_text(), *logs]))
    finally:
        os.killpg(shell.pid, signal.SIGKILL)


def test_every_step_of_the_document_works(walk: Walk) -> None:
    assert walk.exit_code == 0, walk.printed


def test_the_box_is_read_and_its_battery_has_no_problems(walk: Walk) -> None:
    (battery,) = walk.content("health.json")["batteries"]  # type: ignore[misc]
    assert (battery["battery_id"], battery["state"], battery["problems"]) == ("shed-1", "fresh", [])
    assert battery["latest"]["source"] == "modbus:shed"
    assert "0 samples wait, 0 were refused." in walk.printed


def test_the_battery_is_offered_to_a_producer_on_the_network(walk: Walk) -> None:
    (offer,) = walk.content("offers.json")["offers"]  # type: ignore[misc]
    assert offer["name"] == "The shed in Hebbal"
    assert offer["fits"]


def test_the_register_map_of_the_document_can_be_read() -> None:
    (example,) = blocks("yaml")
    fields = {rule.field for _, rule in read_map(yaml.safe_load(example)).fields}
    assert fields == {Field.SOC_PERCENT, Field.POWER_W, Field.ENERGY_IN_WH, Field.ENERGY_OUT_WH}
