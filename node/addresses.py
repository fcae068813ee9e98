"""The rules of `protocol.addresses` where the IO is: names are judged as they resolve, and our own listener at start.

A name is judged by the addresses that the connection is then made to, at the moment it is made. So a name that was
public when it was registered and leads into our network now (DNS rebinding) is refused like any other.
"""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from node.settings import NodeSettings
from protocol.addresses import AddressRules, check_address, check_transport, check_url
from protocol.errors import AddressForbidden, SettingsWrong
from protocol.urls import origin


class CheckedResolver(AbstractResolver):
    """Resolves with another resolver and refuses a name of which one address is forbidden."""

    def __init__(self, inner: AbstractResolver, rules: AddressRules) -> None:
        self._inner = inner
        self._rules = rules

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name.

        Raises:
            AddressForbidden: one of them must not be called.
            OSError: there is no such name.
        """
        found = await self._inner.resolve(host, port, family)
        for result in found:
            check_address(host, result["host"], self._rules)
        return found

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def check_own_addresses(settings: NodeSettings) -> None:
    """Whether listener, public URL and registry may be used as the settings name them.

    Raises:
        SettingsWrong: one is off this machine without TLS, the public URL is none, or the registry may not be called.
    """
    rules = settings.network.rules
    public = origin(settings.public_url)
    if public is None:
        raise SettingsWrong(f"public_url must be a plain http or https URL, but is {settings.public_url[:200]}")
    try:
        check_transport("public_url", public.scheme == "https", public.host, rules)
        check_transport(f"host {settings.host}", settings.tls is not None, settings.host, rules)
    except AddressForbidden as error:
        raise SettingsWrong(
            f"{error.diagnosis.path}: plain HTTP off this machine is refused; set tls (or an https URL), or name the "
            "host in network.plain_http_hosts"
        ) from None
    if settings.registry is not None:
        try:
            check_url(settings.registry.url, rules)
        except AddressForbidden as error:
            raise SettingsWrong(f"registry.url: {error.sentence}") from None
