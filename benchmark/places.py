"""Where submissions are looked for."""

from pathlib import Path


def submissions_folder() -> Path:
    """./submissions, else the one beside the package."""
    here = Path("submissions")
    return here if here.is_dir() else Path(__file__).parent.parent / "submissions"
