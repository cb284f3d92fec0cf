"""The count of operations: right to one in a hundred, the same every time, and with nothing left out that trains."""

import pytest
import torch
import toy
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from retouch.benchmark.operations import Operations, operations_of
from retouch.benchmark.run import record


def exact(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@pytest.mark.parametrize("family", ["flow", "gan", "diffusion"])
def test_training_and_sampling_come_near_the_exact_count(family):
    generator = toy.generator(family)
    images = torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8)
    generator.train_step(images)
    for work in (lambda: generator.train_step(images), lambda: generator.sample(8, torch.Generator().manual_seed(0))):
        first = operations_of(work)
        assert first == operations_of(work) and first == pytest.approx(exact(work), rel=0.01)


FUNCTIONAL = {
    "conv": lambda x, w: F.conv2d(x.view(4, 1, 2, 3), w[:1].view(1, 1, 1, 6)[..., :3]),
    "transposed": lambda x, w: F.conv_transpose2d(x.view(4, 6, 1, 1), w.view(6, 1, 1, 6)),
    "linear": F.linear,
    "matmul": lambda x, w: x @ w,
    "bmm": lambda x, w: torch.bmm(x[None], w[None]),
    "addmm": lambda x, w: torch.addmm(torch.zeros(6), x, w),
    "tensordot": lambda x, w: torch.tensordot(x.view(4, 2, 3), w.view(2, 3, 6), 2),
    "inner": torch.inner,
    "einsum": lambda x, w: torch.einsum("nk, kc -> nc", x, w),
    "einsum by batch": lambda x, w: torch.einsum("bnk,...bck->...bnc", x.view(2, 2, 6), w.view(1, 2, 3, 6)),
    "einsum without arrow": lambda x, w: torch.einsum("...ik,kj", x.view(2, 2, 6), w),
    "einsum of a list": lambda x, w: torch.einsum("nk,kc->nc", [x, w]),
    "einsum of one": lambda x, w: x @ w + torch.einsum("ij->ji", w)[:4],
}


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional_calls_count_like_layers(name):
    x, w = torch.randn(4, 6), torch.randn(6, 6)
    work = lambda: FUNCTIONAL[name](x, w)  # noqa: E731
    assert operations_of(work) == exact(work) > 0


def test_attention_is_two_products():
    x, w = torch.randn(1, 2, 4, 6), torch.randn(1, 2, 5, 6)
    assert operations_of(lambda: F.scaled_dot_product_attention(x, w, w)) == 2 * (2 * 2 * 4 * 5 * 6)


@pytest.mark.parametrize(("by_input", "by_weight"), [(False, False), (True, False), (False, True), (True, True)])
def test_each_gradient_counts_once_more(by_input, by_weight):
    x, w = torch.randn(4, 6, requires_grad=by_input), torch.randn(6, 6, requires_grad=by_weight)

    def work():
        out = F.linear(x, w).sum()
        if out.requires_grad:
            out.backward()

    assert operations_of(work) == exact(work) == 2 * 4 * 6 * 6 * (1 + by_input + by_weight)


def test_without_gradients_the_weights_cost_nothing_more():
    layer, x = nn.Linear(6, 6), torch.randn(4, 6)
    with torch.no_grad():
        assert operations_of(lambda: layer(x)) == 2 * 4 * 6 * 6


def test_the_count_goes_on_where_it_stopped():
    counter, x = Operations(), torch.randn(4, 6)
    for _ in range(2):
        with counter:
            x @ x.T
    x @ x.T
    assert counter.total == 2 * (2 * 4 * 6 * 4)


def test_samples_of_a_base_that_cannot_be_counted_have_a_price():
    usage = {"sample_operations": 5e6, "sampled_images": 10, "sampling_processor": 2.0, "image_seconds": 0.1}
    for own, cost, explained in ((0, 5.0, 2.0), (10**6, 5.0, 5.0), (10**7, 0.5, 0.5)):
        found = usage | {"image_operations": own}
        assert (record.sampling_cost(found), record.sampling_explained(found)) == (cost, explained)
