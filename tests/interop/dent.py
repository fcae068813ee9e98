"""A platform as the dent network writes it (ENERGY 1.1 and 1.2), with values of our own: every member by hand.

The forms are the network's, the deviations too: the city beside the location, one id for transaction and messages, no
lifetime, no windows, amounts at stops, "INR / kWh", progress in a sentence.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp

from beckn_battery.network import Network
from beckn_battery.ports import free_ports
from node.ids import new_uuid
from node.inbox import Decision, Received
from node.participant import Participant
from node.settings import NodeSettings
from protocol.actions import Role, received_by
from protocol.errors import TradeRefused
from protocol.forms import FORM_TYPE, read_form
from protocol.moments import timestamp_text
from protocol.policy import Identity
from protocol.verification import Verified
from tests.peers import LOCAL

Json = dict[str, Any]
WITHIN_S = 15
PROVIDER = {"id": "5f0a", "descriptor": {"name": "Tumkur Road Storage"}, "location": [{"id": "1", "gps": "20.5,80.5"}]}


class DentPlatform:
    """A participant of the network that speaks the other dialect; ``answers`` are its answers by request."""

    def __init__(self, network: Network, role: Role, folder: Path) -> None:
        [port] = free_ports(1)
        settings = NodeSettings(
            subscriber_id=f"dent-{role.value.lower()}.test",
            data_dir=folder,
            public_url=f"http://127.0.0.1:{port}/beckn",
            port=port,
            registry=network.bpp.participant.settings.registry,
            network=LOCAL,
        )
        self.answers: dict[str, Callable[[Verified], Json]] = {}
        self.participant = Participant(settings, role, ())
        self.participant.serve(dict.fromkeys(received_by(role), self._take), _unreachable, lambda *_: None)
        self._got: list[Verified] = []
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, action: str, message: Json, bap: Identity, bpp: Identity, transaction_id: str) -> None:
        """Send a message that must be acknowledged."""
        body = json.dumps({"context": context(action, bap, bpp, transaction_id), "message": message}).encode()
        headers = {"Content-Type": "application/json", "Authorization": self.participant.keyring.authorization(body)}
        receiver = bap if action.startswith("on_") else bpp
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{receiver.url}/{action}", data=body, headers=headers) as response,
        ):
            assert response.status == 200, f"{action}: {await response.text()}"

    async def received(self, action: str) -> Verified:
        """The first message of that action that came."""

        def come() -> Verified | None:
            return next((one for one in self._got if one.action == action), None)

        async with self._news:
            found = await asyncio.wait_for(self._news.wait_for(come), WITHIN_S)
        assert found is not None
        return found

    async def _take(self, received: Received) -> Decision:
        verified = received.verified
        async with self._news:
            self._got.append(verified)
            self._news.notify_all()
        if verified.action in self.answers:
            task = asyncio.create_task(self._answer(verified))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return lambda _tx: None

    async def _answer(self, verified: Verified) -> None:
        """The callback under the request's own ids, as every participant echoes them."""
        asked, own = verified.context, self.participant.identity
        bap = Identity(asked.bap_id, Role.BAP, asked.bap_uri)
        message = self.answers[verified.action](verified)
        named = context(f"on_{verified.action}", bap, own, asked.transaction_id) | {"message_id": asked.message_id}
        body = json.dumps({"context": named, "message": message}).encode()
        headers = {"Content-Type": "application/json", "Authorization": self.participant.keyring.authorization(body)}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{bap.url}/on_{verified.action}", data=body, headers=headers) as response,
        ):
            assert response.status == 200, await response.text()


class DentBuyer:
    """A dent BAP in one transaction with one operator: `ask` sends a message and waits for its callback."""

    def __init__(self, platform: DentPlatform, bpp: Identity) -> None:
        self.platform, self.bpp = platform, bpp
        self.transaction_id = new_uuid()

    async def ask(self, action: str, message: Json) -> Verified:
        own = self.platform.participant.identity
        await self.platform.send(action, message, own, self.bpp, self.transaction_id)
        return await self.platform.received(f"on_{action}")


@asynccontextmanager
async def joined(network: Network, role: Role, folder: Path) -> AsyncIterator[DentPlatform]:
    """A dent platform that the network's registry knows."""
    platform = DentPlatform(network, role, folder)
    await platform.participant.start()
    try:
        await asyncio.wait_for(platform.participant.subscription.subscribed.wait(), WITHIN_S)
        yield platform
    finally:
        await platform.participant.stop()


def context(action: str, bap: Identity, bpp: Identity, transaction_id: str) -> Json:
    """The envelope: one id for all, the city in the wrong place."""
    return {
        "domain": "dent:0.1.0",
        "action": action,
        "location": {"country": {"name": "India", "code": "IND"}},
        "city": "std:080",
        "version": "1.1.0",
        "bap_id": bap.subscriber_id,
        "bap_uri": bap.url,
        "bpp_id": bpp.subscriber_id,
        "bpp_uri": bpp.url,
        "transaction_id": transaction_id,
        "message_id": transaction_id,
        "timestamp": timestamp_text(datetime.now(UTC)),
    }


def tolerances_of(participant: Participant) -> set[str]:
    """The tolerances that a participant's metrics have counted."""
    [family] = participant.metrics.tolerances.collect()
    return {sample.labels["rule"] for sample in family.samples if sample.value}


async def submit_forms(url: str) -> str:
    """Agree to every page of a form as a person does; the id of the submission."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as page:
                form = read_form(await page.read())
            assert form is not None
            async with session.post(
                urljoin(url, form.action),
                data=form.body,
                headers={"Content-Type": FORM_TYPE, "Accept": "application/json"},
            ) as sent:
                told = await sent.json()
            if told["submission_id"] is not None:
                return str(told["submission_id"])
            url = urljoin(url, told["next"])


def energy(value: str, unit: str = "kWH") -> Json:
    """An amount without a measure around it."""
    return {"value": value, "unit": unit}


def fulfillment(energy_kwh: str, code: str | None = None, name: str = "") -> Json:
    """The one fulfillment, with the amount at a stop without type or time."""
    state = {} if code is None else {"state": {"descriptor": {"code": code, "name": name}}}
    return {
        "id": "1",
        "type": "Manual Dispatch",
        "contact": {"email": "desk@tumkur-road", "phone": "080 1234"},
        "stops": [{"quantity": {"required": energy(energy_kwh)}}],
        "tags": [{"descriptor": {"name": "Energy Specifications"}, "display": True, "list": []}],
        **state,
    }


def item(**more: Any) -> Json:
    """The battery."""
    return {
        "id": "grid-1",
        "descriptor": {"name": "Store 1"},
        "price": {"value": "8", "currency": "INR / kWH"},
        "quantity": {"available": {"measure": {"value": "400", "unit": "kWH"}}},
        "locations": ["1"],
        "fulfillments": ["1"],
        **more,
    }


def quote(energy_kwh: str, amount: str, *more: Json) -> Json:
    """What the operator pays for the energy: no id, no lifetime, lines without titles."""
    counted = {"descriptor": {"name": "Units to be stored"}, "quantity": {"selected": {"measure": energy(energy_kwh)}}}
    lines = [{"item": counted, "price": {"value": f"-{amount}", "currency": "INR"}}, *more]
    total = sum(int(line["price"]["value"]) for line in lines)
    return {"price": {"currency": "INR", "value": str(total)}, "breakup": lines}


def order(energy_kwh: str, amount: str, code: str | None = None, name: str = "", **more: Any) -> Json:
    """A whole order as an answer carries it."""
    return {
        "provider": PROVIDER,
        "items": [item()],
        "fulfillments": [fulfillment(energy_kwh, code, name)],
        "billing": {"email": "asha@sun.example", "name": "Asha Rao"},
        "quote": quote(energy_kwh, amount),
        **more,
    }


def _unreachable(received: Received, refusal: TradeRefused) -> Decision:
    raise AssertionError(f"{received.verified.action} was refused by a test's handler") from refusal
