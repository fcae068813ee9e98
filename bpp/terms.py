"""What a producer agrees to, in words: the facts that each page of the form tells, made from the order alone.

An order has one contract or several (``parts``); who agrees, how it is dispatched and cancelled is the same in all.

What is kept of an agreement is the SHA-256 of the facts that were told (`digest_of`), so that a dispute can be settled
by telling them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson

from bpp.contracts import Contract, FormPage
from energy.intervals import Interval
from energy.offers import DispatchMode
from energy.quantities import decimal_text, kilo_text
from energy.tariffs import Line, lines_total

Fact = tuple[str, str]
"""A name and what is agreed about it."""


def facts_of(page: FormPage, parts: Sequence[Contract], operator: str, due_days: int) -> tuple[Fact, ...]:
    """What a page tells of an order. ``due_days`` is how long after its date an invoice is due."""
    if page is FormPage.CONSENT:
        return _handed_over(parts, operator)
    return _terms(parts, operator, due_days)


def digest_of(facts: Sequence[Fact]) -> str:
    """The SHA-256 (hex) of the facts as compact JSON."""
    return hashlib.sha256(orjson.dumps([list(fact) for fact in facts])).hexdigest()


def _handed_over(parts: Sequence[Contract], operator: str) -> tuple[Fact, ...]:
    return (
        ("Who hands over", _customer(parts[0])),
        ("Who takes control", operator),
        *(fact for part in parts for fact in _energy(part)),
        ("What stays yours", "Your plant and your meter: the operator commands the battery and nothing else."),
    )


def _terms(parts: Sequence[Contract], operator: str, due_days: int) -> tuple[Fact, ...]:
    first, fee = parts[0], decimal_text(parts[0].listed.cancellation.fee_percent)
    lines = [line for part in parts for line in part.quote.lines]
    price = lines_total(lines, first.quote.total.currency)
    return (
        ("Who agrees", f"{_customer(first)}, with {operator}"),
        *(fact for part in parts for fact in _energy(part)),
        ("Price", f"{price.text} {price.currency}, taxes included"),
        *((_title(line), _line(line)) for line in lines),
        ("Who controls what", _control(first, operator)),
        ("Losses", _losses(parts)),
        ("Penalty", "None: energy is billed as metered, what is reserved as reserved."),
        ("Cancelling before charging begins", f"{fee} % of the charges above, and the taxes on that."),
        (
            "Cancelling later",
            f"What was used until then, and {fee} % of the charges above; together never more than the price. "
            "What is still in store then stays with the operator.",
        ),
        ("Energy not asked for", "What you do not ask back in the return window stays with the operator."),
        ("Payment", f"By invoice when the energy has been returned, due {due_days} days after its date."),
    )


def _energy(contract: Contract) -> tuple[Fact, ...]:
    battery, use, plan = contract.listed.battery, contract.use, contract.profile
    return (
        ("Battery", f"{battery.name} ({battery.battery_id}), at meter {battery.meter_address}"),
        ("Charged", f"{kilo_text(use.energy_wh)} kWh, {_window(use.charge)}, at {kilo_text(plan.charge_w)} kW"),
        (
            "Returned",
            f"{kilo_text(plan.giveback_wh)} kWh, {_window(use.giveback)}, at {kilo_text(plan.discharge_w)} kW",
        ),
    )


def _control(contract: Contract, operator: str) -> str:
    if contract.mode is DispatchMode.AUTOMATIC:
        return f"{operator} starts and stops charging and return at the times above, without asking again."
    return f"{operator} is told when to charge and return, and does so by hand; nothing of yours is handed over."


def _losses(parts: Sequence[Contract]) -> str:
    lost_wh = sum(part.use.energy_wh - part.profile.giveback_wh for part in parts)
    return f"You bear them: of what is charged, about {kilo_text(lost_wh)} kWh do not come back."


def _title(line: Line) -> str:
    return line.title.value.replace("_", " ").capitalize() if "_" in line.title.value else line.title.value


def _line(line: Line) -> str:
    amount = f"{line.amount.text} {line.amount.currency}"
    if line.quantity is None or line.rate is None:
        return amount
    if line.unit == "%":
        return f"{amount}: {decimal_text(line.rate)} % of {decimal_text(line.quantity)}"
    return f"{amount}: {decimal_text(line.quantity)} {line.unit} at {decimal_text(line.rate)}"


def _customer(contract: Contract) -> str:
    billing = contract.billing
    return contract.peer.bap_id if billing is None else f"{billing.name}, through {contract.peer.bap_id}"


def _window(window: Interval) -> str:
    return f"from {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
