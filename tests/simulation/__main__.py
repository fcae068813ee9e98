"""``python -m tests.simulation --seeds N``: run seeds until one fails, and show its trace. ``--seed S`` replays one."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter

from tests.simulation.many import results
from tests.simulation.world import Result, run


def main() -> int:
    """1 when an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seeds", type=int, default=200, metavar="N", help="run so many seeds (200)")
    which.add_argument("--seed", type=int, metavar="S", help="run this one and print its trace")
    parser.add_argument("--first", type=int, default=0, metavar="S", help="the first of the seeds (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.seed is not None:
        return _show(run(options.seed))
    totals: Counter[str] = Counter()
    for count, result in enumerate(results(range(options.first, options.first + options.seeds), options.processes), 1):
        totals.update(result.facts)
        if result.violation is not None:
            return _show(result)
        if count % 100 == 0:
            print(f"{count} seeds: {dict(totals)}", flush=True)
    print(f"{options.seeds} seeds without a violation: {dict(totals)}")
    return 0


def _show(result: Result) -> int:
    print("\n".join(result.trace))
    print(f"seed {result.seed}: {result.violation or 'all invariants hold'}: {result.facts}")
    return 0 if result.violation is None else 1


if __name__ == "__main__":
    sys.exit(main())
