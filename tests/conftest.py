"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# the same examples on every run, and no deadline: a slow machine is no fault of the code
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own."""
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
