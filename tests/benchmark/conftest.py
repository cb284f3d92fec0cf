"""What the tests of the submitting verbs and of the gate share."""

from pathlib import Path

import pytest
from submitting import ran, write


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
