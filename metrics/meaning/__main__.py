"""Write docs/metrics.md to the standard output."""

from retouch.metrics.meaning import page

print(page(), end="")
