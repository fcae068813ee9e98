"""Many seeds over several processes, in the order of the seeds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.world import Result, run


def results(seeds: Sequence[int], processes: int) -> Iterator[Result]:
    """The result of each seed."""
    if processes <= 1:
        yield from map(run, seeds)
        return
    # Fresh interpreters: a fork would take locks and loops of this process with it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(run, seeds, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)
