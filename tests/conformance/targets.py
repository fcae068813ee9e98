"""Scripted targets that are wrong on purpose, and the small registry that lists them and the harness.

The harness comes with keys that this registry knows, so that no run has to subscribe.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from aiohttp import web
from nacl.signing import SigningKey

from conformance.conversation import Limits
from conformance.runner import Options, joined, run
from conformance.verdicts import Breach, Check, Outcome, Report, Result
from energy.offers import CancellationTerms, DispatchMode, Provider
from energy.searches import BatterySpecification, Catalog, Offer
from energy.wire.v1.writer import write
from node import keyfile
from node.answers import ack, nack
from node.client import PeerClient
from node.clocks import wall_clock
from node.settings import RegistrySettings
from protocol import verification
from protocol.actions import ACTIONS, Role
from protocol.context import read_context, write_context
from protocol.errors import BecknError, NotAuthenticated, PeerFailed, UnknownRoute
from protocol.keys import KeyRecord, OwnKeys
from protocol.policy import Identity, Policy
from tests.energy.examples import BATTERY, TARIFF
from tests.messages import header, own_keys, record
from tests.peers import LOCAL, Arrival, Peer, peer
from tests.ports import free_port

MESSAGE_ID = "6a1d0c6e-8f0f-4f6e-9d6c-000000000000"
HARNESS_ID, TARGET_ID = "harness.test", "target.test"
QUICK = Limits(on_search_s=0.2, callback_s=0.2, quiet_s=0.1)
"""For targets that never call back."""
PATIENT = Limits(on_search_s=10, callback_s=10, quiet_s=0.5)
"""For targets that do, on a busy machine."""


@dataclass
class Target:
    """The base of all: it takes everything and never calls back. ``harness`` is what the registry knows of us."""

    harness: KeyRecord
    keys: OwnKeys = field(default_factory=lambda: own_keys(TARGET_ID))
    url: str = ""
    client: PeerClient = field(default_factory=lambda: PeerClient(10, 65_536, rules=LOCAL.rules))
    calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, _arrival: Arrival) -> web.Response:
        return ack().response

    async def close(self) -> None:
        for call in self.calls:
            call.cancel()
        await asyncio.gather(*self.calls, return_exceptions=True)
        await self.client.stop()


class Failing(Target):
    """Answers 500 to everything."""

    async def answer(self, _arrival: Arrival) -> web.Response:
        return web.Response(status=500, text="Traceback (most recent call last): …")


class Silent(Target):
    """Checks what arrives as it should be checked, acknowledges, and never calls back."""

    async def answer(self, arrival: Arrival) -> web.Response:
        try:
            self.check(arrival)
        except BecknError as error:
            return nack(error, TARGET_ID).response
        return ack().response

    def check(self, arrival: Arrival) -> None:
        action = arrival.path.removeprefix("/beckn/")
        if action not in ACTIONS:
            raise UnknownRoute("There is no such endpoint here.")
        headers = {name.lower(): value for name, value in arrival.headers.items()}
        policy = Policy()
        claims = verification.read(action, headers, arrival.body, policy)
        known = [self.harness] if claims.authorization.key_id.subscriber_id == HARNESS_ID else []
        own = Identity(TARGET_ID, Role.BPP, self.url)
        verification.accept(verification.judge(claims, known, (), own, policy, wall_clock()), wall_clock(), policy)


class Talkative(Target):
    """Takes everything, and calls back, properly signed, whatever it can read."""

    async def answer(self, arrival: Arrival) -> web.Response:
        task = asyncio.create_task(self.call_back(arrival))
        self.calls.add(task)
        return self.acknowledgement()

    def acknowledgement(self) -> web.Response:
        return ack().response

    async def call_back(self, arrival: Arrival) -> None:
        content = self.content(arrival)
        if content is None:
            return
        body = orjson.dumps(content)
        context = content["context"]
        sent = {"Authorization": header(body, self.signers(), wall_clock())}
        # A run may be over before the last callback.
        with suppress(PeerFailed):
            await self.client.post(f"{context['bap_uri']}/{context['action']}", body, sent)

    def signers(self) -> OwnKeys:
        return self.keys

    def content(self, arrival: Arrival) -> dict[str, Any] | None:
        try:
            request = read_context(orjson.loads(arrival.body))
        except (ValueError, AttributeError, BecknError):
            return None
        action = ACTIONS.get(request.action)
        if action is None or not request.bap_uri.startswith("http"):
            return None
        context = request.answered_by(action.callback, wall_clock(), bpp_id=TARGET_ID, bpp_uri=self.url)
        wire = {"context": write_context(context)}
        if request.action == "search":
            return wire | {"message": write("on_search", CATALOG)}
        code = "30010" if request.action == "status" else "30004"
        return wire | {"error": {"code": code, "message": "There is no such thing here."}}


class WrongKey(Talkative):
    """Signs its callbacks with a key that the registry does not have."""

    def signers(self) -> OwnKeys:
        return replace(self.keys, signing=SigningKey.generate())


class Forgetful(Talkative):
    """Calls back under a message id of its own."""

    def content(self, arrival: Arrival) -> dict[str, Any] | None:
        content = super().content(arrival)
        if content is not None:
            content["context"]["message_id"] = MESSAGE_ID
        return content


class Sloppy(Talkative):
    """Its catalog is not what Beckn core asks for."""

    def content(self, arrival: Arrival) -> dict[str, Any] | None:
        content = super().content(arrival)
        if content is not None and "message" in content:
            content["message"]["catalog"]["providers"] = "many"
        return content


class TwoFaced(Talkative):
    """Refuses what is not signed as it should, and then answers it all the same."""

    async def answer(self, arrival: Arrival) -> web.Response:
        taken = await super().answer(arrival)
        if "Authorization" in arrival.headers:
            return taken
        return nack(NotAuthenticated("Sign it."), TARGET_ID).response


class Echoing(Talkative):
    """Acknowledges with 202 and an echo of the context, as one of the older platforms does (INTEROP 3)."""

    def acknowledgement(self) -> web.Response:
        content = {"context": {"action": "search"}, "message": {"ack": {"status": "ACK"}}}
        return web.json_response(content, status=202)


CATALOG = Catalog(
    Provider("provider-1", "Provider"),
    (
        Offer(
            provider=Provider("provider-1", "Provider"),
            item_id=BATTERY.battery_id,
            name=BATTERY.name,
            place=BATTERY.place,
            meter_address=BATTERY.meter_address,
            modes=(DispatchMode.AUTOMATIC,),
            tariff=TARIFF,
            specification=BatterySpecification(
                500_000, 380_000, 100_000, 80_000, Decimal("0.94"), Decimal("0.94"), Decimal("0.001"), "LFP", Decimal(1)
            ),
            free_energy_wh=300_000,
            min_energy_wh=1_000,
            cancellation=CancellationTerms(Decimal(10)),
        ),
    ),
)


@asynccontextmanager
async def pointed_at(kind: type[Target], folder: Path) -> AsyncIterator[Options]:
    """The options of a run against a target of this kind."""
    keys = keyfile.load_or_make(folder, HARNESS_ID)
    port = free_port()
    url = f"http://127.0.0.1:{port}/beckn"
    target = kind(record(keys, Role.BAP, url))
    await target.client.start()
    async with peer(target.answer) as served:
        target.url = served.url
        known = {HARNESS_ID: _item(target.harness), TARGET_ID: _item(record(target.keys, Role.BPP, target.url))}
        async with _registry(known) as registry:
            yield Options(
                target=target.url,
                registry=settings_of(registry),
                subscriber_id=HARNESS_ID,
                keys_file=folder / keyfile.FILE,
                port=port,
                limits=PATIENT if issubclass(kind, Talkative) else QUICK,
            )
        await target.close()


@cache
def results_on(kind: type[Target]) -> Mapping[str, Result]:
    """What came of each rule on such a target, by the rule's id; one run for all tests that look at it."""

    async def judged() -> Report:
        with TemporaryDirectory() as folder:
            async with pointed_at(kind, Path(folder)) as options:
                return await run(options)

    report = asyncio.run(judged())
    assert report.problem is None
    return {result.rule.id: result for result in report.results}


async def breach_on(kind: type[Target], folder: Path, check: Check) -> Breach | None:
    """What one check has against such a target; None when it passes."""
    async with pointed_at(kind, folder) as options, joined(options) as bench:
        try:
            await check(bench)
        except Breach as breach:
            return breach
    return None


def outcomes_on(kind: type[Target], *prefixes: str) -> set[Outcome]:
    """The outcomes of all rules whose ids begin so."""
    return {result.outcome for id_, result in results_on(kind).items() if id_.startswith(prefixes)}


def settings_of(registry: Peer) -> RegistrySettings:
    """The pinned settings of a scripted registry."""
    pinned = own_keys("registry.test")
    return RegistrySettings(registry.url, "registry.test", pinned.signing_public_b64, pinned.encryption_public_b64)


@asynccontextmanager
async def _registry(known: Mapping[str, dict[str, Any]]) -> AsyncIterator[Peer]:
    def look_up(arrival: Arrival) -> web.Response:
        query = orjson.loads(arrival.body or b"{}")
        wanted = {name: query[name] for name in ("subscriber_id", "key_id", "type") if name in query}
        return web.json_response([item for item in known.values() if wanted.items() <= item.items()])

    async with peer(look_up) as served:
        yield served


def _item(of: KeyRecord) -> dict[str, Any]:
    return {
        "subscriber_id": of.subscriber_id,
        "key_id": of.key_id,
        "signing_public_key": base64.b64encode(of.signing_public_key).decode(),
        "type": of.role.value,
        "url": of.url,
        "status": of.status,
    }
