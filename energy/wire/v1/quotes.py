"""Quotes and payments: Beckn's Quotation and Payment, in which nothing is guessed (ENERGY 1.5).

- The total is the sum of the breakup, in one currency. It is what the BAP pays the BPP; negative, the BPP pays.
- A line always has a title and a price. ``item.quantity`` is what was counted and ``item.price`` the price of one
  unit; ``item.id`` is the battery, in an order of several. A percentage (a tax, a fee) counts money: its quantity is
  the whole in the quote's currency, and its percent stands in the tag group ``percentage``.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from energy.offers import ConsentForm, Payment, PaymentType, Quote
from energy.quantities import Money, total
from energy.tariffs import Line, LineTitle
from energy.wire.v1.cursor import Node
from energy.wire.v1.errors import WireError
from energy.wire.v1.measures import price_of_money, price_of_rate, read_money, same_currency
from energy.wire.v1.tags import find_tags, tag_group
from energy.wire.v1.texts import duration_s_of, duration_text, money_text, number_text

PERCENT = "%"
_PERCENTAGE = "percentage"
_FORM_TYPE = "text/html"
_PAID = "PAID"
_NOT_PAID = "NOT-PAID"
_REPORT = "payment-report"


def write_quote(quote: Quote) -> dict[str, Any]:
    """A quote.

    Raises:
        ValueError: no lines, lines that do not add up to the total, or a line that does not explain itself.
    """
    if not quote.lines:
        raise ValueError("a quote has at least one line")
    added = total([line.amount for line in quote.lines], quote.total.currency)
    if added != quote.total:
        raise ValueError(f"the lines add up to {added.text}, the total is {quote.total.text} {quote.total.currency}")
    return {
        "id": quote.quote_id,
        "price": price_of_money(quote.total),
        "breakup": [_write_line(line) for line in quote.lines],
        "ttl": duration_text(quote.ttl_s),
    }


def read_quote(quote: Node) -> Quote:
    """A quote that adds up.

    Raises:
        WireError: it does not, it has two currencies, or a quantity is negative.
    """
    price, breakup = quote.need("price"), quote.need("breakup")
    amount = read_money(price)
    lines = tuple(_read_line(line, amount.currency, f"{price.path}/currency") for line in breakup.items())
    added = total([line.amount for line in lines], amount.currency)
    if added != amount or not lines:
        raise WireError(
            f"{price.path}/value",
            f"The lines at {breakup.path} add up to {added.text}; the total must be their sum.",
            added.text,
            amount.text,
        )
    ttl_s = quote.need("ttl").parsed(duration_s_of, "an ISO 8601 duration such as PT15M")
    return Quote(quote.need("id").text(), lines, amount, ttl_s)


def write_payment(payment: Payment) -> dict[str, Any]:
    """One payment term, with its amount in ``params``."""
    params = {"amount": money_text(payment.amount), "currency": payment.amount.currency}
    if payment.reference is not None:
        params["transaction_id"] = payment.reference
    wire: dict[str, Any] = {
        "type": payment.payment_type.value,
        "status": _PAID if payment.paid else _NOT_PAID,
        "params": params,
    }
    if payment.payment_id is not None:
        wire["id"] = payment.payment_id
    if payment.url is not None:
        wire["url"] = payment.url
    if payment.reported is not None:
        wire["tags"] = [tag_group(_REPORT, [("reference", payment.reported)])]
    return wire


def read_payment(payment: Node) -> Payment:
    """One payment term. What is not said to be paid is not paid."""
    params, status, report = payment.need("params"), payment.find("status"), find_tags(payment, _REPORT)
    currency = params.need("currency").text()
    if status is not None and status.text() not in (_PAID, _NOT_PAID):
        raise WireError(status.path, "A payment is PAID or NOT-PAID.", f"{_PAID} or {_NOT_PAID}", status.text())
    return Payment(
        payment_type=payment.need("type").choice(PaymentType),
        amount=params.need("amount").parsed(partial(Money.parse, currency=currency), f"an amount in {currency}"),
        paid=status is not None and status.text() == _PAID,
        payment_id=payment.find_text("id"),
        url=payment.find_text("url"),
        reference=params.find_text("transaction_id"),
        reported=None if report is None else report.need("reference").text(),
    )


def write_form(form: ConsentForm) -> dict[str, Any]:
    """A form as Beckn's XInput."""
    wire: dict[str, Any] = {}
    if form.url is not None:
        wire = {"url": form.url, "mime_type": _FORM_TYPE}
    if form.submission_id is not None:
        wire["submission_id"] = form.submission_id
    return {"form": wire, "required": form.required}


def read_form(xinput: Node) -> ConsentForm:
    """A form; one that does not say so is required."""
    form, required = xinput.need("form"), xinput.find("required")
    return ConsentForm(form.find_text("url"), form.find_text("submission_id"), required is None or required.flag())


def _write_line(line: Line) -> dict[str, Any]:
    if (line.quantity is None) != (line.unit is None):
        raise ValueError(f"{line.title}: a quantity and its unit come together")
    named = {} if line.item_id is None else {"id": line.item_id}
    item = named | (_percentage(line) if line.unit == PERCENT else _counted(line))
    explained = {"item": item} if item else {}
    return {"title": line.title.value} | explained | {"price": price_of_money(line.amount)}


def _counted(line: Line) -> dict[str, Any]:
    if line.quantity is not None and line.quantity < 0:
        raise ValueError(f"{line.title}: {line.quantity} {line.unit} is a negative quantity")
    item: dict[str, Any] = {}
    if line.quantity is not None and line.unit is not None:
        item["quantity"] = _selected(line.quantity, line.unit)
    if line.rate is not None:
        item["price"] = price_of_rate(line.rate, line.amount.currency)
    return item


def _percentage(line: Line) -> dict[str, Any]:
    if line.quantity is None or line.rate is None:
        raise ValueError(f"{line.title}: a percentage needs what it is a percentage of, and the percent")
    tags = tag_group(_PERCENTAGE, [("percent", number_text(line.rate))])
    return {"quantity": _selected(line.quantity, line.amount.currency), "tags": [tags]}


def _selected(value: Decimal, unit: str) -> dict[str, Any]:
    return {"selected": {"measure": {"value": number_text(value), "unit": unit}}}


def _read_line(line: Node, currency: str, first: str) -> Line:
    title, price, item = line.need("title").choice(LineTitle), line.need("price"), line.find("item")
    same_currency(price, currency, first)
    amount = read_money(price)
    if item is None:
        return Line(title, amount)
    tags, item_id = find_tags(item, _PERCENTAGE), item.find_text("id")
    if tags is not None:
        whole = item.need("quantity", "selected", "measure")
        _same_unit(whole.need("unit"), currency, first)
        return Line(title, amount, whole.need("value").decimal(), PERCENT, tags.need("percent").decimal(), item_id)
    return Line(title, amount, *_read_counted(item, currency, first), item_id)


def _read_counted(item: Node, currency: str, first: str) -> tuple[Decimal | None, str | None, Decimal | None]:
    measure, price = item.find("quantity", "selected", "measure"), item.find("price")
    rate = None
    if price is not None:
        same_currency(price, currency, first)
        rate = price.need("value").decimal()
    if measure is None:
        return None, None, rate
    value = measure.need("value")
    quantity = value.decimal()
    if quantity < 0:
        raise WireError(value.path, "A quantity is not negative; let the price be.", "0 or more", value.text())
    return quantity, measure.need("unit").text(), rate


def _same_unit(unit: Node, currency: str, first: str) -> None:
    if unit.text() != currency:
        sentence = f"A percentage is taken of an amount in the currency at {first}."
        raise WireError(unit.path, sentence, currency, unit.text())
