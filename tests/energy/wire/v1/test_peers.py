"""What other participants of the dent network may write: deviations in any mixture, with any ids, units and amounts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from energy.offers import DispatchMode, Order
from energy.quantities import Money, decimal_text
from energy.searches import SearchIntent
from energy.wire.v1.reader import read_tolerantly
from energy.wire.v1.tolerances.rules import Known
from tests.energy.examples import USE

Json = dict[str, Any]

ids = st.text("abcdef0123456789-", min_size=1, max_size=36)
energies_wh = st.integers(1, 5_000_000)
units = st.sampled_from([("kWh", 3), ("kWH", 3), ("kwh", 3), (" KWH", 3), ("MWh", 6), ("Wh", 0)])
rates = st.sampled_from(["INR / kWh", "INR/kWH", "inr /kwh", "INR/ kWh"])
modes = st.sampled_from(DispatchMode)


def measured(draw: Callable[[Any], Any], energy_wh: int) -> Json:
    """An amount in some unit and some spelling of the number."""
    unit, places = draw(units)
    value = decimal_text(Decimal(energy_wh).scaleb(-places))
    return {"value": value if "." in value or draw(st.booleans()) else f"{value}.0", "unit": unit}


def shuffled(draw: Callable[[Any], Any], value: Any) -> Any:
    """The same with the members of every object in another order."""
    if isinstance(value, dict):
        names = draw(st.permutations(sorted(value)))
        return {name: shuffled(draw, value[name]) for name in names}
    return [shuffled(draw, item) for item in value] if isinstance(value, list) else value


@st.composite
def searches(draw: Any, energy_wh: int) -> Json:
    """A search as the network writes it."""
    kind, amount = draw(st.sampled_from(["available", "required", "selected"])), measured(draw, energy_wh)
    quantity = {kind: draw(st.sampled_from([amount, {"measure": amount}]))}
    return {"intent": {"item": {"descriptor": {"code": "energy"}, "quantity": quantity}}}


@st.composite
def answers(draw: Any, energy_wh: int, total_minor: int, mode: DispatchMode) -> Json:
    """An answer about an order as the network writes it: the amount at the stop or the item, a total of either sign."""
    total = Money(total_minor, "INR")
    item = {"descriptor": {"name": "Estimated units"}, "quantity": {"selected": {"measure": measured(draw, energy_wh)}}}
    price = {"currency": "INR", "value": total.text}
    quote: Json = {"price": price}
    if draw(st.booleans()):
        quote["breakup"] = [{"item": item, "price": dict(price)}]
    fulfillment = {
        "id": draw(ids),
        draw(st.sampled_from(["type", "mode"])): mode.value,
        "stops": [{"quantity": {"required": measured(draw, energy_wh)}}],
        "tags": [{"descriptor": {"name": "Energy Specifications"}, "display": True, "list": []}],
    }
    location = draw(st.sampled_from(["location", "locations"]))
    order = {
        draw(st.sampled_from(["provider", "providers"])): {"id": draw(ids), location: [{"id": draw(ids)}]},
        "items": [{"id": draw(ids), "price": {"currency": draw(rates), "value": "8"}}],
        "fulfillments": [fulfillment],
        "quote": quote,
    }
    return {"order": order}


@settings(max_examples=100, deadline=None)
@given(st.data(), energies_wh)
def test_a_search_asks_for_its_amount_however_it_is_written(data: Any, energy_wh: int) -> None:
    message = shuffled(data.draw, data.draw(searches(energy_wh)))
    content, _ = read_tolerantly("search", message)
    assert content == SearchIntent(energy_wh)


@settings(max_examples=100, deadline=None)
@given(st.data(), energies_wh, st.integers(-(10**9), 10**9), modes)
def test_an_answer_says_the_same_however_it_is_written(
    data: Any, energy_wh: int, total_minor: int, mode: DispatchMode
) -> None:
    message = shuffled(data.draw, data.draw(answers(energy_wh, total_minor, mode)))
    content, _ = read_tolerantly("on_select", message, known=Known.of(USE))
    assert isinstance(content, Order)
    assert content.quote is not None
    assert (content.use.energy_wh, content.mode) == (energy_wh, mode)
    assert content.quote.total == Money(total_minor, "INR")
    assert (content.use.charge, content.use.giveback) == (USE.charge, USE.giveback)
