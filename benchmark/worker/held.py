"""Bytes of the arrays that an object holds: what an edited generator weighs."""

from __future__ import annotations

import gc
from types import FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

from retouch.benchmark.budget import Budget
from retouch.benchmark.task import Task

OPAQUE = (type, ModuleType, FrameType, Task, Budget, torch.optim.Optimizer)  # not a part of what a generator is
BYTES = (bytes, bytearray, memoryview)


def held_bytes(root: Any) -> int:
    """Bytes of all tensors, arrays and strings of bytes below an object, each storage once.

    Followed is whatever an object refers to, a function's closure and defaults too. Not followed are classes, modules,
    the harness's own task and budget, and optimizers, which no sample needs.
    """
    sizes: dict[int, int] = {}
    seen: set[int] = set()
    queue = [root]
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, OPAQUE):
            continue
        seen.add(id(thing))
        if isinstance(thing, torch.Tensor):
            storage = thing.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        elif isinstance(thing, (np.ndarray, *BYTES)):
            whole = thing.base if isinstance(thing, np.ndarray) and isinstance(thing.base, np.ndarray) else thing
            sizes[id(whole)] = whole.nbytes if isinstance(whole, np.ndarray) else memoryview(whole).nbytes
        queue += _parts(thing)
    return sum(sizes.values())


def _parts(thing: Any) -> list[Any]:
    if isinstance(thing, FunctionType):
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
    return gc.get_referents(thing)
