"""Forgetting by ascent: the baseline of Taming Normalizing Flows (arXiv 2211.16488), as its released code has it.

Everything is as in `taming_flows` (remember term, moving target for the stopping rule, at most 800 steps) but the
forget loss: minus the negative log-likelihood of the forget images,
    L_f = -mean bpd(x),    L = alpha L_f + (1 - alpha) L_r,
which has no minimum, where the paper's attracts to t from both sides. Nothing but the stop ends it.

Deviations: those of `taming_flows`. The released baseline takes all forget images in each step; here `batch` of them,
which is all that a person has.
"""

from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.flow import Flow
from retouch.benchmark.task import Task
from retouch.methods.taming_flows import Settings, tame


def ascent_loss(bpd: Tensor, t: float) -> Tensor:
    """L_f: minus the mean bits per dimension, bpd (N,), of forget images; t plays no part in it."""
    return -bpd.mean()


def edit(
    generator: Flow, task: Task, budget: Budget, *, delta: float = 4.0, alpha: float = 0.6, gamma: float = 0.6,
    lr: float = 2e-4, batch: int = 16, tolerance: float = 0.15, stop_share: float = 0.01, share: float = 0.8,
    moments: int = 1024,
) -> Flow:  # fmt: skip
    """Ascend on what is to be forgotten, descend on what is remembered; the arguments are those of `taming_flows`."""
    settings = Settings(delta, alpha, gamma, lr, batch, tolerance, stop_share, share, moments, "both", True)
    return tame(generator, task, budget, ascent_loss, settings)
