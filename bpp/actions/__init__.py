"""What the battery operator's platform does with each request: one file an action, one decision a message."""
