"""Submitting: write, check, verify, rescore, export."""
