"""The settings of a battery operator's platform: who the operator is, and on which terms batteries are let.

Terms are checked when they are read, so that a wrong one is one clear line at the start and no surprise in a trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bpp.alerts import AlertKind, Band
from bpp.invoicing_settings import InvoicingSettings, check_series
from bpp.payments.settings import PaymentsSettings
from energy.intervals import SLOT_S, Interval, align_up
from energy.tax import Place, TaxUnknown, place_of
from node.settings import NodeSettings
from node.telemetry.settings import ModbusSettings, MqttSettings
from protocol.errors import SettingsWrong


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The operator as catalogs, invoices and ``on_support`` name it. ``tax_id`` is the GSTIN (ENERGY 2.5)."""

    provider_id: str
    name: str
    address: str
    email: str
    phone: str
    support_url: str
    tax_id: str | None = None
    state_code: str | None = None


@dataclass(frozen=True, slots=True)
class TermsSettings:
    """How the operator trades. Seconds are of wire time, days of trade time.

    ``hold_s`` is how long a quote keeps its capacity from others; 0 keeps nothing free before ``confirm``. The fee is a
    share of the quoted charges, for cancelling before charging begins. ``invoice_series`` begins every invoice number.
    A search is answered with at most ``offers_max`` offers, ``page_offers`` in each message. ``price_floor_percent`` is
    the least share of the list price that a producer can bargain for, against ``bargaining_rounds`` counter-offers.
    A link to the tickets about a trade is good for ``support_link_hours`` of wire time, one to a contract's live values
    for ``track_link_hours``.
    """

    quote_ttl_s: int = 600
    hold_s: int = 600
    cancellation_fee_percent: int = 10
    invoice_due_days: int = 15
    invoice_series: str = "BB"
    catalog_ttl_s: int = 300
    offers_max: int = 50
    page_offers: int = 25
    profile_step_s: int = 900
    price_floor_percent: int = 100
    bargaining_rounds: int = 3
    support_link_hours: int = 72
    track_link_hours: int = 24

    def __post_init__(self) -> None:
        for name in (
            *("quote_ttl_s", "catalog_ttl_s", "offers_max"),
            *("page_offers", "profile_step_s", "support_link_hours", "track_link_hours"),
        ):
            if getattr(self, name) < 1:
                raise SettingsWrong(f"terms.{name} must be at least 1, but is {getattr(self, name)}")
        for name in ("hold_s", "invoice_due_days", "bargaining_rounds"):
            if getattr(self, name) < 0:
                raise SettingsWrong(f"terms.{name} must not be negative, but is {getattr(self, name)}")
        for name in ("cancellation_fee_percent", "price_floor_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise SettingsWrong(f"terms.{name} must be 0 to 100, not {getattr(self, name)}")
        check_series("terms.invoice_series", self.invoice_series)


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What the platform takes from meters; seconds of wire time.

    ``sample_period_s`` is how often a battery sends a sample: three that are missing make its values stale.
    ``ahead_s`` is how far a meter's clock may run before ours, ``behind_days`` (of trade time) how old a sample may be.
    What can not be taken is set aside, ``set_aside_max`` samples at most. ``mqtt`` and ``modbus`` are read from here.
    """

    sample_period_s: int = 10
    samples_per_request: int = 10_000
    ahead_s: int = 5
    behind_days: int = 400
    set_aside_max: int = 100_000
    mqtt: tuple[MqttSettings, ...] = ()
    modbus: tuple[ModbusSettings, ...] = ()


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How many days of trade time rollups are kept, by the minutes that they tell (`energy.rollups`); 0: for ever.

    Samples have a time of their own (``retention.samples_days``). What is older than that, or than the rollups of five
    minutes, is not rolled up again for a sample that came late.
    """

    minute_days: int = 62
    five_minutes_days: int = 430
    quarter_days: int = 0
    hour_days: int = 0

    def __post_init__(self) -> None:
        for name in ("minute_days", "five_minutes_days", "quarter_days", "hour_days"):
            if getattr(self, name) != 0 and getattr(self, name) < 7:
                raise SettingsWrong(f"history.{name} must be 0 or at least 7, but is {getattr(self, name)}")

    @property
    def days(self) -> tuple[int, int, int, int]:
        """From the shortest rollups to the longest."""
        return self.minute_days, self.five_minutes_days, self.quarter_days, self.hour_days


@dataclass(frozen=True, slots=True)
class WindowlessSettings:
    """The use that peers get who never name windows (ENERGY 1.2, S12), in seconds of trade time.

    Charging begins ``lead_s`` from now on, rounded up to a quarter of an hour, and lasts ``charge_s``; ``hold_s`` after
    its end the return begins and lasts ``giveback_s``. Without this section such orders are refused.
    """

    lead_s: int = 3_600
    charge_s: int = 14_400
    hold_s: int = 14_400
    giveback_s: int = 14_400

    def __post_init__(self) -> None:
        for name, least in (("lead_s", 0), ("charge_s", SLOT_S), ("hold_s", 0), ("giveback_s", SLOT_S)):
            value = getattr(self, name)
            if value < least or value % SLOT_S:
                raise SettingsWrong(f"windowless.{name} must be quarters of an hour, at least {least}, but is {value}")

    def windows(self, now: datetime) -> tuple[Interval, Interval]:
        """When to charge and when to return, for who asks at ``now`` (trade time)."""
        start = align_up(now + timedelta(seconds=self.lead_s))
        charge = Interval(start, start + timedelta(seconds=self.charge_s))
        back = charge.end + timedelta(seconds=self.hold_s)
        return charge, Interval(back, back + timedelta(seconds=self.giveback_s))


@dataclass(frozen=True, slots=True)
class SetpointSettings:
    """How batteries are commanded; seconds of wire time.

    A battery that is not told again within ``revert_after_s`` returns to its own control. An operator may give a
    set-point by hand for ``by_hand_s_max`` at most.
    """

    revert_after_s: int = 300
    by_hand_s_max: int = 14_400

    def __post_init__(self) -> None:
        for name in ("revert_after_s", "by_hand_s_max"):
            if not 3 <= getattr(self, name) <= 65_535:
                raise SettingsWrong(f"setpoints.{name} must be 3 to 65535, but is {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """When an alert is raised, and when it is cleared (`bpp.alerts`): the first of each pair must be the greater one.

    Of sample periods without a sample, of tenths of a point beyond (negative: inside) the limits of the state of
    charge, of percent behind the plan, of degrees Celsius, and of seconds that a set-point is missed.
    """

    stale_periods: int = 3
    fresh_periods: int = 1
    soc_beyond_tenths: int = 5
    soc_back_tenths: int = -5
    late_percent: int = 10
    on_time_percent: int = 5
    hot_c: int = 50
    cool_c: int = 45
    missed_s: int = 60
    followed_s: int = 0

    def __post_init__(self) -> None:
        for greater, lesser in _ALERT_PAIRS.values():
            if getattr(self, lesser) >= getattr(self, greater):
                raise SettingsWrong(f"alerts.{lesser} must be less than alerts.{greater}")

    @property
    def bands(self) -> Mapping[AlertKind, Band]:
        """The thresholds of each kind."""
        soc = Band(Decimal(self.soc_beyond_tenths) / 1_000, Decimal(self.soc_back_tenths) / 1_000)
        named = {
            kind: Band(Decimal(getattr(self, greater)), Decimal(getattr(self, lesser)))
            for kind, (greater, lesser) in _ALERT_PAIRS.items()
        }
        return {**named, AlertKind.SOC_LOW: soc, AlertKind.SOC_HIGH: soc}


_ALERT_PAIRS = {
    AlertKind.STALE_DATA: ("stale_periods", "fresh_periods"),
    AlertKind.SOC_LOW: ("soc_beyond_tenths", "soc_back_tenths"),
    AlertKind.LATE: ("late_percent", "on_time_percent"),
    AlertKind.OVER_TEMPERATURE: ("hot_c", "cool_c"),
    AlertKind.MISSED_SETPOINT: ("missed_s", "followed_s"),
}


@dataclass(frozen=True, kw_only=True)
class BppSettings(NodeSettings):
    """Everything a battery operator's platform needs. ``windowless``: None, peers have to name windows.

    ``shared_fleet``: all accounts are people and programs of one operator and see the whole fleet; without it every
    account has a fleet of its own, and what is not divided by fleets is for administrators.
    """

    provider: ProviderSettings
    terms: TermsSettings = field(default_factory=TermsSettings)
    invoicing: InvoicingSettings = field(default_factory=InvoicingSettings)
    payments: PaymentsSettings = field(default_factory=PaymentsSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    setpoints: SetpointSettings = field(default_factory=SetpointSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    windowless: WindowlessSettings | None = None
    shared_fleet: bool = True

    def __post_init__(self) -> None:
        kinds = self.invoicing
        series = (self.terms.invoice_series, kinds.credit_note_series, kinds.debit_note_series, kinds.purchase_series)
        if len(set(series)) < len(series):
            raise SettingsWrong(f"the series {', '.join(series)} must all differ, so that no number is given twice")
        try:
            _ = self.place
        except TaxUnknown as error:
            raise SettingsWrong(f"provider.tax_id: {error}") from None

    @property
    def place(self) -> Place:
        """Where the operator is for tax."""
        provider = self.provider
        regime = self.invoicing.books.regime
        return place_of(regime, provider.tax_id, provider.state_code, self.invoicing.country)
