"""The harness: what is measured, on what, under which rules."""
