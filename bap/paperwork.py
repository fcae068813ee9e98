"""What is exchanged with an operator beside Beckn messages: the consent form and the invoice document.

Both are at URLs that the operator names in signed messages; nothing is asked of any other server than the one its
Beckn endpoints are on (`protocol.urls.same_origin`). A document is believed when its bytes have the digest that was
signed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from bap.bills import Agreement, compare
from bap.store.records import Contract
from energy.battery import profile
from energy.invoices import check
from energy.offers import InvoiceReference
from node.client import Answer, PeerClient
from protocol.errors import Diagnosis, Malformed, PeerFailed
from protocol.jsontext import parse_object
from protocol.lifecycle import Stage
from protocol.urls import same_origin

_CONSENT = b"consent=yes"
_DEPTH_MAX = 16
_ID_LENGTH_MAX = 255
_SHOWN_CHARS = 200


async def submit_consent(client: PeerClient, contract: Contract, form_url: str) -> str:
    """Submit the operator's consent form in the producer's name; the id of the submission.

    Raises:
        PeerFailed: the form is elsewhere, or the operator does not take it.
    """
    _check_origin(form_url, contract)
    answer = await client.submit(form_url, _CONSENT)
    content = answer.json()
    submission_id = content.get("submission_id") if isinstance(content, dict) else None
    if not isinstance(submission_id, str) or not 0 < len(submission_id) <= _ID_LENGTH_MAX:
        raise _failed(form_url, "a submission_id", _shown(answer))
    return submission_id


async def fetch_invoice(client: PeerClient, contract: Contract, invoice: InvoiceReference) -> bytes:
    """The exact bytes of the invoice document.

    Raises:
        PeerFailed: it is elsewhere, not to be had, or its digest is another than the one that was signed.
    """
    _check_origin(invoice.url, contract)
    answer = await client.get(invoice.url)
    if answer.status != 200:
        raise _failed(invoice.url, "the invoice", _shown(answer))
    digest = hashlib.sha256(answer.body).hexdigest()
    if not hmac.compare_digest(digest, invoice.digest_sha256.lower()):
        raise _failed(invoice.url, f"the document that was signed, with digest {invoice.digest_sha256}", digest)
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


def differences(contract: Contract, document: dict[str, Any]) -> list[str]:
    """What is not as agreed in an invoice, one sentence each. What a cancelled contract costs is only added up."""
    if contract.stage is not Stage.COMPLETE or contract.agreed is None or contract.order_id is None:
        return check(document)
    plan = profile(contract.specification, contract.use)
    agreement = Agreement(contract.order_id, contract.use, plan, contract.tariff, contract.agreed)
    return list(compare(agreement, document).differences)


def _check_origin(url: str, contract: Contract) -> None:
    if not same_origin(url, contract.bpp_uri):
        raise _failed(url, f"a document of {contract.bpp_uri}", "another server, which is not asked")


def _shown(answer: Answer) -> str:
    content = answer.json()
    detail = content.get("detail") if isinstance(content, dict) else None
    return f"{answer.status}: {str(detail)[:_SHOWN_CHARS]}" if detail else f"status {answer.status}"


def _failed(url: str, expected: str, got: str) -> PeerFailed:
    return PeerFailed(f"{url} did not give {expected}: {got}.", Diagnosis("paperwork", url, expected, got))
