"""What a serving process sets once, before its event loop runs."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 50_000
OLDER_GENERATIONS = (20, 100)


def quieten_garbage_collector() -> None:
    """Let the cyclic collector run seldom: messages free themselves, since nothing in them refers back to its owner.

    With Python's own thresholds it looks through every message in hand again and again: 150 µs of the 500 µs that
    accepting one took (``python -m benchmarks.accept``). What is alive at the start, modules above all, is left out.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *OLDER_GENERATIONS)
