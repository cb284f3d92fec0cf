"""Records in: files become one table of runs."""
