"""The gateway's HTTP client: what is worth trying again, what is not, and what is no answer of a BPP at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from energy.intervals import Interval
from energy.metering import Sample
from energy.offers import Quality
from node.telemetry.sample_json import write_sample
from simulator.battery import Schedule, ScheduledPower
from simulator.fleet import battery_of, fleet
from simulator.operator_api import BppRefused, BppUnreachable, OperatorApi, Registered
from tests.ports import free_port
from tests.simulator.bpp_server import TOKEN, FakeBpp, running

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SAMPLE = Sample("blr-batt-001", NOON, Decimal("0.453125"), -3_000, 17, 4, Quality.FRESH, "simulator", 9)


@pytest.fixture
async def bpp() -> AsyncIterator[FakeBpp]:
    async with running(NOON, NOON) as fake:
        yield fake


@pytest.fixture
async def api(bpp: FakeBpp) -> AsyncIterator[OperatorApi]:
    async with OperatorApi(bpp.url + "/", TOKEN) as opened:
        yield opened


async def test_what_was_registered_and_reported_is_read_again_as_it_was(api: OperatorApi) -> None:
    (document,) = fleet(7, 1)
    assert await api.battery("blr-batt-001") is None
    await api.register([document])
    assert await api.battery("blr-batt-001") == Registered(battery_of(document), None)
    assert await api.send([SAMPLE]) == []
    assert await api.battery("blr-batt-001") == Registered(battery_of(document), SAMPLE)


def test_a_sample_tells_its_charge_in_percent_as_a_text() -> None:
    assert write_sample(SAMPLE)["soc_percent"] == "45.3125"


async def test_a_schedule_is_read_with_its_end_of_validity(bpp: FakeBpp, api: OperatorApi) -> None:
    hour = timedelta(hours=1)
    bpp.valid = hour
    bpp.order("blr-batt-001", NOON, NOON + 2 * hour, charge_w=5_000)
    powers = (ScheduledPower(Interval(NOON, NOON + 2 * hour), 5_000, 0),)
    assert await api.dispatch(NOON, NOON + hour) == {"blr-batt-001": Schedule(NOON + hour, powers)}


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_a_bpp_that_can_not_answer_now_is_worth_another_try(bpp: FakeBpp, api: OperatorApi, status: int) -> None:
    bpp.status = status
    with pytest.raises(BppUnreachable, match=f"GET trade-time: status {status}"):
        await api.trade_time()


@pytest.mark.parametrize("status", [302, 400, 403, 404, 422])
async def test_a_bpp_that_will_not_is_not_asked_again(bpp: FakeBpp, api: OperatorApi, status: int) -> None:
    bpp.status = status
    with pytest.raises(BppRefused, match=f"GET trade-time: status {status}: .*Not now"):
        await api.trade_time()


async def test_a_port_where_nobody_listens_is_worth_another_try() -> None:
    async with OperatorApi(f"http://127.0.0.1:{free_port()}", TOKEN) as nobody:
        with pytest.raises(BppUnreachable, match="POST telemetry: ConnectError"):
            await nobody.send([SAMPLE])


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"<html>", "the BPP's answer is not JSON"),
        (b"[]", "the BPP's answer is not a trade time"),
        (b'{"epoch": "noon", "started": "noon", "speed": 1}', "the BPP's answer is not a trade time"),
        (b'{"epoch": null}', "the BPP's answer is not a trade time"),
    ],
)
async def test_an_answer_of_another_shape_is_a_refusal_that_says_so(answer: bytes, sentence: str) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=answer))
    async with OperatorApi("http://bpp.test", TOKEN, transport) as api:
        with pytest.raises(BppRefused, match=sentence):
            await api.trade_time()
