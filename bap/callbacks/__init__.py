"""What the producer's platform does with the operators' answers."""
