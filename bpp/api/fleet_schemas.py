"""The bodies of the fleet's API as JSON Schema, for its OpenAPI document.

`bpp.fleet_json` is what reads them, and says more: which values contradict each other.
"""

from __future__ import annotations

from typing import Any

from bpp.store.roster import ServiceState
from energy.offers import DispatchMode
from energy.tariffs import TAX_TITLES, RateUnit

_TEXT = {"type": "string", "minLength": 1, "maxLength": 255}
_WHOLE = {"type": "integer", "minimum": 0, "maximum": 10**15}
_POSITIVE = {"type": "integer", "minimum": 1, "maximum": 10**15}
_DECIMAL = {"type": "string", "pattern": r"^[+-]?([0-9]*[.])?[0-9]+$", "maxLength": 24}
_SHARE = {"type": "string", "pattern": r"^(0?[.][0-9]{1,6}|0|1)$"}
_LIMIT = {"type": ["integer", "null"], "minimum": 0, "maximum": 10**15}
_TIME = {"type": "string", "format": "date-time"}


def _closed(needed: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": needed | (optional or {}),
        "required": sorted(needed),
        "additionalProperties": False,
    }


_TARIFF = _closed(
    {
        "tariff_id": _TEXT,
        "currency": {"enum": ["INR", "EUR", "USD", "GBP", "JPY", "KWD"]},
        "rates": {
            "type": "array",
            "minItems": 1,
            "items": _closed(
                {"unit": {"enum": [unit.value for unit in RateUnit]}, "price": _DECIMAL}, {"when": {"type": "string"}}
            ),
        },
        "tax": _closed(
            {
                "code": _TEXT,
                "parts": {
                    "type": "array",
                    "items": _closed({"title": {"enum": sorted(TAX_TITLES)}, "percent": _DECIMAL}),
                },
            }
        ),
    },
    {
        "time_zone": _TEXT,
        "discounts": {
            "type": "array",
            "items": _closed({"offer_id": _TEXT, "percent": _DECIMAL}, {"min_energy_wh": _WHOLE, "min_days": _WHOLE}),
        },
        "occupancy": {"type": "array", "items": _closed({"from_percent": _WHOLE, "change_percent": _DECIMAL})},
        "minimum": _DECIMAL,
        "floor_per_kwh": _DECIMAL,
        "change_percent": _DECIMAL,
    },
)
_NEEDED = {
    "battery_id": _TEXT,
    "name": _TEXT,
    "meter_address": _TEXT,
    "chemistry": _TEXT,
    "energy_nominal_wh": _POSITIVE,
    "charge_power_w": _POSITIVE,
    "discharge_power_w": _POSITIVE,
    **dict.fromkeys(("soc_min", "soc_max", "soc_reserve", "soh"), _SHARE),
    **dict.fromkeys(("efficiency_charge", "efficiency_discharge", "standing_loss_per_day"), _SHARE),
    "place": _closed(
        {
            "latitude": {"type": "string", "pattern": r"^-?[0-8]?[0-9]([.][0-9]{1,6})?$"},
            "longitude": {"type": "string", "pattern": r"^-?(1[0-7][0-9]|[0-9]?[0-9])([.][0-9]{1,6})?$"},
        }
    ),
    "tariff": _TARIFF,
}
_OPTIONAL = {
    "site_id": _TEXT,
    "city_code": _TEXT,
    "cycles": _DECIMAL,
    "warranty_energy_wh_per_year": _WHOLE,
    "warranty_cycles_per_year": _DECIMAL,
    "modes": {"type": "array", "minItems": 1, "items": {"enum": [mode.value for mode in DispatchMode]}},
    "min_energy_wh": _WHOLE,
}
_IN_SERVICE = {"in_service": {"type": "boolean"}}

BATTERY = _closed(_NEEDED, _OPTIONAL | _IN_SERVICE)
BATTERIES = {"oneOf": [BATTERY, {"type": "array", "items": BATTERY, "maxItems": 1_000}]}
IMPORT = {"oneOf": [{"type": "array", "items": BATTERY}, _closed({"batteries": {"type": "array", "items": BATTERY}})]}
CHANGES = _closed(
    {},
    {name: schema for name, schema in _NEEDED.items() if name != "battery_id"}
    | {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in _OPTIONAL.items()},
)
STATE = _closed({"state": {"enum": [state.value for state in ServiceState]}})
SITE = _closed(
    {},
    {
        "import_limit_w": _LIMIT,
        "export_limit_w": _LIMIT,
        "curtailments": {
            "type": "array",
            "items": _closed({"start": _TIME, "end": _TIME}, {"import_limit_w": _LIMIT, "export_limit_w": _LIMIT}),
        },
    },
)
