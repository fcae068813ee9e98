"""A battery of the fleet as JSON: what the operator's API takes and gives, and what the database keeps.

Energies and powers are integers of Wh and W; shares, prices and percents are decimal texts. A member that is not known
is an error, so that a typing mistake never becomes a default. Every error names the member by a JSON pointer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from bpp.catalog import ListedBattery
from energy.battery import Battery
from energy.calendars import When, check_zone, when_of, when_text
from energy.offers import CancellationTerms, DispatchMode, Place
from energy.quantities import QuantityError, decimal_of, decimal_text, minor_digits
from energy.tariffs import (
    TAX_TITLES,
    Discount,
    LineTitle,
    OccupancyStep,
    Rate,
    RateUnit,
    Tariff,
    TaxClass,
    TaxPart,
)

E = TypeVar("E", bound=StrEnum)

INTEGER_MAX = 10**15
TEXT_LENGTH_MAX = 255
GPS_DIGITS_MAX = 6
_INTEGERS = ("energy_nominal_wh", "charge_power_w", "discharge_power_w")
_TEXTS = ("battery_id", "name", "meter_address", "chemistry")
_MEMBERS = tuple(field.name for field in fields(Battery))
_OPTIONAL = {
    "site_id": "text",
    "cycles": "decimal",
    "warranty_energy_wh_per_year": "integer",
    "warranty_cycles_per_year": "decimal",
}
INTEGER_MEMBERS = frozenset({*_INTEGERS, "warranty_energy_wh_per_year", "min_energy_wh", "min_days", "from_percent"})
FLAG_MEMBERS = frozenset({"in_service"})
"""The members, at whatever depth, that are whole numbers and flags; all others are texts."""
_DECIMALS = tuple(name for name in _MEMBERS if name not in {*_INTEGERS, *_TEXTS, *_OPTIONAL, "place"})


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong member: its JSON pointer and a sentence that says what to change."""

    pointer: str
    sentence: str


class BatteryUnreadable(Exception):
    """The JSON is no battery; all mistakes that were found."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{mistake.pointer}: {mistake.sentence}" for mistake in mistakes))
        self.mistakes = mistakes


def read_battery(content: object, cancellation: CancellationTerms, pointer: str = "") -> ListedBattery:
    """The battery of a JSON object that stands at ``pointer``.

    Raises:
        BatteryUnreadable: a member is missing, unknown or wrong.
    """
    mistakes: list[Mistake] = []
    reader = _Object(content, pointer, mistakes)
    values: dict[str, Any] = {name: reader.text(name) for name in _TEXTS}
    values |= {name: reader.integer(name) for name in _INTEGERS}
    values |= {name: reader.decimal(name) for name in _DECIMALS}
    values |= {name: getattr(reader, kind)(name) for name, kind in _OPTIONAL.items() if reader.has(name)}
    values["place"] = _place(reader.child("place"))
    tariff = _tariff(reader.child("tariff"))
    modes = tuple(reader.choices("modes", DispatchMode)) if reader.has("modes") else (DispatchMode.AUTOMATIC,)
    least_wh = reader.integer("min_energy_wh") if reader.has("min_energy_wh") else 0
    in_service = reader.flag("in_service") if reader.has("in_service") else True
    city_code = reader.text("city_code") if reader.has("city_code") else None
    reader.check_known()
    if mistakes:
        raise BatteryUnreadable(mistakes)
    try:
        battery = Battery(**values)
    except ValueError as error:
        raise BatteryUnreadable([Mistake(pointer, f"{error}.")]) from None
    return ListedBattery(battery, tariff, modes, cancellation, least_wh, in_service, city_code=city_code)


def write_battery(listed: ListedBattery) -> dict[str, Any]:
    """The JSON of a battery; `read_battery`'s inverse."""
    battery, tariff = listed.battery, listed.tariff
    values = {name: getattr(battery, name) for name in _MEMBERS if name != "place"}
    values = {name: value for name, value in values.items() if value is not None}
    if listed.city_code is not None:
        values["city_code"] = listed.city_code
    return {name: decimal_text(value) if isinstance(value, Decimal) else value for name, value in values.items()} | {
        "place": {
            "latitude": decimal_text(battery.place.latitude),
            "longitude": decimal_text(battery.place.longitude),
        },
        "tariff": write_tariff(tariff),
        "modes": [mode.value for mode in listed.modes],
        "min_energy_wh": listed.min_energy_wh,
        "in_service": listed.in_service,
    }


def read_tariff(content: object, pointer: str = "") -> Tariff:
    """The tariff of a JSON object that stands at ``pointer``.

    Raises:
        BatteryUnreadable: a member is missing, unknown or wrong.
    """
    mistakes: list[Mistake] = []
    tariff = _tariff(_Object(content, pointer, mistakes))
    if mistakes:
        raise BatteryUnreadable(mistakes)
    return tariff


def write_tariff(tariff: Tariff) -> dict[str, Any]:
    """The JSON of a tariff; `read_tariff`'s inverse. What the tariff does not have is left out."""
    content: dict[str, Any] = {
        "tariff_id": tariff.tariff_id,
        "currency": tariff.currency,
        "rates": [_rate_json(rate) for rate in tariff.rates],
        "tax": {
            "code": tariff.tax.code,
            "parts": [{"title": part.title.value, "percent": decimal_text(part.percent)} for part in tariff.tax.parts],
        },
    }
    if any(rate.when is not None for rate in tariff.rates):
        content["time_zone"] = tariff.time_zone
    if tariff.discounts:
        content["discounts"] = [
            {
                "offer_id": each.offer_id,
                "percent": decimal_text(each.percent),
                "min_energy_wh": each.min_energy_wh,
                "min_days": each.min_days,
            }
            for each in tariff.discounts
        ]
    if tariff.occupancy:
        content["occupancy"] = [
            {"from_percent": step.from_percent, "change_percent": decimal_text(step.change_percent)}
            for step in tariff.occupancy
        ]
    for name in ("minimum", "floor_per_kwh", "change_percent"):
        value = getattr(tariff, name)
        if value is not None:
            content[name] = decimal_text(value)
    return content


def _place(reader: _Object) -> Place:
    place = Place(reader.decimal("latitude"), reader.decimal("longitude"))
    for name, value in (("latitude", place.latitude), ("longitude", place.longitude)):
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > GPS_DIGITS_MAX:
            reader.wrong(name, f"Write at most {GPS_DIGITS_MAX} decimals: that is a tenth of a metre.")
    reader.check_known()
    return place


def _tariff(reader: _Object) -> Tariff:
    currency = reader.text("currency")
    try:
        minor_digits(currency)
    except QuantityError as error:
        reader.wrong("currency", f"{error}.")
    rates = tuple(_rate(item) for item in reader.children("rates", least=1))
    tax = reader.child("tax")
    parts = tuple(_tax_part(item) for item in tax.children("parts", least=0))
    tariff = Tariff(
        tariff_id=reader.text("tariff_id"),
        currency=currency,
        rates=rates,
        tax=TaxClass(tax.text("code"), parts),
        time_zone=_zone(reader),
        discounts=tuple(_discount(item) for item in reader.children("discounts", least=0, needed=False)),
        minimum=_amount(reader, "minimum"),
        floor_per_kwh=_amount(reader, "floor_per_kwh"),
        occupancy=tuple(_step(item) for item in reader.children("occupancy", least=0, needed=False)),
        change_percent=reader.decimal("change_percent") if reader.has("change_percent") else None,
    )
    tax.check_known()
    reader.check_known()
    return tariff


def _zone(reader: _Object) -> str:
    if not reader.has("time_zone"):
        return "UTC"
    zone = reader.text("time_zone")
    try:
        check_zone(zone)
    except ValueError as error:
        reader.wrong("time_zone", f"{error}.")
        return "UTC"
    return zone


def _amount(reader: _Object, name: str) -> Decimal | None:
    amount = reader.decimal(name) if reader.has(name) else None
    if amount is not None and amount < 0:
        reader.wrong(name, "Write an amount that is not negative.")
    return amount


def _discount(reader: _Object) -> Discount:
    least_wh = reader.integer("min_energy_wh") if reader.has("min_energy_wh") else 0
    days = reader.integer("min_days") if reader.has("min_days") else 0
    discount = Discount(reader.text("offer_id"), reader.decimal("percent"), least_wh, days)
    if not 0 <= discount.percent <= 100:
        reader.wrong("percent", "Write a discount of 0 to 100 percent.")
    reader.check_known()
    return discount


def _step(reader: _Object) -> OccupancyStep:
    step = OccupancyStep(reader.integer("from_percent"), reader.decimal("change_percent"))
    if step.change_percent < -100:
        reader.wrong("change_percent", "Write a change of -100 percent or more.")
    reader.check_known()
    return step


def _rate(reader: _Object) -> Rate:
    rate = Rate(reader.choice("unit", RateUnit), reader.decimal("price"), _when(reader))
    reader.check_known()
    return rate


def _rate_json(rate: Rate) -> dict[str, str]:
    content = {"unit": rate.unit.value, "price": decimal_text(rate.price)}
    return content if rate.when is None else content | {"when": when_text(rate.when)}


def _when(reader: _Object) -> When | None:
    if not reader.has("when"):
        return None
    try:
        return when_of(reader.text("when"))
    except ValueError as error:
        reader.wrong("when", f"Write times such as 'months=11,12 days=1,2 time=06:00-22:00': {error}.")
        return None


def _tax_part(reader: _Object) -> TaxPart:
    part = TaxPart(reader.choice("title", LineTitle), reader.decimal("percent"))
    if part.title not in TAX_TITLES:
        reader.wrong("title", f"Name a tax: {', '.join(sorted(TAX_TITLES))}.")
    reader.check_known()
    return part


class _Object:
    """A JSON object that is read member by member. What is wrong goes to ``mistakes``, and reading goes on."""

    def __init__(self, content: object, pointer: str, mistakes: list[Mistake]) -> None:
        self._pointer = pointer
        self._mistakes = mistakes
        self._asked: set[str] = set()
        self._content: Mapping[str, Any] = content if isinstance(content, dict) else {}
        # Members that are missing because there is no object are not told one by one.
        self._silent = not isinstance(content, dict)
        if self._silent:
            mistakes.append(Mistake(pointer, "Write a JSON object here."))

    def wrong(self, name: str, sentence: str) -> None:
        """Note a mistake at the member."""
        if not self._silent:
            self._mistakes.append(Mistake(f"{self._pointer}/{name}", sentence))

    def has(self, name: str) -> bool:
        """Whether the member is there."""
        return name in self._content

    def check_known(self) -> None:
        """Note every member that was not asked for."""
        for name in self._content:
            if name not in self._asked:
                self.wrong(name, "This member is not known here; leave it out or mend its name.")

    def text(self, name: str) -> str:
        """A text with something in it."""
        value = self._get(name)
        # PostgreSQL holds no text with a zero character.
        if isinstance(value, str) and value.strip() and len(value) <= TEXT_LENGTH_MAX and "\x00" not in value:
            return value
        self.wrong(name, f"Write a text of 1 to {TEXT_LENGTH_MAX} characters.")
        return "?"

    def integer(self, name: str) -> int:
        """An integer that is not negative."""
        value = self._get(name)
        if type(value) is int and 0 <= value <= INTEGER_MAX:
            return value
        self.wrong(name, f"Write a whole number from 0 to {INTEGER_MAX}.")
        return 0

    def decimal(self, name: str) -> Decimal:
        """A decimal number, written as text so that it stays exact."""
        value = self._get(name)
        try:
            if isinstance(value, str) or type(value) is int:
                return decimal_of(str(value))
        except QuantityError as error:
            self.wrong(name, f"{error}.")
            return Decimal(0)
        self.wrong(name, 'Write a decimal number as text, such as "0.94".')
        return Decimal(0)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            self.wrong(name, "Write true or false.")
        return value is True

    def choice(self, name: str, kind: type[E]) -> E:
        """A member of an enumeration by its value."""
        return self._chosen(name, self._get(name), kind)

    def choices(self, name: str, kind: type[E]) -> list[E]:
        """A list of at least one member of an enumeration, each once."""
        values = self._list(name, least=1)
        return list(dict.fromkeys(self._chosen(f"{name}/{index}", value, kind) for index, value in enumerate(values)))

    def child(self, name: str) -> _Object:
        """The object at the member."""
        return _Object(self._get(name), f"{self._pointer}/{name}", self._mistakes if not self._silent else [])

    def children(self, name: str, *, least: int, needed: bool = True) -> list[_Object]:
        """The objects of the list at the member; none when it is not there and not ``needed``."""
        if not needed and not self.has(name):
            return []
        return [
            _Object(item, f"{self._pointer}/{name}/{index}", self._mistakes)
            for index, item in enumerate(self._list(name, least))
        ]

    def _get(self, name: str) -> Any:
        self._asked.add(name)
        return self._content.get(name)

    def _list(self, name: str, least: int) -> list[Any]:
        value = self._get(name)
        if isinstance(value, list) and len(value) >= least:
            return value
        self.wrong(name, f"Write a list of {least} or more.")
        return []

    def _chosen(self, name: str, value: object, kind: type[E]) -> E:
        try:
            return kind(str(value))
        except ValueError:
            self.wrong(name, f"Write one of: {', '.join(kind)}.")
            return next(iter(kind))
