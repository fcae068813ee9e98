"""A payment gateway to test against, as a process of its own: it makes payment links, and sends signed events.

    python -m simulator.payment_gateway --port 8099 --secret-file whsec.txt --key test --webhook-url http://…

``POST /payment-links`` makes a link, the same for the same ``Idempotency-Key``. A test stands in for the payer with
``POST /links/{payment_id}/{outcome}``, where the outcome is captured, failed, charged_back or refunded (of ``amount``,
otherwise all); the answer tells what the operator's platform said to the event. ``repeat`` sends the last event again.
No card exists here: whoever pays is believed.
"""

from __future__ import annotations

import argparse
import time
import uuid
from pathlib import Path
from typing import Any

import orjson
from aiohttp import ClientSession, web

from energy.payment_webhooks import secret_key, signed

OUTCOMES = ("captured", "failed", "charged_back", "refunded")


class PaymentGateway:
    """See the module; ``key`` authorises the operator's calls, ``secret`` signs events."""

    def __init__(self, base_url: str, key: str, secret: bytes, webhook_url: str) -> None:
        self._base_url = base_url
        self._key = key
        self._secret = secret
        self._webhook_url = webhook_url
        self._links: dict[str, dict[str, str]] = {}
        self._last: tuple[dict[str, str], bytes] | None = None

    def app(self) -> web.Application:
        """The server."""
        app = web.Application()
        app.router.add_post("/payment-links", self._make)
        app.router.add_post("/links/{payment_id}/{outcome}", self._come_out)
        app.router.add_post("/repeat", self._repeat)
        return app

    async def _make(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            return _json({"detail": "Who are you?"}, 401)
        asked = orjson.loads(await request.read())
        payment_id = f"pay_{uuid.uuid5(uuid.NAMESPACE_URL, request.headers['Idempotency-Key']).hex[:20]}"
        self._links[payment_id] = {name: str(asked[name]) for name in ("reference", "amount", "currency")}
        return _json({"payment_id": payment_id, "url": f"{self._base_url}/links/{payment_id}"}, 201)

    async def _come_out(self, request: web.Request) -> web.Response:
        payment_id, outcome = request.match_info["payment_id"], request.match_info["outcome"]
        link = self._links.get(payment_id)
        if link is None or outcome not in OUTCOMES:
            return _json({"detail": "There is no such link or outcome."}, 404)
        more = orjson.loads(await request.read() or b"{}")
        data = {"payment_id": payment_id, **link, **more}
        if outcome == "refunded":
            data.setdefault("refund_id", f"ref_{uuid.uuid4().hex[:20]}")
        body = orjson.dumps({"type": f"payment.{outcome}", "data": data})
        self._last = signed(self._secret, f"evt_{uuid.uuid4().hex}", int(time.time()), body), body
        return await self._sent()

    async def _repeat(self, _request: web.Request) -> web.Response:
        return await self._sent()

    async def _sent(self) -> web.Response:
        if self._last is None:
            return _json({"detail": "No event was sent yet."}, 404)
        headers, body = self._last
        async with (
            ClientSession() as session,
            session.post(
                self._webhook_url, data=body, headers={"Content-Type": "application/json", **headers}
            ) as answer,
        ):
            return _json({"status": answer.status, "answer": orjson.loads(await answer.read())})


def _json(content: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret-file", type=Path, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--webhook-url", required=True)
    options = parser.parse_args()
    secret = secret_key(options.secret_file.read_text(encoding="utf-8"))
    gateway = PaymentGateway(f"http://127.0.0.1:{options.port}", options.key, secret, options.webhook_url)
    web.run_app(gateway.app(), host="127.0.0.1", port=options.port, print=lambda *_: None)


if __name__ == "__main__":
    main()
