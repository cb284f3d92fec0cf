"""Retouch: a benchmark for changing what a trained image generator produces without training it again."""

from typing import Any

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # on demand: `import benchmark` must not import torch
        from benchmark.notebook import load

        return load
    raise AttributeError(f"module 'benchmark' has no attribute {name!r}")
