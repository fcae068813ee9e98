"""The invoice as PDF: page one to pay it, page two to check it, further pages only for very many lines.

The same document, address and logo always make the same bytes: every date in it is the document's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpp.documents import invoice_page, meter_page
from bpp.documents.drawing import Sheet


def pdf(document: Mapping[str, Any], digest_sha256: str, url: str, logo: bytes | None = None) -> bytes:
    """The PDF of an invoice document; ``url`` is where the JSON document with that digest is."""
    sheet = Sheet(f"{document['title']} {document['number']}", document["seller"]["name"])
    has_meter = document["meter"] is not None
    more = invoice_page.pages_of_more_lines(document)
    count = 1 + has_meter + len(more)
    invoice_page.draw(sheet, document, logo)
    invoice_page.foot(sheet, document, f"1 of {count}")
    if has_meter:
        sheet.new_page()
        invoice_page.head(sheet, document, "What the meter counted")
        meter_page.draw(sheet, document, digest_sha256, url)
        invoice_page.foot(sheet, document, f"2 of {count}")
    for page, lines in enumerate(more, start=count - len(more) + 1):
        sheet.new_page()
        invoice_page.draw_more_lines(sheet, document, lines)
        invoice_page.foot(sheet, document, f"{page} of {count}")
    return sheet.pdf()
