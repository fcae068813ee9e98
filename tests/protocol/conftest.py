"""The protocol's properties run without a deadline: a pause of a busy machine says nothing about the code."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
