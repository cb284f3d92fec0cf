"""A concept that prompts name: which of a base's prompts do, what may stand in for each, and images of either."""

import torch
from torch import Tensor

from retouch.benchmark.generators.conditional_diffusion import EMPTY, ConditionalDiffusion

Pairs = tuple[Tensor, list[str]]  # images (N, C, H, W), uint8, and the prompt of each; none of a base without prompts


def sorted_out(prompts: list[str], concept: str) -> tuple[list[str], list[str]]:
    """The prompts that name the concept (where none does, the concept alone); and the others, the empty one too.

    Raises:
        ValueError: no prompt is left.
    """
    named = [prompt for prompt in prompts if concept in prompt.split()]
    others = [prompt for prompt in prompts if prompt not in named]
    if not others:
        raise ValueError(f"every prompt of the base names {concept!r}: there is none to refer to")
    return named or [concept], [*others, EMPTY]


def nearest(prompt: str, others: list[str]) -> str:
    """Of the others with words the one that adds the fewest words to the prompt's, then shares the most."""
    words = set(prompt.split())
    return min(filter(None, others), key=lambda other: (len({*other.split()} - words), -len({*other.split()} & words)))


def draw_prompts(prompts: list[str], n: int, rng: torch.Generator) -> list[str]:
    """n of the prompts, drawn evenly with replacement."""
    return [prompts[i] for i in torch.randint(len(prompts), (n,), generator=rng).tolist()]


def own_images(generator: ConditionalDiffusion, prompts: list[str], n: int, rng: torch.Generator) -> Pairs:
    """n samples, each of one of the prompts, drawn evenly."""
    asked = draw_prompts(prompts, n, rng)
    return generator.sample(n, rng, asked), asked


def drawn(pairs: Pairs, n: int, rng: torch.Generator) -> Pairs:
    """n of the pairs, drawn with replacement."""
    images, prompts = pairs
    rows = torch.randint(len(images), (n,), generator=rng)
    return images[rows], [prompts[i] for i in rows.tolist()] if prompts else []
