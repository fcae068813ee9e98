"""Who calls our own API, and which role each route asks for.

Roles stand in an order, and each may do what those before it may: a device hands over the samples of its own battery, a
viewer reads, a trader searches and contracts, an operator runs the fleet and sees the metrics, an admin does everything
and sees every account's data. A route that is not in the table asks for a viewer to read and for an admin to change:
what was forgotten is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from node.problems import Problem

DEFAULT_ACCOUNT = "default"
CALLER = "caller"
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class AccessRole(StrEnum):
    """What a token or an account may do; in rising order."""

    DEVICE = "device"
    VIEWER = "viewer"
    TRADER = "trader"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, least: AccessRole) -> bool:
        """Whether this role may do what ``least`` may."""
        return _ORDER.index(self) >= _ORDER.index(least)


_ORDER = tuple(AccessRole)
LeastRoles = Mapping[tuple[str, str], AccessRole | None]
"""(method, path as registered) → the least role; None: open to everybody."""
_LEAST_ROLES: web.AppKey[dict[tuple[str, str], AccessRole | None]] = web.AppKey("least_roles", dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who showed a token (``token_id``), or who logged in with the password of the account (None)."""

    account: str
    role: AccessRole
    token_id: str | None = None

    @property
    def name(self) -> str:
        """How the audit names the caller."""
        return f"{self.account} (session)" if self.token_id is None else f"{self.account} (token {self.token_id})"

    @property
    def sees_only(self) -> str | None:
        """The account whose data alone the caller sees; None: everybody's."""
        return None if self.role is AccessRole.ADMIN else self.account

    def sees(self, account: str) -> bool:
        """Whether data of this account exist for the caller."""
        return self.sees_only in {None, account}


def caller_of(request: web.Request) -> Caller:
    """Who sent this request, behind `node.access`."""
    caller = request[CALLER]
    assert isinstance(caller, Caller)
    return caller


def allow(app: web.Application, least: LeastRoles) -> None:
    """Say which role each of these routes asks for."""
    if _LEAST_ROLES not in app:
        app[_LEAST_ROLES] = {}
    app[_LEAST_ROLES].update(least)


def least_role(request: web.Request) -> AccessRole | None:
    """The role that the request's route asks for; None: it is open to everybody."""
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    return role_of(request.app, method, request.path if resource is None else resource.canonical)


def role_of(app: web.Application, method: str, path: str) -> AccessRole | None:
    """The same for a route as it was registered."""
    otherwise = AccessRole.VIEWER if method in READING else AccessRole.ADMIN
    return app.get(_LEAST_ROLES, {}).get((method, path), otherwise)


def has_roles(app: web.Application) -> bool:
    """Whether routes of this application ask for roles at all."""
    return _LEAST_ROLES in app


def check_role(caller: Caller, least: AccessRole) -> None:
    """Let the caller pass.

    Raises:
        Problem: 403, the role is too low.
    """
    if not caller.role.covers(least):
        raise Problem(
            403, "Forbidden", f"This needs the role {least}, and your {_credential(caller)} has {caller.role}."
        )


def _credential(caller: Caller) -> str:
    return "account" if caller.token_id is None else "token"
