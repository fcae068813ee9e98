"""D3: what a message is, whatever its context calls it."""

from __future__ import annotations

import pytest

from energy.wire.v1.tolerances.actions import fitting_actions, meant_action
from tests.energy.wire.v1.examples import CONTENTS, written


@pytest.mark.parametrize("action", CONTENTS)
def test_every_action_of_ours_fits_its_own_message(action: str) -> None:
    assert action in fitting_actions(written(action))
    assert meant_action(action, written(action)) == action


@pytest.mark.parametrize(
    ("said", "action"),
    [("on_confirm", "on_status"), ("on_cancel", "cancel"), ("on_confirm", "on_cancel"), ("search", "on_search")],
)
def test_a_message_under_another_actions_name_is_known_by_its_shape(said: str, action: str) -> None:
    assert meant_action(said, written(action)) == action


def test_a_shape_that_is_nothing_known_is_what_it_says() -> None:
    assert (meant_action("select", {}), fitting_actions({"order": []})) == ("select", ())
