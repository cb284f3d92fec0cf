"""The worker's process: where a method's code runs, and what holds it there."""
