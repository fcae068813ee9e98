"""A server whose wall clock is wrong: ``python -m tests.faults.wrong_clock ROLE serve --config FILE``.

It is the product's own server; its clock, which it takes as an argument, is ahead by the seconds in the file that
``BECKN_TEST_CLOCK`` names, and moves as soon as the file changes. (libfaketime, which lies to a whole process, makes
`time.sleep` fail in a process with threads.)
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from node.participant import OUTSIDE
from tests.faults.launching import serve

CLOCK = "BECKN_TEST_CLOCK"


def main() -> int:
    """Serve until a signal."""
    file = Path(os.environ[CLOCK])

    def wrong() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=int(file.read_text(encoding="utf-8") or "0"))

    return serve(wrong, OUTSIDE)


if __name__ == "__main__":
    sys.exit(main())
