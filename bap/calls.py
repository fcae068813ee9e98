"""Every call of the producer's API without any IO: what `bap.client` sends, and how it reads what comes back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, NotRequired, Required, TypedDict, TypeVar
from urllib.parse import quote

import httpx

from bap.bill_shapes import Bill, MeterInterval, Month
from bap.shapes import (
    Contract,
    DispatchMode,
    Invoice,
    Reading,
    Search,
    SearchSummary,
    SortBy,
    Ticket,
    TicketKind,
    TradeTime,
)

T = TypeVar("T")
Times = tuple[datetime | str, datetime | str]
Number = Decimal | int | str
Point = tuple[Number, Number]

_PREFIX = "/api/v1"


class Wanted(TypedDict, total=False):
    """What a search asks for: ``energy_wh`` taken in during ``charge``, given back in ``giveback``.

    Times are aware datetimes or RFC 3339 texts, points are (latitude, longitude), ``max_price`` is the total per kWh
    stored, ``min_efficiency`` a fraction of one, ``min_rating`` from 1 to 5. ``polygon`` are the corners of an area,
    ``text`` words that all have to stand in an offer. ``radius_m`` and the order by distance need ``near``.
    """

    energy_wh: Required[int]
    charge: Required[Times]
    giveback: Required[Times]
    near: Point | None
    radius_m: int | None
    polygon: Sequence[Point] | None
    city_code: str | None
    provider_id: str | None
    provider_name: str | None
    item_id: str | None
    item_name: str | None
    text: str | None
    min_rating: Number | None
    sort: SortBy | None
    mode: DispatchMode | None
    min_power_w: int | None
    max_price: Number | None
    min_efficiency: Number | None


class Billing(TypedDict):
    """Who pays."""

    name: str
    email: NotRequired[str]
    phone: NotRequired[str]
    address: NotRequired[str]
    tax_id: NotRequired[str]
    state_code: NotRequired[str]


class Beside(TypedDict, total=False):
    """A further offer of the same operator that is selected with the first, in one order."""

    offer_id: Required[str]
    energy_wh: int
    mode: DispatchMode
    offered_total: Number


class Changes(TypedDict, total=False):
    """What an update asks for; what is absent stays as it is. Times as in `Wanted`.

    ``return_wh`` is how much is asked back, ``paid_reference`` under which reference the bill was paid, ``item_id``
    the battery whose amount or windows change, in a contract for several.
    """

    energy_wh: int
    charge: Times
    giveback: Times
    return_wh: int
    billing: Billing
    paid_reference: str
    item_id: str


class ApiError(Exception):
    """The platform refused: ``status`` of HTTP, ``title`` and ``detail`` of the problem document (RFC 9457).

    ``errors`` lists wrong members as ``{"pointer", "detail"}``; ``code`` and ``path`` are set when the trade refused.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(problem.get("title", "Error"))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[dict[str, str]] = problem.get("errors") or []
        self.code: str | None = problem.get("code")
        self.path: str | None = problem.get("path")
        super().__init__(f"{status} {self.title}: {self.detail}")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request whose answer is a ``T``, or has it as its ``member``. ``wait_s``: how long the server may wait."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    wait_s: float = 0
    member: str | None = None
    csv: bytes | None = None

    def arguments(self, timeout_s: float) -> dict[str, Any]:
        """The arguments of httpx's ``request``."""
        made = {"method": self.method, "url": _PREFIX + self.path, "timeout": timeout_s + self.wait_s}
        if self.csv is not None:
            return {**made, "content": self.csv, "headers": {"Content-Type": "text/csv"}}
        return made if self.body is None else {**made, "json": {**self.body, "wait_s": self.wait_s}}

    def result(self, response: httpx.Response) -> T:
        """What the platform answered.

        Raises:
            ApiError: it refused.
        """
        try:
            content = response.json()
        except ValueError:
            content = {"detail": "the answer is no JSON"}
            raise ApiError(response.status_code, content) from None
        if not response.is_success:
            raise ApiError(response.status_code, content if isinstance(content, dict) else {})
        found: T = content if self.member is None else content[self.member]
        return found


def search(wanted: Wanted, wait_s: float) -> Call[Search]:
    """Send a search."""
    near, polygon = wanted.get("near"), wanted.get("polygon")
    body = {
        **wanted,
        "charge": _window(wanted["charge"]),
        "giveback": _window(wanted["giveback"]),
        "near": None if near is None else _point(near),
        "polygon": None if polygon is None else [_point(corner) for corner in polygon],
        "min_rating": _text(wanted.get("min_rating")),
        "max_price": _text(wanted.get("max_price")),
        "min_efficiency": _text(wanted.get("min_efficiency")),
    }
    return Call("POST", "/searches", _given(body), wait_s)


def read_search(search_id: str) -> Call[Search]:
    """Read a search."""
    return Call("GET", f"/searches/{_part(search_id)}")


def searches() -> Call[list[SearchSummary]]:
    """List searches."""
    return Call("GET", "/searches", member="searches")


def select(
    search_id: str,
    offer_id: str,
    energy_wh: int | None,
    mode: DispatchMode | None,
    offered_total: Number | None,
    beside: Sequence[Beside] | None,
    wait_s: float,
) -> Call[Contract]:
    """Begin a contract."""
    body: dict[str, Any] = {"search_id": search_id, "offer_id": offer_id, "energy_wh": energy_wh, "mode": mode}
    body["offered_total"] = _text(offered_total)
    if beside is not None:
        body["beside"] = [_given({**one, "offered_total": _text(one.get("offered_total"))}) for one in beside]
    return Call("POST", "/contracts", _given(body), wait_s)


def step(contract_id: str, name: str, wait_s: float, **body: Any) -> Call[Contract]:
    """A step of a contract: init, confirm, status, track, support, update, cancel or rating."""
    return Call("POST", f"/contracts/{_part(contract_id)}/{name}", _given(body), wait_s)


def update(contract_id: str, changes: Changes, wait_s: float) -> Call[Contract]:
    """Change a contract."""
    body: dict[str, Any] = {**changes}
    for name in ("charge", "giveback"):
        if name in body:
            body[name] = _window(body[name])
    return step(contract_id, "update", wait_s, **body)


def contract(contract_id: str) -> Call[Contract]:
    """Read a contract."""
    return Call("GET", f"/contracts/{_part(contract_id)}")


def contracts() -> Call[list[Contract]]:
    """List contracts."""
    return Call("GET", "/contracts", member="contracts")


def readings(contract_id: str, item_id: str | None) -> Call[list[Reading]]:
    """List live states."""
    return Call("GET", f"/contracts/{_part(contract_id)}/readings{_of(item_id)}", member="readings")


def invoice(contract_id: str, item_id: str | None) -> Call[Invoice]:
    """Read the invoice."""
    return Call("GET", f"/contracts/{_part(contract_id)}/invoice{_of(item_id)}")


def bill(contract_id: str) -> Call[Bill]:
    """Check the bill."""
    return Call("GET", f"/contracts/{_part(contract_id)}/bill")


def accept_bill(contract_id: str) -> Call[Bill]:
    """Accept the bill."""
    return Call("POST", f"/contracts/{_part(contract_id)}/bill/accept", {})


def dispute_bill(contract_id: str, text: str | None, wait_s: float) -> Call[Bill]:
    """Dispute the bill."""
    return Call("POST", f"/contracts/{_part(contract_id)}/bill/dispute", _given({"text": text}), wait_s)


def put_meter_readings(contract_id: str, readings: Sequence[MeterInterval] | bytes) -> Call[int]:
    """Hand over readings."""
    path = f"/contracts/{_part(contract_id)}/meter-readings"
    if isinstance(readings, bytes):
        return Call("PUT", path, member="taken", csv=readings)
    return Call("PUT", path, {"intervals": list(readings)}, member="taken")


def months(month: str | None, prices: tuple[Number, Number] | None) -> Call[list[Month]]:
    """Read what storing cost."""
    buy, sell = (None, None) if prices is None else (str(prices[0]), str(prices[1]))
    wanted = _given({"month": month, "buy_per_kwh": buy, "sell_per_kwh": sell})
    asked = "&".join(f"{name}={_part(value)}" for name, value in wanted.items())
    return Call("GET", f"/reports/months?{asked}", member="months")


def tickets(contract_id: str) -> Call[list[Ticket]]:
    """Read the tickets."""
    return Call("GET", f"/contracts/{_part(contract_id)}/tickets", member="tickets")


def open_ticket(contract_id: str, kind: TicketKind, subject: str, text: str) -> Call[list[Ticket]]:
    """Open a ticket."""
    body = {"kind": kind, "subject": subject, "text": text}
    return Call("POST", f"/contracts/{_part(contract_id)}/tickets", body, member="tickets")


def answer_ticket(contract_id: str, ticket_id: str, text: str) -> Call[list[Ticket]]:
    """Write to a ticket."""
    path = f"/contracts/{_part(contract_id)}/tickets/{_part(ticket_id)}"
    return Call("POST", path, {"text": text}, member="tickets")


def trade_time() -> Call[TradeTime]:
    """Read the trade clock."""
    return Call("GET", "/trade-time")


def headers(token: str) -> dict[str, str]:
    """What every request carries."""
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def reached(found: Contract, until: Collection[str]) -> bool:
    """Whether the contract's stage or state is one of ``until``."""
    return found["stage"] in until or found["state"] in until


def _part(text: str) -> str:
    return quote(text, safe="")


def _of(item_id: str | None) -> str:
    """The query that names one battery of a contract for several."""
    return "" if item_id is None else f"?item_id={_part(item_id)}"


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _text(number: Number | None) -> str | None:
    return None if number is None else str(number)


def _point(point: Point) -> dict[str, str]:
    latitude, longitude = point
    return {"latitude": str(latitude), "longitude": str(longitude)}


def _window(times: Times) -> dict[str, str]:
    start, end = times
    return {"start": _moment(start), "end": _moment(end)}


def _moment(moment: datetime | str) -> str:
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
