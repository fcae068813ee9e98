"""Contracts in the database, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, update

from bpp.contracts import Consent, Contract, Peer, Told
from bpp.store.documents import (
    billing_of,
    billing_text,
    cancellation_of,
    cancellation_text,
    listed_of,
    listed_text,
    live_of,
    live_text,
    quote_of,
    quote_text,
)
from bpp.store.rows import put
from bpp.store.tables import contracts
from energy.intervals import Interval
from energy.offers import ContractState, DispatchMode, StorageUse
from node.clocks import milliseconds, moment_of
from node.database import lock, notify
from protocol.lifecycle import Stage

CHANNEL = "contracts"
_ORDERED = (Stage.ACTIVE.value, Stage.COMPLETE.value, Stage.CANCELLED.value)


def of_transaction(tx: Connection, bap_id: str, transaction_id: str) -> Contract | None:
    """The contract of a BAP's transaction, locked until the end of ours."""
    return _locked(tx, and_(contracts.c.bap_id == bap_id, contracts.c.transaction_id == transaction_id))


def of_order(tx: Connection, bap_id: str, order_id: str) -> Contract | None:
    """The confirmed contract of that BAP with that id, locked until the end of ours."""
    ours = and_(contracts.c.contract_id == order_id, contracts.c.bap_id == bap_id, contracts.c.stage.in_(_ORDERED))
    return _locked(tx, ours)


def locked(tx: Connection, contract_id: str) -> Contract | None:
    """A contract, locked until the end of the transaction."""
    return _locked(tx, contracts.c.contract_id == contract_id)


def find(tx: Connection, contract_id: str) -> Contract | None:
    """A contract, to look at."""
    return _one(tx, contracts.c.contract_id == contract_id)


def of_form(tx: Connection, token: str) -> Contract | None:
    """The contract whose consent is asked for at this token."""
    return _one(tx, contracts.c.form_token == token)


def of_track(tx: Connection, token: str) -> Contract | None:
    """The contract whose live state is shown at this token."""
    return _one(tx, contracts.c.track_token == token)


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


def running(tx: Connection, trade: datetime) -> list[Contract]:
    """The active contracts whose charging began at or before that trade time."""
    begun = and_(contracts.c.stage == Stage.ACTIVE.value, contracts.c.charge_start_ms <= milliseconds(trade))
    return _all(tx, select(contracts).where(begun).order_by(contracts.c.contract_id))


def next_start(tx: Connection, trade: datetime) -> datetime | None:
    """The trade time after ``trade`` when the next active contract begins to charge."""
    waiting = and_(contracts.c.stage == Stage.ACTIVE.value, contracts.c.charge_start_ms > milliseconds(trade))
    start_ms = tx.scalar(select(func.min(contracts.c.charge_start_ms)).where(waiting))
    return None if start_ms is None else moment_of(start_ms)


def save(tx: Connection, contract: Contract) -> None:
    """Write the contract as it is now, and wake who waits for changes."""
    put(tx, contracts, _row_of(contract))
    notify(tx, CHANNEL)


def note_undelivered(tx: Connection, bap_id: str, transaction_id: str, reason: str) -> None:
    """Keep why a message of this transaction never arrived."""
    of_it = and_(contracts.c.bap_id == bap_id, contracts.c.transaction_id == transaction_id)
    tx.execute(update(contracts).where(of_it).values(undelivered=reason))


def _locked(tx: Connection, condition: ColumnElement[bool]) -> Contract | None:
    contract_id = tx.scalar(select(contracts.c.contract_id).where(condition))
    if contract_id is None:
        return None
    lock(tx, contracts, [contract_id])
    # Read again: it may have changed while we waited for the lock.
    return _one(tx, condition)


def _one(tx: Connection, condition: ColumnElement[bool]) -> Contract | None:
    row = tx.execute(select(contracts).where(condition)).first()
    return None if row is None else _contract_of(row)


def _all(tx: Connection, rows: Any) -> list[Contract]:
    return [_contract_of(row) for row in tx.execute(rows)]


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
        "billing": billing_text(contract.billing),
        "track_token": contract.track_token,
        "created_at_ms": _ms(contract.created_at),
        "updated_at_ms": _ms(contract.updated_at),
        "cancellation": cancellation_text(contract.cancellation),
        "told": None if told is None else live_text(told.live),
        "told_at_ms": None if told is None else milliseconds(told.sent_at),
        "undelivered": contract.undelivered,
        **_consent_row(contract.consent),
    }


def _consent_row(consent: Consent | None) -> Mapping[str, Any]:
    if consent is None:
        return dict.fromkeys(("form_token", "submission_id", "consented_by", "consented_at_ms"))
    return {
        "form_token": consent.form_token,
        "submission_id": consent.submission_id,
        "consented_by": consent.given_by,
        "consented_at_ms": _ms(consent.given_at),
    }


def _contract_of(row: Row[Any]) -> Contract:
    return Contract(
        contract_id=row.contract_id,
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
        billing=billing_of(row.billing),
        consent=_consent_of(row),
        track_token=row.track_token,
        created_at=_moment(row.created_at_ms),
        updated_at=_moment(row.updated_at_ms),
        cancellation=cancellation_of(row.cancellation),
        told=_told_of(row),
        undelivered=row.undelivered,
    )


def _use_of(row: Row[Any]) -> StorageUse:
    charge = Interval(moment_of(row.charge_start_ms), moment_of(row.charge_end_ms))
    giveback = Interval(moment_of(row.giveback_start_ms), moment_of(row.giveback_end_ms))
    return StorageUse(row.energy_wh, charge, giveback)


def _consent_of(row: Row[Any]) -> Consent | None:
    if row.form_token is None:
        return None
    return Consent(row.form_token, row.submission_id, row.consented_by, _moment(row.consented_at_ms))


def _told_of(row: Row[Any]) -> Told | None:
    live = live_of(row.told)
    return None if live is None else Told(live, moment_of(row.told_at_ms))


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else moment_of(ms)
