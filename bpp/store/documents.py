"""What a contract keeps as JSON documents: quote, billing, cancellation, live state, and the terms it was made on.

Amounts are minor units, shares and rates decimal texts, times milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import orjson

from bpp.catalog import ListedBattery
from bpp.fleet_json import read_battery, write_battery
from energy.offers import Billing, Cancellation, CancellationTerms, LiveState, Quality, Quote
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


def billing_text(billing: Billing | None) -> str | None:
    """Who pays."""
    return None if billing is None else _text(asdict(billing))


def billing_of(text: str | None) -> Billing | None:
    """The inverse of `billing_text`."""
    return None if text is None else Billing(**orjson.loads(text))


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


def _text(content: dict[str, Any]) -> str:
    return orjson.dumps(content).decode()


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _decimal_of(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
