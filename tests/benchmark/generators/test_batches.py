"""Batches: the same result at any size, and smaller ones where memory runs out."""

import pytest
import torch

from retouch.benchmark.generators.batches import in_batches


def small(most):
    """Work that doubles up to `most` rows at a time, and notes how many it was given."""
    seen = []

    def work(rows):
        seen.append(len(rows))
        if len(rows) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 2 * rows

    return work, seen


@pytest.mark.parametrize(("most", "seen"), [(100, [8, 2]), (4, [8, 4, 4, 2]), (1, [8, 4, 2, *[1] * 10])])
def test_every_size_gives_the_same(most, seen):
    rows, (work, found) = torch.arange(10), small(most)
    assert torch.equal(in_batches(work, rows, 8), 2 * rows) and found == seen
    assert len(in_batches(small(1)[0], rows[:0], 8)) == 0


def test_a_row_that_is_too_large_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        in_batches(small(0)[0], torch.arange(3), 8)
