"""What may be sold of one battery, in whole numbers that the capacity book and the search index compute with.

Source: ENERGY 2.1 and the physics of `energy.battery`. ``stored_wh`` is here the energy in store for contracts, counted
from the floor (``soc_min`` + reserve) up. A battery never holds that alone: its operator keeps some energy above the
floor, so that the standing loss of what lies below is not taken from contracts. `OWN_SHARE` of the usable energy is
room enough for that and for what rounding leaves behind. So while contracts have s watt-hours in store, the battery
is at most at floor + own + s, and takes in at least what its taper lets in there:

    full power up to 90 % of the band, then falling linearly to 5 % at ``soc_max``, and nothing above.

Whoever sells no more charge power than `Limits.charge_limit_w` says sells nothing that the taper refuses.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from typing import NamedTuple

from energy.battery import TAPER_FLOOR, TAPER_FROM, Battery

OWN_SHARE = Decimal("0.05")
TAPER_FALL = 1 - TAPER_FLOOR
_FALL, _WHOLE = TAPER_FALL.as_integer_ratio()
_CONTEXT = Context(prec=34)


class Limits(NamedTuple):
    """The limits of one battery. ``taper_from_wh`` is how much may be in store for contracts before the charge power
    falls, ``taper_to_wh`` where it ends. ``yearly_energy_wh`` is the most energy that may be stored for contracts in
    a calendar year (UTC), by the warranty; None: as much as anybody likes.
    """

    usable_energy_wh: int
    charge_power_w: int
    discharge_power_w: int
    taper_from_wh: int
    taper_to_wh: int
    yearly_energy_wh: int | None = None

    @property
    def sellable_energy_wh(self) -> int:
        """The most that can ever come into store for contracts: what the weakest charge power still brings in."""
        return min(self.usable_energy_wh, self.stored_limit_wh(1))

    def charge_limit_w(self, stored_wh: int) -> int:
        """The most AC charge power that is taken in for sure while ``stored_wh`` is in store for contracts."""
        beyond_wh = stored_wh - self.taper_from_wh
        if beyond_wh <= 0:
            return self.charge_power_w
        if stored_wh >= self.taper_to_wh:
            return 0
        width_wh = self.taper_to_wh - self.taper_from_wh
        return self.charge_power_w * (_WHOLE * width_wh - _FALL * beyond_wh) // (_WHOLE * width_wh)

    def stored_limit_wh(self, charge_w: int) -> int:
        """The most that may be in store for contracts while ``charge_w`` is charged: `charge_limit_w` turned round.

        Less than nothing when that power is never taken in.
        """
        if charge_w <= 0:
            return max(self.usable_energy_wh, self.taper_to_wh)
        if charge_w > self.charge_power_w:
            return -1
        width_wh = max(0, self.taper_to_wh - self.taper_from_wh)
        fallen = self.charge_power_w - charge_w
        beyond_wh = fallen * _WHOLE * width_wh // (self.charge_power_w * _FALL)
        return min(self.taper_from_wh + beyond_wh, max(self.taper_from_wh, self.taper_to_wh - 1))


def limits_of(battery: Battery) -> Limits:
    """The limits of a battery, every one rounded towards selling less."""
    with localcontext(_CONTEXT):
        band_wh = battery.capacity_wh * (battery.soc_max - battery.soc_min)
        kept_wh = battery.capacity_wh * battery.soc_reserve
        own_wh = OWN_SHARE * (band_wh - kept_wh)
        taper_from = TAPER_FROM * band_wh - kept_wh - own_wh
        taper_to = band_wh - kept_wh - own_wh
        return Limits(
            usable_energy_wh=battery.usable_energy_wh,
            charge_power_w=battery.charge_power_w,
            discharge_power_w=battery.discharge_power_w,
            taper_from_wh=int(taper_from.to_integral_value(ROUND_FLOOR)),
            taper_to_wh=int(taper_to.to_integral_value(ROUND_FLOOR)),
            yearly_energy_wh=battery.yearly_energy_wh,
        )
