"""Alerts are raised at one threshold and cleared at another, and nothing in between changes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpp.alerts import Alert, AlertKey, AlertKind, Band, Finding, judged, of_age, of_command, of_progress, of_sample
from bpp.settings import AlertSettings
from energy.metering import Sample
from energy.offers import LiveState, Quality
from protocol.errors import SettingsWrong
from tests.energy.examples import BATTERY, USE, at

KEY = AlertKey(AlertKind.OVER_TEMPERATURE, "battery-1")
HOT = Band(Decimal(50), Decimal(45))
BANDS = AlertSettings().bands
SAMPLE = Sample("battery-1", at(2), Decimal("0.4"), 75_000, 1_150_000, 900_000, Quality.FRESH, "test", 1, Decimal(30))
LIVE = LiveState(at(2), Decimal("0.4"), 190_000, 75_000, 150_000, 0, 141_000, 9_000, Quality.FRESH, 1)
measures = st.none() | st.decimals("0", "100", places=1)


def followed(seen: Sequence[Decimal | None]) -> list[Alert | None]:
    """The alert after each measure, one an hour."""
    alerts: list[Alert | None] = []
    raised: Alert | None = None
    for number, measure in enumerate(seen):
        alert = judged(raised, Finding(KEY, measure, lambda: "Hot."), HOT, at(number), f"alert-{number}")
        raised = alert if alert is not None and alert.cleared_at is None else None
        alerts.append(alert)
    return alerts


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_a_gap_between_raising_and_clearing(kind: AlertKind) -> None:
    assert BANDS[kind].clear_at < BANDS[kind].raise_at


def test_an_alert_lives_from_the_upper_threshold_to_the_lower_one() -> None:
    seen = [Decimal(degrees) for degrees in (49, 50, 46, 49, 45, 49, 50)]
    alerts = followed(seen)
    assert [None if alert is None else alert.alert_id for alert in alerts] == [
        *(None, "alert-1", "alert-1", "alert-1", "alert-1", None, "alert-6")
    ]
    assert [alert.cleared_at for alert in alerts if alert is not None] == [None, None, None, at(4), None]


@given(st.lists(st.decimals("45.1", "49.9", places=1) | st.none()), st.booleans())
def test_a_value_that_swings_between_the_thresholds_changes_nothing(
    between: list[Decimal | None], was_raised: bool
) -> None:
    first = Decimal(60) if was_raised else Decimal(20)
    alerts = followed([first, *between])
    assert len({None if alert is None else alert.alert_id for alert in alerts}) == 1


@given(st.lists(measures, max_size=40))
def test_who_was_raised_crossed_the_upper_threshold_and_who_was_cleared_the_lower(seen: list[Decimal | None]) -> None:
    before: Alert | None = None
    for measure, alert in zip(seen, followed(seen), strict=True):
        was_raised = before is not None and before.cleared_at is None
        if alert is not None and not was_raised:
            assert measure is not None
            assert measure >= HOT.raise_at
        elif alert is not None and alert.cleared_at is not None:
            assert measure is not None
            assert measure <= HOT.clear_at
        elif was_raised:
            assert alert == before
        before = alert


def test_thresholds_without_a_gap_are_a_mistake_that_is_told() -> None:
    with pytest.raises(ValueError, match="must be below"):
        Band(Decimal(1), Decimal(1))
    with pytest.raises(SettingsWrong, match=r"alerts\.cool_c must be less than alerts\.hot_c"):
        AlertSettings(hot_c=40)


@pytest.mark.parametrize(
    ("sample", "raised"),
    [
        ({}, set()),
        ({"soc": Decimal("0.1")}, set()),
        ({"soc": Decimal("0.095")}, {AlertKind.SOC_LOW}),
        ({"soc": Decimal("0.905")}, {AlertKind.SOC_HIGH}),
        ({"soc": None}, set()),
        ({"temperature_c": Decimal(50)}, {AlertKind.OVER_TEMPERATURE}),
        ({"temperature_c": None}, set()),
    ],
)
def test_a_sample_outside_of_the_batterys_limits_raises_what_it_shows(
    sample: dict[str, object], raised: set[AlertKind]
) -> None:
    findings = of_sample(BATTERY, replace(SAMPLE, **sample))  # type: ignore[arg-type]
    found = {one.key.kind for one in findings if BANDS[one.key.kind].is_raised(one.measure, was_raised=False)}
    assert found == raised


def test_sentences_say_what_is_the_matter() -> None:
    low, _, hot = of_sample(BATTERY, replace(SAMPLE, soc=Decimal("0.0512"), temperature_c=Decimal("61.5")))
    assert low.tell() == "The state of charge is 5.1 %; the battery is to be used between 10 and 90 %."
    assert hot.tell() == "The battery has 61.5 °C: see to its cooling."
    assert "300 s old" in of_age("battery-1", at(0), at(0) + timedelta(minutes=5), 10).tell()
    assert of_command("battery-1", 5_000, 0, 90).tell() == (
        "Told 5000 W (positive is charging), the battery does 0 W, for 90 s now."
    )


@pytest.mark.parametrize(("age_s", "raised"), [(0, False), (29, False), (30, True)])
def test_data_is_stale_after_three_periods(age_s: int, raised: bool) -> None:
    finding = of_age("battery-1", at(0), at(0) + timedelta(seconds=age_s), 10)
    assert BANDS[AlertKind.STALE_DATA].is_raised(finding.measure, was_raised=False) is raised


@pytest.mark.parametrize(
    ("hour", "in_wh", "out_wh", "behind"),
    [
        (2, 150_000, 0, 0),
        (2, 120_000, 0, 10),
        (2, 180_000, 0, -10),
        (50, 300_000, 0, 0),
        (118, 300_000, 100_000, "12.5"),
        (118, 150_000, 50_000, "12.5"),
        (118, 0, 0, 0),
    ],
)
def test_a_contract_is_behind_its_plan_by_what_should_have_moved(
    hour: int, in_wh: int, out_wh: int, behind: object
) -> None:
    live = replace(LIVE, measured_at=at(hour), energy_in_wh=in_wh, energy_out_wh=out_wh)
    finding = of_progress("contract", "battery-1", USE, 266_667, live)
    assert finding.measure is not None
    assert round(finding.measure, 1) == Decimal(str(behind))
