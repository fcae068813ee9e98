"""An operator's commands beside the running servers: audit, trace, outbox and inbox, after one real trade."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from sqlalchemy import select, update

from bap.client import AsyncBapClient
from beckn_battery.network import Network
from energy.offers import Place
from node.tables import DEAD, PENDING, outbox
from protocol.actions import ACTIONS
from tests.beckn_battery.command import finished
from tests.journeys.trading import close, need, put_battery
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


SLOW = "a write function took "


async def run(network: Network, *arguments: str, roles: tuple[str, ...] = ("bap",)) -> tuple[int, str, str]:
    """The command with these roles' settings: exit code, output, errors."""
    files = [part for role in roles for part in ("--config", str(network.local.file(role)))]
    done = await asyncio.to_thread(finished, *arguments, *files)
    # How long a write took is the machine's matter: a loaded one may be told so.
    errors = [line for line in done.stderr.decode().splitlines(keepends=True) if not line.startswith(SLOW)]
    return done.returncode, done.stdout.decode(), "".join(errors)


async def traded(client: AsyncBapClient, operator: httpx.AsyncClient, place: Place) -> str:
    await put_battery(operator, f"commands-{place.latitude}", place)
    return (await close(client, await need(client, place)))["contract_id"]


async def test_a_trade_is_traced_over_both_platforms_with_every_action_and_no_personal_data(
    network: Network, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await traded(client, operator, place)
    code, text, errors = await run(network, "trace", contract_id, roles=("bap", "bpp"))
    assert (code, errors) == (0, "")
    for action in ("select", "init", "confirm"):
        assert f" {action} " in text
        assert ACTIONS[action].callback in text
    assert "Whitefield" not in text
    code, drawn, _ = await run(network, "trace", contract_id, "--diagram", roles=("bap", "bpp"))
    assert code == 0
    assert drawn.startswith("sequenceDiagram\n")
    assert drawn.count(": confirm\n") == 1
    assert drawn.count(": on_confirm\n") == 1


async def test_an_unknown_transaction_is_said_to_be_unknown(network: Network) -> None:
    code, text, errors = await run(network, "trace", "nobody-knows")
    assert (code, text) == (1, "")
    assert errors == "nothing is known of transaction nobody-knows\n"


async def test_the_audit_of_a_trade_holds_names_calls_and_senders_and_no_personal_data(
    network: Network, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await traded(client, operator, place)
    for role in ("bap", "bpp"):
        code, text, _ = await run(network, "audit", "verify", roles=(role,))
        assert code == 0
        noted = text.rpartition("note ")[2].strip()
        assert (await run(network, "audit", "verify", "--noted", noted, roles=(role,)))[0] == 0
    assert (await run(network, "audit", "verify", "--noted", "1:beef"))[0] == 1
    _, text, _ = await run(network, "audit", "export")
    changes = [json.loads(json.loads(line)["change"]) for line in text.splitlines()]
    of_trade = [one for one in changes if contract_id in (one.get("transaction_id"), one.get("subject"))]
    assert {"on_select", "on_init", "on_confirm"} <= {one.get("action") for one in of_trade}
    assert any(one["what"].startswith("POST /api/v1/contracts") for one in of_trade)
    assert not any(word in text for word in ("Whitefield", "whitefield", "@", "Hope Farm"))


async def test_a_dead_letter_is_listed_shown_retried_past_its_ttl_and_dropped(
    network: Network, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await traded(client, operator, place)
    database = network.bap.participant.database
    of_confirm = (outbox.c.transaction_id == contract_id, outbox.c.action == "confirm")
    letter_id = await database.read(lambda tx: tx.scalar(select(outbox.c.id).where(*of_confirm)))
    dead = update(outbox).where(*of_confirm).values(state=DEAD, last_error="the test killed it")
    await database.write(lambda tx: tx.execute(dead).rowcount)

    _, text, _ = await run(network, "outbox", "list", "--json")
    [listed] = [json.loads(line) for line in text.splitlines()]
    assert (listed["id"], listed["action"], listed["reason"]) == (letter_id, "confirm", "the test killed it")
    _, text, _ = await run(network, "outbox", "show", str(letter_id))
    assert json.loads(text)["body"]["context"]["action"] == "confirm"
    assert "ignature" not in text

    code, text, errors = await run(network, "outbox", "drop", str(letter_id), "--why", "a test")
    assert (code, text, errors) == (0, f"letter {letter_id} is dropped\n", "")
    code, _, errors = await run(network, "outbox", "retry", str(letter_id))
    assert code == 1
    assert errors == f"Error: letter {letter_id} is DROPPED; only a dead letter can be retried\n"
    assert (await run(network, "audit", "verify"))[0] == 0
    _, text, _ = await run(network, "inbox", "list")
    assert text == "none\n"


async def test_a_retried_letter_is_sent_by_the_running_server_and_acknowledged_again(
    network: Network, client: AsyncBapClient, operator: httpx.AsyncClient, place: Place
) -> None:
    contract_id = await traded(client, operator, place)
    database = network.bap.participant.database
    of_confirm = (outbox.c.transaction_id == contract_id, outbox.c.action == "confirm")
    letter_id = await database.read(lambda tx: tx.scalar(select(outbox.c.id).where(*of_confirm)))
    dead = update(outbox).where(*of_confirm).values(state=DEAD, last_error="its ACK was lost")
    await database.write(lambda tx: tx.execute(dead).rowcount)
    code, text, _ = await run(network, "outbox", "retry", str(letter_id), "--even-expired")
    assert code == 0
    assert text.startswith(f"letter {letter_id} is tried again until ")

    async def sent() -> bool:
        state = await database.read(lambda tx: tx.scalar(select(outbox.c.state).where(*of_confirm)))
        assert state in {PENDING, "SENT"}
        return state == "SENT"

    await until(sent)
    assert (await client.contract(contract_id))["stage"] == "ACTIVE"


async def test_a_participant_that_never_started_has_no_database_to_look_into(network: Network) -> None:
    file = network.local.data_dir / "other.toml"
    text = network.local.file("gateway").read_text(encoding="utf-8")
    file.write_text(text.replace('/gateway"', '/elsewhere"'), encoding="utf-8")
    done = await asyncio.to_thread(finished, "outbox", "list", "--config", str(file))
    assert done.returncode == 2
    assert b"there is no database at" in done.stderr
