"""Documents behind unguessable addresses: who was told the address may open it, nobody else finds it.

They stand below ``/beckn`` beside the endpoints of the network, and only read.
"""

from __future__ import annotations

from aiohttp import web

from bpp.api.invoice_forms import Form, InvoiceForms, form_of
from bpp.desk import Desk
from bpp.store import money
from node.problems import Problem
from node.server import PREFIX

_FORMS = {form.value: form for form in Form}


class PublicPages:
    """Invoices, in each of their forms."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._forms = InvoiceForms(desk)

    def add_routes(self, app: web.Application) -> None:
        """Register the routes; call it before the catch-all below ``/beckn``."""
        app.router.add_get(f"{PREFIX}/invoices/{{token}}", self._invoice)

    async def _invoice(self, request: web.Request) -> web.Response:
        """The document at a token, in the form of the address's suffix, or else as the ``Accept`` header prefers."""
        token, dot, suffix = request.match_info["token"].partition(".")
        form = form_of(request.headers.get("Accept", "")) if not dot else _FORMS.get(suffix)
        invoice = await self._desk.database.read(lambda tx: money.of_token(tx, token))
        if invoice is None or form is None:
            raise Problem(404, "Not found", "There is no invoice at this address.")
        return await self._forms.response(invoice, form)
