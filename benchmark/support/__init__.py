"""Small helpers that know nothing of the benchmark: files, cache, machine, pictures, places."""
