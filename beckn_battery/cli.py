"""The command ``beckn-battery``: one group, one function a command, and how errors leave.

Exit codes: 0 done, 1 it did not go as promised (a step of the demo, a conformance rule), 2 it could not run (a wrong
setting, a port in use, a key that can not be read), with one clear line on stderr. ``explain`` has its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from beckn_battery.access_commands import tokens, users
from beckn_battery.agent_commands import agent
from beckn_battery.audit_commands import audit
from beckn_battery.conformance_commands import conformance
from beckn_battery.explain_commands import explain_command
from beckn_battery.fleet_commands import fleet
from beckn_battery.keys_commands import keys
from beckn_battery.ledger_commands import ledger
from beckn_battery.outbox_commands import inbox, outbox
from beckn_battery.payments_commands import payments
from beckn_battery.privacy_commands import privacy
from beckn_battery.registry_commands import registry_audit
from beckn_battery.tariff_commands import tariff
from beckn_battery.trace_commands import trace
from node.observability import log_to
from protocol.errors import SettingsWrong

COULD_NOT_RUN = 2


class Commands(click.Group):
    """Turns our own errors into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SettingsWrong as error:
            click.echo(f"beckn-battery: {error.sentence}", err=True)
            ctx.exit(COULD_NOT_RUN)


@click.group(cls=Commands)
@click.version_option(package_name="beckn-battery")
def main() -> None:
    """A Beckn network for battery storage: trade it, run it, prove it."""


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every message, and nothing else.")
@click.option("--seed", default=7, show_default=True, help="Seed of the simulated fleet.")
def demo(as_json: bool, seed: int) -> None:
    """Run the whole story once: search, contract, charging, return, invoice. Takes under 30 seconds."""
    from beckn_battery.demo import run_demo

    sys.exit(run_demo(as_json=as_json, seed=seed))


@main.command()
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("network"), show_default=True)
@click.option("--registry-port", default=4000, show_default=True)
@click.option("--gateway-port", default=4001, show_default=True)
@click.option("--bpp-port", default=4002, show_default=True)
@click.option("--bap-port", default=4003, show_default=True)
@click.option("--batteries", default=25, show_default=True, help="Size of the simulated fleet.")
@click.option("--seed", default=7, show_default=True, help="Seed of the simulated fleet.")
@click.option("--speed", default=60, show_default=True, help="Seconds of trade time in one second.")
def up(**options: object) -> None:
    """Run a network until Ctrl-C: registry, gateway, BPP, BAP and a simulated fleet."""
    from beckn_battery.configuration import LocalNetwork
    from beckn_battery.up import run_up

    sys.exit(run_up(LocalNetwork(**options)))  # type: ignore[arg-type]


def _role_group(role: str, what: str) -> click.Group:
    @main.group(name=role, help=what)
    def group() -> None:
        pass

    @group.command(help=f"Serve this {role} until Ctrl-C or SIGTERM.")
    @click.option("--config", "file", type=click.Path(path_type=Path), required=True, help="TOML settings file.")
    def serve(file: Path) -> None:
        from beckn_battery.serving import serve_role

        log_to()
        sys.exit(serve_role(role, file))

    return group


main.add_command(agent)
main.add_command(conformance)
main.add_command(outbox)
main.add_command(inbox)
main.add_command(audit)
main.add_command(ledger)
main.add_command(fleet)
main.add_command(tokens)
main.add_command(users)
main.add_command(trace)
main.add_command(privacy)
main.add_command(payments)
main.add_command(keys)
main.add_command(explain_command)
main.add_command(tariff)

_role_group("registry", "The network's registry: who takes part, and with which keys.").add_command(registry_audit)
_role_group("gateway", "The search gateway: broadcasts searches to every battery operator.")
_role_group("bpp", "A battery operator's platform.")
_role_group("bap", "A producer's platform.")
