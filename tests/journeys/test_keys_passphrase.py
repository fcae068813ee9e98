"""``beckn-battery keys``: the passphrase set, changed and removed beside a running platform, and told in its audit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from beckn_battery.network import Network
from tests.beckn_battery.command import finished

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]


async def run(file: Path, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(finished, *arguments, "--config", str(file))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def secret(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


async def audited(network: Network, role: str) -> list[str]:
    if role == "registry":
        text = (await run(network.local.file(role), "registry", "audit", "show"))[1]
        return [json.loads(line[line.index("{") :])["event"] for line in text.splitlines()]
    text = (await run(network.local.file(role), "audit", "export"))[1]
    return [json.loads(json.loads(line)["change"])["what"] for line in text.splitlines()]


@pytest.mark.parametrize("role", ["bpp", "registry"])
async def test_a_passphrase_is_set_changed_and_removed_and_each_is_told(
    network: Network, tmp_path: Path, role: str
) -> None:
    settings, keys = tmp_path / f"{role}.toml", network.local.data_dir / role / "keys.json"
    passphrase = tmp_path / "passphrase"
    plain = network.local.file(role).read_text()
    settings.write_text(f'{plain}\n[keys]\npassphrase_file = "{passphrase}"\n')
    before = keys.read_bytes()

    code, _, errors = await run(
        network.local.file(role), "keys", "passphrase", "--new-file", str(secret(tmp_path, "a", "x"))
    )
    assert (code, errors.count("keys.passphrase_file is missing")) == (2, 1)
    for text in ("correct horse", "battery staple"):
        new = str(secret(tmp_path, "new", text))
        code, _, errors = await run(settings, "keys", "passphrase", "--new-file", new)
        assert (code, errors) == (0, "")
        assert "sealed" in json.loads(keys.read_text())
        assert passphrase.read_text() == f"{text}\n"
        assert passphrase.stat().st_mode & 0o777 == 0o600
        assert (await run(settings, "keys", "list"))[0] == 0
    code, text, _ = await run(settings, "keys", "passphrase", "--remove")
    assert code == 0
    assert "Take keys.passphrase_file out of the settings" in text
    assert keys.read_bytes() == before
    told = await audited(network, role)
    assert told.count("keys passphrase") == 2
    assert told.count("keys passphrase removed") == 1


async def test_a_rotation_and_a_retirement_are_told_with_the_key_and_the_chain_holds(network: Network) -> None:
    file = network.local.file("bap")
    code, text, errors = await run(file, "keys", "rotate")
    assert (code, errors) == (0, "")
    key_id = text.split()[0]
    export = (await run(file, "audit", "export"))[1]
    [entry] = [json.loads(line) for line in export.splitlines() if "keys rotate" in line]
    assert json.loads(entry["change"])["subject"] == key_id
    assert entry["actor"].startswith("operator ")
    assert (await run(file, "audit", "verify"))[0] == 0
