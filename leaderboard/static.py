"""A plain HTML snapshot of overview and trade-offs that can be hosted anywhere."""
