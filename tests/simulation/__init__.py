"""The whole network in one process under faults: every run follows from its seed alone."""
