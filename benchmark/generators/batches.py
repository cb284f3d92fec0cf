"""Work through rows in batches that fit into memory."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_batches(work: Callable[[Tensor], Tensor], rows: Tensor, size: int) -> Tensor:
    """`work` of all rows (N, ...), `size` at a time, joined; where memory runs out, half as many, down to one.

    Raises:
        torch.OutOfMemoryError: a single row is too much.
    """
    parts: list[Tensor] = []
    start = 0
    while start < len(rows) or not parts:
        try:
            parts.append(work(rows[start : start + size]))
            start += size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size = max(1, size // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()  # what was reserved for the larger batch
    return torch.cat(parts)
