"""The operator's API of invoices: lists, forms, notes and the tax report."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from energy.offers import Order
from node.callers import AccessRole
from tests.bpp.api.test_telemetry_health import let_in
from tests.bpp.platform import Platform
from tests.bpp.test_operation import finished

API = "/api/v1"
ONE = f"{API}/invoices/BB/26-27/000001"


@pytest.fixture
async def invoice(platform: Platform, operator: TestClient) -> dict[str, Any]:  # type: ignore[type-arg]
    """The one invoice that was issued, as the list shows it."""
    await platform.buy()
    await finished(platform)
    [listed] = (await (await operator.get(f"{API}/invoices")).json())["invoices"]
    return listed  # type: ignore[no-any-return]


async def post(client: TestClient, **body: Any) -> Any:  # type: ignore[type-arg]
    return await client.post(f"{ONE}/notes", json=body)


async def test_an_invoice_is_downloaded_in_each_form(operator: TestClient, invoice: dict[str, Any]) -> None:  # type: ignore[type-arg]
    bodies = {}
    for form, media_type in (
        ("json", "application/json"),
        ("pdf", "application/pdf"),
        ("xml", "application/xml"),
        ("csv", "text/csv"),
    ):
        answer = await operator.get(f"{ONE}?form={form}")
        assert (answer.status, answer.content_type) == (200, media_type)
        assert f"BB-26-27-000001.{form}" in answer.headers["Content-Disposition"]
        bodies[form] = await answer.read()
    assert hashlib.sha256(bodies["json"]).hexdigest() == invoice["digest_sha256"]
    assert bodies["pdf"].startswith(b"%PDF-")
    assert invoice["digest_sha256"] not in bodies["xml"].decode()
    assert len(bodies["csv"].splitlines()) == 1 + 64


async def test_a_list_is_filtered_and_goes_on_after_a_number(operator: TestClient, invoice: dict[str, Any]) -> None:  # type: ignore[type-arg]
    async def count(query: str) -> int:
        return len((await (await operator.get(f"{API}/invoices?{query}")).json())["invoices"])

    assert await count(f"contract_id={invoice['contract_id']}&kind=invoice&currency=INR") == 1
    assert await count("contract_id=other") == 0
    assert await count("kind=credit-note") == 0
    assert await count("from=2026-11-07T00:00:00Z") == 0
    assert await count("until=2026-11-07T00:00:00Z") == 1
    assert await count(f"after={invoice['number']}") == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{ONE}?form=docx", 400),
        (f"{API}/invoices/BB/26-27/000009", 404),
        (f"{API}/invoices?kind=receipt", 400),
        (f"{API}/invoices?from=yesterday", 400),
        (f"{API}/tax-report?from=2026-11-07T00:00:00Z&until=2026-11-06T00:00:00Z", 400),
    ],
)
async def test_what_there_is_not_is_told(operator: TestClient, path: str, status: int) -> None:  # type: ignore[type-arg]
    answer = await operator.get(path)
    assert answer.status == status
    assert (await answer.json())["detail"]


async def test_a_credit_note_is_issued_and_told_to_the_producers_platform(
    platform: Platform,
    operator: TestClient,  # type: ignore[type-arg]
    invoice: dict[str, Any],
) -> None:
    lines = [{"title": "STORAGE_THROUGHPUT_CHARGE", "amount": "100.00"}]
    answer = await post(operator, kind="credit-note", reason="late return", lines=lines)
    note = await answer.json()
    assert (answer.status, note["total"]) == (201, "-118.00")
    assert (note["kind"], note["corrects"]) == ("credit-note", invoice["number"])
    [letter] = await platform.sent()
    assert isinstance(letter.content, Order)
    [told] = letter.content.notes
    assert (told.number, told.kind, told.corrects) == (note["number"], "credit-note", invoice["number"])
    assert (told.url, told.digest_sha256, told.algorithm) == (note["url"], note["digest_sha256"], "ed25519")


async def test_a_debit_note_adds_and_a_fee_that_is_not_due_is_refused(
    operator: TestClient,  # type: ignore[type-arg]
    invoice: dict[str, Any],
) -> None:
    lines = [{"title": "IMBALANCE_PENALTY", "amount": "560.00"}]
    note = await (await post(operator, kind="debit-note", reason="deviation", lines=lines)).json()
    assert (note["number"], note["total"]) == ("DN/26-27/000001", "660.80")
    refused = await post(operator, kind="late-fee", until=invoice["due_at"])
    assert refused.status == 409
    assert "is not a day late" in (await refused.json())["detail"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"kind": "gift", "reason": "x"}, 422, "/kind"),
        ({"kind": "credit-note"}, 422, "/reason"),
        ({"kind": "credit-note", "reason": "x", "colour": "red"}, 422, "/colour"),
        ({"kind": "credit-note", "reason": "x", "lines": {}}, 422, "/lines"),
        ({"kind": "credit-note", "reason": "x", "lines": [{"title": "GIFT"}]}, 422, "/lines"),
        ({"kind": "credit-note", "reason": "x", "lines": [{"title": "DISCOUNT", "amount": 1}]}, 422, "/amount"),
        ({"kind": "credit-note", "reason": "x", "lines": [{"title": "DISCOUNT", "amount": "1.001"}]}, 422, "/amount"),
        (
            {
                "kind": "credit-note",
                "reason": "x",
                "lines": [{"title": "STORAGE_THROUGHPUT_CHARGE", "amount": "1.00", "currency": "EUR"}],
            },
            409,
            "is in INR, not in EUR",
        ),
        ({"kind": "late-fee", "until": "soon"}, 422, "/until"),
        ({"kind": "late-fee", "owed": "much"}, 422, "/owed"),
    ],
)
@pytest.mark.usefixtures("invoice")
async def test_a_note_that_can_not_be_is_refused_with_the_reason(
    operator: TestClient,  # type: ignore[type-arg]
    body: dict[str, Any],
    status: int,
    said: str,
) -> None:
    answer = await post(operator, **body)
    assert answer.status == status
    assert said in (await answer.json())["detail"]


async def test_the_tax_report_has_a_row_for_each_document_the_oldest_first(
    platform: Platform,
    operator: TestClient,  # type: ignore[type-arg]
    invoice: dict[str, Any],
) -> None:
    await post(operator, kind="credit-note", reason="all of it")
    platform.go_to(platform.trade.replace(day=20))
    answer = await operator.get(f"{API}/tax-report?from=2026-11-01T00:00:00Z&until=2026-12-01T00:00:00Z")
    found = list(csv.DictReader(io.StringIO(await answer.text())))
    assert [row["number"] for row in found] == [invoice["number"], "CN/26-27/000001"]
    assert [row["total"] for row in found] == [invoice["total"], f"-{invoice['total']}"]


async def test_documents_with_names_in_them_are_for_operators_only(platform: Platform, operator: TestClient) -> None:  # type: ignore[type-arg]
    headers = await let_in(platform, AccessRole.VIEWER, "reader")
    assert (await operator.get(f"{API}/invoices", headers=headers)).status == 200
    for path in (ONE, f"{API}/tax-report"):
        assert (await operator.get(path, headers=headers)).status == 403
