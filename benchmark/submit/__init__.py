"""Submissions: write a new one, check, verify, score, rescore and export."""
