"""The command ``beckn-battery``. Nobody imports this package."""
