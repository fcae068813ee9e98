"""What an order says about its price, its dispatch and its progress: S5 to S12 and S15, and quotes without terms."""

from __future__ import annotations

import re

from energy.offers import DispatchMode
from energy.tariffs import LineTitle
from energy.wire.v1.fulfillments import mode_of_id
from energy.wire.v1.measures import SELECTED, energy_quantity
from energy.wire.v1.orders import NEEDS
from energy.wire.v1.progress import PROGRESS, TELEMETRY, TRANSFERRED
from energy.wire.v1.stops import END, START
from energy.wire.v1.tags import tag_group
from energy.wire.v1.texts import range_of
from energy.wire.v1.tolerances.quantities import measure_of
from energy.wire.v1.tolerances.rules import Json, Parts, Rule, below, has_group, listed, rename, some

_PROSE = re.compile(r"(\d+(?:\.\d+)?) out of \d+(?:\.\d+)?\s*kwh", re.IGNORECASE)
_TITLES = frozenset(LineTitle)
_MODES = {"auto": DispatchMode.AUTOMATIC, "manual": DispatchMode.MANUAL}
_MODE_WORD = re.compile(r"(auto|manual)", re.IGNORECASE)


def _dispatch_mode(parts: Parts) -> bool:
    """S15. The way of dispatch under another name, at the item, or spelled otherwise."""
    moved = some(_lift_mode(order) for order in parts.orders)
    return some([moved, *(_name_mode(fulfillment) for fulfillment in parts.fulfillments)])


def _lift_mode(order: Json) -> bool:
    items, fulfillments = below(order, "items"), below(order, "fulfillments")
    said = [item for item in items if "mode_selection" in item]
    if len(said) != 1 or len(fulfillments) != 1 or {"type", "mode"} & fulfillments[0].keys():
        return False
    fulfillments[0]["type"] = said[0].pop("mode_selection")
    return True


def _name_mode(fulfillment: Json) -> bool:
    renamed, type_ = rename(fulfillment, "mode", "type"), fulfillment.get("type")
    word = _MODE_WORD.match(type_) if isinstance(type_, str) else None
    if word is None or type_ in frozenset(DispatchMode):
        return renamed
    fulfillment["type"] = _MODES[word[1].lower()].value
    return True


def _progress_prose(parts: Parts) -> bool:
    """S9."""
    return some(_tell_progress(fulfillment) for fulfillment in parts.fulfillments)


def _tell_progress(fulfillment: Json) -> bool:
    names = [state.get("name") for node in below(fulfillment, "state") for state in below(node, "descriptor")]
    match = _PROSE.search(names[0]) if names and isinstance(names[0], str) else None
    if match is None or has_group(fulfillment, TELEMETRY) or has_group(fulfillment, PROGRESS):
        return False
    fulfillment["tags"] = [*listed(fulfillment.get("tags")), tag_group(PROGRESS, [(TRANSFERRED, match[1])])]
    return True


def _no_breakup(parts: Parts) -> bool:
    """S6. A total whose parts nobody tells is one line of its own title; a breakup that is there is left alone."""
    bare = [quote for quote in parts.quotes if "breakup" not in quote and isinstance(quote.get("price"), dict)]
    for quote in bare:
        quote["breakup"] = [{"title": LineTitle.UNITEMISED.value, "price": dict(quote["price"])}]
    return bool(bare)


def _line_titles(parts: Parts) -> bool:
    """S11. A line of energy without a title is the storage charge; penalties and taxes are known by name."""
    return some(_entitle(line) for line in parts.lines)


def _entitle(line: Json) -> bool:
    title = line.get("title")
    if not isinstance(title, str | None) or title in _TITLES:
        return False
    known = _known_title(line, title)
    if known is None:
        return False
    line["title"] = known.value
    return True


def _known_title(line: Json, title: str | None) -> LineTitle | None:
    if title is None:
        measured = [measure_of(item.get("quantity"), SELECTED) for item in below(line, "item")]
        return LineTitle.THROUGHPUT if measured and _is_energy(measured[0]) else None
    if "penalty" in title.lower():
        return LineTitle.IMBALANCE_PENALTY
    return LineTitle(title.upper()) if title.upper() in _TITLES else None


def _is_energy(measure: Json | None) -> bool:
    unit = None if measure is None else measure.get("unit")
    return isinstance(unit, str) and unit.strip().lower() in ("wh", "kwh", "mwh")


def _quote_terms(parts: Parts) -> bool:
    """S18. A quote without an id has the id "", one without a lifetime has none left: PT0S."""
    missing = [(quote, name) for quote in parts.quotes for name in ("id", "ttl") if name not in quote]
    for quote, name in missing:
        quote[name] = "" if name == "id" else "PT0S"
    return bool(missing)


def _known_amount(parts: Parts) -> bool:
    """S8. The amount that this transaction already speaks of, where the order of one battery names none."""
    energy_wh = parts.known.energy_wh
    if energy_wh is None or parts.action not in NEEDS or len(parts.items) > 1:
        return False
    quantities = [item.setdefault("quantity", {}) for item in parts.items]
    bare = [quantity for quantity in quantities if isinstance(quantity, dict) and SELECTED not in quantity]
    for quantity in bare:
        quantity |= energy_quantity(SELECTED, energy_wh)
    return bool(bare)


def _known_windows(parts: Parts) -> bool:
    """S12. The windows that this transaction already speaks of, where the order names none."""
    return parts.action in NEEDS and some(_set_windows(fulfillment, parts) for fulfillment in parts.fulfillments)


def _set_windows(fulfillment: Json, parts: Parts) -> bool:
    charge, giveback = parts.known.charge, parts.known.giveback
    stops = [stop for stop in below(fulfillment, "stops") if stop]
    if charge is None or giveback is None or any("time" in stop for stop in stops):
        return False
    for kind, window in ((START, charge), (END, giveback)):
        same = [stop for stop in stops if stop.get("type") == kind]
        if not same:
            same = [{"type": kind}]
            stops += same
        same[0]["time"] = range_of(window)
    fulfillment["stops"] = stops
    return True


def _known_mode(parts: Parts) -> bool:
    """S19. A fulfillment that only refers to a catalog's is dispatched as this transaction already speaks of."""
    mode = parts.known.mode
    if mode is None or parts.action not in NEEDS:
        return False
    bare = [fulfillment for fulfillment in parts.fulfillments if needs_mode(fulfillment)]
    for fulfillment in bare:
        fulfillment["type"] = mode.value
    return bool(bare)


def needs_mode(fulfillment: Json) -> bool:
    """Whether neither its type nor an id of ours says how it is dispatched."""
    return "type" not in fulfillment and mode_of_id(fulfillment.get("id")) is None


RULES: tuple[Rule, ...] = (
    Rule(
        "S15-dispatch-mode",
        "`fulfillments[].mode`, `items[].mode_selection`, `automatic`",
        "`fulfillments[].type` in its spelling",
        _dispatch_mode,
    ),
    Rule("S6-no-breakup", "a quote without `breakup`", "its total as one line, `UNITEMISED_CHARGE`", _no_breakup),
    Rule(
        "S11-line-titles",
        "lines without `title`, or titles in prose",
        "the line's title, where energy, a penalty or a tax is named",
        _line_titles,
    ),
    Rule(
        "S9-progress-prose",
        '"200 out of 300 kWH transferred" as a state\'s name',
        "the energy that has moved",
        _progress_prose,
    ),
    Rule("S18-quote-terms", "a quote without `id` or `ttl`", "no id; a lifetime that is over", _quote_terms),
    Rule("S8-known-amount", "an order without an amount", "the amount that the transaction speaks of", _known_amount),
    Rule(
        "S12-known-windows",
        "an order without windows",
        "the transaction's windows, or the operator's for such peers",
        _known_windows,
    ),
    Rule(
        "S19-known-mode",
        "`fulfillments[{id}]` with an id that is not ours",
        "the way of dispatch that the transaction speaks of",
        _known_mode,
    ),
)
