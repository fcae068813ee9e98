"""The pages are looked at on the same server as the API."""

from tests.bpp.api.conftest import operator, stranger

__all__ = ["operator", "stranger"]
