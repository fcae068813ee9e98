"""The JSON of bills, of our own meter's readings and of the monthly report, as `bap.shapes` has the rest of the API.

This module imports nothing of the project.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class MeterInterval(TypedDict):
    """What our own meter counted in an interval; ``quality`` is an ESPI code, 14 (raw) where it is left out."""

    start: str
    end: str
    energy_in_wh: int
    energy_out_wh: int
    quality: NotRequired[int]


class BillLine(TypedDict):
    """All lines of one title: what is billed, and what tariff and meter make it."""

    title: str
    billed: str | None
    expected: str | None
    differs: bool


class BillDecision(TypedDict):
    """What was decided about a bill; ``verdict`` is accepted or disputed."""

    verdict: str
    at: str
    note: str


class BillPayment(TypedDict):
    """Every way to pay: ``code`` is the text of a QR code (UPI or EPC), ``url`` the operator's payment link."""

    status: str
    reported: str | None
    reference: str
    code: str | None
    url: str | None
    account: dict[str, Any] | None


class Bill(TypedDict):
    """A bill beside what it should be. ``own_intervals`` is how many of our own meter's it was held against."""

    number: str
    due_at: str
    currency: str
    total: str
    own_intervals: int
    differences: list[str]
    lines: list[BillLine]
    decision: BillDecision | None
    payment: BillPayment


class Month(TypedDict):
    """What storing cost in a month of a contract; savings are None where no prices of the grid were told."""

    contract_id: str
    invoice: str
    month: str
    currency: str
    cost: str
    energy_in_wh: int
    energy_out_wh: int
    losses_wh: int
    efficiency_percent: str | None
    savings: str | None
