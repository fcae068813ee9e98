"""The operator's API of invoices: ``/api/v1/invoices`` and ``/api/v1/tax-report``.

A document's number has the form series/year/number, and stands so in the path. A note that can not be is 409 with the
reason; nothing else changes what was issued.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import Connection

from bpp import invoicing_notes, tax_report
from bpp.api.invoice_forms import HEADERS, Form, InvoiceForms
from bpp.api.requests import limit_of, time_of
from bpp.api.shapes import invoice_json
from bpp.desk import Desk
from bpp.invoicing_notes import Billed, NoteRefused
from bpp.store import money, trade
from bpp.store.money import IssuedInvoice, Wanted
from energy.invoices import Kind
from energy.quantities import Money, QuantityError
from energy.tariffs import Line, LineTitle
from node.clocks import Moment
from node.ids import new_token, new_uuid
from node.openapi import answers
from node.problems import Problem, json_object, json_response
from protocol.moments import parse_timestamp

REPORT_MAX = timedelta(days=366)
_PAGE = 100
_LATE_FEE = "late-fee"
_KINDS = (Kind.CREDIT_NOTE.value, Kind.DEBIT_NOTE.value, _LATE_FEE)
_MEMBERS = frozenset({"kind", "reason", "lines", "owed", "until"})


class InvoicesApi:
    """Invoices and notes to them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._forms = InvoiceForms(desk)

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Register the routes."""
        one = f"{prefix}/invoices/{{series}}/{{year}}/{{serial}}"
        app.router.add_get(f"{prefix}/invoices", self._list)
        app.router.add_get(one, self._show)
        app.router.add_post(f"{one}/notes", self._add_note)
        app.router.add_get(f"{prefix}/tax-report", self._report)

    async def _list(self, request: web.Request) -> web.Response:
        """List the issued documents, the newest first.

        The query may say ``contract_id``, ``kind``, ``currency``, ``from`` and ``until`` (of when they were issued),
        ``limit``, and ``after``: the number that the page before ended with.
        """
        limit, wanted = limit_of(request), _wanted(request)
        found = await self._desk.database.read(lambda tx: money.issued(tx, limit, wanted))
        return json_response({"invoices": [invoice_json(invoice, self._desk) for invoice in found]})

    async def _show(self, request: web.Request) -> web.Response:
        """Download one document; the query's ``form`` is ``json``, ``pdf``, ``xml`` or ``csv`` (its intervals)."""
        number, form = _number(request), _form(request)
        found = await self._desk.database.read(lambda tx: money.of_number(tx, number))
        if found is None:
            raise Problem(404, "Not found", f"There is no invoice {number[:20]} here.")
        return await self._forms.response(found, form)

    async def _add_note(self, request: web.Request) -> web.Response:
        """Issue a credit note, a debit note or a late fee, and tell the producer's platform.

        The body has ``kind`` (``credit-note``, ``debit-note`` or ``late-fee``), ``reason``, and ``lines`` of ``title``
        and ``amount`` before tax; a credit note without lines takes all back that is left. A late fee has ``until``,
        when it was paid, and ``owed``, what was; without them now, and the whole invoice.
        """
        number, content, moment = _number(request), await _content(request), self._desk.moment()
        token, message_id = new_token(), new_uuid()

        def write(tx: Connection) -> IssuedInvoice:
            note = self._issue(tx, invoicing_notes.billed(tx, number), content, token, moment)
            contract = trade.locked(tx, note.contract_id)
            if contract is not None:
                self._desk.tell(tx, contract, None, message_id, moment)
            return note

        try:
            note = await self._desk.database.write(write)
        except NoteRefused as refusal:
            raise Problem(409, "Not possible", str(refusal)) from None
        return json_response(invoice_json(note, self._desk), 201)

    @answers("text/csv")
    async def _report(self, request: web.Request) -> web.Response:
        """Download the tax report of the documents issued between ``from`` and ``until``, as CSV, the oldest first."""
        now = self._desk.moment().trade
        since = time_of(request, "from", now - timedelta(days=31))
        until = time_of(request, "until", now)
        if not timedelta(0) < until - since <= REPORT_MAX:
            raise Problem(400, "Invalid query", f"until must be later than from, by at most {REPORT_MAX.days} days.")
        body = tax_report.report(reversed(await self._documents(since, until)))
        headers = {**HEADERS, "Content-Disposition": 'attachment; filename="tax-report.csv"'}
        return web.Response(body=body, content_type="text/csv", headers=headers)

    async def _documents(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """The documents of a period, the newest first, read page by page and without their intervals."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            wanted = Wanted(since=since, until=until, after=after)
            page = await self._desk.database.read(partial(money.issued, limit=_PAGE, wanted=wanted))
            found += [orjson.loads(each.document) | {"intervals": []} for each in page]
            if len(page) < _PAGE:
                return found
            after = page[-1].number

    def _issue(
        self, tx: Connection, known: Billed, content: dict[str, Any], token: str, moment: Moment
    ) -> IssuedInvoice:
        settings, currency = self._desk.settings, known.invoice.total.currency
        if content["kind"] == _LATE_FEE:
            owed = known.invoice.total if content.get("owed") is None else _amount(content, "owed", currency)
            until = moment.trade if content.get("until") is None else _time(content, "until")
            return invoicing_notes.issue_late_fee(tx, settings, known, owed, until, token, moment.trade)
        is_credit = content["kind"] == Kind.CREDIT_NOTE
        issue = invoicing_notes.issue_credit if is_credit else invoicing_notes.issue_debit
        lines = [_line(line, currency) for line in content.get("lines") or []]
        return issue(tx, settings, known, lines, _reason(content), token, moment.trade)


def _wanted(request: web.Request) -> Wanted:
    query = request.query
    kind = query.get("kind")
    if kind is not None and kind not in set(Kind):
        raise Problem(400, "Invalid query", f"kind must be one of {', '.join(Kind)}.")
    return Wanted(
        contract_id=query.get("contract_id"),
        kind=None if kind is None else Kind(kind),
        currency=query.get("currency"),
        since=_time_in_query(request, "from"),
        until=_time_in_query(request, "until"),
        after=query.get("after"),
    )


def _time_in_query(request: web.Request, name: str) -> datetime | None:
    return time_of(request, name, datetime.max.replace(tzinfo=UTC)) if name in request.query else None


def _number(request: web.Request) -> str:
    return "/".join(request.match_info[part] for part in ("series", "year", "serial"))


def _form(request: web.Request) -> Form:
    form = request.query.get("form", Form.JSON.value)
    if form not in set(Form):
        raise Problem(400, "Invalid query", f"form must be one of {', '.join(Form)}.")
    return Form(form)


async def _content(request: web.Request) -> dict[str, Any]:
    content = await json_object(request)
    unknown = sorted(content.keys() - _MEMBERS)
    if unknown:
        raise _wrong(unknown[0][:64], f"This member is not known here; known: {', '.join(sorted(_MEMBERS))}.")
    if content.get("kind") not in _KINDS:
        raise _wrong("kind", f"Write one of: {', '.join(_KINDS)}.")
    if not isinstance(content.get("lines", []), list):
        raise _wrong("lines", "Write a list of objects with title and amount.")
    return content


def _line(line: object, currency: str) -> Line:
    titles = sorted(title.value for title in LineTitle)
    if not isinstance(line, dict) or line.get("title") not in titles:
        raise _wrong("lines", f"Each line needs a title, one of: {', '.join(titles)}.")
    return Line(LineTitle(line["title"]), _amount(line, "amount", line.get("currency", currency)))


def _amount(content: dict[str, Any], name: str, currency: object) -> Money:
    text = content.get(name)
    if not isinstance(text, str) or not isinstance(currency, str):
        raise _wrong(name, 'Write an amount as a text, such as "100.00".')
    try:
        return Money.parse(text, currency)
    except QuantityError as error:
        raise _wrong(name, f"{error}.") from None


def _reason(content: dict[str, Any]) -> str:
    reason = content.get("reason")
    if not isinstance(reason, str):
        raise _wrong("reason", "Write a text.")
    return reason


def _time(content: dict[str, Any], name: str) -> datetime:
    try:
        return parse_timestamp(str(content[name]))
    except ValueError:
        raise _wrong(name, "Write an RFC 3339 time, such as 2026-11-20T10:00:00Z.") from None


def _wrong(name: str, sentence: str) -> Problem:
    errors = [{"pointer": f"/{name}", "detail": sentence}]
    return Problem(422, "Invalid request", f"/{name}: {sentence}", errors=errors)
