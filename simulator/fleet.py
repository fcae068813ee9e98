"""A fleet of batteries in and around Bengaluru, made from a seed: the same seed makes the same fleet.

A battery is the JSON object that the operator's API of a BPP takes. The values are of the field: containers of 100 kWh
to 2 MWh that charge and discharge in two to four hours, four chemistries with their efficiencies and losses, and the
four price models that storage is sold by. Two of three batteries take a contract of 300 kWh without charging into their
taper; the third is too small for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from energy.battery import Battery
from energy.offers import DispatchMode, Place
from energy.quantities import decimal_of, decimal_text
from energy.tariffs import LineTitle, RateUnit, india_gst

CENTRE = Place(Decimal("12.971600"), Decimal("77.594600"))
COUNT = 25

_PLACES = (
    ("Hebbal", "13.0358", "77.5970"),
    ("Peenya", "13.0285", "77.5197"),
    ("Whitefield", "12.9698", "77.7500"),
    ("Electronic City", "12.8399", "77.6770"),
    ("Bommasandra", "12.8160", "77.6990"),
    ("Jigani", "12.7860", "77.6400"),
    ("Attibele", "12.7790", "77.7700"),
    ("Anekal", "12.7105", "77.6957"),
    ("Sarjapur", "12.8600", "77.7870"),
    ("Varthur", "12.9389", "77.7412"),
    ("Marathahalli", "12.9591", "77.6974"),
    ("Bellandur", "12.9260", "77.6762"),
    ("Koramangala", "12.9352", "77.6245"),
    ("Indiranagar", "12.9719", "77.6412"),
    ("Krishnarajapuram", "13.0077", "77.6950"),
    ("Hoskote", "13.0707", "77.7981"),
    ("Devanahalli", "13.2473", "77.7137"),
    ("Yelahanka", "13.1007", "77.5963"),
    ("Doddaballapura", "13.2957", "77.5364"),
    ("Nelamangala", "13.0990", "77.3936"),
    ("Yeshwanthpur", "13.0280", "77.5400"),
    ("Malleshwaram", "13.0031", "77.5643"),
    ("Rajajinagar", "12.9914", "77.5540"),
    ("Tavarekere", "12.9640", "77.4030"),
    ("Kengeri", "12.9081", "77.4850"),
    ("Bidadi", "12.7980", "77.3830"),
    ("Harohalli", "12.6790", "77.4720"),
    ("Talaghattapura", "12.8650", "77.5350"),
    ("Bannerghatta", "12.8000", "77.5770"),
    ("Banashankari", "12.9255", "77.5468"),
    ("Jayanagar", "12.9299", "77.5826"),
)
_AROUND_MICRODEGREES = 5_000
_SIZES_KWH = ((500, 600, 750, 800), (100, 150, 200, 250), (1_000, 1_200, 1_500, 2_000))
_HOURS_AT_FULL_POWER = (2, 3, 4)
_LEAST_KWH = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class _Chemistry:
    """A kind of cell, with the ranges of its efficiency one way (in thousandths) and daily loss (in 10⁻⁵)."""

    name: str
    efficiency: tuple[int, int]
    standing_loss: tuple[int, int]


_CHEMISTRIES = (
    _Chemistry("LFP", (945, 970), (20, 80)),
    _Chemistry("NMC", (935, 960), (50, 120)),
    _Chemistry("LFP", (945, 970), (20, 80)),
    _Chemistry("LTO", (940, 965), (60, 150)),
    _Chemistry("Na-ion", (925, 950), (80, 200)),
)

# Each price model: its name, and for each rate the unit with the range of its price in paisa.
_PRICE_MODELS: tuple[tuple[str, tuple[tuple[RateUnit, int, int], ...]], ...] = (
    ("capacity-and-throughput", ((RateUnit.KWH_MONTH, 8_000, 11_000), (RateUnit.KWH_STORED, 60, 120))),
    ("throughput", ((RateUnit.KWH_STORED, 450, 800),)),
    ("power", ((RateUnit.KW_MONTH, 22_000, 36_000), (RateUnit.KWH_DISCHARGED, 80, 200))),
    ("flat-and-throughput", ((RateUnit.FLAT, 10_000, 30_000), (RateUnit.KWH_STORED, 300, 550))),
)


def fleet(seed: int, count: int = COUNT) -> list[dict[str, Any]]:
    """The batteries of a seed, as JSON objects for ``POST /api/v1/batteries``; a longer fleet begins as a shorter one.

    Ids are ``blr-batt-001`` and so on; all lie within 40 km of `CENTRE`.
    """
    return [_battery(Random(f"battery {seed} {index}"), index) for index in range(count)]


def battery_of(document: Mapping[str, Any]) -> Battery:
    """The physical battery in a JSON object of the operator's API.

    Raises:
        KeyError, ValueError: it is no such object.
    """
    place = document["place"]
    return Battery(
        battery_id=document["battery_id"],
        name=document["name"],
        place=Place(decimal_of(place["latitude"]), decimal_of(place["longitude"])),
        meter_address=document["meter_address"],
        energy_nominal_wh=document["energy_nominal_wh"],
        charge_power_w=document["charge_power_w"],
        discharge_power_w=document["discharge_power_w"],
        soc_min=decimal_of(document["soc_min"]),
        soc_max=decimal_of(document["soc_max"]),
        soc_reserve=decimal_of(document["soc_reserve"]),
        soh=decimal_of(document["soh"]),
        efficiency_charge=decimal_of(document["efficiency_charge"]),
        efficiency_discharge=decimal_of(document["efficiency_discharge"]),
        standing_loss_per_day=decimal_of(document["standing_loss_per_day"]),
        chemistry=document["chemistry"],
    )


def _battery(chance: Random, index: int) -> dict[str, Any]:
    battery_id = f"blr-batt-{index + 1:03d}"
    where, latitude, longitude = _PLACES[index % len(_PLACES)]
    return {
        "battery_id": battery_id,
        "name": f"{where} {index // len(_PLACES) + 1}",
        "place": {"latitude": _near(chance, latitude), "longitude": _near(chance, longitude)},
        "meter_address": f"der://meter/{battery_id}",
        **_size(chance, index),
        **_cells(chance),
        "tariff": _tariff(chance, index),
        "modes": [mode.value for mode in chance.choice(((DispatchMode.AUTOMATIC,), tuple(DispatchMode)))],
        "min_energy_wh": chance.choice(_LEAST_KWH) * 1_000,
        "in_service": True,
    }


def _size(chance: Random, index: int) -> dict[str, Any]:
    """Nameplate energy and powers; sizes take turns, so that a fleet of any seed has all of them."""
    energy_wh = chance.choice(_SIZES_KWH[index % len(_SIZES_KWH)]) * 1_000
    return {
        "energy_nominal_wh": energy_wh,
        "charge_power_w": energy_wh // chance.choice(_HOURS_AT_FULL_POWER),
        "discharge_power_w": energy_wh // chance.choice(_HOURS_AT_FULL_POWER),
    }


def _cells(chance: Random) -> dict[str, str]:
    """What the cells are and between which limits they are used."""
    chemistry = chance.choice(_CHEMISTRIES)
    return {
        "chemistry": chemistry.name,
        "soc_min": _between(chance, (5, 10), 2),
        "soc_max": _between(chance, (90, 95), 2),
        "soc_reserve": chance.choice(("0", "0.02", "0.05")),
        "soh": _between(chance, (930, 1_000), 3),
        "efficiency_charge": _between(chance, chemistry.efficiency, 3),
        "efficiency_discharge": _between(chance, chemistry.efficiency, 3),
        "standing_loss_per_day": _between(chance, chemistry.standing_loss, 5),
    }


def _tariff(chance: Random, index: int) -> dict[str, Any]:
    """A price model with rates of its own; models take turns. All batteries are taxed in one state (ENERGY 2.5)."""
    name, rates = _PRICE_MODELS[index % len(_PRICE_MODELS)]
    tax = india_gst(same_state=True)
    return {
        "tariff_id": f"{name}-{index + 1:03d}",
        "currency": "INR",
        "rates": [{"unit": unit.value, "price": _between(chance, (low, high), 2)} for unit, low, high in rates],
        "tax": {"code": tax.code, "parts": [_tax_part(part.title, part.percent) for part in tax.parts]},
    }


def _tax_part(title: LineTitle, percent: Decimal) -> dict[str, str]:
    return {"title": title.value, "percent": decimal_text(percent)}


def _near(chance: Random, degrees: str) -> str:
    return str(Decimal(degrees) + _scaled(chance.randint(-_AROUND_MICRODEGREES, _AROUND_MICRODEGREES), 6))


def _between(chance: Random, bounds: tuple[int, int], digits: int) -> str:
    """A decimal text between the bounds, which are in units of its last digit."""
    return decimal_text(_scaled(chance.randint(*bounds), digits))


def _scaled(value: int, digits: int) -> Decimal:
    return Decimal(value).scaleb(-digits)
