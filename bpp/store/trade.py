"""Contracts in the database, one row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, Row, and_, bindparam, delete, func, select, update

from bpp.contracts import Consent, Contract, Peer, Told
from bpp.store.documents import (
    agreements_of,
    agreements_text,
    bargain_of,
    bargain_text,
    billing_json,
    billing_of,
    cancellation_of,
    cancellation_text,
    listed_of,
    listed_text,
    live_of,
    live_text,
    payment_report_of,
    payment_report_text,
    placement_of,
    placement_text,
    quote_of,
    quote_text,
)
from bpp.store.rows import put
from bpp.store.tables import contracts
from energy.intervals import Interval
from energy.offers import ContractState, DispatchMode, StorageUse
from node.clocks import milliseconds, moment_of
from node.database import lock, notify
from node.personal_columns import Sealed, opened, sealed
from protocol.lifecycle import Stage

CHANNEL = "contracts"
_ORDERED = (Stage.ACTIVE.value, Stage.COMPLETE.value, Stage.CANCELLED.value)
_ACTIVE = contracts.c.stage == Stage.ACTIVE.value
_SAVED_AGAIN = (
    update(contracts).where(contracts.c.contract_id == bindparam("saved_id")).values(revision=contracts.c.revision + 1)
)


def parts_of_transaction(tx: Connection, bap_id: str, transaction_id: str) -> list[Contract]:
    """The contracts of the order that a BAP's transaction makes, locked until the end of ours."""
    return _all_locked(tx, and_(contracts.c.bap_id == bap_id, contracts.c.transaction_id == transaction_id))


def of_transaction(tx: Connection, bap_id: str, transaction_id: str) -> Contract | None:
    """The first of them, locked."""
    return _locked(tx, _first_of_transaction(bap_id, transaction_id))


def seen_of_transaction(tx: Connection, bap_id: str, transaction_id: str) -> Contract | None:
    """The first of them, to look at."""
    return _one(tx, _first_of_transaction(bap_id, transaction_id))


def parts_of_order(tx: Connection, bap_id: str, order_id: str) -> list[Contract]:
    """The contracts of that BAP's confirmed order with that id, locked until the end of ours."""
    ours = and_(contracts.c.order_id == order_id, contracts.c.bap_id == bap_id, contracts.c.stage.in_(_ORDERED))
    return _all_locked(tx, ours)


def of_order(tx: Connection, bap_id: str, order_id: str) -> Contract | None:
    """The first of them, locked."""
    ours = and_(contracts.c.contract_id == order_id, contracts.c.bap_id == bap_id, contracts.c.stage.in_(_ORDERED))
    return _locked(tx, and_(ours, contracts.c.part_no == 1))


def seen_parts(tx: Connection, order_id: str) -> list[Contract]:
    """The contracts of an order, to look at."""
    return _all(tx, select(contracts).where(contracts.c.order_id == order_id).order_by(contracts.c.part_no))


def locked_parts(tx: Connection, order_id: str) -> list[Contract]:
    """The contracts of an order, locked until the end of the transaction."""
    return _all_locked(tx, contracts.c.order_id == order_id)


def parts_with(tx: Connection, contract: Contract) -> list[Contract]:
    """All contracts of its order, to look at, with this one as it is given."""
    if contract.part_count == 1:
        return [contract]
    others = seen_parts(tx, contract.order_id)
    return [contract if part.contract_id == contract.contract_id else part for part in others]


def locked(tx: Connection, contract_id: str) -> Contract | None:
    """A contract, locked until the end of the transaction."""
    return _locked(tx, contracts.c.contract_id == contract_id)


def find(tx: Connection, contract_id: str) -> Contract | None:
    """A contract, to look at."""
    return _one(tx, contracts.c.contract_id == contract_id)


def of_form(tx: Connection, token: str) -> Contract | None:
    """The contract whose consent is asked for at this token."""
    return _one(tx, contracts.c.form_token == token)


def orders(tx: Connection, limit: int) -> list[Contract]:
    """The confirmed contracts, the newest first."""
    rows = select(contracts).where(contracts.c.stage.in_(_ORDERED))
    return _all(tx, rows.order_by(contracts.c.created_at_ms.desc(), contracts.c.contract_id).limit(limit))


def planned(tx: Connection, window: Interval) -> list[Contract]:
    """The contracts that occupy a battery at some time of the window, those that are over by now too."""
    during = and_(
        contracts.c.stage.in_((Stage.ACTIVE.value, Stage.COMPLETE.value)),
        contracts.c.charge_start_ms < milliseconds(window.end),
        contracts.c.giveback_end_ms > milliseconds(window.start),
    )
    return _all(tx, select(contracts).where(during).order_by(contracts.c.contract_id))


def first_start(tx: Connection) -> datetime | None:
    """The trade time when the earliest active contract begins to charge: its bill needs samples from then on."""
    start_ms = tx.scalar(select(func.min(contracts.c.charge_start_ms)).where(contracts.c.stage == Stage.ACTIVE.value))
    return None if start_ms is None else moment_of(start_ms)


def news(contract_id: str) -> str:
    """The database channel that tells of everything new about one contract."""
    return f"contract:{contract_id}"


def revisions(tx: Connection) -> dict[str, int]:
    """The active contracts, each with how often it was saved: who keeps them in memory sees which to read again."""
    rows = tx.execute(select(contracts.c.contract_id, contracts.c.revision).where(_ACTIVE))
    return {row.contract_id: row.revision for row in rows}


def active(tx: Connection, contract_ids: Iterable[str]) -> list[Contract]:
    """Those of the contracts that are active."""
    ours = and_(_ACTIVE, contracts.c.contract_id.in_(sorted(set(contract_ids))))
    return _all(tx, select(contracts).where(ours).order_by(contracts.c.contract_id))


def active_of_battery(tx: Connection, battery_id: str) -> list[Contract]:
    """The active contracts of a battery."""
    ours = and_(_ACTIVE, contracts.c.battery_id == battery_id)
    return _all(tx, select(contracts).where(ours).order_by(contracts.c.contract_id))


def save(tx: Connection, contract: Contract) -> None:
    """Write the contract as it is now, and wake who waits for changes."""
    put(tx, contracts, _row_of(contract) | _personal_row(tx, contract))
    tx.execute(_SAVED_AGAIN, {"saved_id": contract.contract_id})
    notify(tx, CHANNEL)
    notify(tx, news(contract.contract_id))


def forget(tx: Connection, contract_ids: Iterable[str]) -> None:
    """Delete contracts that were never confirmed: another selection has taken their place."""
    tx.execute(delete(contracts).where(contracts.c.contract_id.in_(sorted(contract_ids))))


def note_told(tx: Connection, contract_id: str, told: Told) -> None:
    """Keep what the other side heard last. That is no change of the contract: nobody is woken."""
    values = {"told": live_text(told.live), "told_at_ms": milliseconds(told.sent_at)}
    tx.execute(update(contracts).where(contracts.c.contract_id == contract_id).values(values))


def note_undelivered(tx: Connection, bap_id: str, transaction_id: str, reason: str) -> None:
    """Keep why a message of this transaction never arrived."""
    of_it = and_(contracts.c.bap_id == bap_id, contracts.c.transaction_id == transaction_id)
    tx.execute(update(contracts).where(of_it).values(undelivered=reason))


def _first_of_transaction(bap_id: str, transaction_id: str) -> ColumnElement[bool]:
    of_it = and_(contracts.c.bap_id == bap_id, contracts.c.transaction_id == transaction_id)
    return and_(of_it, contracts.c.part_no == 1)


def _all_locked(tx: Connection, condition: ColumnElement[bool]) -> list[Contract]:
    contract_ids = tx.scalars(select(contracts.c.contract_id).where(condition)).all()
    lock(tx, contracts, contract_ids)
    # Read again, as in `_locked`.
    return _all(tx, select(contracts).where(condition).order_by(contracts.c.part_no))


def _locked(tx: Connection, condition: ColumnElement[bool]) -> Contract | None:
    contract_id = tx.scalar(select(contracts.c.contract_id).where(condition))
    if contract_id is None:
        return None
    lock(tx, contracts, [contract_id])
    # Read again: it may have changed while we waited for the lock.
    return _one(tx, condition)


def _one(tx: Connection, condition: ColumnElement[bool]) -> Contract | None:
    row = tx.execute(select(contracts).where(condition)).first()
    return None if row is None else _contract_of(tx, row)


def _all(tx: Connection, rows: Any) -> list[Contract]:
    return [_contract_of(tx, row) for row in tx.execute(rows).all()]


def _row_of(contract: Contract) -> dict[str, Any]:
    peer, use, told = contract.peer, contract.use, contract.told
    return {
        "contract_id": contract.contract_id,
        "bap_id": peer.bap_id,
        "bap_uri": peer.bap_uri,
        "transaction_id": peer.transaction_id,
        "domain": peer.domain,
        "city_code": peer.city_code,
        "country_code": peer.country_code,
        "stage": contract.stage.value,
        "state": contract.state.value,
        "state_at_ms": milliseconds(contract.state_at),
        "battery_id": contract.battery_id,
        "energy_wh": use.energy_wh,
        "charge_start_ms": milliseconds(use.charge.start),
        "charge_end_ms": milliseconds(use.charge.end),
        "giveback_start_ms": milliseconds(use.giveback.start),
        "giveback_end_ms": milliseconds(use.giveback.end),
        "mode": contract.mode.value,
        "listed": listed_text(contract.listed),
        "quote": quote_text(contract.quote),
        "quote_until_ms": milliseconds(contract.quote_until),
        "producer_meter_address": contract.producer_meter_address,
        "track_token": contract.track_token,
        "created_at_ms": _ms(contract.created_at),
        "updated_at_ms": _ms(contract.updated_at),
        "cancellation": cancellation_text(contract.cancellation),
        "told": None if told is None else live_text(told.live),
        "told_at_ms": None if told is None else milliseconds(told.sent_at),
        "undelivered": contract.undelivered,
        "return_wh": use.return_wh,
        "payment_report": payment_report_text(contract.payment_report),
        "bargain": bargain_text(contract.bargain),
        "order_id": contract.order_id,
        "part_no": contract.part_no,
        "part_count": contract.part_count,
        "placement": placement_text(contract.placement),
        **_consent_row(contract.consent),
    }


def _personal_row(tx: Connection, contract: Contract) -> dict[str, Sealed | None]:
    """What names the person who pays, each a JSON text."""
    billing, given_by = contract.billing, None if contract.consent is None else contract.consent.given_by
    plain = {
        contracts.c.billing: None if billing is None else billing_json(billing),
        contracts.c.consented_by: None if given_by is None else orjson.dumps(given_by),
    }
    return {
        column.name: None if value is None else sealed(tx, column, contract.contract_id, value)
        for column, value in plain.items()
    }


def _consent_row(consent: Consent | None) -> Mapping[str, Any]:
    if consent is None:
        names = ("form_token", "form_once", "agreements", "submission_id", "consented_at_ms")
        return dict.fromkeys(names)
    return {
        "form_token": consent.form_token,
        "form_once": consent.once,
        "agreements": agreements_text(consent.agreements),
        "submission_id": consent.submission_id,
        "consented_at_ms": _ms(consent.given_at),
    }


def _contract_of(tx: Connection, row: Row[Any]) -> Contract:
    billing, given_by = (_opened(tx, row, column) for column in (contracts.c.billing, contracts.c.consented_by))
    return Contract(
        contract_id=row.contract_id,
        order_id=row.order_id,
        peer=Peer(row.bap_id, row.bap_uri, row.transaction_id, row.domain, row.city_code, row.country_code),
        stage=Stage(row.stage),
        state=ContractState(row.state),
        state_at=moment_of(row.state_at_ms),
        listed=listed_of(row.listed),
        use=_use_of(row),
        mode=DispatchMode(row.mode),
        quote=quote_of(row.quote),
        quote_until=moment_of(row.quote_until_ms),
        producer_meter_address=row.producer_meter_address,
        billing=None if billing is None else billing_of(billing),
        consent=_consent_of(row, None if given_by is None else orjson.loads(given_by)),
        track_token=row.track_token,
        created_at=_moment(row.created_at_ms),
        updated_at=_moment(row.updated_at_ms),
        cancellation=cancellation_of(row.cancellation),
        told=_told_of(row),
        undelivered=row.undelivered,
        bargain=bargain_of(row.bargain),
        payment_report=payment_report_of(row.payment_report),
        part_no=row.part_no,
        part_count=row.part_count,
        placement=placement_of(row.placement),
    )


def _use_of(row: Row[Any]) -> StorageUse:
    charge = Interval(moment_of(row.charge_start_ms), moment_of(row.charge_end_ms))
    giveback = Interval(moment_of(row.giveback_start_ms), moment_of(row.giveback_end_ms))
    return StorageUse(row.energy_wh, charge, giveback, row.return_wh)


def _opened(tx: Connection, row: Row[Any], column: Column[Any]) -> bytes | None:
    value = getattr(row, column.name)
    return None if value is None else opened(tx, column, row.contract_id, value)


def _consent_of(row: Row[Any], given_by: str | None) -> Consent | None:
    if row.form_token is None:
        return None
    return Consent(
        form_token=row.form_token,
        once=row.form_once,
        agreements=agreements_of(row.agreements),
        submission_id=row.submission_id,
        given_by=given_by,
        given_at=_moment(row.consented_at_ms),
    )


def _told_of(row: Row[Any]) -> Told | None:
    live = live_of(row.told)
    return None if live is None else Told(live, moment_of(row.told_at_ms))


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_of(ms)
