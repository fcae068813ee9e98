"""Every object of the trade that has a wire form, as hypothesis makes them: to the millisecond, in whole units."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from energy import offers
from energy.areas import AreaError, check_ring
from energy.intervals import SLOT_S, Interval
from energy.quantities import Money, total
from energy.searches import PAGES_MAX, BatterySpecification, Catalog, CatalogPage, FreeSlot, Offer, SearchIntent, SortBy
from energy.tariffs import TAX_TITLES, Line, LineTitle, Rate, RateUnit, Tariff, TaxClass, TaxPart
from energy.wire.v1.orders import NEEDS
from energy.wire.v1.small_messages import RATING_CATEGORIES

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
CURRENCIES = ("INR", "EUR", "JPY", "KWD")

names = st.text(min_size=1, max_size=12)
ids = st.text(alphabet="abcxyz0189-_.:/", min_size=1, max_size=16)
uuids = st.uuids(version=4).map(str)
urls = st.text(alphabet="abcxyz0189-/", max_size=16).map(lambda path: f"https://bpp.example/{path}")
emails = st.sampled_from(["desk@example.org", "a.b+c@energy.example.in"])
meters = ids.map(lambda id_: f"der://meter/{id_}")
moments = st.integers(0, 10**11).map(lambda ms: EPOCH + timedelta(milliseconds=ms))
energies_wh = st.integers(1, 10**12)
free_wh = st.integers(0, 10**12)
powers_w = st.integers(0, 10**9)
shares = st.integers(0, 10**6).map(lambda parts: Decimal(parts).scaleb(-6))
rates = st.integers(-(10**9), 10**9).map(lambda parts: Decimal(parts).scaleb(-4))
counted = st.integers(0, 10**12).map(lambda parts: Decimal(parts).scaleb(-6))
places = st.builds(
    offers.Place,
    st.integers(-90 * 10**6, 90 * 10**6).map(lambda degrees: Decimal(degrees).scaleb(-6)),
    st.integers(-180 * 10**6, 180 * 10**6).map(lambda degrees: Decimal(degrees).scaleb(-6)),
)
modes = st.sampled_from(offers.DispatchMode)
providers = st.builds(offers.Provider, ids, st.text(max_size=12))
cancellation_terms = st.builds(offers.CancellationTerms, shares)


@st.composite
def windows(draw: Any, earliest: datetime = EPOCH) -> Interval:
    """A window on quarters of an hour that starts at or after ``earliest``, itself on one."""
    start = earliest + draw(st.integers(0, 500)) * timedelta(seconds=SLOT_S)
    return Interval(start, start + draw(st.integers(1, 500)) * timedelta(seconds=SLOT_S))


@st.composite
def uses(draw: Any) -> offers.StorageUse:
    charge = draw(windows())
    return offers.StorageUse(draw(energies_wh), charge, draw(windows(charge.end)))


@st.composite
def rings(draw: Any) -> tuple[offers.Place, ...]:
    """Corners that enclose something."""
    corners = tuple(draw(st.lists(places, min_size=3, max_size=8, unique=True)))
    try:
        check_ring(corners)
    except AreaError:
        assume(False)
    return corners


@st.composite
def searches(draw: Any) -> SearchIntent:
    use = draw(uses())
    near = draw(st.none() | places)
    optional = {
        "mode": modes,
        "min_power_w": powers_w,
        "max_price": rates,
        "min_efficiency": shares,
        "provider_id": ids,
        "item_id": ids,
        "meter_address": meters,
        "city_code": ids,
        "provider_name": names,
        "item_name": names,
        "text": names,
        "min_rating": shares,
        "sort": st.sampled_from(SortBy),
    }
    return SearchIntent(
        energy_wh=use.energy_wh,
        charge=draw(st.sampled_from([None, use.charge])),
        giveback=draw(st.sampled_from([None, use.giveback])),
        near=near,
        radius_m=None if near is None else draw(st.none() | st.integers(0, 10**7)),
        polygon=draw(st.just(()) | rings()),
        **{name: draw(st.none() | strategy) for name, strategy in optional.items()},
    )


tariffs = st.builds(
    Tariff,
    ids,
    st.sampled_from(CURRENCIES),
    st.lists(st.builds(Rate, st.sampled_from(RateUnit), rates), min_size=1, max_size=3).map(tuple),
    st.builds(
        TaxClass,
        ids,
        st.lists(st.builds(TaxPart, st.sampled_from(sorted(TAX_TITLES)), shares), max_size=3).map(tuple),
    ),
)
specifications = st.builds(
    BatterySpecification,
    energy_nominal_wh=energies_wh,
    usable_energy_wh=free_wh,
    charge_power_w=powers_w,
    discharge_power_w=powers_w,
    efficiency_charge=shares,
    efficiency_discharge=shares,
    standing_loss_per_day=shares,
    chemistry=names,
    soh=shares,
)


@st.composite
def profiles(draw: Any) -> tuple[FreeSlot, ...]:
    """Slots that touch or leave gaps, in runs of equal ones or all different, with a change of length now and then."""
    start, slots = draw(windows()).start, []
    for _ in range(draw(st.integers(0, 3))):
        step = timedelta(seconds=draw(st.sampled_from([300, 900])))
        free = (draw(st.integers(0, 2)) * 1000, draw(powers_w), draw(powers_w))
        for _ in range(draw(st.integers(1, 4))):
            slots.append(FreeSlot(Interval(start, start + step), *free))
            start += step
        start += draw(st.sampled_from([timedelta(0), timedelta(hours=1)]))
    return tuple(slots)


def offers_of(provider: offers.Provider) -> st.SearchStrategy[Offer]:
    return st.builds(
        Offer,
        provider=st.just(provider),
        item_id=ids,
        name=names,
        place=places,
        meter_address=meters,
        modes=st.lists(modes, min_size=1, max_size=2, unique=True).map(tuple),
        tariff=tariffs,
        specification=specifications,
        free_energy_wh=free_wh,
        min_energy_wh=free_wh,
        cancellation=cancellation_terms,
        window=st.none() | windows(),
        profile=profiles(),
        rating=st.none() | st.integers(100, 500).map(lambda parts: Decimal(parts).scaleb(-2)),
        city_code=st.none() | ids,
    )


@st.composite
def pages(draw: Any) -> CatalogPage:
    number = draw(st.integers(1, PAGES_MAX))
    return CatalogPage(number, draw(st.integers(number, PAGES_MAX)), draw(st.integers(0, 10**6)))


@st.composite
def catalogs(draw: Any) -> Catalog:
    provider = draw(providers)
    listed = draw(st.lists(offers_of(provider), max_size=3))
    return Catalog(provider, tuple(listed), draw(st.none() | moments), draw(st.none() | pages()))


def moneys(currency: str) -> st.SearchStrategy[Money]:
    return st.builds(Money, st.integers(-(10**12), 10**12), st.just(currency))


@st.composite
def lines(draw: Any, currency: str) -> Line:
    title, amount = draw(st.sampled_from(LineTitle)), draw(moneys(currency))
    kind = draw(st.sampled_from(["bare", "counted", "priced", "rate only", "percent"]))
    unit = draw(st.sampled_from(["kWh", "kWh-month", "kW-month"]))
    match kind:
        case "counted":
            return Line(title, amount, draw(counted), unit)
        case "priced":
            return Line(title, amount, draw(counted), unit, draw(rates))
        case "rate only":
            return Line(title, amount, rate=draw(rates))
        case "percent":
            return Line(title, amount, draw(moneys(currency)).decimal, "%", draw(shares))
    return Line(title, amount)


@st.composite
def quotes(draw: Any, currency: str) -> offers.Quote:
    listed = tuple(draw(st.lists(lines(currency), min_size=1, max_size=4)))
    amount = total([line.amount for line in listed], currency)
    return offers.Quote(draw(uuids), listed, amount, draw(st.integers(0, 10**6)))


def negotiations(currency: str) -> st.SearchStrategy[offers.Negotiation]:
    return st.builds(
        offers.Negotiation,
        st.builds(Money, st.integers(0, 10**12), st.just(currency)),
        st.none() | moneys(currency),
        st.none() | st.integers(0, 99),
    )


def payments(currency: str) -> st.SearchStrategy[offers.Payment]:
    return st.builds(
        offers.Payment,
        st.sampled_from(offers.PaymentType),
        moneys(currency),
        st.booleans(),
        st.none() | ids,
        st.none() | urls,
        st.none() | names,
        st.none() | names,
    )


billings = st.builds(
    offers.Billing,
    names,
    st.none() | emails,
    *(st.none() | names for _ in ("phone", "address", "tax_id", "state_code")),
)
forms = st.builds(offers.ConsentForm, st.none() | urls, st.none() | uuids, st.booleans())
cancellations = st.builds(offers.Cancellation, st.booleans(), ids, st.text(max_size=12), moments)
signed_wh = st.integers(-(10**9), 10**9)
live_states = st.builds(
    offers.LiveState,
    measured_at=moments,
    soc=st.none() | shares,
    stored_wh=st.none() | signed_wh,
    power_w=signed_wh,
    energy_in_wh=free_wh,
    energy_out_wh=free_wh,
    stored_for_order_wh=signed_wh,
    losses_wh=signed_wh,
    quality=st.sampled_from(offers.Quality),
    age_s=st.integers(0, 10**6),
)
invoices = st.builds(
    offers.InvoiceReference,
    ids,
    urls,
    st.sampled_from(["application/json", "application/pdf"]),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    moments,
    kind=st.sampled_from(["invoice", "self-billed-invoice", "credit-note", "debit-note"]),
    corrects=st.none() | ids,
    signature=st.none() | ids,
    algorithm=st.none() | st.just("ed25519"),
)


@st.composite
def orders(draw: Any, action: str) -> offers.Order:
    """An order that has at least what the action needs."""
    currency = draw(st.sampled_from(CURRENCIES))
    optional: dict[str, st.SearchStrategy[Any]] = {
        "item_name": names,
        "order_id": ids,
        "status": st.sampled_from(offers.OrderStatus),
        "state": st.sampled_from(offers.ContractState),
        "state_updated_at": moments,
        "quote": quotes(currency),
        "billing": billings,
        "payment": payments(currency),
        "form": forms,
        "cancellation_terms": cancellation_terms,
        "cancellation": cancellations,
        "live": live_states,
        "invoice": invoices,
        "created_at": moments,
        "updated_at": moments,
        "producer_meter_address": meters,
        "battery_meter_address": meters,
        "transferred_wh": free_wh,
        "negotiation": negotiations(currency),
    }
    given = {name for name in optional if name in NEEDS[action] or draw(st.booleans())}
    if given & {"state_updated_at", "invoice"}:
        given.add("state")
    if action == "on_cancel":
        given.add("cancellation")
    values = {name: draw(optional[name]) for name in optional if name in given}
    if "invoice" in given:
        values["notes"] = tuple(draw(st.lists(invoices, max_size=2)))
    use = replace(draw(uses()), return_wh=draw(st.none() | free_wh))
    return offers.Order(draw(providers), draw(ids), use, draw(modes), **values)


@st.composite
def orders_of_several(draw: Any, action: str) -> offers.Order:
    """An order of some batteries: what it has only once is the same in all parts, what can be told apart differs."""
    first = draw(orders(action))
    item_ids = draw(st.lists(ids.filter(lambda id_: id_ != first.item_id), min_size=1, max_size=3, unique=True))
    if first.payment is not None:
        first = replace(first, payment=replace(first.payment, amount=first.quote.total) if first.quote else None)
    return replace(first, others=tuple(draw(_beside(first, item_id)) for item_id in item_ids))


@st.composite
def _beside(draw: Any, first: offers.Order, item_id: str) -> offers.Order:
    """A part like the first, of another battery, with its own use, price and progress."""
    part = replace(first, item_id=item_id, use=draw(uses()), mode=draw(modes), negotiation=None)
    if first.live is not None:
        part = replace(part, live=draw(live_states))
    if first.invoice is not None:
        part = replace(part, invoice=draw(invoices))
    if first.quote is not None:
        own = draw(quotes(first.quote.total.currency))
        part = replace(part, quote=replace(own, quote_id=first.quote.quote_id, ttl_s=first.quote.ttl_s))
    if first.payment is not None and part.quote is not None:
        part = replace(part, payment=replace(first.payment, amount=part.quote.total))
    return part


@st.composite
def updates(draw: Any) -> offers.UpdateRequest:
    """What is to change, and no more than the target names."""
    use, currency = draw(uses()), draw(st.sampled_from(CURRENCIES))
    windows = {"charge": st.just(use.charge), "giveback": st.just(use.giveback), "return_wh": free_wh}
    parts: dict[str, dict[str, Any]] = {
        "items": {"energy_wh": energies_wh, "item_id": st.none() | ids},
        "fulfillments": {name: windows[name] for name in draw(st.sets(st.sampled_from(sorted(windows)), min_size=1))},
        "billing": {"billing": billings},
        "payments": {"payment": payments(currency)},
    }
    targets = draw(st.lists(st.sampled_from(sorted(parts)), min_size=1, max_size=4, unique=True))
    values = {name: draw(strategy) for target in targets for name, strategy in parts[target].items()}
    return offers.UpdateRequest(draw(ids), ",".join(targets), **values)


OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "search": searches(),
    "on_search": catalogs(),
    "status": st.builds(offers.StatusRequest, ids),
    "track": st.builds(offers.TrackRequest, ids, st.none() | urls),
    "on_track": st.builds(offers.Tracking, ids, urls, st.booleans()),
    "update": updates(),
    "cancel": st.builds(offers.CancelRequest, ids, ids, st.text(max_size=12), st.booleans()),
    "rating": st.builds(offers.RatingRequest, st.sampled_from(RATING_CATEGORIES), ids, shares),
    "on_rating": st.builds(offers.FeedbackForm, st.none() | urls),
    "support": st.builds(offers.SupportRequest, ids),
    "on_support": st.builds(offers.SupportContact, ids, names | st.just(""), emails | st.just(""), urls | st.just("")),
}


def contents(action: str) -> st.SearchStrategy[Any]:
    """What the action can carry."""
    return orders(action) if action in NEEDS else OTHERS[action]


ACTIONS = (*OTHERS, *NEEDS)
