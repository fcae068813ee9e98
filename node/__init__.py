"""The IO shell that every participant stands on: database, inbox, outbox, keys, HTTP in and out."""
