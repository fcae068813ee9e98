"""Sites in the database: one row each, locked by whoever decides about a battery of theirs."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, select

from bpp.store import changes
from bpp.store.rows import put
from bpp.store.tables import batteries, sites
from energy.calendars import when_of, when_text
from energy.intervals import Interval
from energy.quantities import decimal_text
from energy.sites import Cost, Curtailment, Site
from node.clocks import milliseconds, moment_of


def save(tx: Connection, site: Site) -> None:
    """Add a site, or replace the one of that id; all of its batteries have changed by that."""
    put(tx, sites, {"site_id": site.site_id, "document": orjson.dumps(_json(site)).decode()})
    changes.note(tx, tx.scalars(select(batteries.c.battery_id).where(batteries.c.site_id == site.site_id)).all())


def of_ids(tx: Connection, site_ids: Iterable[str]) -> dict[str, Site]:
    """The sites with these ids; those that nobody has described are left out."""
    wanted = sorted(set(site_ids))
    if not wanted:
        return {}
    rows = tx.execute(select(sites).where(sites.c.site_id.in_(wanted)))
    return {row.site_id: _site(row.site_id, orjson.loads(row.document)) for row in rows}


def everything(tx: Connection) -> list[Site]:
    """All sites, by id."""
    rows = tx.execute(select(sites).order_by(sites.c.site_id))
    return [_site(row.site_id, orjson.loads(row.document)) for row in rows]


def _json(site: Site) -> dict[str, Any]:
    return {
        "import_limit_w": site.import_limit_w,
        "export_limit_w": site.export_limit_w,
        "curtailments": [
            {
                "start_ms": milliseconds(each.interval.start),
                "end_ms": milliseconds(each.interval.end),
                "import_limit_w": each.import_limit_w,
                "export_limit_w": each.export_limit_w,
            }
            for each in site.curtailments
        ],
        "import_costs": [
            {"per_kwh": decimal_text(cost.per_kwh), "when": when_text(cost.when)} for cost in site.import_costs
        ],
        "time_zone": site.time_zone,
    }


def _site(site_id: str, content: dict[str, Any]) -> Site:
    return Site(
        site_id=site_id,
        import_limit_w=content["import_limit_w"],
        export_limit_w=content["export_limit_w"],
        curtailments=tuple(_curtailment(each) for each in content["curtailments"]),
        import_costs=tuple(Cost(Decimal(each["per_kwh"]), when_of(each["when"])) for each in content["import_costs"]),
        time_zone=content["time_zone"],
    )


def _curtailment(content: dict[str, Any]) -> Curtailment:
    interval = Interval(moment_of(content["start_ms"]), moment_of(content["end_ms"]))
    return Curtailment(interval, content["import_limit_w"], content["export_limit_w"])
