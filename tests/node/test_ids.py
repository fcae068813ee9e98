"""Ids that grow, and chance that a simulation can put in the place of the operating system's."""

from __future__ import annotations

import random
from contextvars import copy_context

from node.ids import IdMint, chance, new_token, new_uuid


def test_ids_grow_while_the_clock_stands_or_is_set_back() -> None:
    clock = iter([5_000, 5_000, 4_000, 4_000])
    mint = IdMint(lambda: next(clock))
    given = [mint.next() for _ in range(4)]
    assert given == sorted(set(given))


def test_a_mint_that_goes_on_after_a_known_id_gives_larger_ones_though_its_clock_was_set_back() -> None:
    before = IdMint(lambda: 5_000).next()
    mint = IdMint(lambda: 1)
    mint.go_on_after(before)
    assert mint.next() > before


def test_a_seeded_context_gives_the_same_ids_again_and_other_contexts_never() -> None:
    def seeded() -> tuple[str, str]:
        chance.set(random.Random(7))
        return new_uuid(), new_token()

    assert copy_context().run(seeded) == copy_context().run(seeded)
    assert new_uuid() != new_uuid()
    assert len({new_token() for _ in range(100)}) == 100
