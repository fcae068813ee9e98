"""``/api/v1/contracts/{id}/bill`` and ``…/meter-readings``: check a bill by our own meter, accept, dispute or pay it.

A dispute is one action: the operator is asked for its link to tickets where we have none yet, and a ticket is opened
that says line by line what differs. A payment is started from the bill, by any way that it names, and reported by
``update`` with ``paid_reference``. Once a bill is accepted, readings for it are closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bap.api.contracts import ContractsApi
from bap.api.members import members_of
from bap.desk import Desk
from bap.paperwork import differences, line_checks, read_invoice
from bap.parts import key_of, part_of
from bap.readings import CSV_TYPE, ReadingsUnreadable, check_within, read_csv, read_rows
from bap.store import contracts, readings
from bap.store.readings import Decision, Verdict
from bap.store.records import Contract, RequestState
from bap.tickets import write_ticket
from bap.waiting import until_answered
from energy.invoices.model import PayTo
from energy.invoices.payment_codes import payment_code
from energy.metering import MeterInterval
from energy.quantities import Money
from node.callers import caller_of
from node.openapi import body
from node.problems import Problem, json_object, json_response
from protocol.lifecycle import Stage
from protocol.moments import timestamp_text

_NOTE_CHARS_MAX = 4_000
_SENTENCES_MAX = 20


class BillsApi:
    """The handlers; ``contracts_api`` fetches documents."""

    def __init__(self, desk: Desk, contracts_api: ContractsApi) -> None:
        self._desk = desk
        self._contracts_api = contracts_api

    def add_routes(self, app: web.Application, prefix: str) -> None:
        """Under ``prefix``."""
        one = f"{prefix}/contracts/{{contract_id}}"
        app.router.add_get(f"{one}/meter-readings", self._read_readings)
        app.router.add_put(f"{one}/meter-readings", self._put_readings)
        app.router.add_get(f"{one}/bill", self._bill)
        app.router.add_post(f"{one}/bill/accept", self._accept)
        app.router.add_post(f"{one}/bill/dispute", self._dispute)

    async def _read_readings(self, request: web.Request) -> web.Response:
        """List our own meter's intervals (of the battery ``item_id``)."""
        contract, part = await self._part(request)
        found = await self._own(key_of(contract, part))
        return json_response({"intervals": [_interval_json(each) for each in found]})

    @body({"type": "object", "properties": {"intervals": {"type": "array"}}, "required": ["intervals"]}, CSV_TYPE)
    async def _put_readings(self, request: web.Request) -> web.Response:
        """Hand over our own meter's intervals (of the battery ``item_id``), as JSON or CSV.

        They are taken as a whole or not at all. What was told of the same time before gives way; after the bill was
        accepted nothing is taken any more.
        """
        contract, part = await self._part(request)
        key, now = key_of(contract, part), self._desk.clocks.wire()
        try:
            given = await _uploaded(request)
            check_within(given, part.use)
        except ReadingsUnreadable as error:
            raise Problem(422, "Readings unreadable", f"{error} Nothing was taken.") from None

        def write(tx: Connection) -> None:
            contracts.hold(tx, contract.contract_id)
            decided = readings.decision_of(tx, key)
            if decided is not None and decided.verdict is Verdict.ACCEPTED:
                raise Problem(409, "Closed", "The bill was accepted: readings for it are closed. Dispute it first.")
            readings.put(tx, key, given, now)

        await self._desk.database.write(write)
        return json_response({"taken": len(given)})

    async def _bill(self, request: web.Request) -> web.Response:
        """The bill (of the battery ``item_id``) beside what it should be, and how to pay it."""
        contract, part = await self._part(request)
        return json_response(await self._content(contract, part))

    async def _accept(self, request: web.Request) -> web.Response:
        """Accept the bill as it is."""
        contract, part = await self._part(request)
        await self._decided(contract, part, Verdict.ACCEPTED, "")
        return json_response(await self._content(contract, part))

    async def _dispute(self, request: web.Request) -> web.Response:
        """Dispute the bill: opens a ticket at the operator's that says what differs."""
        members = await members_of(request)
        text, wait_s = members.optional("text", members.text), members.wait_s()
        members.done()
        contract, part = await self._part(request)
        checked = await self._content(contract, part)
        said = [*checked["differences"][:_SENTENCES_MAX], *([text] if text else [])]
        if not said:
            raise Problem(409, "Nothing differs", "The bill is as agreed and as measured: say in text what is wrong.")
        note = "\n".join(said)[:_NOTE_CHARS_MAX]
        known = await self._with_support(contract, wait_s)
        fields = {"kind": "issue", "subject": f"Invoice {checked['number']} is disputed", "text": note}
        await write_ticket(self._desk.participant.client, known, fields)
        await self._decided(contract, part, Verdict.DISPUTED, note)
        return json_response(await self._content(contract, part))

    # -- how --------------------------------------------------------------------------------------------------

    async def _content(self, contract: Contract, part: Contract) -> dict[str, Any]:
        key, invoice = key_of(contract, part), part.invoice
        if invoice is None:
            raise Problem(404, "No invoice yet", "The operator has sent no invoice for this contract yet.")
        document = read_invoice(await self._contracts_api.document(part, key, invoice), invoice.url)
        own, is_first = await self._own(key), key == contract.contract_id
        decided = await self._desk.database.read(lambda tx: readings.decision_of(tx, key))
        if decided is not None and decided.digest_sha256 != invoice.digest_sha256:
            # It was about an earlier document.
            decided = None
        lines = line_checks(part, document, own, is_first=is_first)
        return {
            "number": invoice.number,
            "due_at": timestamp_text(invoice.due_at),
            "currency": document.get("currency"),
            "total": document.get("total"),
            "own_intervals": len(own),
            "differences": differences(part, document, own, is_first=is_first),
            "lines": [
                {
                    "title": line.title,
                    "billed": None if line.billed is None else line.billed.text,
                    "expected": None if line.expected is None else line.expected.text,
                    "differs": line.differs,
                }
                for line in lines
            ],
            "decision": None if decided is None else _decision_json(decided),
            "payment": _payment_json(part, document),
        }

    async def _decided(self, contract: Contract, part: Contract, verdict: Verdict, note: str) -> None:
        if part.invoice is None:
            raise Problem(404, "No invoice yet", "The operator has sent no invoice for this contract yet.")
        key = key_of(contract, part)
        decision = Decision(verdict, part.invoice.digest_sha256, self._desk.clocks.wire(), note)
        await self._desk.database.write(lambda tx: readings.decide(tx, key, decision))

    async def _with_support(self, contract: Contract, wait_s: float) -> Contract:
        """The contract with the operator's link to its tickets, asked for where there is none yet."""
        if contract.support is not None:
            return contract
        database, contract_id, now = self._desk.database, contract.contract_id, self._desk.clocks.wire()
        sent = await database.write(lambda tx: self._desk.requests.support(tx, contract_id, now))
        message_id = sent.request.message_id

        def answered(tx: Connection) -> bool:
            asked = contracts.load_request(tx, message_id)
            return asked is not None and asked.state is not RequestState.WAITING

        await until_answered(database, contract_id, answered, wait_s)
        known = await database.read(lambda tx: contracts.load(tx, contract_id))
        assert known is not None, "a contract is never forgotten"
        return known

    async def _own(self, key: str) -> tuple[MeterInterval, ...]:
        return await self._desk.database.read(lambda tx: readings.of_contract(tx, key))

    async def _part(self, request: web.Request) -> tuple[Contract, Contract]:
        contract_id = request.match_info["contract_id"]
        contract = await self._desk.database.read(lambda tx: contracts.load(tx, contract_id))
        if contract is None or not caller_of(request).sees(contract.account):
            raise Problem(404, "Not found", f"There is no contract {contract_id}.")
        if contract.stage not in {Stage.ACTIVE, Stage.COMPLETE, Stage.CANCELLED}:
            raise Problem(409, "Not confirmed", "The contract is not confirmed, so there is nothing to bill.")
        return contract, part_of(contract, request.query.get("item_id"))


async def _uploaded(request: web.Request) -> tuple[MeterInterval, ...]:
    if request.content_type == CSV_TYPE:
        return read_csv(await request.read())
    rows = (await json_object(request)).get("intervals")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ReadingsUnreadable("Write a list of objects as intervals.")
    return read_rows(rows)


def _interval_json(each: MeterInterval) -> dict[str, Any]:
    return {
        "start": timestamp_text(each.interval.start),
        "end": timestamp_text(each.interval.end),
        "energy_in_wh": each.energy_in_wh,
        "energy_out_wh": each.energy_out_wh,
        "quality": each.quality.value,
    }


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {"verdict": decision.verdict.value, "at": timestamp_text(decision.at), "note": decision.note}


def _payment_json(part: Contract, document: Mapping[str, Any]) -> dict[str, Any]:
    """Every way to pay: the account and its codes as the signed document names them, and the operator's link."""
    payment, pay_to = part.payment, _pay_to(document)
    amount = Money.parse(str(document["total"]), str(document["currency"]))
    reference = str(document["number"])
    return {
        "status": "PAID" if payment is not None and payment.paid else "NOT-PAID",
        "reported": None if payment is None else payment.reported,
        "reference": reference,
        "code": None if pay_to is None else payment_code(pay_to, amount, reference),
        "url": None if payment is None else _link(payment.url),
        "account": document.get("pay_to"),
    }


def _link(url: str | None) -> str | None:
    """A payment link that a browser may open; an operator could name anything."""
    return url if url is not None and url.startswith("https://") else None


def _pay_to(document: Mapping[str, Any]) -> PayTo | None:
    told = document.get("pay_to")
    if not isinstance(told, dict) or not isinstance(told.get("account_name"), str):
        return None
    known = {name: told[name] for name in PayTo.__slots__ if isinstance(told.get(name), str)}
    return PayTo(**known)
