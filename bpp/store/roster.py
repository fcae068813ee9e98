"""The fleet as its operators keep it: whose each battery is, in service, out of it or retired, and the list by pages.

A battery is added to an account and stays there. Who retired it is told in the audit; its samples and contracts stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, select, update

from bpp.catalog import ListedBattery
from bpp.fleet_json import read_battery, write_battery
from bpp.store import changes, fleet
from bpp.store.rows import insert_into
from bpp.store.tables import batteries, contracts, sites
from energy.offers import CancellationTerms
from node.clocks import milliseconds, moment_of
from node.database import lock
from protocol.lifecycle import Stage


class ServiceState(StrEnum):
    """Whether a battery is offered; the values are what the API says."""

    IN_SERVICE = "in-service"
    OUT_OF_SERVICE = "out-of-service"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Entry:
    """One battery of the roster; ``document`` is its JSON text, as it was written."""

    listed: ListedBattery
    account: str
    retired_at: datetime | None
    document: str

    @property
    def battery_id(self) -> str:
        """Which battery."""
        return self.listed.battery.battery_id

    @property
    def state(self) -> ServiceState:
        """Whether it is offered."""
        if self.retired_at is not None:
            return ServiceState.RETIRED
        return ServiceState.IN_SERVICE if self.listed.in_service else ServiceState.OUT_OF_SERVICE


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which batteries are asked for; None: all. Without a state those that are not retired."""

    account: str | None = None
    state: ServiceState | None = None
    site_id: str | None = None


def document_of(listed: ListedBattery) -> str:
    """The text that is stored of a battery."""
    return orjson.dumps(write_battery(listed)).decode()


def find(tx: Connection, cancellation: CancellationTerms, battery_id: str) -> Entry | None:
    """One battery."""
    return of_ids(tx, cancellation, [battery_id]).get(battery_id)


def of_ids(tx: Connection, cancellation: CancellationTerms, battery_ids: Iterable[str]) -> dict[str, Entry]:
    """Some batteries by their ids; ids that nobody has are left out."""
    rows = tx.execute(select(batteries).where(batteries.c.battery_id.in_(sorted(set(battery_ids)))))
    return {row.battery_id: _entry_of(row, cancellation) for row in rows}


def locked(tx: Connection, cancellation: CancellationTerms, wanted: Iterable[ListedBattery]) -> dict[str, Entry]:
    """Those of these batteries that are there already; they and the sites of all are locked until the end of ours."""
    by_id = {listed.battery.battery_id: listed.battery.site_id for listed in wanted}
    known = select(batteries.c.site_id).where(batteries.c.battery_id.in_(sorted(by_id)))
    site_ids = {*by_id.values(), *tx.scalars(known)}
    lock(tx, sites, [site_id for site_id in site_ids if site_id is not None])
    lock(tx, batteries, by_id)
    return of_ids(tx, cancellation, by_id)


def page(tx: Connection, cancellation: CancellationTerms, wanted: Wanted, after: str, limit: int) -> list[Entry]:
    """The next batteries by id, those after ``after``."""
    columns = batteries.c
    conditions = [columns.battery_id > after]
    if wanted.account is not None:
        conditions.append(columns.account == wanted.account)
    if wanted.site_id is not None:
        conditions.append(columns.site_id == wanted.site_id)
    if wanted.state is ServiceState.RETIRED:
        conditions.append(columns.retired_at_ms.is_not(None))
    else:
        conditions.append(columns.retired_at_ms.is_(None))
    if wanted.state in {ServiceState.IN_SERVICE, ServiceState.OUT_OF_SERVICE}:
        conditions.append(columns.in_service.is_(wanted.state is ServiceState.IN_SERVICE))
    rows = tx.execute(select(batteries).where(*conditions).order_by(columns.battery_id).limit(limit))
    return [_entry_of(row, cancellation) for row in rows]


def save(tx: Connection, wanted: Sequence[ListedBattery], account: str) -> None:
    """Add batteries to an account, or replace those of the same ids, which stay in theirs."""
    if not wanted:
        return
    in_order = sorted(wanted, key=lambda listed: listed.battery.battery_id)
    rows = [
        {
            "battery_id": listed.battery.battery_id,
            "in_service": listed.in_service,
            "site_id": listed.battery.site_id,
            "document": document_of(listed),
            "account": account,
        }
        for listed in in_order
    ]
    statement = insert_into(tx, batteries)
    changed = {name: statement.excluded[name] for name in ("in_service", "site_id", "document")}
    tx.execute(statement.on_conflict_do_update(index_elements=["battery_id"], set_=changed), rows)
    changes.note(tx, [listed.battery.battery_id for listed in in_order])


def retire(tx: Connection, listed: ListedBattery, now: datetime) -> None:
    """Take a battery out of service for good; ``now`` is trade time."""
    fleet.save_battery(tx, listed)
    ours = batteries.c.battery_id == listed.battery.battery_id
    tx.execute(update(batteries).where(ours).values(retired_at_ms=milliseconds(now)))


def unsettled(tx: Connection, battery_id: str) -> list[str]:
    """The ids of the battery's contracts that are not over: charging, holding, returning, or not billed yet."""
    active = and_(contracts.c.battery_id == battery_id, contracts.c.stage == Stage.ACTIVE.value)
    return list(tx.scalars(select(contracts.c.contract_id).where(active).order_by(contracts.c.contract_id)))


def at_site(tx: Connection, site_id: str) -> list[str]:
    """The ids of the batteries at a site, by id."""
    at = select(batteries.c.battery_id).where(batteries.c.site_id == site_id)
    return list(tx.scalars(at.order_by(batteries.c.battery_id)))


def others_sites(tx: Connection, account: str, site_ids: Iterable[str]) -> set[str]:
    """Those of the sites at which batteries of other accounts stand."""
    at = and_(batteries.c.site_id.in_(sorted(set(site_ids))), batteries.c.account != account)
    return {str(site_id) for site_id in tx.scalars(select(batteries.c.site_id).where(at).distinct())}


def _entry_of(row: Row[Any], cancellation: CancellationTerms) -> Entry:
    retired_at = None if row.retired_at_ms is None else moment_of(row.retired_at_ms)
    return Entry(read_battery(orjson.loads(row.document), cancellation), row.account, retired_at, row.document)
