"""What an edited generator holds: the bytes of its arrays, and whether its weights are still those of its edit."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from retouch.benchmark.budget import Budget
from retouch.benchmark.task import Task

OPAQUE = (type, ModuleType, FrameType, Task, Budget, torch.optim.Optimizer)  # not a part of what a generator is
BYTES = (bytes, bytearray, memoryview)


def held_bytes(root: Any) -> int:
    """Bytes of all tensors, arrays and strings of bytes below an object, each storage once."""
    sizes: dict[int, int] = {}
    for thing in _below(root):
        if isinstance(thing, torch.Tensor):
            storage = thing.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        elif isinstance(thing, (np.ndarray, *BYTES)):
            whole = thing.base if isinstance(thing, np.ndarray) and isinstance(thing.base, np.ndarray) else thing
            sizes[id(whole)] = whole.nbytes if isinstance(whole, np.ndarray) else memoryview(whole).nbytes
    return sum(sizes.values())


@torch.no_grad()
def weights_print(root: Any) -> set[tuple[float, float]]:
    """Sum and size of each tensor of weights below an object: other ones after a step of training."""
    weights = (thing for thing in _below(root) if isinstance(thing, nn.Parameter))
    return {(float(weight.double().sum()), float(weight.double().norm())) for weight in weights}


def _below(root: Any) -> Iterator[Any]:
    """All objects below one, each once.

    Followed is whatever an object refers to, a function's closure and defaults too. Not followed are classes, modules,
    the harness's own task and budget, and optimizers, which no sample needs.
    """
    seen: set[int] = set()
    queue = [root]
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, OPAQUE):
            continue
        seen.add(id(thing))
        yield thing
        queue += _parts(thing)


def _parts(thing: Any) -> list[Any]:
    if isinstance(thing, FunctionType):
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
    return gc.get_referents(thing)
