"""The HTTP side of the operator's platform beside Beckn: its own JSON API, and pages behind unguessable addresses."""
