"""How every page looks, and the headers that keep it to itself.

Pages load nothing and run nothing. Whoever has the address may open them, so they tell nobody else where they were
opened (``Referrer-Policy``) and are kept by nobody (``Cache-Control``). They fit a phone and need no mouse.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from types import MappingProxyType

ONCE = "once"
"""The field that makes a form good for one submission."""

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;"
    "overflow-wrap:anywhere}"
    "dt{font-weight:600;margin-top:.6rem}dd{margin:0}label{display:block;margin-top:1.2rem}"
    "input[type=checkbox]{width:1.4rem;height:1.4rem;vertical-align:middle;margin:0 .5rem 0 0}"
    "input[type=text],select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.5rem}"
    "textarea{min-height:8rem}"
    "button{font:inherit;padding:.7rem 1.2rem;margin-top:1.2rem;border:0;background:#0b6b3a;color:#fff;cursor:pointer}"
    ":focus-visible{outline:3px solid #1a5fb4;outline-offset:2px}"
    "code{font-size:1.1rem}article{border-top:1px solid #767676;margin-top:1.2rem}"
    "[role=alert]{background:#fbe4e2;color:#9c1f1b;padding:.6rem}"
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


def page(title: str, content: str) -> str:
    """A whole page; ``content`` is HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )


def notice_page(title: str, sentence: str) -> str:
    """A page that only says something."""
    return page(title, f"<p>{escape(sentence)}</p>")


def alert(sentence: str) -> str:
    """What has to be put right, as HTML; nothing for no sentence."""
    return f'<p role="alert">{escape(sentence)}</p>' if sentence else ""


def definitions(facts: Iterable[tuple[str, str]]) -> str:
    """Names and what is said of each, as HTML."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{rows}</dl>"


def form(once: str, fields: str, button: str) -> str:
    """A form that is sent to its page's own address and is good for one submission; ``fields`` is HTML."""
    return (
        f'<form method="post"><input type="hidden" name="{ONCE}" value="{escape(once)}">{fields}'
        f'<button type="submit">{escape(button)}</button></form>'
    )
