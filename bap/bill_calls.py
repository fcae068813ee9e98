"""What both clients (`bap.client`) do with bills: check, accept or dispute them, and tell what storing cost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from bap import calls
from bap.bill_shapes import Bill, MeterInterval, Month
from bap.calls import Call, Number

T = TypeVar("T")
WAIT_S = 2.0


class BillCalls(ABC):
    """The methods of `bap.client.BapClient` about bills."""

    @abstractmethod
    def _send(self, call: Call[T]) -> T:
        """Send the call; what came back."""

    def bill(self, contract_id: str) -> Bill:
        """The bill beside what it should be by tariff and meter, line by line, and how to pay it."""
        return self._send(calls.bill(contract_id))

    def accept_bill(self, contract_id: str) -> Bill:
        """Accept the bill; then pay it, and report it by ``update(contract_id, paid_reference=…)``."""
        return self._send(calls.accept_bill(contract_id))

    def dispute_bill(self, contract_id: str, *, text: str | None = None, wait_s: float = WAIT_S) -> Bill:
        """Dispute the bill: the operator gets a ticket with all that differs, and ``text``."""
        return self._send(calls.dispute_bill(contract_id, text, wait_s))

    def put_meter_readings(self, contract_id: str, readings: Sequence[MeterInterval] | bytes) -> int:
        """Hand over our own meter's intervals, or a CSV file's bytes of them; how many were taken."""
        return self._send(calls.put_meter_readings(contract_id, readings))

    def months(self, *, month: str | None = None, prices: tuple[Number, Number] | None = None) -> list[Month]:
        """What storing cost by contract and month; ``prices`` of the grid (to buy, to sell, per kWh) tell savings."""
        return self._send(calls.months(month, prices))


class AsyncBillCalls(ABC):
    """The same of `bap.client.AsyncBapClient`, to await."""

    @abstractmethod
    async def _send(self, call: Call[T]) -> T:
        """Send the call; what came back."""

    async def bill(self, contract_id: str) -> Bill:
        """The bill beside what it should be by tariff and meter, line by line, and how to pay it."""
        return await self._send(calls.bill(contract_id))

    async def accept_bill(self, contract_id: str) -> Bill:
        """Accept the bill; then pay it, and report it by ``update(contract_id, paid_reference=…)``."""
        return await self._send(calls.accept_bill(contract_id))

    async def dispute_bill(self, contract_id: str, *, text: str | None = None, wait_s: float = WAIT_S) -> Bill:
        """Dispute the bill: the operator gets a ticket with all that differs, and ``text``."""
        return await self._send(calls.dispute_bill(contract_id, text, wait_s))

    async def put_meter_readings(self, contract_id: str, readings: Sequence[MeterInterval] | bytes) -> int:
        """Hand over our own meter's intervals, or a CSV file's bytes of them; how many were taken."""
        return await self._send(calls.put_meter_readings(contract_id, readings))

    async def months(self, *, month: str | None = None, prices: tuple[Number, Number] | None = None) -> list[Month]:
        """What storing cost by contract and month; ``prices`` of the grid (to buy, to sell, per kWh) tell savings."""
        return await self._send(calls.months(month, prices))
