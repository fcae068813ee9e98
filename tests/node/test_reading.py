"""Checks 13 and 14 for messages that leave the strict form: each tolerance is named, and can be switched off."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from energy.offers import Order
from energy.wire.v1.errors import WireError
from energy.wire.v1.tolerances.rules import Known, Reading
from node.reading import NAMES, TABLE, is_strict, message_of, read_deviating
from node.settings import ReadingSettings
from protocol.context import read_context, write_context
from protocol.errors import NotValid, SettingsWrong
from protocol.verification import Verified
from tests.energy.examples import USE
from tests.energy.wire.v1.examples import CONTENTS, written
from tests.messages import context, verified

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "divergences.md"
Json = dict[str, Any]


def body_of(action: str, change: Callable[[Json], None] = lambda _body: None) -> Json:
    """A strict message of ours, changed."""
    wire = write_context(context(action, NOW, bpp_id="bpp.test", bpp_uri="http://127.0.0.1:4002/beckn"))
    body = {"context": wire, "message": written(action)}
    change(body)
    return body


def arrived(action: str, change: Callable[[Json], None]) -> Verified:
    """The same as a verified message."""
    return verified(action, json.dumps(body_of(action, change)).encode())


def city(body: Json) -> None:
    body["context"]["city"] = body["context"]["location"].pop("city")["code"]


def equal_ids(body: Json) -> None:
    body["context"]["message_id"] = body["context"]["transaction_id"]


def no_zone(body: Json) -> None:
    body["context"]["timestamp"] = body["context"]["timestamp"].removesuffix("Z")


def core_version(body: Json) -> None:
    body["context"]["core_version"] = body["context"].pop("version")


def plain_id(body: Json) -> None:
    body["context"]["transaction_id"] = "trade-1"


def other_member(body: Json) -> None:
    body["message"]["note"] = "please hurry"


def old_cancel(body: Json) -> None:
    order_id, reason_id = body["message"]["order_id"], body["message"]["cancellation_reason_id"]
    body["message"] = {"order": {"id": order_id, "cancellation_reason_id": reason_id}}


def no_amount(body: Json) -> None:
    del body["message"]["order"]["items"][0]["quantity"]


DEVIATIONS: list[tuple[str, str, Callable[[Json], None]]] = [
    ("status", "D1-city", city),
    ("status", "D2-equal-ids", equal_ids),
    ("status", "D15-timestamp-without-zone", no_zone),
    ("status", "S15-core-version", core_version),
    ("status", "D15-formats", plain_id),
    ("status", "S20-other-members", other_member),
    ("cancel", "D10-cancel-order", old_cancel),
    ("select", "S8-known-amount", no_amount),
]


@pytest.mark.parametrize(("action", "name", "change"), DEVIATIONS, ids=lambda value: getattr(value, "__name__", value))
def test_a_deviation_is_read_and_named_alone(action: str, name: str, change: Callable[[Json], None]) -> None:
    assert read_deviating(arrived(action, change), Reading()) == (name,)


@pytest.mark.parametrize(("action", "name", "change"), DEVIATIONS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("strict", [True, False])
def test_a_deviation_that_is_not_taken_is_refused(
    action: str, name: str, change: Callable[[Json], None], strict: bool
) -> None:
    reading = Reading(strict=True) if strict else Reading(without=frozenset({name}))
    with pytest.raises(NotValid) as raised:
        read_deviating(arrived(action, change), reading)
    assert raised.value.diagnosis.path.startswith("/")


def test_a_strict_context_has_a_message_id_of_its_own() -> None:
    assert is_strict(read_context(body_of("status")))
    assert not is_strict(read_context(body_of("status", equal_ids)))


def test_a_timestamp_without_a_zone_is_of_the_networks_zone() -> None:
    read = read_context(body_of("status", no_zone), ZoneInfo("Asia/Kolkata"))
    assert NOW - read.timestamp == timedelta(hours=5, minutes=30)


def test_what_adds_up_nowhere_is_refused_with_both_paths() -> None:
    def other_total(body: Json) -> None:
        city(body)
        body["message"]["order"]["quote"]["price"]["value"] = "1.00"

    with pytest.raises(NotValid) as raised:
        read_deviating(arrived("on_select", other_total), Reading())
    assert raised.value.diagnosis.path == "/message/order/quote/price/value"
    assert "/message/order/quote/breakup" in raised.value.sentence


def test_a_refusal_needs_no_message() -> None:
    def refusal(body: Json) -> None:
        city(body)
        del body["message"]
        body["error"] = {"code": "30004", "message": "no such item"}

    assert read_deviating(arrived("on_select", refusal), Reading()) == ("D1-city",)


def test_an_accepted_message_is_filled_in_with_what_its_transaction_speaks_of() -> None:
    content = message_of(arrived("select", no_amount), Reading(), Known.of(USE))
    assert isinstance(content, Order)
    assert content == CONTENTS["select"]
    with pytest.raises(WireError):
        message_of(arrived("select", no_amount), Reading())


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Asia", "../etc", ""])
def test_a_zone_that_there_is_not_is_no_setting(zone: str) -> None:
    with pytest.raises(SettingsWrong, match="zone"):
        ReadingSettings(zone=zone)


def test_a_mistyped_tolerance_is_told_with_what_may_have_been_meant() -> None:
    with pytest.raises(SettingsWrong, match="did you mean D6-item-references"):
        ReadingSettings(without=("D6-item-reference",))


def test_every_tolerance_stands_in_the_document_as_it_is_in_the_code() -> None:
    rows = [f"| `{name}` | {peers} | {ours} |" for name, peers, ours in TABLE]
    assert len(NAMES) == len(TABLE)
    assert "\n".join(rows) in DOCUMENT.read_text(encoding="utf-8")
