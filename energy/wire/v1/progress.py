"""How a contract goes on: state, live values and invoice, all at its fulfillment (ENERGY 1.5).

Beckn's Tracking has no tags, so live values travel in ``fulfillments[].tags``, group ``storage-telemetry``. While
energy moves, the state's name is the sentence "200 out of 300 kWH transferred", which older platforms parse.
Facts are not clamped: what is stored or lost may come out below zero by measuring errors; registers do not. The
invoice is a media file of the state, and so is every note to it, after it; the order has a tag group ``invoice`` for
each file, in the same order, with number, digest and due date.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from energy.offers import ContractState, InvoiceReference, LiveState, Order, Quality
from energy.wire.v1.cursor import Node, if_given
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import read_kilo, read_share, read_signed_kilo
from energy.wire.v1.tags import Tags, all_tags, find_tags, tag_group
from energy.wire.v1.texts import kilo_text, moment_text, percent_text, whole_of

TELEMETRY = "storage-telemetry"
PROGRESS = "storage-progress"
TRANSFERRED = "transferred-kwh"
_INVOICE = "invoice"
_SOC_STEP = Decimal("0.000001")  # No battery knows its state of charge better; a quotient has digits without end.
_STATE_NAMES = {
    ContractState.QUOTED: "Quote given",
    ContractState.INITIATED: "Terms given, waiting for the confirmation",
    ContractState.CONFIRMED: "Contract confirmed",
    ContractState.NOT_STARTED: "No energy has moved yet",
    ContractState.IN_PROGRESS: "Energy is being stored",
    ContractState.UPDATED: "Contract changed",
    ContractState.CANCELLED: "Contract cancelled",
    ContractState.HOLDING: "Energy is in store",
    ContractState.RETURNING: "Energy is being returned",
    ContractState.COMPLETED: "Energy has been returned",
    ContractState.SETTLED: "Metered, billed and closed",
    ContractState.FAILED: "Contract failed",
}


def write_state(order: Order) -> dict[str, Any]:
    """The members of the fulfillment that tell how the contract goes on: ``state`` and ``tags``.

    Raises:
        ValueError: an invoice or a time of the state, but no state.
    """
    members: dict[str, Any] = {}
    if order.state is not None:
        members["state"] = _state(order, order.state)
    elif order.invoice is not None or order.state_updated_at is not None:
        raise ValueError("an invoice and a time of the state need a state")
    tags = []
    if order.live is not None:
        tags.append(_telemetry(order.live))
    if order.transferred_wh is not None:
        tags.append(tag_group(PROGRESS, [(TRANSFERRED, kilo_text(order.transferred_wh))]))
    return members | ({"tags": tags} if tags else {})


def invoice_groups(order: Order) -> list[dict[str, Any]]:
    """A tag group of the order for the invoice and each note to it."""
    return [_invoice_group(file) for file in _files(order)]


def _invoice_group(invoice: InvoiceReference) -> dict[str, Any]:
    """What vouches for the invoice document, as a tag group of the order."""
    return tag_group(
        _INVOICE,
        (
            ("number", invoice.number),
            ("digest-sha256", invoice.digest_sha256),
            ("due-at", moment_text(invoice.due_at)),
            ("kind", invoice.kind),
            ("corrects", invoice.corrects),
        ),
    )


def read_live(fulfillment: Node) -> LiveState | None:
    """The live values, where the message has them."""
    tags = find_tags(fulfillment, TELEMETRY)
    if tags is None:
        return None
    return LiveState(
        measured_at=tags.need("measured-at").moment(),
        soc=if_given(read_share, tags.find("soc-percent")),
        stored_wh=if_given(read_signed_kilo, tags.find("soc-kwh")),
        power_w=read_signed_kilo(tags.need("power-kw")),
        energy_in_wh=read_kilo(tags.need("energy-in-kwh")),
        energy_out_wh=read_kilo(tags.need("energy-out-kwh")),
        stored_for_order_wh=read_signed_kilo(tags.need("stored-for-order-kwh")),
        losses_wh=read_signed_kilo(tags.need("losses-kwh")),
        quality=tags.need("quality").choice(Quality),
        age_s=tags.need("data-age-s").parsed(whole_of, "a whole number of seconds"),
    )


def read_transferred_wh(fulfillment: Node) -> int | None:
    """The energy said to have moved, where that is all that is told."""
    tags = find_tags(fulfillment, PROGRESS)
    return None if tags is None else read_kilo(tags.need(TRANSFERRED))


def read_invoices(order: Node, fulfillments: list[Node]) -> list[tuple[InvoiceReference, ...]]:
    """The references to the invoice of each fulfillment and the notes to it: the n-th file's is the n-th group.

    Raises:
        WireError: a file without its tag group ``invoice`` of the order.
    """
    vouched = iter(all_tags(order, _INVOICE))
    return [tuple(_invoice(order, file, next(vouched, None)) for file in _media(each)) for each in fulfillments]


def _media(fulfillment: Node) -> tuple[Node, ...]:
    media = fulfillment.find("state", "descriptor", "media")
    return () if media is None else tuple(media.items())


def _invoice(order: Node, file: Node, tags: Tags | None) -> InvoiceReference:
    if tags is None:
        raise WireError(f"{order.path}/tags", f"Add the tag group {_INVOICE}.", _INVOICE, "nothing")
    return InvoiceReference(
        number=tags.need("number").text(),
        url=file.need("url").text(),
        media_type=file.need("mimetype").text(),
        digest_sha256=tags.need("digest-sha256").text(),
        due_at=tags.need("due-at").moment(),
        kind="invoice" if (kind := tags.find("kind")) is None else kind.text(),
        corrects=if_given(Node.text, tags.find("corrects")),
        signature=file.find_text("signature"),
        algorithm=file.find_text("dsa"),
    )


def _state(order: Order, state: ContractState) -> dict[str, Any]:
    descriptor: dict[str, Any] = {"code": state.value, "name": _state_name(order, state)}
    if files := _files(order):
        descriptor["media"] = [_file(file) for file in files]
    wire: dict[str, Any] = {"descriptor": descriptor}
    if order.state_updated_at is not None:
        wire["updated_at"] = moment_text(order.state_updated_at)
    return wire


def _files(order: Order) -> tuple[InvoiceReference, ...]:
    return () if order.invoice is None else (order.invoice, *order.notes)


def _file(invoice: InvoiceReference) -> dict[str, str]:
    """Beckn core 1.1.1, MediaFile."""
    signed = {"signature": invoice.signature, "dsa": invoice.algorithm}
    file = {"mimetype": invoice.media_type, "url": invoice.url}
    return file | {name: text for name, text in signed.items() if text is not None}


def _state_name(order: Order, state: ContractState) -> str:
    moved_wh = order.transferred_wh if order.live is None else order.live.energy_in_wh
    if state is ContractState.IN_PROGRESS and moved_wh is not None:
        return f"{kilo_text(moved_wh)} out of {kilo_text(order.use.energy_wh)} kWH transferred"
    return _STATE_NAMES[state]


def _telemetry(live: LiveState) -> dict[str, Any]:
    if min(live.energy_in_wh, live.energy_out_wh, live.age_s) < 0:
        raise ValueError("energy in, energy out and the age of a live value are not negative")
    return tag_group(
        TELEMETRY,
        (
            ("soc-percent", if_given(lambda soc: percent_text(soc.quantize(_SOC_STEP)), live.soc)),
            ("soc-kwh", if_given(kilo_text, live.stored_wh)),
            ("power-kw", kilo_text(live.power_w)),
            ("energy-in-kwh", kilo_text(live.energy_in_wh)),
            ("energy-out-kwh", kilo_text(live.energy_out_wh)),
            ("stored-for-order-kwh", kilo_text(live.stored_for_order_wh)),
            ("losses-kwh", kilo_text(live.losses_wh)),
            ("measured-at", moment_text(live.measured_at)),
            ("quality", live.quality.value),
            ("data-age-s", str(live.age_s)),
        ),
    )
