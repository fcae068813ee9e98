"""An operator's platform for tests: the real one with its databases, a clock moved by hand, and nothing on the network.

Messages are handed to its handlers as the inbox does it; what it answers is read from its outbox, and every body must
be valid by core 1.1.1 and by the storage trade.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from nacl.signing import SigningKey
from sqlalchemy import select

from bpp.api.forms import Submission, agree
from bpp.app import Bpp
from bpp.catalog import ListedBattery
from bpp.contracts import Contract
from bpp.invoicing_settings import InvoicingSettings
from bpp.pages.layout import ONCE
from bpp.settings import BppSettings, ProviderSettings, TermsSettings
from bpp.store import fleet, samples, trade
from energy.intervals import Interval
from energy.messages import Message
from energy.metering import Sample
from energy.offers import (
    Billing,
    CancellationTerms,
    ConsentForm,
    DispatchMode,
    Order,
    Payment,
    PaymentType,
    Provider,
    Quality,
    Quote,
    StorageUse,
)
from energy.wire.v1.reader import read
from energy.wire.v1.writer import write
from node.ids import new_token, new_uuid
from node.inbox import Received
from node.settings import RegistrySettings, TradeTimeSettings
from node.tables import outbox
from protocol.context import write_body
from protocol.errors import TradeRefused
from schemas.loader import core, storage
from tests.energy.examples import BATTERY, NOVEMBER, TARIFF
from tests.messages import BAP_ID, BPP_URL, context, verified
from tests.peers import LOCAL

WIRE = datetime(2026, 11, 20, 10, tzinfo=UTC)
SPEED = 60
TRADE = "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f01"
OTHER_TRADE = "6a0a21fd-6d54-4a25-9a4d-8a4c5b1b7f02"
PROVIDER = ProviderSettings(
    provider_id="garden-city",
    name="Garden City Storage",
    address="1 Lake Road, Bengaluru",
    email="desk@garden-city.example",
    phone="+91-80-1234-5678",
    support_url="https://garden-city.example/support",
    tax_id="29AAACG0000A1Z5",
    state_code="29",
)
BILLING = Billing(
    name="Sun & Sons <Rooftop>", email="pay@sun.example", address="2 Hill Road, Bengaluru", state_code="29"
)
NAMED = Provider(PROVIDER.provider_id, PROVIDER.name)
TERMS = CancellationTerms(Decimal(TermsSettings().cancellation_fee_percent))
LISTED = ListedBattery(BATTERY, TARIFF, (DispatchMode.AUTOMATIC, DispatchMode.MANUAL), TERMS, 1_000)


def use(energy_wh: int = 300_000, start_h: int = 2) -> StorageUse:
    """Eight hours of charging from ``start_h`` hours into November, and eight of return; five days in all."""
    start = NOVEMBER + timedelta(hours=start_h)
    hour, end = timedelta(hours=1), start + timedelta(days=5)
    return StorageUse(energy_wh, Interval(start, start + 8 * hour), Interval(end - 8 * hour, end))


def order(provider: Provider = NAMED, **more: Any) -> Order:
    """What a producer selects."""
    wanted: dict[str, Any] = {"item_id": BATTERY.battery_id, "use": use(), "mode": DispatchMode.AUTOMATIC}
    return Order(provider=provider, **(wanted | more))


@dataclass(frozen=True)
class Letter:
    """A message that left: ``content`` is what it says, or None with an error."""

    action: str
    destination: str
    content: Message | None
    error: dict[str, str] | None
    message_id: str

    @property
    def order(self) -> Order:
        assert isinstance(self.content, Order), self.error
        return self.content

    @property
    def code(self) -> str | None:
        return None if self.error is None else self.error["code"]


class Clock:
    """The wall clock, moved by hand."""

    def __init__(self) -> None:
        self.now = WIRE

    def __call__(self) -> datetime:
        return self.now


class Platform:
    """One running platform; ``trade`` is its trade time."""

    def __init__(self, folder: Path, clock: Clock, database_url: str | None = None, **terms: Any) -> None:
        self.clock = clock
        self.bpp = Bpp(settings(folder, database_url, **terms), clock)
        self.desk = self.bpp.desk
        self.database = self.bpp.participant.database
        self._read = 0

    @property
    def trade(self) -> datetime:
        return self.desk.moment().trade

    def go_to(self, trade_time: datetime) -> None:
        """Move the clock to a trade time."""
        self.clock.now = self.bpp.participant.clocks.wire_at(trade_time)

    async def put_battery(self, listed: ListedBattery = LISTED) -> None:
        await self.database.write(lambda tx: fleet.save_battery(tx, listed))

    async def decide(self, received: Received) -> None:
        """Decide one message as the inbox does."""
        try:
            decision = await self.bpp.handlers[received.verified.action](received)
            await self.database.write(decision)
        except TradeRefused as refusal:
            await self.database.write(self.desk.refused(received, refusal))

    async def deliver(self, action: str, content: Message | dict[str, Any], **where: str) -> list[Letter]:
        """Decide one message and read what left."""
        await self.decide(received_of(action, content, self.clock.now, **where))
        return await self.sent()

    async def answer(self, action: str, content: Message | dict[str, Any], **where: Any) -> Letter:
        """The one callback that answers."""
        letters = await self.deliver(action, content, **where)
        assert [letter.action for letter in letters] == [f"on_{action}"]
        return letters[0]

    async def sent(self) -> list[Letter]:
        """What was put into the outbox since the last call, each valid."""
        rows = await self.database.read(
            lambda tx: tx.execute(select(outbox).where(outbox.c.id > self._read).order_by(outbox.c.id)).all()
        )
        self._read = max([self._read, *(row.id for row in rows)])
        return [_letter(row) for row in rows]

    async def contract(self, order_id: str) -> Contract:
        found = await self.database.read(lambda tx: trade.find(tx, order_id))
        assert found is not None
        return found

    async def contract_of_trade(self) -> Contract:
        """The contract of `TRADE`, whether it is an order or not."""
        found = await self.database.read(lambda tx: trade.of_transaction(tx, BAP_ID, TRADE))
        assert found is not None
        return found

    async def listed(self, battery_id: str) -> ListedBattery:
        found = await self.database.read(lambda tx: fleet.battery(tx, battery_id, TERMS))
        assert found is not None
        return found

    async def add_samples(self, *taken: Sample) -> int:
        """Store samples as the intake does, without judging them."""
        stored = await self.bpp.samples.write(lambda tx: samples.add(tx, taken))
        for heard in self.bpp.telemetry.ingest.observers:
            heard(taken)
        return stored

    async def buy(self, wanted: Order | None = None, **where: Any) -> Letter:
        """From select to confirm; the answer to confirm."""
        return await self.confirm(await self.agree(wanted or order(), **where), **where)

    async def agree(self, wanted: Order, **where: Any) -> Order:
        """Select, init and consent; the order to confirm."""
        quoted = (await self.answer("select", wanted, **where)).order
        offered = (
            await self.answer("init", replace(wanted, billing=BILLING, payment=payment(quoted.quote)), **where)
        ).order
        assert offered.form is not None
        submission_id = offered.form.submission_id or await self.consent(str(offered.form.url))
        form = ConsentForm(None, submission_id)
        return replace(wanted, quote=offered.quote, billing=BILLING, payment=payment(offered.quote), form=form)

    async def confirm(self, agreed: Order, **where: Any) -> Letter:
        return await self.answer("confirm", agreed, **where)

    async def consent(self, url: str) -> str:
        """Agree to every page of the form at that URL."""
        token = url.rpartition("/")[2]
        contract = await self.database.read(lambda tx: trade.of_form(tx, token))
        while contract is not None and contract.open_page is not None and contract.consent is not None:
            fields = {ONCE: contract.consent.once, contract.open_page.value: "yes"}
            sent = Submission(fields, self.clock.now, new_token(), new_uuid())
            contract, wrong = await self.database.write(partial(agree, desk=self.desk, token=token, submission=sent))
            assert wrong == ""
        assert contract is not None
        assert contract.consent is not None
        return str(contract.consent.submission_id)


def payment(quote: Quote | None) -> Payment:
    """The one way to pay."""
    assert quote is not None
    return Payment(PaymentType.POST_FULFILLMENT, quote.total)


def received_of(
    action: str, content: Message | dict[str, Any], now: datetime, *, transaction_id: str = TRADE, bap_id: str = BAP_ID
) -> Received:
    """A message of a BAP, as the inbox hands it on; what our writer would not write comes as a dictionary."""
    message = content if isinstance(content, dict) else write(action, content)
    named = context(action, now, transaction_id=transaction_id, bap_id=bap_id)
    return Received(1, verified(action, write_body(named, message), bap_id), "")


def settings(
    folder: Path, database_url: str | None = None, invoicing: InvoicingSettings | None = None, **terms: Any
) -> BppSettings:
    """Settings without a network around them."""
    signing = base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
    encryption = base64.b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    return BppSettings(
        subscriber_id="bpp.test",
        data_dir=folder,
        public_url=BPP_URL,
        database_url=database_url,
        registry=RegistrySettings("http://127.0.0.1:1", "registry.test", signing, encryption),
        trade_time=TradeTimeSettings(epoch=NOVEMBER, started=WIRE, speed=SPEED),
        provider=PROVIDER,
        network=LOCAL,
        terms=TermsSettings(**terms),
        invoicing=invoicing or InvoicingSettings(),
    )


@asynccontextmanager
async def running(
    folder: Path, clock: Clock | None = None, database_url: str | None = None, **terms: Any
) -> AsyncIterator[Platform]:
    """A platform with open databases and no server."""
    platform = Platform(folder, clock or Clock(), database_url, **terms)
    await platform.database.start()
    await platform.bpp.participant.access.start()
    if platform.bpp.samples is not platform.database:
        await platform.bpp.samples.start()
    try:
        yield platform
    finally:
        await platform.database.stop()
        if platform.bpp.samples is not platform.database:
            await platform.bpp.samples.stop()


def sample(at: datetime, energy_in_wh: int, energy_out_wh: int = 0, **more: Any) -> Sample:
    """A reading of the battery's registers."""
    known: dict[str, Any] = {
        "battery_id": BATTERY.battery_id,
        "soc": None,
        "power_w": 0,
        "quality": Quality.FRESH,
        "source": "test",
        "sequence": 1,
    }
    return Sample(measured_at=at, energy_in_wh=energy_in_wh, energy_out_wh=energy_out_wh, **(known | more))


def _letter(row: Any) -> Letter:
    body = orjson.loads(row.body.stored)
    for schema in (core(row.action, formats=True), storage(row.action)):
        assert schema.explain(body) == []
    error = body.get("error")
    content = None if error is not None else read(row.action, body["message"], strict=True)
    return Letter(row.action, row.destination, content, error, body["context"]["message_id"])
