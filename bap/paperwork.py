"""What is exchanged with an operator beside Beckn messages: the form of ``on_init`` and the invoice document.

Both are at URLs that the operator names in signed messages; nothing is asked of any other server than the one its
Beckn endpoints are on (`protocol.urls.same_origin`). A document is believed when its bytes have the digest that was
signed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin

from bap.bills import Agreement, LineCheck, by_line, compare
from bap.store.records import Contract
from energy.battery import profile
from energy.invoices import check
from energy.metering import MeterInterval
from energy.offers import InvoiceReference
from energy.tax import taxed_as
from node.client import Answer, PeerClient
from protocol.errors import Diagnosis, Malformed, PeerFailed
from protocol.forms import read_form
from protocol.jsontext import parse_object
from protocol.lifecycle import Stage
from protocol.urls import same_origin

PAGES_MAX = 5
_DEPTH_MAX = 16
_ID_LENGTH_MAX = 255
_SHOWN_CHARS = 200


async def submit_forms(client: PeerClient, contract: Contract, form_url: str) -> str:
    """Agree to every page of the operator's form in the producer's name; the id of the submission.

    Each page is read first, and sent with all its boxes ticked. A page without a form was submitted before.

    Raises:
        PeerFailed: a page is elsewhere, or the operator does not take it, or there are more than `PAGES_MAX`.
    """
    page_url: str | None = form_url
    for _ in range(PAGES_MAX):
        if page_url is None:
            break
        answer = await _submit_page(client, contract, page_url)
        content = answer.json()
        told = content if isinstance(content, dict) else {}
        submission_id, following = told.get("submission_id"), told.get("next")
        if isinstance(submission_id, str) and 0 < len(submission_id) <= _ID_LENGTH_MAX:
            return submission_id
        page_url = urljoin(page_url, following) if isinstance(following, str) else None
    raise _failed(form_url, "a submission_id", _shown(answer))


async def _submit_page(client: PeerClient, contract: Contract, page_url: str) -> Answer:
    _check_origin(page_url, contract)
    page = await client.get(page_url)
    if page.status != 200:
        raise _failed(page_url, "a form", _shown(page))
    form = read_form(page.body)
    target = page_url if form is None else urljoin(page_url, form.action)
    _check_origin(target, contract)
    return await client.submit(target, b"" if form is None else form.body)


async def fetch_invoice(client: PeerClient, contract: Contract, invoice: InvoiceReference) -> bytes:
    """The exact bytes of the invoice document, which is a JSON object.

    Raises:
        PeerFailed: it is elsewhere, not to be had, no JSON object, or its digest is another than the one that was
            signed.
    """
    _check_origin(invoice.url, contract)
    answer = await client.get(invoice.url)
    if answer.status != 200:
        raise _failed(invoice.url, "the invoice", _shown(answer))
    digest = hashlib.sha256(answer.body).hexdigest()
    if not hmac.compare_digest(digest, invoice.digest_sha256.lower()):
        raise _failed(invoice.url, f"the document that was signed, with digest {invoice.digest_sha256}", digest)
    read_invoice(answer.body, invoice.url)
    return answer.body


def read_invoice(content: bytes, url: str) -> dict[str, Any]:
    """The document.

    Raises:
        PeerFailed: its bytes are no JSON object.
    """
    try:
        return parse_object(content, _DEPTH_MAX)
    except Malformed as error:
        raise _failed(url, "a JSON object", error.sentence) from None


def differences(
    contract: Contract, document: dict[str, Any], own: Sequence[MeterInterval] = (), *, is_first: bool = True
) -> list[str]:
    """What is not as agreed in an invoice, one sentence each. What a cancelled contract costs is only added up.

    The operator's id of a further battery's contract (not ``is_first``) is told nowhere but in the document.
    """
    if contract.stage is not Stage.COMPLETE or contract.agreed is None or contract.order_id is None:
        return check(document)
    agreement = agreement_of(contract, document, is_first=is_first)
    if agreement is None:
        return [*check(document), "the offer told no tariff or no battery, so the bill can not be computed again"]
    return list(compare(agreement, document, own).differences)


def line_checks(
    contract: Contract, document: dict[str, Any], own: Sequence[MeterInterval] = (), *, is_first: bool = True
) -> tuple[LineCheck, ...]:
    """The bill beside what it should be, title by title; empty where it can not be computed again."""
    agreement = agreement_of(contract, document, is_first=is_first)
    if agreement is None or contract.stage is not Stage.COMPLETE:
        return ()
    try:
        return by_line(agreement, document, own)
    except ValueError:
        # `differences` tells that, in a sentence.
        return ()


def agreement_of(contract: Contract, document: dict[str, Any], *, is_first: bool = True) -> Agreement | None:
    """What both sides confirmed; None where the offer did not tell enough to compute a bill by."""
    if contract.agreed is None or contract.order_id is None:
        return None
    if contract.specification is None or contract.tariff is None:
        return None
    plan = profile(contract.specification, contract.use)
    # Taxes are due by the place of who pays, which the offer did not know and the quote that was agreed on does.
    tariff = taxed_as(contract.tariff, contract.agreed.lines)
    contract_id = contract.order_id if is_first else str(document.get("contract_id"))
    return Agreement(contract_id, contract.use, plan, tariff, contract.agreed)


def _check_origin(url: str, contract: Contract) -> None:
    if not same_origin(url, contract.bpp_uri):
        raise _failed(url, f"a document of {contract.bpp_uri}", "another server, which is not asked")


def _shown(answer: Answer) -> str:
    content = answer.json()
    detail = content.get("detail") if isinstance(content, dict) else None
    return f"{answer.status}: {str(detail)[:_SHOWN_CHARS]}" if detail else f"status {answer.status}"


def _failed(url: str, expected: str, got: str) -> PeerFailed:
    return PeerFailed(f"{url} did not give {expected}: {got}.", Diagnosis("paperwork", url, expected, got))
