"""What the tests of the harness share: a place for submissions, and one submission that has run."""

from pathlib import Path

import pytest
from toy_runs import own_cache, ran, write


@pytest.fixture
def submissions(tmp_path: Path, cache: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ./submissions, where the command line finds it, with a cache in which nothing has run."""
    monkeypatch.chdir(tmp_path)
    own_cache(cache, shared_cache)
    (tmp_path / "submissions").mkdir()
    return tmp_path / "submissions"


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Path:
    """A submission with two records that the harness wrote; to be copied, not changed."""
    root = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", own_cache(root / "cache", shared_cache))
        folder = write(root / "submissions", "mine")
        for seed in (0, 1):
            ran(folder, seed)
    return folder
