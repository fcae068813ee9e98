"""A producer with a solar surplus: foresees it, asks for storage, and closes the contract through its platform (BAP).

The surplus of the next day is taken from the weather. The four hours that bring most of it are the charge window, and
the energy comes back the next evening, when the sun is down and power is dear. The platform's client comes in as an
argument, so this module knows no platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NotRequired, Protocol, TypedDict

from energy.intervals import Interval, align_down, align_up, slots
from energy.offers import StorageUse
from simulator.weather import SolarPlant, Weather

FORESIGHT = timedelta(hours=24)
LEAD = timedelta(minutes=30)
LEAST_WH = 10_000
RADIUS_M = 40_000
WAIT_S = 10.0
_CHARGE_QUARTERS = 16
_WHOLE_WH = 1_000
_DAY_S = 86_400
# From 18:30 to 22:30 by Indian clocks: the evening peak.
_EVENING_FROM = timedelta(hours=13)
_EVENING = timedelta(hours=4)

Times = tuple[datetime, datetime]
Answer = Mapping[str, Any]


class Billing(TypedDict):
    """Who pays, as the BAP's API takes it."""

    name: str
    email: NotRequired[str]
    phone: NotRequired[str]
    address: NotRequired[str]
    tax_id: NotRequired[str]
    state_code: NotRequired[str]


class BapClient(Protocol):
    """What the producer uses of a BAP's client; answers are the JSON objects of the BAP's API."""

    async def search(
        self,
        *,
        wait_s: float,
        energy_wh: int,
        charge: Times,
        giveback: Times,
        near: tuple[Decimal, Decimal],
        radius_m: int,
        mode: Literal["Automatic Dispatch"],
    ) -> Answer:
        """Send a search and wait for offers, best first."""

    async def select(self, search_id: str, offer_id: str, *, wait_s: float) -> Answer:
        """Ask for a quote."""

    async def init(self, contract_id: str, billing: Billing | None, *, wait_s: float) -> Answer:
        """Ask for the terms."""

    async def confirm(self, contract_id: str, *, consent: bool, wait_s: float) -> Answer:
        """Close the contract."""


class TradeFailed(Exception):
    """A step of the trade came to nothing: its action, and a sentence that says why."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(f"{action}: {reason}")
        self.action = action
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trade:
    """What came of a wish: the use, how many batteries were offered, the offer taken, the contract as it stands."""

    use: StorageUse
    offer_count: int
    offer: Answer
    contract: Answer


class Producer:
    """One producer. ``billing`` says who pays; ``lead`` is how far ahead charging begins at the earliest (trade time).

    With a fast trade clock the lead has to leave room for the messages: a second of wall time is many of trade time.
    """

    def __init__(
        self,
        client: BapClient,
        plant: SolarPlant,
        weather: Weather,
        billing: Billing | None = None,
        lead: timedelta = LEAD,
    ) -> None:
        self._client = client
        self._plant = plant
        self._weather = weather
        self._billing = billing
        self._lead = lead

    def wish(self, now: datetime) -> StorageUse | None:
        """What it would store, seen from trade time ``now``; None when the next day brings no surplus to speak of."""
        return storage_use(self._plant, self._weather, now + self._lead)

    async def store(self, use: StorageUse) -> Trade:
        """Search, take the cheapest offer that fits, agree on quote and terms, confirm with consent.

        Raises:
            TradeFailed: nobody offered, an answer did not come in time, or the operator refused. What the client
                raises when the platform itself can not be reached or refuses is passed on.
        """
        search = await self._search(use)
        offer = _cheapest(search)
        selected = await self._client.select(search["search_id"], offer["offer_id"], wait_s=WAIT_S)
        contract_id = _answered("select", selected, "SELECTED")["contract_id"]
        _answered("init", await self._client.init(contract_id, self._billing, wait_s=WAIT_S), "INITIALISED")
        confirmed = await self._client.confirm(contract_id, consent=True, wait_s=WAIT_S)
        return Trade(use, len(search["offers"]), offer, _answered("confirm", confirmed, "ACTIVE"))

    async def _search(self, use: StorageUse) -> Answer:
        place = self._weather.place
        return await self._client.search(
            wait_s=WAIT_S,
            energy_wh=use.energy_wh,
            charge=(use.charge.start, use.charge.end),
            giveback=(use.giveback.start, use.giveback.end),
            near=(place.latitude, place.longitude),
            radius_m=RADIUS_M,
            mode="Automatic Dispatch",
        )


def storage_use(plant: SolarPlant, weather: Weather, earliest: datetime) -> StorageUse | None:
    """The use for the surplus of the day from ``earliest`` on; None below `LEAST_WH`.

    Charging takes the four hours of most surplus, without quarters of an hour at its ends that bring none; the energy
    is what these quarters bring, down to whole kWh. It comes back in the first evening after that.
    """
    start = align_up(earliest)
    quarters = list(slots(Interval(start, start + FORESIGHT)))
    surplus_wh = [plant.surplus_wh(weather, quarter) for quarter in quarters]
    starts = range(len(quarters) - _CHARGE_QUARTERS + 1)
    best = max(starts, key=lambda first: sum(surplus_wh[first : first + _CHARGE_QUARTERS]))
    sunny = [index for index in range(best, best + _CHARGE_QUARTERS) if surplus_wh[index]]
    energy_wh = sum(surplus_wh[index] for index in sunny) // _WHOLE_WH * _WHOLE_WH
    if energy_wh < LEAST_WH:
        return None
    charge = Interval(quarters[sunny[0]].start, quarters[sunny[-1]].end)
    return StorageUse(energy_wh, charge, _evening_after(charge.end))


def _evening_after(moment: datetime) -> Interval:
    evening = align_down(moment, _DAY_S) + _EVENING_FROM
    if evening < moment:
        evening += timedelta(days=1)
    return Interval(evening, evening + _EVENING)


def _cheapest(search: Answer) -> Answer:
    """The first offer that fits: the platform ranks by what this very use costs."""
    if search["error"] is not None:
        raise TradeFailed("search", search["error"]["message"])
    for offer in search["offers"]:
        if offer["fits"]:
            found: Answer = offer
            return found
    raise TradeFailed("search", f"none of {len(search['offers'])} offers fits")


def _answered(action: str, contract: Answer, stage: str) -> Answer:
    """The contract, if the operator has answered the action and brought it to ``stage``."""
    if contract["error"] is not None:
        raise TradeFailed(action, contract["error"]["message"])
    if contract["stage"] != stage or contract["pending"] is not None:
        raise TradeFailed(action, f"no answer within {WAIT_S:.0f} s")
    return contract
