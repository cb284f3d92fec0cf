"""Where answers, base samples and the state of grids are kept between calls."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """RETOUCH_CACHE, or ~/.cache/retouch."""
    return Path(os.environ.get("RETOUCH_CACHE") or Path.home() / ".cache" / "retouch")
