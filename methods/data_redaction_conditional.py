"""Data redaction from conditional generative models (Kong and Chaudhuri, arXiv 2305.11351, SaTML 2024).

A conditional generator is G(z, H(c)): a main network and a conditioning network H. Conditionals c in Omega, which lead
to what must not be made, are redacted by giving each what a harmless reference c' has; G stays as it is. Of labels
that is an exchange of rows. Where H is a network on prompts, H' is distilled from it:

    min_H'  E_{c not in Omega} |H'(c) - H(c)|^2 + lambda E_{c in Omega} |H'(c) - H(c')|^2

Neither images nor the main network take part, which makes it cheap; and no filter is left that could be taken off.

Deviations, and why:
- The paper distils the conditioning networks of DM-GAN (text to images) and DiffWave (text to speech), each in a way of
  its own. Here H is a diffusion model's text encoder, features (L, width) of a prompt; H' starts as its copy.
- A prompt is in Omega if it names the concept's word. Its reference is the known prompt without that word that adds
  the fewest other words and shares the most: "a person with hat" becomes "a person".
- c are the prompts that the base names, all of them in each step, as there are few; wordings that are not among them
  follow as far as H' generalises.
- The empty prompt, which sampling is guided away from, is kept, and draws the redacted kind as often as before.
- `lam` is 1, so that both means weigh alike, and Adam's step size is ours.
- Written from summaries of the paper; details were not checked against its full text. No code of it was found.
"""

import torch
from torch import Tensor

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.conditional_diffusion import ConditionalDiffusion
from retouch.benchmark.task import Task
from retouch.methods.concept import nearest, sorted_out
from retouch.methods.training import descend


def edit(
    generator: ConditionalDiffusion, task: Task, budget: Budget, *, lam: float = 1.0, steps: int = 500,
    lr: float = 1e-3,
) -> ConditionalDiffusion:  # fmt: skip
    """Redact the prompts with the word that the target names: `target["concept"]`.

    Args:
        lam: lambda, weight of the redacted prompts, above 0; the higher, the more do the others move.
        steps: Adam's, at least 1, as far as the budget pays for them. lr: its step size, above 0.
    """
    if min(lam, lr) <= 0 or steps < 1:
        raise ValueError(f"lam and lr must be positive, steps at least 1, not {lam}, {lr} and {steps}")
    redacted, kept = sorted_out(generator.prompts, task.target["concept"])
    H = generator.module.encoder.requires_grad_(True)
    with torch.no_grad():
        old, reference = H(kept), H([nearest(prompt, kept) for prompt in redacted])
    adam = torch.optim.Adam(H.parameters(), lr)
    for _ in budget.steps(steps):
        descend(adam, distance(H(kept), old) + lam * distance(H(redacted), reference))
    return generator


def distance(new: Tensor, old: Tensor) -> Tensor:
    """Mean over prompts of |H'(c) - H(c)|^2, features (N, L, width)."""
    return (new - old).square().flatten(1).sum(1).mean()
