"""What the tests of submitting share: images that were made elsewhere."""

import numpy as np
import pytest
import toy_runs

from retouch.benchmark.tasks import category_redaction

SHAPE, N = (1, 8, 8), 2000


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Digits but for eights, as many as the instance asks for: what a perfect redaction would make."""
    kept = category_redaction.reveal(toy_runs.setup())["retain"].images
    return np.resize(np.random.default_rng(0).permutation(kept), (N, *SHAPE))
