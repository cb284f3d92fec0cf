"""A run, start to end: plan, reveal, edit, score, record."""
