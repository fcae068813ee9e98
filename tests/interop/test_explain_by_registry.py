"""``beckn-battery explain --registry``: the sender's key comes from the registry."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from beckn_battery.explain_commands import explain_command
from tests.interop.platform import Platform, item
from tests.messages import BAP_ID, own_keys

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_signature_holds_by_the_registry_s_key_and_by_no_other(shared: Platform) -> None:
    shared.producer = own_keys(BAP_ID)
    body = shared.body()
    entry = {"action": "select", "authorization": shared.header(body), "body": body.decode()}
    words = ["-", "--registry", shared.registry.server.url, "--json"]
    for listed, code in ((shared.producer, 0), (own_keys(BAP_ID), 2)):
        shared.registry.items = [item(listed)]
        result = await asyncio.to_thread(CliRunner().invoke, explain_command, words, input=json.dumps(entry))
        assert (result.exit_code, json.loads(result.stdout)["signature"].startswith("Authorization holds")) == (
            code,
            not code,
        )


async def test_a_registry_that_is_not_there_is_told_in_one_line(shared: Platform) -> None:
    body = shared.body()
    entry = {"action": "select", "authorization": shared.header(body), "body": body.decode()}
    words = ["-", "--registry", "http://127.0.0.1:9"]
    result = await asyncio.to_thread(CliRunner().invoke, explain_command, words, input=json.dumps(entry))
    assert "the registry http://127.0.0.1:9" in str(result.exception)
