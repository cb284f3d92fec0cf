"""A module's floating-point weights as one vector, in the order of its state, and back again."""

import torch
from torch import Tensor, nn


def floats(module: nn.Module) -> Tensor:
    """Parameters and buffers, float32 (P,), on the CPU; integers, such as a count of batches, are left out."""
    return torch.cat([torch.empty(0), *(value.detach().float().cpu().flatten() for value in _state(module).values())])


def with_floats(module: nn.Module, values: Tensor) -> None:
    """Fill a module with what `floats` gave of one of the same form."""
    state = _state(module)
    parts = values.split([value.numel() for value in state.values()])
    for value, part in zip(state.values(), parts, strict=True):
        value.data.copy_(part.view_as(value))


def sizes(module: nn.Module) -> list[int]:
    """How many of the values of `floats` belong to each parameter and buffer."""
    return [value.numel() for value in _state(module).values()]


def _state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.state_dict().items() if value.is_floating_point()}
