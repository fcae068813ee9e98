"""Set-points for devices that are read from here and may be written to (`node.telemetry.control`)."""

from __future__ import annotations

from bpp.setpoints import Command, SetpointLost, SetpointRefused, Setpoints
from node.telemetry.control import Control, ControlLost, ControlRefused
from node.telemetry.sources import Sources


class Device:
    """One battery's device as a way to tell it (`bpp.setpoints.Setpoints`)."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def tell(self, command: Command) -> None:
        """Write the set-point and its reversion time."""
        await self._write(command.battery_id, command.power_w, command.revert_after_s)

    async def release(self, battery_id: str) -> None:
        """Switch the set-point off."""
        await self._write(battery_id, None, 0)

    async def _write(self, battery_id: str, power_w: int | None, revert_after_s: int) -> None:
        try:
            await self._control.set_power(battery_id, power_w, revert_after_s)
        except ControlRefused as error:
            raise SetpointRefused(str(error)) from None
        except ControlLost as error:
            raise SetpointLost(str(error)) from None


def devices_of(sources: Sources) -> dict[str, Setpoints]:
    """The batteries whose devices may be written to."""
    return {battery_id: Device(control) for battery_id, control in sources.controls.items()}
