"""The Beckn protocol, version 1.1.1, without any IO: no socket, no clock, no randomness of its own."""
