"""Pages and documents behind unguessable addresses: who was told the address may open it, nobody else finds it.

They stand below ``/beckn`` beside the endpoints of the network. What only reads is a GET; consent is given by a POST.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.shapes import live_json
from bpp.contracts import Contract
from bpp.desk import INVOICE_MEDIA_TYPE, Desk
from bpp.pages import HEADERS, consent_page, notice_page, submitted_page
from bpp.store import money, trade
from node.ids import new_uuid
from node.problems import Problem, json_response
from node.server import PREFIX
from protocol.lifecycle import Stage
from protocol.moments import timestamp_text

_DOCUMENT_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_CONSENT = "yes"


class PublicPages:
    """The consent form, the live values of a contract, and invoices."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """Register the routes; call it before the catch-all below ``/beckn``."""
        app.router.add_get(f"{PREFIX}/forms/{{token}}", self._form)
        app.router.add_post(f"{PREFIX}/forms/{{token}}", self._submit)
        app.router.add_get(f"{PREFIX}/track/{{token}}", self._track)
        app.router.add_get(f"{PREFIX}/invoices/{{token}}", self._invoice)

    async def _form(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        contract = await self._desk.database.read(lambda tx: trade.of_form(tx, token))
        if contract is None or contract.consent is None:
            return _notice(request, 404, "Not found", "There is no consent form at this address.")
        if contract.consent.submission_id is not None:
            return _html(submitted_page(contract.consent.submission_id))
        if contract.stage is not Stage.INITIALISED:
            return _closed(request)
        return _html(consent_page(contract, self._desk.provider.name))

    async def _submit(self, request: web.Request) -> web.Response:
        fields = await request.post()
        token, given_at, submission_id = request.match_info["token"], self._desk.moment().wire, new_uuid()
        if fields.get("consent") != _CONSENT:
            return _notice(request, 400, "No consent", "Tick the box, or send consent=yes, to give consent.")
        contract = await self._desk.database.write(lambda tx: give_consent(tx, token, submission_id, given_at))
        if contract is None or contract.consent is None:
            return _notice(request, 404, "Not found", "There is no consent form at this address.")
        if contract.consent.submission_id is None:
            return _closed(request)
        if _wants_json(request):
            return json_response({"submission_id": contract.consent.submission_id})
        return _html(submitted_page(contract.consent.submission_id))

    async def _track(self, request: web.Request) -> web.Response:
        token, moment = request.match_info["token"], self._desk.moment()
        contract = await self._desk.database.read(lambda tx: trade.of_track(tx, token))
        if contract is None:
            raise Problem(404, "Not found", "There is no contract at this address.")
        live = await self._desk.live(contract, moment)
        content = {
            "order_id": contract.contract_id,
            "stage": contract.stage.value,
            "state": contract.state.value,
            "trade_time": timestamp_text(moment.trade),
            "live": None if live is None else live_json(live),
        }
        response = json_response(content)
        response.headers.update(_DOCUMENT_HEADERS)
        return response

    async def _invoice(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        invoice = await self._desk.database.read(lambda tx: money.of_token(tx, token))
        if invoice is None:
            raise Problem(404, "Not found", "There is no invoice at this address.")
        return web.Response(body=invoice.document, content_type=INVOICE_MEDIA_TYPE, headers=_DOCUMENT_HEADERS)


def give_consent(tx: Connection, token: str, submission_id: str, given_at: datetime) -> Contract | None:
    """Record who gave consent and when. Given once, it stays; a form that is over changes nothing."""
    found = trade.of_form(tx, token)
    contract = None if found is None else trade.locked(tx, found.contract_id)
    if contract is None or contract.consent is None or contract.consent.form_token != token:
        return None
    if contract.consent.submission_id is not None or contract.stage is not Stage.INITIALISED:
        return contract
    given_by = contract.peer.bap_id if contract.billing is None else contract.billing.name
    consent = replace(contract.consent, submission_id=submission_id, given_by=given_by, given_at=given_at)
    contract = replace(contract, consent=consent)
    trade.save(tx, contract)
    return contract


def _html(page: str, status: int = 200) -> web.Response:
    return web.Response(text=page, status=status, content_type="text/html", charset="utf-8", headers=HEADERS)


def _closed(request: web.Request) -> web.Response:
    return _notice(request, 409, "Closed", "Consent is not asked for at this address any more.")


def _notice(request: web.Request, status: int, title: str, sentence: str) -> web.Response:
    if _wants_json(request):
        raise Problem(status, title, sentence)
    return _html(notice_page(title, sentence), status)


def _wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")
