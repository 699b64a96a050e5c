"""How messages move: over NATS, or in memory for tests. Both pass the same conformance suite."""
