"""Objects of the trade as JSON texts: nothing is lost on the way there and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bap.store.documents import decode, encode
from bap.store.records import Contract
from energy.offers import StorageUse
from energy.searches import Offer, SearchIntent
from energy.tariffs import Tariff
from protocol.lifecycle import Stage
from tests.bap.examples import CANCELLATION, INTENT, INVOICE, OFFER, contract, live
from tests.energy.examples import tariffs, uses


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (SearchIntent, INTENT),
        (SearchIntent, SearchIntent(1)),
        (Offer, OFFER),
        (Contract, contract()),
        (Contract, contract(Stage.COMPLETE, live=live(soc=None), invoice=INVOICE, cancellation=CANCELLATION)),
    ],
)
def test_what_was_stored_is_read_as_it_was(kind: type[Any], value: object) -> None:
    assert decode(kind, encode(value)) == value


@settings(deadline=None)
@given(st.tuples(tariffs(), uses()))
def test_exact_decimals_and_times_survive(made: tuple[Tariff, StorageUse]) -> None:
    tariff, use = made
    assert decode(Tariff, encode(tariff)) == tariff
    assert decode(StorageUse, encode(use)) == use


def test_a_member_that_an_older_text_lacks_takes_its_default() -> None:
    text = orjson.loads(encode(contract(Stage.ACTIVE)))
    del text["tracking_url"]
    assert decode(Contract, orjson.dumps(text).decode()) == contract(Stage.ACTIVE)


def test_what_has_no_place_in_a_document_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        at: datetime
        what: object

    with pytest.raises(TypeError):
        encode(Odd(contract().created_at, {1, 2}))
