"""The contracts that are active, in memory: by their ids and by their batteries.

The database is what is true. Each row counts how often it was saved; `refresh` reads those counts, which is cheap, and
then only the contracts whose count is another than it was. It is asked for when the contracts' channel says that
something changed, and every second besides, so that a change by another process is seen too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bpp.contracts import Contract
from bpp.store import trade
from node.database import Database

READ_AT_ONCE = 100


class RunningContracts:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revisions: dict[str, int] = {}
        self._contracts: dict[str, Contract] = {}
        self._by_battery: dict[str, dict[str, None]] = {}

    def __iter__(self) -> Iterator[Contract]:
        return iter(tuple(self._contracts.values()))

    def get(self, contract_id: str) -> Contract | None:
        """A contract, if it is active."""
        return self._contracts.get(contract_id)

    def of_battery(self, battery_id: str) -> tuple[Contract, ...]:
        """The active contracts of a battery."""
        return tuple(self._contracts[each] for each in self._by_battery.get(battery_id, ()))

    @property
    def batteries(self) -> Collection[str]:
        """The batteries that have any."""
        return self._by_battery.keys()

    async def refresh(self) -> set[str]:
        """Take up what changed; the ids of the batteries whose contracts are others than they were."""
        revisions = await self._database.read(trade.revisions)
        changed = [each for each, revision in revisions.items() if self._revisions.get(each) != revision]
        touched = {self._drop(each) for each in self._contracts.keys() - revisions.keys()}
        for start in range(0, len(changed), READ_AT_ONCE):
            touched |= await self._read(changed[start : start + READ_AT_ONCE])
        self._revisions = {each: revision for each, revision in revisions.items() if each in self._contracts}
        return touched

    def put(self, contract: Contract) -> None:
        """A contract as it was just saved by who holds this index."""
        self._contracts[contract.contract_id] = contract
        self._by_battery.setdefault(contract.battery_id, {})[contract.contract_id] = None

    async def _read(self, contract_ids: Iterable[str]) -> set[str]:
        wanted = list(contract_ids)
        found = await self._database.read(lambda tx: trade.active(tx, wanted))
        for contract in found:
            self.put(contract)
        return {contract.battery_id for contract in found}

    def _drop(self, contract_id: str) -> str:
        battery_id = self._contracts.pop(contract_id).battery_id
        of_battery = self._by_battery[battery_id]
        del of_battery[contract_id]
        if not of_battery:
            del self._by_battery[battery_id]
        return battery_id
