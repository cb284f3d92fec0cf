"""What the tests of submitting share: images that were made elsewhere."""

import numpy as np
import pytest
import torch
import toy_runs

SHAPE, N = (1, 8, 8), 2000


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Digits but for eights, as many as the instance asks for: what the retrained control makes."""
    return toy_runs.setup().retrained.load().sample(N, torch.Generator().manual_seed(0)).numpy()
