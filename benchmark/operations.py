"""Count floating-point operations: what an edit costs is then the same number on every machine.

Counted are the products of matrices: convolutions, linear layers, matrix products and attention, two operations for
every multiplication and addition, and once more for each gradient that will flow back to their input and weights. On
the bases that ship this comes within 1% of torch's exact counter, which slows small networks down by half and more.
Not counted: NumPy, other processes, recurrent layers, and what runs while the counter is switched off by the method;
the coordinator holds the processor's time against the count.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function

IMAGE = 1_000_000  # operations that an image counts as, from elsewhere or of a base whose own cannot be counted


def _convolution(out: Tensor, x: Tensor, weight: Tensor, *_: Any) -> int:
    return 2 * out.numel() * weight[0].numel()  # weight (outputs, inputs / groups, *kernel)


def _transposed(out: Tensor, x: Tensor, weight: Tensor, *_: Any) -> int:
    return 2 * x.numel() * weight[0].numel()  # weight (inputs, outputs / groups, *kernel)


def _product(out: Tensor, a: Tensor, b: Tensor, *_: Any) -> int:
    return 2 * out.numel() * a.shape[-1]  # (..., n, k) by (..., k, m); F.linear's weight is (m, k)


def _sum_and_product(out: Tensor, _sum: Tensor, a: Tensor, b: Tensor, *_: Any) -> int:
    return _product(out, a, b)


def _contraction(out: Tensor, a: Tensor, b: Tensor, *_: Any) -> int:
    return 2 * isqrt(a.numel() * b.numel() * out.numel())  # (N, K) by (K, M), whatever N, K and M are made of


def _einsum(out: Tensor, equation: str, *operands: Tensor) -> int:
    """As the sum is written, over all indices at once: of three operands torch's own order may take fewer."""
    sizes: dict[Any, int] = {}
    for term, x in zip(equation.replace(" ", "").split("->")[0].split(","), operands, strict=True):
        head, _, tail = term.partition("...")
        between = dict(enumerate(reversed(x.shape[len(head) : x.ndim - len(tail)])))  # dimensions of the ellipsis
        for index, size in (*zip(head, x.shape), *zip(tail[::-1], x.shape[::-1]), *between.items()):  # noqa: B905
            sizes[index] = max(size, sizes.get(index, 1))  # one of 1 is broadcast
    return 2 * prod(sizes.values()) * (len(operands) > 1)


def _attention(out: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any) -> int:
    return 2 * prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def drawn(images: Tensor) -> Tensor:
    """The images (N, ...) as they are, counted as drawn elsewhere: IMAGE operations each."""
    if has_torch_function((images,)):
        return handle_torch_function(drawn, (images,), images)
    return images


RULES: dict[Callable, Callable[..., int]] = {
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d), _convolution),
    **dict.fromkeys((F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d), _transposed),
    **dict.fromkeys((F.linear, torch.matmul, torch.mm, torch.bmm, torch.mv), _product),
    **dict.fromkeys((Tensor.matmul, Tensor.__matmul__, Tensor.mm, Tensor.bmm, Tensor.mv), _product),
    **dict.fromkeys((torch.addmm, torch.baddbmm, Tensor.addmm, Tensor.baddbmm), _sum_and_product),
    **dict.fromkeys((torch.tensordot, torch.inner, torch.dot, torch.outer, Tensor.inner, Tensor.dot), _contraction),
    torch.einsum: _einsum,
    F.scaled_dot_product_attention: _attention,
    drawn: lambda out, _images: IMAGE * len(out),
}


class Operations(TorchFunctionMode):
    """A context that counts.

    >>> with Operations() as counted:
    ...     generator.train_step(images)
    >>> counted.total

    Attributes:
        total: operations so far, of all times that the context was entered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if rule := RULES.get(func):
            given = (*args, *(kwargs or {}).values())
            # einsum may have its operands in a list
            listed = (value if isinstance(value, list | tuple) else (value,) for value in given)
            operands = [value for values in listed for value in values if isinstance(value, Tensor)]
            gradients = sum(value.requires_grad for value in operands[:2]) if out.requires_grad else 0
            equation = args[:1] if func is torch.einsum else ()
            self.total += rule(out, *equation, *operands) * (1 + gradients)
        return out


def operations_of(work: Callable[[], Any]) -> int:
    """Operations that a call takes."""
    with Operations() as counted:
        work()
    return counted.total
