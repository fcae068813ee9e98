"""The life of one transaction, as one table: every legal step is in it, everything else is refused.

A transaction is one trade under one ``transaction_id``. The BPP walks this table when a request is decided (check
15); the BAP walks the same table when a callback arrives, so both sides hold the same stage. ``docs/lifecycle.md``
is made from it::

    NEW ──select──> SELECTED ──init──> INITIALISED ──confirm──> ACTIVE ──settle──> COMPLETE
                     ↺ select           ↺ init, select            ↺ update            ↺ reads
                                                                  └──cancel──> CANCELLED

``status``, ``track``, ``rating`` and ``support`` read and never move. ``settle`` is not a message: it is the BPP's own
step when everything was returned and billed. Of an order that is over, ``update`` changes payments alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from protocol.errors import ACTION_NOT_APPLICABLE, CANCELLATION_NOT_POSSIBLE, UPDATE_NOT_POSSIBLE, TradeRefused


class Stage(StrEnum):
    """Where a transaction stands."""

    NEW = "NEW"
    SELECTED = "SELECTED"
    INITIALISED = "INITIALISED"
    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"


SETTLE = "settle"

TRANSITIONS: Mapping[tuple[Stage, str], Stage] = MappingProxyType(
    {
        (Stage.NEW, "select"): Stage.SELECTED,
        (Stage.SELECTED, "select"): Stage.SELECTED,
        (Stage.SELECTED, "init"): Stage.INITIALISED,
        (Stage.INITIALISED, "select"): Stage.SELECTED,
        (Stage.INITIALISED, "init"): Stage.INITIALISED,
        (Stage.INITIALISED, "confirm"): Stage.ACTIVE,
        (Stage.ACTIVE, "status"): Stage.ACTIVE,
        (Stage.ACTIVE, "track"): Stage.ACTIVE,
        (Stage.ACTIVE, "update"): Stage.ACTIVE,
        (Stage.ACTIVE, "rating"): Stage.ACTIVE,
        (Stage.ACTIVE, "support"): Stage.ACTIVE,
        (Stage.ACTIVE, "cancel"): Stage.CANCELLED,
        (Stage.ACTIVE, SETTLE): Stage.COMPLETE,
        (Stage.COMPLETE, "status"): Stage.COMPLETE,
        (Stage.COMPLETE, "track"): Stage.COMPLETE,
        (Stage.COMPLETE, "update"): Stage.COMPLETE,
        (Stage.COMPLETE, "rating"): Stage.COMPLETE,
        (Stage.COMPLETE, "support"): Stage.COMPLETE,
        (Stage.CANCELLED, "status"): Stage.CANCELLED,
        (Stage.CANCELLED, "update"): Stage.CANCELLED,
        (Stage.CANCELLED, "rating"): Stage.CANCELLED,
        (Stage.CANCELLED, "support"): Stage.CANCELLED,
    }
)

_CODES = {"cancel": CANCELLATION_NOT_POSSIBLE, "update": UPDATE_NOT_POSSIBLE}


def after(stage: Stage, step: str) -> Stage:
    """The stage after ``step`` (an action's name, or `SETTLE`).

    Raises:
        TradeRefused: the step is not in the table (50001 for cancel, 50002 for update, else 40001).
    """
    try:
        return TRANSITIONS[stage, step]
    except KeyError:
        possible = ", ".join(sorted(name for at, name in TRANSITIONS if at is stage and name != SETTLE))
        code = _CODES.get(step, ACTION_NOT_APPLICABLE)
        raise TradeRefused(
            code,
            f"{step} is not possible while the transaction is {stage}; possible now: {possible}.",
            "/context/action",
        ) from None


def diagram() -> str:
    """The table as a Mermaid state diagram: the picture in ``docs/lifecycle.md``, which a test compares with it."""
    steps: dict[tuple[Stage, Stage], list[str]] = {}
    for (stage, step), following in TRANSITIONS.items():
        steps.setdefault((stage, following), []).append(step)
    lines = [f"    {stage} --> {following}: {', '.join(names)}" for (stage, following), names in steps.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Stage.NEW}", *lines])
