"""What ``demo`` shows a person: each message as it passes, the offers, the quote, the live battery, the invoice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from beckn_battery.journal import Passed
from beckn_battery.story import Story

OFFERS_SHOWN = 5
_UNTOLD = "not told"
STATES = {
    "transaction-confirmed": "waiting for the charge window",
    "transaction-not-started": "waiting for the charge window",
    "transaction-in-progress": "charging",
    "transaction-holding": "holding",
    "transaction-returning": "giving back",
    "transaction-completed": "complete",
    "transaction-settled": "settled",
}


class Screen:
    """Shows a story on a terminal. `message` and `step` are the two callbacks that it is told by."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def message(self, passed: Passed) -> None:
        """One line: who → whom, action, answer, milliseconds."""
        answer = "ACK" if passed.acknowledged else f"refused ({passed.exchange.status})"
        style = "green" if passed.acknowledged else "red"
        sender, receiver = passed.sender.partition(".")[0], passed.receiver.partition(".")[0]
        took_ms = passed.exchange.duration_ms
        self._print(f"  {sender:>8} → {receiver:<8} {passed.action:<12} [{style}]{answer}[/] {took_ms:6.1f} ms")

    def step(self, name: str, story: Story) -> None:
        """A step of the story happened."""
        shown = {
            "offers": self._offers,
            "quote": self._quote,
            "contract": self._contract,
            "live": self._live,
            "cancelled": self._cancelled,
            "invoice": self._invoice,
        }.get(name)
        if shown is not None:
            shown(story)

    def close(self) -> None:
        """End the progress bar, if one runs."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _print(self, content: Any) -> None:
        target = self._progress.console if self._progress is not None else self._console
        target.print(content, highlight=False)

    def _offers(self, story: Story) -> None:
        offers = story.search["offers"]
        table = Table(title=f"{len(offers)} offers for 300 kWh, by the cost of this use", title_justify="left")
        for heading in ("battery", "total", "per kWh back", "efficiency", "distance"):
            table.add_column(heading, justify="left" if heading == "battery" else "right")
        for offer in offers[:OFFERS_SHOWN]:
            total, efficiency = offer["total"], offer["efficiency"]
            table.add_row(
                offer["name"],
                _UNTOLD if total is None else f"{total['amount']} {total['currency']}",
                offer["cost_per_kwh"] or _UNTOLD,
                _UNTOLD if efficiency is None else f"{float(efficiency):.1%}",
                f"{(offer['distance_m'] or 0) / 1_000:.1f} km",
            )
        self._print(table)

    def _quote(self, story: Story) -> None:
        quote = story.contract["quote"]
        if quote is not None:
            total = quote["total"]
            self._print(_lines_table("Quote", quote["lines"], f"{total['amount']} {total['currency']}"))

    def _contract(self, story: Story) -> None:
        contract = story.contract
        self._print(f"[bold]Contract {contract['order_id']} is {contract['status']}[/]: {contract['item_name']}")

    def _cancelled(self, story: Story) -> None:
        second = story.second
        if second["quote"] is not None:
            fee = second["quote"]["total"]
            self._print(f"A second contract was changed, then {second['status']} for {fee['amount']} {fee['currency']}")

    def _live(self, story: Story) -> None:
        contract, live = story.contract, story.contract["live"]
        if self._progress is None:
            columns = (TextColumn("{task.description:<28}"), BarColumn(30), TextColumn("{task.fields[figures]}"))
            self._progress = Progress(*columns, console=self._console)
            self._progress.start()
            self._bar = self._progress.add_task("", total=contract["energy_wh"], figures="")
        if self._bar is None or live is None:
            return
        figures = (
            f"SoC {live['soc_percent']} %  in {live['energy_in_wh'] / 1_000:.1f} kWh  "
            f"out {live['energy_out_wh'] / 1_000:.1f} kWh  {live['power_w'] / 1_000:+.1f} kW"
        )
        done = live["energy_in_wh"] - live["energy_out_wh"]
        state = STATES.get(contract["state"] or "", "")
        self._progress.update(self._bar, completed=max(done, 0), description=state, figures=figures)

    def _invoice(self, story: Story) -> None:
        self.close()
        document, meter = story.invoice["document"], story.invoice["document"]["meter"]
        total = f"{document['total']} {document['currency']}"
        self._print(_lines_table(f"Invoice {document['number']}", document["lines"], total))
        self._print(
            f"Metered: {meter['energy_in_wh'] / 1_000:.3f} kWh in, {meter['energy_out_wh'] / 1_000:.3f} kWh back, "
            f"{meter['losses_wh'] / 1_000:.3f} kWh lost, {meter['interval_count']} intervals."
        )
        differences = story.invoice["differences"] or ["everything adds up and is as agreed"]
        self._print(f"The producer's own check of the bill: {'; '.join(differences)}.")


def _lines_table(title: str, lines: Sequence[Mapping[str, Any]], total: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("line")
    table.add_column("reckoned", justify="right")
    table.add_column("amount", justify="right")
    for line in lines:
        table.add_row(line["title"], _reckoning(line), line["amount"])
    table.add_section()
    table.add_row("total", "", total)
    return table


def _reckoning(line: Mapping[str, Any]) -> str:
    if line.get("quantity") is None or line.get("rate") is None:
        return ""
    if line["unit"] == "%":
        return f"{line['rate']} % of {line['quantity']}"
    return f"{line['quantity']} {line['unit']} × {line['rate']}"
