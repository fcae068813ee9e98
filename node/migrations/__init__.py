"""Alembic: the environment that every role's migrations run in, and the tables of inbox and outbox."""
