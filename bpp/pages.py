"""The HTML that a producer sees: the form that hands control of charging over, and short notices.

Pages load nothing and run nothing. Whoever has the address may open them, so they tell nobody else where they were
opened (``Referrer-Policy``) and are kept by nobody (``Cache-Control``).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from bpp.contracts import Contract
from energy.intervals import Interval
from energy.quantities import kilo_text

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "dt{font-weight:600;margin-top:.6rem}dd{margin:0}"
    "button{font:inherit;padding:.6rem 1.2rem;margin-top:1.2rem;border:0;background:#0b6b3a;color:#fff;cursor:pointer}"
    "code{font-size:1.1rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
)


def consent_page(contract: Contract, operator: str) -> str:
    """The form: what is handed over, by whom, to whom, and for how long."""
    battery, use, plan = contract.listed.battery, contract.use, contract.profile
    facts = (
        ("Who hands over", _customer(contract)),
        ("Who takes control", operator),
        ("Battery", f"{battery.name} ({battery.battery_id}), at meter {battery.meter_address}"),
        ("Charged", f"{kilo_text(use.energy_wh)} kWh, {_window(use.charge)}, at {kilo_text(plan.charge_w)} kW"),
        (
            "Returned",
            f"{kilo_text(plan.giveback_wh)} kWh, {_window(use.giveback)}, at {kilo_text(plan.discharge_w)} kW",
        ),
        ("Price", f"{contract.quote.total.text} {contract.quote.total.currency}, taxes included"),
    )
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return _page(
        "Consent to automatic dispatch",
        "<p>With automatic dispatch the operator starts and stops charging and return at the times below, "
        f"without asking again.</p><dl>{rows}</dl>"
        '<form method="post"><label><input type="checkbox" name="consent" value="yes" required> '
        "I hand control of charging and return over for this contract.</label>"
        '<br><button type="submit">Give consent</button></form>',
    )


def submitted_page(submission_id: str) -> str:
    """The answer to the form: the id that confirms it."""
    return _page(
        "Consent given",
        "<p>Thank you. Your platform confirms the contract with this number:</p>"
        f"<p><code>{escape(submission_id)}</code></p>",
    )


def notice_page(title: str, sentence: str) -> str:
    """A page that only says something."""
    return _page(title, f"<p>{escape(sentence)}</p>")


def _customer(contract: Contract) -> str:
    billing = contract.billing
    return contract.peer.bap_id if billing is None else f"{billing.name}, through {contract.peer.bap_id}"


def _window(window: Interval) -> str:
    return f"from {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
