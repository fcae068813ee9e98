"""An issued document in each of its forms: JSON is the original, PDF, XML and CSV are made from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from bpp.desk import Desk
from bpp.documents.cii import has_xml, xml
from bpp.documents.pdf import pdf
from bpp.store.money import IssuedInvoice
from energy.invoices.document import intervals_csv_of
from node.problems import Problem

HEADERS = MappingProxyType(
    {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
)


class Form(StrEnum):
    """How a document is asked for: by the suffix of its address."""

    JSON = "json"
    PDF = "pdf"
    XML = "xml"
    CSV = "csv"


MEDIA_TYPES = MappingProxyType(
    {
        Form.JSON: "application/json",
        Form.PDF: "application/pdf",
        Form.XML: "application/xml",
        Form.CSV: "text/csv",
    }
)


class InvoiceForms:
    """Makes the forms, one PDF at a time and beside the event loop: a page takes tens of milliseconds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._drawing = asyncio.Lock()

    async def response(self, issued: IssuedInvoice, form: Form) -> web.Response:
        """The document in that form.

        Raises:
            Problem: 404, it has no such form.
        """
        name = f"{issued.number.replace('/', '-')}.{form.value}"
        headers = {**HEADERS, "Content-Disposition": f'inline; filename="{name}"'}
        body = issued.document if form is Form.JSON else await self._made(issued, form)
        return web.Response(body=body, content_type=MEDIA_TYPES[form], headers=headers)

    async def _made(self, issued: IssuedInvoice, form: Form) -> bytes:
        document = orjson.loads(issued.document)
        if form is Form.PDF:
            async with self._drawing:
                return await asyncio.to_thread(self._pdf, issued, document)
        if form is Form.XML and has_xml(document):
            return xml(document)
        if form is Form.CSV and document["meter"] is not None:
            return intervals_csv_of(document)
        raise Problem(404, "Not found", f"{issued.number} is a {issued.kind.value}, which has no {form.value} form.")

    def _pdf(self, issued: IssuedInvoice, document: Mapping[str, Any]) -> bytes:
        logo_file = self._desk.settings.invoicing.logo_file
        logo = None if logo_file is None else logo_file.read_bytes()
        return pdf(document, issued.digest_sha256, self._desk.url("invoices", issued.token), logo)


def form_of(accepted: str) -> Form:
    """The form that an ``Accept`` header prefers: the first that it names of ours, JSON for everything else.

    A browser, which asks for HTML first, is shown the PDF.
    """
    named = [part.split(";")[0].strip() for part in accepted.split(",")]
    forms = {media_type: form for form, media_type in MEDIA_TYPES.items()} | {"text/html": Form.PDF}
    return next((forms[media_type] for media_type in named if media_type in forms), Form.JSON)
