"""Fixtures that all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# the same examples on every run, and no deadline: a slow machine is no fault of the code
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for the session, empty at its start: no test reads what an earlier session or the user left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own."""
    monkeypatch.setenv("RETOUCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
