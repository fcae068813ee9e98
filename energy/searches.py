"""What a search asks for and what it finds: intents, batteries on offer with what is free of them, catalogs.

Version-neutral and immutable, as `energy.offers`. Times are trade time in UTC unless said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from energy.intervals import Interval
from energy.offers import CancellationTerms, DispatchMode, Place, Provider, StorageUse
from energy.tariffs import Tariff


class SortBy(StrEnum):
    """What a search wants first: the cheapest for its use, or the nearest to its point."""

    PRICE = "price"
    DISTANCE = "distance"


@dataclass(frozen=True, slots=True)
class SearchIntent:
    """A search. Everything but the amount may be absent: a tolerant reader meets searches without place or window.

    What is named must hold all together. Batteries lie within ``radius_m`` of ``near``, inside the ring ``polygon``
    (`energy.areas`) and in the city ``city_code``. ``text`` are words that all have to stand somewhere in an offer,
    ``item_name`` and ``provider_name`` words that have to stand in that name. ``min_rating`` leaves out what is rated
    less or not yet. Efficiency is a fraction of one, ``max_price`` the total per kWh stored.
    """

    energy_wh: int
    charge: Interval | None = None
    giveback: Interval | None = None
    near: Place | None = None
    radius_m: int | None = None
    mode: DispatchMode | None = None
    min_power_w: int | None = None
    max_price: Decimal | None = None
    min_efficiency: Decimal | None = None
    provider_id: str | None = None
    item_id: str | None = None
    meter_address: str | None = None
    polygon: tuple[Place, ...] = ()
    city_code: str | None = None
    provider_name: str | None = None
    item_name: str | None = None
    text: str | None = None
    min_rating: Decimal | None = None
    sort: SortBy | None = None

    @property
    def use(self) -> StorageUse | None:
        """The storage use, when the search names both windows."""
        if self.charge is None or self.giveback is None:
            return None
        return StorageUse(self.energy_wh, self.charge, self.giveback)


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """What one battery can still take in one interval: AC energy for one more contract, and power each way."""

    interval: Interval
    energy_wh: int
    charge_power_w: int
    discharge_power_w: int


@dataclass(frozen=True, slots=True)
class BatterySpecification:
    """What an offer tells about the equipment (ENERGY 2.1). Efficiencies and shares are fractions of one."""

    energy_nominal_wh: int
    usable_energy_wh: int
    charge_power_w: int
    discharge_power_w: int
    efficiency_charge: Decimal
    efficiency_discharge: Decimal
    standing_loss_per_day: Decimal
    chemistry: str
    soh: Decimal

    @property
    def efficiency_round_trip(self) -> Decimal:
        """eta_c × eta_d."""
        return self.efficiency_charge * self.efficiency_discharge


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What a kWh costs where nothing else is told: not which energy is counted, nor taxes, nor even who pays."""

    per_kwh: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One battery (or pool) on offer. ``free_energy_wh`` is the least free AC energy over the searched window.

    Tariff, specification, meter and cancellation terms are None where the operator does not tell them, which the strict
    form does not allow (ENERGY 1.1); ``unit_price`` may then be what is known of the price.
    """

    provider: Provider
    item_id: str
    name: str
    place: Place
    meter_address: str | None
    modes: tuple[DispatchMode, ...]
    tariff: Tariff | None
    specification: BatterySpecification | None
    free_energy_wh: int
    min_energy_wh: int
    cancellation: CancellationTerms | None
    window: Interval | None = None
    profile: tuple[FreeSlot, ...] = ()
    rating: Decimal | None = None
    city_code: str | None = None
    unit_price: UnitPrice | None = None


PAGES_MAX = 1_000
"""As many pages as one platform's answer to a search may have."""


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """Which part of a large answer a catalog is: ``number`` from 1 to ``pages``, of ``total`` offers in all."""

    number: int
    pages: int
    total: int


@dataclass(frozen=True, slots=True)
class Catalog:
    """The answer to a search, or one page of it; ``offers`` may be empty. ``expires_at`` is wire time."""

    provider: Provider
    offers: tuple[Offer, ...]
    expires_at: datetime | None = None
    page: CatalogPage | None = None
