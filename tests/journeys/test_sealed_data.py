"""A whole trade on platforms with data keys: no byte on their disks names the person, and every command still works."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bap.client import AsyncBapClient, Wanted
from beckn_battery.network import Network
from node.clocks import wall_clock
from node.data_keys import add_key
from simulator.fleet import CENTRE
from tests.beckn_battery.command import finished
from tests.journeys import network as networks
from tests.journeys.trading import HOUR, WAIT_S, need
from tests.journeys.trading import select as ask
from tests.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

SPEED = 3_600
SETTLED_WITHIN_S = 40
SEALING = ("gateway", "bpp", "bap")
PERSON = {
    "name": "Asha Raosecret",
    "email": "asha.raosecret@farms.example",
    "phone": "+91 80 5550 0177",
    "address": "Hebbal Secret Lane 7",
    "tax_id": "29ABCDE1234F1Z5",
}


async def wanted(client: AsyncBapClient) -> Wanted:
    """A charging that the simulated fleet can do soon."""
    near = await need(client, CENTRE, 50_000, lead=3 * HOUR, length=HOUR)
    return {**near, "radius_m": 40_000, "mode": "Automatic Dispatch"}


def key_file(folder: Path, role: str) -> Path:
    return folder / f"{role}-data-keys.json"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Every participant but the registry, which stores no trade, has a file of data keys."""
    folder = tmp_path_factory.mktemp("network")
    for role in SEALING:
        add_key(key_file(folder, role), wall_clock())
    added = {role: {"data_key_file": str(key_file(folder, role))} for role in SEALING}
    async with networks.running(folder, speed=SPEED, batteries=3, **added) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def contract_id(network: Network, client: AsyncBapClient) -> str:
    """A trade of the person's that is settled, its invoice fetched and checked."""
    contract = await ask(client, await wanted(client))
    contract_id = contract["contract_id"]
    await client.init(contract_id, PERSON, wait_s=WAIT_S)
    await client.confirm(contract_id, consent=True, wait_s=WAIT_S)

    async def settled() -> bool:
        return (await client.contract(contract_id))["invoice"] is not None

    await until(settled, SETTLED_WITHIN_S, "the invoice")
    invoice = await client.invoice(contract_id)
    assert invoice["differences"] == []
    assert PERSON["name"] in json.dumps(invoice["document"])
    return contract_id


async def run(network: Network, role: str, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(finished, *arguments, "--config", str(network.local.file(role)))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def named_in_databases(network: Network) -> list[str]:
    """Every database file, write-ahead log or index that has a byte string of the person's."""
    values = [value.encode() for value in PERSON.values()]
    files = [path for path in network.local.data_dir.rglob("*.sqlite*") if path.is_file()]
    assert {path.name for path in files} >= {"bpp.sqlite", "bpp.sqlite-wal", "bap.sqlite", "bap.sqlite-wal"}
    # Another process reads them: closing a file in this one would end the locks that SQLite has on it here.
    contents = {path: subprocess.run(["cat", path], capture_output=True, check=True).stdout for path in files}
    assert sum(map(len, contents.values())) > 100_000
    return [f"{path.name}: {value!r}" for path in files for value in values if value in contents[path]]


async def test_no_byte_of_the_database_files_names_the_person_of_a_settled_trade(
    network: Network, contract_id: str
) -> None:
    assert contract_id
    assert named_in_databases(network) == []


async def test_the_person_is_found_in_messages_contracts_and_invoices_which_have_no_phone(
    network: Network, contract_id: str
) -> None:
    for role in ("bap", "bpp"):
        code, text, errors = await run(network, role, "privacy", "export", "--email", PERSON["email"])
        assert (code, errors) == (0, ""), contract_id
        assert {one["where"] for one in json.loads(text)["found"]} == {"contracts", "inbox", "outbox", "invoices"}
        code, text, errors = await run(network, role, "privacy", "export", "--phone", "0091 (80) 5550-0177")
        assert (code, errors) == (0, "")
        exported = json.loads(text)["found"]
        assert {one["where"] for one in exported} == {"contracts", "inbox", "outbox"}
        assert PERSON.items() <= next(one for one in exported if one["where"] == "contracts")["data"][0].items()


async def test_the_trade_is_traced_and_a_letter_shown(network: Network, contract_id: str) -> None:
    code, text, errors = await run(network, "bap", "trace", contract_id)
    assert (code, errors) == (0, "")
    assert " confirm " in text
    code, text, _ = await run(network, "bap", "privacy", "export", "--email", PERSON["email"])
    letter_id = next(one["id"] for one in json.loads(text)["found"] if one["where"] == "outbox")
    code, text, errors = await run(network, "bap", "outbox", "show", str(letter_id))
    assert (code, errors) == (0, "")
    assert PERSON["email"] in text


async def test_a_key_is_renewed_and_everything_sealed_under_it_while_the_platforms_run(
    network: Network, client: AsyncBapClient, contract_id: str
) -> None:
    file = key_file(network.local.data_dir, "bap")
    code, text, errors = await run(network, "bap", "privacy", "newkey")
    assert (code, errors) == (0, "")
    new, old = (entry["key"] for entry in json.loads(file.read_text())["data_keys"])
    assert new != old
    key_id = text.split()[2]
    code, text, errors = await run(network, "bap", "privacy", "seal")
    assert (code, errors) == (0, "")
    assert text.endswith(f"the database needs no key but {key_id}\n")
    assert int(text.split()[1]) > 5
    content = json.loads(file.read_text())
    file.write_text(json.dumps({"data_keys": content["data_keys"][:1]}))
    assert (await client.contract(contract_id))["stage"] == "COMPLETE"
    another = await ask(client, await wanted(client))
    assert (await client.init(another["contract_id"], PERSON, wait_s=WAIT_S))["stage"] == "INITIALISED"
    code, text, errors = await run(network, "bap", "privacy", "export", "--name", PERSON["name"])
    assert (code, errors) == (0, "")
    assert len(json.loads(text)["found"]) > 5
    assert named_in_databases(network) == []
    assert "privacy seal" in (await run(network, "bap", "audit", "export"))[1]


async def test_without_its_key_or_with_another_one_nothing_starts_and_one_line_says_why(
    network: Network, contract_id: str, tmp_path: Path
) -> None:
    settings = network.local.file("bpp").read_text()
    named = str(key_file(network.local.data_dir, "bpp"))
    add_key(tmp_path / "other.json", wall_clock())
    cases = {
        "without": (settings.replace(f'data_key_file = "{named}"', ""), "name the file of this key in data_key_file"),
        "another": (settings.replace(named, str(tmp_path / "other.json")), "other.json does not hold"),
        "missing": (settings.replace(named, str(tmp_path / "gone.json")), "gone.json: can not be read"),
    }
    for name, (content, reason) in cases.items():
        changed = tmp_path / f"{name}.toml"
        changed.write_text(content)
        for arguments in (("bpp", "serve"), ("outbox", "list"))[: 2 if name == "without" else 1]:
            done = await asyncio.to_thread(finished, *arguments, "--config", str(changed))
            lines = done.stderr.decode().splitlines()
            assert (done.returncode, done.stdout) == (2, b""), (contract_id, lines)
            assert reason in lines[-1]
            assert lines[-1].startswith("beckn-battery: ")
