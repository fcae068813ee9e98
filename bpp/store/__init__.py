"""What the battery operator's platform keeps: all of its SQL, as functions of a connection."""
