"""``/beckn/forms/<token>``: the pages that have to be agreed to before ``confirm``, one after the other.

A GET shows the page that is open, a POST agrees to it. Every page carries a token that is good for one submission, so
nobody can agree who has not seen the page; one that was used, or belongs to an earlier page, agrees to nothing. After
the last page there is a submission id, and it stays the same. Programs send and read the same forms: they get JSON.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection

from bpp.api.answering import again, fields_of, html, notice, wants_json
from bpp.contracts import Agreement, Consent, Contract, FormPage
from bpp.desk import Desk
from bpp.pages.agreements import agreement_page, submitted_page
from bpp.pages.layout import ONCE
from bpp.store import trade
from bpp.terms import digest_of, facts_of
from node.ids import new_token, new_uuid
from node.problems import json_response
from node.server import PREFIX

_YES = "yes"
_NO_FORM = "There is no form at this address."
_OLD = "This page was out of date. Read it again and agree here."
_UNTICKED = "Tick the box to agree."


@dataclass(frozen=True, slots=True)
class Submission:
    """What a POST brings, and the ids that it may use up; ``at`` is wire time."""

    fields: Mapping[str, str]
    at: datetime
    once: str
    submission_id: str


class AgreementForms:
    """The form of a trade."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """Register the routes; call it before the catch-all below ``/beckn``."""
        app.router.add_get(f"{PREFIX}/forms/{{token}}", self._show)
        app.router.add_post(f"{PREFIX}/forms/{{token}}", self._submit)

    async def _show(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        contract = await self._desk.database.read(lambda tx: trade.of_form(tx, token))
        if contract is None or contract.consent is None:
            return notice(request, 404, "Not found", _NO_FORM)
        return await self._answer(request, contract)

    async def _submit(self, request: web.Request) -> web.Response:
        fields, token = await fields_of(request), request.match_info["token"]
        submission = Submission(fields, self._desk.moment().wire, new_token(), new_uuid())
        contract, wrong = await self._desk.database.write(lambda tx: agree(tx, self._desk, token, submission))
        if contract is None or contract.consent is None:
            return notice(request, 404, "Not found", _NO_FORM)
        if wrong and contract.open_page is not None:
            if wants_json(request):
                return notice(request, 400, "Not agreed", wrong)
            return html(await self.page(contract, wrong), 400)
        if wants_json(request) or not _is_open(contract):
            return await self._answer(request, contract)
        return again(request)

    async def _answer(self, request: web.Request, contract: Contract) -> web.Response:
        """The form as it stands."""
        consent = contract.consent
        assert consent is not None, "it was found by its form"
        if wants_json(request) and _is_open(contract):
            return json_response(self.told(contract))
        if consent.submission_id is None and contract.open_page is None:
            return notice(request, 409, "Closed", "Nothing has to be agreed to at this address any more.")
        return html(await self.page(contract))

    def told(self, contract: Contract) -> dict[str, str | None]:
        """How the form of a contract stands, for a program: its submission's id, or the page to go on with."""
        consent = contract.consent
        assert consent is not None, "it was found by its form"
        next_url = None if contract.open_page is None else self._desk.url("forms", consent.form_token)
        return {"submission_id": consent.submission_id, "next": next_url}

    async def page(self, contract: Contract, wrong: str = "") -> str:
        """The page of a contract's form that is open, or the one after the last."""
        consent, asked = contract.consent, contract.open_page
        assert consent is not None, "it was found by its form"
        if asked is None:
            return submitted_page(consent.submission_id or "")
        step = (contract.pages.index(asked) + 1, len(contract.pages))
        parts = await self._desk.database.read(lambda tx: trade.parts_with(tx, contract))
        return agreement_page(asked, step, _facts(self._desk, parts, asked), consent.once, wrong)


def agree(tx: Connection, desk: Desk, token: str, submission: Submission) -> tuple[Contract | None, str]:
    """Record that the open page was agreed to, by whom and when; what is wrong, in a sentence, changes nothing.

    Without any field it asks how the form stands, which programs do after a crash.
    """
    found = trade.of_form(tx, token)
    contract = None if found is None else trade.locked(tx, found.contract_id)
    if contract is None or contract.consent is None or contract.consent.form_token != token:
        return None, ""
    consent, asked, fields = contract.consent, contract.open_page, submission.fields
    if asked is None:
        return contract, ""
    if not hmac.compare_digest(fields.get(ONCE, "").encode("utf-8", "replace"), consent.once.encode()):
        return contract, _OLD
    if fields.get(asked.value) != _YES:
        return contract, _UNTICKED
    agreement = Agreement(asked, submission.at, digest_of(_facts(desk, trade.parts_with(tx, contract), asked)))
    consent = replace(consent, once=submission.once, agreements=(*consent.agreements, agreement))
    contract = replace(contract, consent=consent)
    if contract.open_page is None:
        contract = replace(contract, consent=_given(contract, consent, submission))
    trade.save(tx, contract)
    return contract, ""


def _given(contract: Contract, consent: Consent, submission: Submission) -> Consent:
    given_by = contract.peer.bap_id if contract.billing is None else contract.billing.name
    return replace(consent, submission_id=submission.submission_id, given_by=given_by, given_at=submission.at)


def _is_open(contract: Contract) -> bool:
    """Whether the form can still be read and submitted, or was."""
    submitted = contract.consent is not None and contract.consent.submission_id is not None
    return submitted or contract.open_page is not None


def _facts(desk: Desk, parts: Sequence[Contract], asked: FormPage) -> tuple[tuple[str, str], ...]:
    return facts_of(asked, parts, desk.provider.name, desk.terms.invoice_due_days)
