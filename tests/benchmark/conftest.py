"""What the tests of the harness share: a place for submissions, and one submission that has run."""

from pathlib import Path

import pytest
from toy_runs import ran, write


@pytest.fixture
def submissions(tmp_path: Path, cache: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ./submissions, where the command line finds it, with a cache in which nothing has run."""
    monkeypatch.chdir(tmp_path)
    cache.mkdir()
    for kind in ("base", "digits", "faces", "references"):  # named by content: another test's are the same
        (shared_cache / kind).mkdir(parents=True, exist_ok=True)
        (cache / kind).symlink_to(shared_cache / kind)
    (tmp_path / "submissions").mkdir()
    return tmp_path / "submissions"


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission with two records that the harness wrote; to be copied, not changed."""
    root = tmp_path_factory.mktemp("honest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETOUCH_CACHE", str(root / "cache"))
        folder = write(root / "submissions", "mine")
        for seed in (0, 1):
            ran(folder, seed)
    return folder
