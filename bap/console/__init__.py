"""The read-only page under ``/console``: offers, contracts, live state and invoice in a browser."""
