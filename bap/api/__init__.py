"""The producer's JSON API under ``/api/v1``."""
