"""What the tests of submitting share: images that were made elsewhere, and a name for whoever commits."""

import numpy as np
import pytest
import torch
import toy_runs

SHAPE, N = (1, 8, 8), 2000


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Digits but for eights, as many as the instance asks for: what the retrained control makes."""
    return toy_runs.setup().retrained.load().sample(N, torch.Generator().manual_seed(0)).numpy()


@pytest.fixture
def committer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever commits has a name."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "me")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "me@example.org")
