"""What a law works on, and how it says that it does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

N = 8  # images in a sample
ROUNDING = 1  # levels of 255 by which the order of additions may move a pixel


@dataclass(frozen=True)
class Case:
    """A generator on trial. Laws train copies of it, never the generator itself.

    Attributes:
        generator: anything with `.sample`; images: uint8 (N, C, H, W) to train on for a moment.
        shape: (C, H, W) of its images, None where that is not known.
        latents: z (N, Z) that an editor takes, None: the generator draws them.
    """

    generator: Any
    images: Tensor
    shape: tuple[int, ...] | None
    latents: Tensor | None


Law = Callable[[Case], None]


class Broken(Exception):
    """A law that does not hold: what was expected, what was seen, what to do."""

    def __init__(self, expected: str, seen: object, remedy: str) -> None:
        super().__init__(f"expected {expected}; saw {str(seen)[:300]}. {remedy}")


def must(holds: object, expected: str, seen: object, remedy: str) -> None:
    """Raise `Broken` unless `holds`."""
    if not holds:
        raise Broken(expected, seen, remedy)


def must_be_images(images: object, n: int, shape: tuple[int, ...] | None, source: str) -> None:
    """Raise `Broken` unless these are n images; `shape`: (C, H, W) where it is known, `source`: what gave them."""
    wanted = f"({n}, {', '.join(map(str, shape)) if shape else 'C, H, W'})"
    remedy = "Scale to 0 ... 255 and round, then `.to(torch.uint8).cpu()`; exactly as many as were asked for"
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.device.type != "cpu":
        raise Broken(f"uint8 {wanted} on the CPU from {source}", look(images), remedy)
    sound = images.ndim == 4 and len(images) == n and shape in (None, tuple(images.shape[1:]))
    must(sound, f"uint8 {wanted} from {source}", look(images), remedy)


def must_be_alike(a: Tensor, b: Tensor, expected: str, remedy: str) -> None:
    """Raise `Broken` if two sets of images differ by more than rounding."""
    apart = int((a.int() - b.int()).abs().max()) if a.shape == b.shape else 255
    must(apart <= ROUNDING, expected, f"a difference of up to {apart} levels of 255", remedy)


def must_differ(a: Tensor, b: Tensor, expected: str, remedy: str) -> None:
    """Raise `Broken` if two tensors are equal."""
    must(not torch.equal(a, b), expected, "the same", remedy)


def look(value: object) -> str:
    """A value as a message shows it: dtype, shape and device of a tensor, else its type."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)} on {value.device}"
    return type(value).__name__


def rng(seed: int = 0) -> torch.Generator:
    """A seeded source of randomness on the CPU."""
    return torch.Generator().manual_seed(seed)


def snapshot(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters and buffers, by name."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def unchanged(before: dict[str, Tensor], module: torch.nn.Module, buffers: bool = True) -> bool:
    """Whether the parameters, and the buffers if they count, still are those of `snapshot`."""
    now = module.state_dict() if buffers else dict(module.named_parameters())
    return all(torch.equal(before[name], value) for name, value in now.items())
