"""Programs that run the harness over many requests."""
