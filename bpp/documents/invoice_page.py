"""Page one: who pays whom how much for what, until when, and how. It is all that a person needs to pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpp.documents import words
from bpp.documents.drawing import ACCENT, BOLD, INK, LEFT, MUTED, PLAIN, RIGHT, RULE, WHITE, Sheet
from energy.invoices import Kind
from energy.invoices.model import PayTo
from energy.invoices.payment_codes import payment_code
from energy.quantities import Money
from energy.tariffs import TAX_TITLES

LINES_MAX = 15
"""As many lines fit on page one; the others are on pages of their own at the end."""
_LINES_A_PAGE = 36
_QUANTITY, _RATE, _AMOUNT = 372.0, 452.0, RIGHT - 10
_ROW = 17.0
_QR = 92.0


def draw(sheet: Sheet, document: Mapping[str, Any], logo: bytes | None) -> None:
    """The page."""
    _head(sheet, document, logo)
    _facts(sheet, document)
    _parties(sheet, document)
    charges = [line for line in document["lines"] if line["title"] not in TAX_TITLES]
    y = _lines(sheet, 318, charges[:LINES_MAX], document["currency"])
    if len(charges) > LINES_MAX:
        sheet.text(LEFT + 10, y + 2, f"{len(charges) - LINES_MAX} more lines are on the last page.", 8, MUTED)
    _totals(sheet, y + 14, document)
    _payment(sheet, document)


def pages_of_more_lines(document: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    """The lines that page one has no room for, page by page."""
    more = [line for line in document["lines"] if line["title"] not in TAX_TITLES][LINES_MAX:]
    return [more[first : first + _LINES_A_PAGE] for first in range(0, len(more), _LINES_A_PAGE)]


def draw_more_lines(sheet: Sheet, document: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> None:
    """One of these pages."""
    head(sheet, document, "More lines")
    _lines(sheet, 110, lines, document["currency"])


def head(sheet: Sheet, document: Mapping[str, Any], title: str) -> None:
    """The head of every further page."""
    sheet.bar(0, 0, 600, 5, ACCENT)
    sheet.text(LEFT, 62, title, 20, INK, BOLD)
    sheet.text_until(RIGHT, 52, document["title"], 9, MUTED)
    sheet.text_until(RIGHT, 65, document["number"], 10, INK, BOLD)


def foot(sheet: Sheet, document: Mapping[str, Any], page: str) -> None:
    """The foot of every page."""
    sheet.rule(800)
    sheet.text(LEFT, 813, f"{document['seller']['name']} · {document['title']} {document['number']}", 7, MUTED)
    sheet.text(LEFT, 823, f"This document {document['note']}.", 7, MUTED)
    sheet.text_until(RIGHT, 813, page, 7, MUTED)


def _head(sheet: Sheet, document: Mapping[str, Any], logo: bytes | None) -> None:
    seller = document["seller"]
    sheet.bar(0, 0, 600, 5, ACCENT)
    if logo is None:
        sheet.text_within(LEFT, 62, 250, seller["name"], 17, ACCENT, BOLD)
    else:
        sheet.logo(LEFT, 32, logo, 180, 46)
    sheet.text_until(RIGHT, 62, document["title"], 24, INK, BOLD)
    for row, sentence in enumerate(_said(document)):
        sheet.text_until(RIGHT, 78 + 11 * row, sentence, 8.5, ACCENT, BOLD)


def _said(document: Mapping[str, Any]) -> list[str]:
    corrects = document["corrects"]
    to_which = [] if corrects is None else [f"to invoice {corrects['number']} of {words.day(corrects['date'])}"]
    return [*to_which, *document["wording"]]


def _facts(sheet: Sheet, document: Mapping[str, Any]) -> None:
    """Number, date, due date, place of supply and contract, in one row."""
    code, name = document["place_of_supply"], document["place_of_supply_name"]
    due = words.day(document["due_date"]) if document["document"] != Kind.CREDIT_NOTE else "–"
    facts = (
        (LEFT, "Number", document["number"]),
        (LEFT + 112, "Date", words.day(document["date"])),
        (LEFT + 214, "Due", due),
        (LEFT + 316, "Place of supply", f"{name} ({code})" if name else code or "–"),
        (LEFT + 428, "Reverse charge", "Yes" if document["reverse_charge"] else "No"),
    )
    sheet.rule(112)
    for x, label, value in facts:
        sheet.label(x, 128, label)
        sheet.text_within(x, 142, 104, value, 9.5, INK, BOLD if label in {"Number", "Due"} else PLAIN)
    sheet.rule(154)


def _parties(sheet: Sheet, document: Mapping[str, Any]) -> None:
    for x, label, party in ((LEFT, "From", document["seller"]), (LEFT + 258, "To", document["buyer"])):
        sheet.label(x, 174, label)
        sheet.text_within(x, 189, 236, party["name"], 11, INK, BOLD)
        y = sheet.paragraph(x, 203, party["address"], 230, 9, INK, lines_max=3)
        for line in _ids(party, document["regime"]):
            sheet.text_within(x, y, 236, line, 9, MUTED)
            y += 12
    service, supply, zone = document["service"], document["supply"], document["time_zone"]
    sheet.text(LEFT, 272, service["description"], 10, INK, BOLD)
    start, end = (words.moment(supply[edge], zone) for edge in ("start", "end"))
    sheet.text(LEFT, 285, f"{start} to {end} ({zone}) · contract {document['contract_id']}", 8, MUTED)


def _ids(party: Mapping[str, Any], regime: str) -> list[str]:
    is_india = regime == "india-gst"
    name = "GSTIN" if is_india else "VAT id"
    found = [f"{name} {party['tax_id']}"] if party["tax_id"] else []
    if is_india and party["state_code"]:
        found.append(f"State {party['state_code']}")
    return [" · ".join(found), party["email"] or ""] if found else [party["email"] or ""]


def _lines(sheet: Sheet, y: float, lines: Sequence[Mapping[str, Any]], currency: str) -> float:
    """The table of charges; the ``y`` below it."""
    sheet.panel(LEFT, y - 13, RIGHT - LEFT, 19, radius=4)
    sheet.text(LEFT + 10, y, "What for", 8, MUTED)
    for x, label in ((_QUANTITY, "Quantity"), (_RATE, "Rate"), (_AMOUNT, f"Amount ({currency})")):
        sheet.text_until(x, y, label, 8, MUTED)
    for line in lines:
        y += _ROW
        sheet.text(LEFT + 10, y + 3, words.title(line["title"]), 9.5)
        sheet.text_until(_QUANTITY, y + 3, words.quantity(line["quantity"], line["unit"], currency), 9)
        sheet.text_until(_RATE, y + 3, words.rate(line["rate"], line["unit"], currency), 9)
        sheet.text_until(_AMOUNT, y + 3, words.grouped(line["amount"], currency), 9.5)
        sheet.rule(y + 8.5, RULE)
    return y + 10


def _totals(sheet: Sheet, y: float, document: Mapping[str, Any]) -> None:
    currency = document["currency"]
    code = document["service"]["code"]
    name = "SAC" if document["regime"] == "india-gst" else "Service code"
    sheet.text(LEFT + 10, y + 8, f"{name} {code}", 8, MUTED)
    if document["corrects"] is not None:
        sheet.label(LEFT + 10, y + 26, "Why")
        sheet.paragraph(LEFT + 10, y + 38, document["corrects"]["reason"], 225, 9, lines_max=5)
    taxes = [line for line in document["lines"] if line["title"] in TAX_TITLES]
    rows = [("Taxable amount", document["taxable_amount"])]
    rows += [(f"{line['title']} {line['rate']} %", line["amount"]) for line in taxes]
    for label, amount in rows:
        sheet.text_until(_RATE, y + 8, label, 9, MUTED)
        sheet.text_until(_AMOUNT, y + 8, words.grouped(amount, currency), 9.5)
        y += 15
    sheet.panel(_RATE - 150, y + 1, RIGHT - _RATE + 150, 28, ACCENT)
    sheet.text(_RATE - 138, y + 19.5, "Total", 11, WHITE, BOLD)
    sheet.text_until(_AMOUNT, y + 19.5, words.amount(document["total"], currency), 13, WHITE, BOLD)


def _payment(sheet: Sheet, document: Mapping[str, Any]) -> None:
    """How to pay, at the foot of the page, where the eye ends."""
    top = 648.0
    sheet.panel(LEFT, top, RIGHT - LEFT, 138)
    sheet.text_within(LEFT + 16, top + 24, 360, _ask(document), 12.5, INK, BOLD)
    pay_to = None if document["pay_to"] is None else PayTo(**document["pay_to"])
    if document["document"] in {Kind.INVOICE, Kind.DEBIT_NOTE} and pay_to is not None:
        _account(sheet, top + 44, pay_to, document["number"])
        amount = Money.parse(document["total"], document["currency"])
        code = payment_code(pay_to, amount, document["number"])
        if code is not None:
            sheet.qr_code(RIGHT - _QR - 18, top + 16, _QR, code)
            app = "UPI app" if document["currency"] == "INR" else "banking app"
            sheet.text_until(RIGHT - 18, top + 124, f"Scan with a {app}", 7.5, MUTED)
    if document["late_fee_percent"] != "0" and document["document"] in {Kind.INVOICE, Kind.DEBIT_NOTE}:
        late = f"After the due date {document['late_fee_percent']} % a year are charged for each full day."
        sheet.text(LEFT + 16, top + 124, late, 8, MUTED)


def _ask(document: Mapping[str, Any]) -> str:
    amount = words.amount(document["total"], document["currency"])
    if document["document"] == Kind.CREDIT_NOTE:
        return f"{amount} are credited to you"
    if document["document"] in {Kind.SELF_BILLED, Kind.PURCHASE_STATEMENT}:
        return f"{document['buyer']['name'][:40]} pays {amount} by {words.day(document['due_date'])}"
    if document["total"].strip("0.") == "":
        return "There is nothing to pay"
    return f"Please pay {amount} by {words.day(document['due_date'])}"


def _account(sheet: Sheet, y: float, pay_to: PayTo, number: str) -> None:
    rows = (
        ("To", pay_to.account_name),
        ("Bank", pay_to.bank),
        ("IBAN", pay_to.iban),
        ("BIC", pay_to.bic),
        ("Account", pay_to.account_number),
        ("IFSC", pay_to.ifsc),
        ("UPI", pay_to.upi_id),
        ("Reference", number),
    )
    for label, value in rows:
        if value is not None:
            sheet.text(LEFT + 16, y, label, 8.5, MUTED)
            sheet.text_within(LEFT + 76, y, 290, value, 9, INK, BOLD if label == "Reference" else PLAIN)
            y += 12.5
