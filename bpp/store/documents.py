"""What a contract keeps as JSON documents: quote, billing, cancellation, live state, and the terms it was made on.

Amounts are minor units, shares and rates decimal texts, times milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import orjson

from bpp.bargaining import Bargain
from bpp.catalog import ListedBattery
from bpp.contracts import Agreement, FormPage, PaymentReport
from bpp.fleet_json import read_battery, write_battery
from bpp.planner import Placement
from energy.intervals import Interval
from energy.offers import Billing, Cancellation, CancellationTerms, LiveState, Quality, Quote, StorageUse
from energy.quantities import Money, decimal_text
from energy.tariffs import Line, LineTitle
from node.clocks import milliseconds, moment_of


def listed_text(listed: ListedBattery) -> str:
    """A battery with the terms it is let on."""
    fee = decimal_text(listed.cancellation.fee_percent)
    return _text({"battery": write_battery(listed), "fee_percent": fee})


def listed_of(text: str) -> ListedBattery:
    """The inverse of `listed_text`."""
    content = orjson.loads(text)
    return read_battery(content["battery"], CancellationTerms(Decimal(content["fee_percent"])))


def quote_text(quote: Quote) -> str:
    """A quote."""
    lines = [
        [line.title.value, line.amount.amount_minor, _decimal(line.quantity), line.unit, _decimal(line.rate)]
        for line in quote.lines
    ]
    total = quote.total
    return _text(
        {
            "quote_id": quote.quote_id,
            "ttl_s": quote.ttl_s,
            "currency": total.currency,
            "total_minor": total.amount_minor,
            "lines": lines,
        }
    )


def quote_of(text: str) -> Quote:
    """The inverse of `quote_text`."""
    content = orjson.loads(text)
    currency = content["currency"]
    lines = tuple(
        Line(LineTitle(title), Money(amount, currency), _decimal_of(quantity), unit, _decimal_of(rate))
        for title, amount, quantity, unit, rate in content["lines"]
    )
    return Quote(content["quote_id"], lines, Money(content["total_minor"], currency), content["ttl_s"])


def agreements_text(agreements: tuple[Agreement, ...]) -> str:
    """What was agreed to, page by page."""
    return orjson.dumps([[each.page.value, milliseconds(each.at), each.digest_sha256] for each in agreements]).decode()


def agreements_of(text: str) -> tuple[Agreement, ...]:
    """The inverse of `agreements_text`."""
    return tuple(Agreement(FormPage(page), moment_of(at_ms), digest) for page, at_ms, digest in orjson.loads(text))


def bargain_text(bargain: Bargain | None) -> str | None:
    """How far the price was bargained."""
    if bargain is None:
        return None
    offered = None if bargain.offered is None else [bargain.offered.amount_minor, bargain.offered.currency]
    return _text({"discount": str(bargain.discount), "rounds_left": bargain.rounds_left, "offered": offered})


def bargain_of(text: str | None) -> Bargain | None:
    """The inverse of `bargain_text`."""
    if text is None:
        return None
    content = orjson.loads(text)
    offered = None if content["offered"] is None else Money(*content["offered"])
    return Bargain(Decimal(content["discount"]), content["rounds_left"], offered)


def billing_json(billing: Billing) -> bytes:
    """Who pays."""
    return orjson.dumps(asdict(billing))


def billing_of(content: bytes) -> Billing:
    """The inverse of `billing_json`."""
    return Billing(**orjson.loads(content))


def cancellation_text(cancellation: Cancellation | None) -> str | None:
    """Who ended the contract and why."""
    if cancellation is None:
        return None
    return _text(
        {
            "by_consumer": cancellation.by_consumer,
            "reason_id": cancellation.reason_id,
            "reason": cancellation.reason,
            "time_ms": milliseconds(cancellation.time),
        }
    )


def cancellation_of(text: str | None) -> Cancellation | None:
    """The inverse of `cancellation_text`."""
    if text is None:
        return None
    content = orjson.loads(text)
    return Cancellation(content["by_consumer"], content["reason_id"], content["reason"], moment_of(content["time_ms"]))


def payment_report_text(report: PaymentReport | None) -> str | None:
    """That it is said to be paid."""
    if report is None:
        return None
    amount = report.amount
    return _text(
        {
            "reference": report.reference,
            "amount_minor": amount.amount_minor,
            "currency": amount.currency,
            "at_ms": milliseconds(report.at),
        }
    )


def payment_report_of(text: str | None) -> PaymentReport | None:
    """The inverse of `payment_report_text`."""
    if text is None:
        return None
    content = orjson.loads(text)
    amount = Money(content["amount_minor"], content["currency"])
    return PaymentReport(content["reference"], amount, moment_of(content["at_ms"]))


def live_text(live: LiveState | None) -> str | None:
    """What was told of a battery's state."""
    if live is None:
        return None
    exact = {"measured_at": milliseconds(live.measured_at), "soc": _decimal(live.soc), "quality": live.quality.value}
    return _text(asdict(live) | exact)


def live_of(text: str | None) -> LiveState | None:
    """The inverse of `live_text`."""
    if text is None:
        return None
    content = orjson.loads(text)
    exact = {
        "measured_at": moment_of(content["measured_at"]),
        "soc": _decimal_of(content["soc"]),
        "quality": Quality(content["quality"]),
    }
    return LiveState(**(content | exact))


def placement_text(placement: Placement | None) -> str | None:
    """When a contract is carried out, and why then."""
    if placement is None:
        return None
    windows = {"charge": placement.charge, "giveback": placement.giveback}
    sold = {"charge": placement.use.charge, "giveback": placement.use.giveback}
    return _text(
        {
            "planned": {name: _window_ms(window) for name, window in windows.items()},
            "sold": {name: _window_ms(window) for name, window in sold.items()},
            "energy_wh": placement.use.energy_wh,
            "return_wh": placement.use.return_wh,
            "reasons": placement.reasons,
        }
    )


def placement_of(text: str | None) -> Placement | None:
    """The inverse of `placement_text`."""
    if text is None:
        return None
    content = orjson.loads(text)
    sold = {name: _window_of(edges) for name, edges in content["sold"].items()}
    planned = {name: _window_of(edges) for name, edges in content["planned"].items()}
    use = StorageUse(content["energy_wh"], sold["charge"], sold["giveback"], content["return_wh"])
    return Placement(use, planned["charge"], planned["giveback"], tuple(content["reasons"]))


def _window_ms(window: Interval) -> list[int]:
    return [milliseconds(window.start), milliseconds(window.end)]


def _window_of(edges: list[int]) -> Interval:
    return Interval(*(moment_of(edge) for edge in edges))


def _text(content: dict[str, Any]) -> str:
    return orjson.dumps(content).decode()


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
