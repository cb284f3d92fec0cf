"""Erasing concepts from diffusion models by text-free fine-tuning: ESD (Gandikota et al., ICCV 2023, arXiv 2303.07345).

The frozen model theta* itself says which way the concept c lies; the copy theta learns to predict the other way:
    x_t      from noise, sampled by theta under the prompt c down to a random step t
    target   e*(x_t, t) - eta [e*(x_t, c, t) - e*(x_t, t)]                                        no gradient
    loss     |e(x_t, c, t) - target|^2
No images are needed. ESD-x trains the cross-attention alone, which erases where c is asked for; ESD-u everything else,
which erases it under all prompts.

Deviations: c are those of the base's prompts that name the concept's word with the fewest others, one drawn a step; the
released code takes the concept alone, which a small text encoder has never seen. Longer ones would erase what else they
name: trained on "a person with glasses and hat", glasses went from all prompts. A batch of noises a step instead of
one. The sampling on the way has as many steps as the base's own sampler, which is what a batch costs beside its
gradient.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.conditional_diffusion import ConditionalDiffusion, Prompted
from retouch.benchmark.task import Task
from retouch.methods.concept import draw_prompts, sorted_out
from retouch.methods.training import descend

PARTS = ("cross_attention", "others", "all")  # ESD-x, ESD-u, and both


def edit(
    generator: ConditionalDiffusion, task: Task, budget: Budget, *, eta: float = 1.0, part: str = "cross_attention",
    lr: float = 1e-4, batch: int = 16, share: float = 0.8,
) -> ConditionalDiffusion:  # fmt: skip
    """Erase the concept that the target names: `target["concept"]`, a word of the prompts.

    Args:
        eta: strength of the negative guidance, above 0; 1 in the paper.
        part: what is trained, a name in PARTS.
        lr: Adam's step size, above 0. batch: noises a step, at least 1. share: of the budget, in (0, 1].
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    if min(eta, lr) <= 0 or batch < 1 or not 0 < share <= 1:
        raise ValueError(
            f"eta and lr must be positive, batch at least 1, share in (0, 1], not {eta}, {lr}, {batch}, {share}"
        )
    concepts, frozen = shortest(sorted_out(generator.prompts, task.target["concept"])[0]), generator.copy()
    frozen.module.requires_grad_(False).eval()
    adam = torch.optim.Adam(trained(generator.module, part), lr)
    generator.module.eval()
    for _ in budget.steps(max(1, round(share * budget.train_steps))):
        if budget.operations and budget.spent > share * budget.operations:
            break
        prompts = draw_prompts(concepts, batch, task.rng)
        x_t, t = partway(generator, prompts, task.rng)
        descend(adam, F.mse_loss(generator.module(x_t, t, prompts).sample, erased(frozen, x_t, t, prompts, eta)))
    generator.module.requires_grad_(True)
    return generator


def shortest(prompts: list[str]) -> list[str]:
    """The prompts with the fewest words."""
    fewest = min(len(prompt.split()) for prompt in prompts)
    return [prompt for prompt in prompts if len(prompt.split()) == fewest]


def trained(module: Prompted, part: str) -> list[nn.Parameter]:
    """The UNet's weights that are trained; all others are frozen."""
    module.requires_grad_(False)
    chosen = [
        p for name, p in module.unet.named_parameters() if part == "all" or ("attn2" in name) == (part == PARTS[0])
    ]
    for parameter in chosen:
        parameter.requires_grad_(True)
    return chosen


@torch.no_grad()
def partway(generator: ConditionalDiffusion, prompts: list[str], rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """x_t (B, C, H, W) of the current model under the prompts, and the random step t at which its sampling stopped."""
    scheduler = generator.scheduler
    scheduler.set_timesteps(generator.sampling_steps)
    stop = int(torch.randint(len(scheduler.timesteps), (), generator=rng))
    x = generator.latent(len(prompts), rng).to(generator.device)
    for t in scheduler.timesteps[:stop]:
        x = scheduler.step(generator.predict(x, t, prompts), t, x, eta=0.0).prev_sample
    return x, scheduler.timesteps[stop]


@torch.no_grad()
def erased(frozen: ConditionalDiffusion, x_t: Tensor, t: Tensor, prompts: list[str], eta: float) -> Tensor:
    """e* - eta (e*_c - e*): the frozen prediction, guided away from the prompts."""
    plain, guided = frozen.module(x_t, t).sample, frozen.module(x_t, t, prompts).sample
    return plain - eta * (guided - plain)
