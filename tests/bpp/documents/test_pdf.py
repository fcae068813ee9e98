"""The PDF says what a payer needs on page one and what a checker needs on page two, always in the same bytes."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
from pypdf import PdfReader

from bpp.documents.pdf import pdf
from energy.invoices import Invoice, Kind
from energy.invoices.model import Party
from energy.quantities import Money
from energy.tariffs import lines_total
from tests.bpp.documents.examples import INDIAN, URL, credit_note, european, many_lines, shown
from tests.energy.invoices.examples import INVOICE

DIGEST = "ab" * 32


def pages(invoice: Invoice, logo: bytes | None = None) -> list[str]:
    """The text of each page."""
    written = pdf(shown(invoice), DIGEST, URL, logo)
    return [page.extract_text() for page in PdfReader(io.BytesIO(written)).pages]


def test_page_one_is_all_that_is_needed_to_pay() -> None:
    page = pages(INDIAN)[0]
    for text in (
        *("Tax invoice", "BB/26-27/000001", "6 November 2026", "21 November 2026", "Karnataka (29)"),
        *("Hebbal Storage", "GSTIN 29AAAAA0000A1Z5", "Rooftop Growers", "SAC 998631"),
        *("Storage capacity kept free", "50 kWh-month", "4,500.00", "Energy moved", "300 kWh", "255.00"),
        *("Taxable amount", "4,755.00", "CGST 9 %", "SGST 9 %", "427.95", "INR 5,610.90"),
        *("Please pay INR 5,610.90 by 21 November 2026", "Canara Bank", "0421101004321", "CNRB0000421", "h@bank"),
        *("Scan with a UPI app", "After the due date 18 % a year are charged for each full day."),
        "This document carries the fields of Rule 46, CGST Rules 2017 (India).",
    ):
        assert text in page
    assert "compliant" not in page


def test_page_two_is_what_the_meter_counted_and_how_to_check_it() -> None:
    evidence = replace(
        INVOICE.evidence, opening_in_wh=1_203_400, closing_in_wh=1_503_400, opening_out_wh=None, closing_out_wh=0
    )
    page = pages(replace(INDIAN, evidence=evidence))[1]
    for text in (
        *("300 kWh", "263.744 kWh", "36.256 kWh", "87.9 %", "1,203.400", "1,503.400", "300.000"),
        *("kWh in 15 minutes", "112 h", "1 Nov", "05:30", "32 counted, 16 of them estimated or derived (50 %)"),
        *(f"{URL}.csv", DIGEST, shown(INDIAN)["intervals_csv_sha256"]),
    ):
        assert text in page


def test_the_same_document_always_makes_the_same_bytes_also_in_another_process() -> None:
    program = (
        "import sys; from bpp.documents.pdf import pdf; from tests.bpp.documents.examples import *;"
        f"sys.stdout.buffer.write(pdf(shown(INDIAN), {DIGEST!r}, URL))"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert pdf(shown(INDIAN), DIGEST, URL) == elsewhere


def test_a_european_invoice_is_paid_by_iban() -> None:
    page = pages(european())[0]
    for text in ("VAT id DE123456789", "VAT 19 %", "DE89 3704 0044 0532 0130 00", "Scan with a banking app"):
        assert text in page
    assert "of 4,755.00" in page


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.SELF_BILLED, ["Self-billed invoice", "Self-billing", "pays EUR 5,092.61 by 21 November 2026"]),
        (Kind.PURCHASE_STATEMENT, ["Purchase statement", "This statement is no tax invoice"]),
    ],
)
def test_what_the_operator_pays_asks_nobody_to_pay(kind: Kind, said: list[str]) -> None:
    page = pages(european(kind=kind))[0]
    assert all(text in page for text in said)
    assert "Please pay" not in page
    assert "Scan" not in page


def test_a_credit_note_has_one_page_and_names_its_invoice() -> None:
    [page] = pages(credit_note())
    for text in ("Credit note", "to invoice BB/2026/000001 of 6 November 2026", "billed twice", "are credited to you"):
        assert text in page
    assert "1 of 1" in page


def test_nothing_to_pay_is_said_so() -> None:
    free = replace(INDIAN, lines=(), total=Money(0, "INR"))
    assert "There is nothing to pay" in pages(free)[0]


@pytest.mark.parametrize(("lines", "count"), [(15, 2), (16, 3), (51, 3), (52, 4)])
def test_lines_that_page_one_has_no_room_for_are_on_the_last_pages(lines: int, count: int) -> None:
    written = pages(many_lines(lines))
    assert len(written) == count
    assert sum(page.count("Energy moved") for page in written) == lines


def test_an_invoice_without_intervals_has_no_chart_and_says_why() -> None:
    lines = INDIAN.lines[:1]
    document = shown(replace(INDIAN, lines=lines, total=lines_total(lines, "INR"))) | {"intervals": []}
    page = PdfReader(io.BytesIO(pdf(document, DIGEST, URL))).pages[1].extract_text()
    assert "No interval was metered" in page


def test_letters_that_the_font_does_not_have_are_shown_as_missing() -> None:
    page = pages(replace(INDIAN, buyer=Party("सूर्य Rooftops", "Köln")))[0]
    assert "Rooftops" in page
    assert "??" in page
    assert "Köln" in page


def test_a_logo_takes_the_place_of_the_name() -> None:
    written = pdf(shown(INDIAN), DIGEST, URL, png())
    assert len(PdfReader(io.BytesIO(written)).pages[0].images) == 1
    assert written == pdf(shown(INDIAN), DIGEST, URL, png())


def png() -> bytes:
    """A picture of two by one pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    size = (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    pixels = zlib.compress(b"\0" + b"\x10\x6b\x62" + b"\xd9\x82\x2b")
    header = chunk(b"IHDR", size + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
