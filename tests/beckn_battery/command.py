"""The command ``beckn-battery`` as a process of its own, from this source tree whether it is installed or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from beckn_battery.cli import main; main()")


def finished(*arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    return subprocess.run([*COMMAND, *arguments], cwd=PROJECT, capture_output=True, timeout=timeout_s, check=False)
