"""Training: bases, judges and guides by recipe, and what their cards say."""
