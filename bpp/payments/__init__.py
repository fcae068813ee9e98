"""Payments of a battery operator: three ways that money comes by, and one book that it goes into."""
