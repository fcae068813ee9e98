"""The console that commands print on."""

from __future__ import annotations

from rich.console import Console

PIPE_WIDTH = 120


def new_console(*, stderr: bool = False) -> Console:
    """As wide as the terminal; where there is none (a pipe, a log), wide enough that tables are not broken up."""
    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=PIPE_WIDTH)
