"""Laws of what only some generators can do: a family's own, and those that any object may bring."""

import torch
from torch import Tensor

from retouch.benchmark.laws.case import (
    Broken,
    Case,
    Law,
    N,
    look,
    must,
    must_be_alike,
    must_be_images,
    must_differ,
    rng,
    snapshot,
    unchanged,
)

SHARE = 0.01  # of a flow's pixels that rounding may carry into the next bin


def log_probs_are_finite(case: Case) -> None:
    """`log_prob(images, rng)`: a finite number of nats an image, the same for the same rng."""
    values, again = (case.generator.log_prob(case.images, rng()).detach() for _ in range(2))
    sound = values.shape == (len(case.images),) and values.is_floating_point() and bool(values.isfinite().all())
    remedy = "Sum over channels and pixels, one number an image"
    must(
        sound, f"finite floats ({len(case.images)},) from `log_prob`", f"{look(values)}, {values.flatten()[:2]}", remedy
    )
    remedy = "Draw the dequantisation noise with `generator=rng`"
    must(torch.equal(values, again), "the same log-likelihoods from the same seed of rng", "other ones", remedy)


def flows_invert(case: Case) -> None:
    """`decode(encode(images))` gives samples back."""
    images = case.generator.sample(N, rng())
    with torch.no_grad():
        back = case.generator.decode(case.generator.encode(images, rng()))
    must_be_images(back, N, case.shape, "decode(encode(images))")
    share = float((images != back).float().mean())
    remedy = "`decode` is the inverse of `encode`: dequantise by less than a bin, and round down"
    must(
        share < SHARE, "its own samples from `decode(encode(samples))`", f"{share:.1%} of their pixels changed", remedy
    )


def likelihoods_carry_gradients(case: Case) -> None:
    """The gradient of `log_prob` reaches the weights."""
    twin = case.generator.copy()
    values = twin.log_prob(case.images, rng())
    must(values.requires_grad, "a differentiable `log_prob`", look(values), "Leave `no_grad` and `detach` out of it")
    values.sum().backward()
    reached = any(p.grad is not None and p.grad.abs().sum() > 0 for p in twin.module.parameters())
    must(reached, "a gradient at the parameters of `.module`", "none", "Compute it with `.module`'s own parameters")


def discriminators_score_and_learn(case: Case) -> None:
    """`discriminator(x)` gives a score an image, and `train_step` trains it too."""
    twin = case.generator.copy()
    with torch.no_grad():
        scores = twin.discriminator(case.images.to(twin.device).float() / 127.5 - 1)
    n = len(case.images)
    must(scores.shape == (n,), f"scores ({n},) from `discriminator(x)`", look(scores), "`.squeeze(1)` its last layer")
    before = snapshot(twin.discriminator)
    twin.train_step(case.images)
    remedy = "Give the discriminator an optimiser of its own in `train_step`"
    must(
        not unchanged(before, twin.discriminator, buffers=False),
        "another discriminator after `train_step`",
        "the same",
        remedy,
    )


def guidance_steers(case: Case) -> None:
    """Guidance that returns the noise as it is changes nothing; one that halves it changes the images."""
    plain = case.generator.sample(N, rng())
    same = case.generator.sample(N, rng(), guidance=lambda x_t, t, noise: noise)
    other = case.generator.sample(N, rng(), guidance=lambda x_t, t, noise: 0.5 * noise)
    remedy = "Call `guidance(x_t, t, noise)` at every step, and go on with what it returns"
    must_be_alike(plain, same, "the same images where guidance returns the noise unchanged", remedy)
    must_differ(plain, other, "other images where guidance halves the noise", remedy)


def h_space_is_a_map(case: Case) -> None:
    """`h_space(x_t, t)`: (N, C', H', W') of the middle block."""
    with torch.no_grad():
        h = case.generator.h_space(case.generator.latent(N, rng()).to(case.generator.device), 10)
    sound = isinstance(h, Tensor) and h.ndim == 4 and len(h) == N
    must(sound, f"({N}, C', H', W') from `h_space(x_t, t)`", look(h), "Return the output of the middle block")


def edits_move_the_attribute(case: Case) -> None:
    """`edit_attribute(z, value)`: the images of z depend on value, and on nothing else."""
    z = case.generator.latent(N, rng()) if case.latents is None else case.latents
    low, again, high = (case.generator.edit_attribute(z, torch.full((len(z),), value)) for value in (0.0, 0.0, 1.0))
    must_be_images(low, len(z), case.shape, "edit_attribute(z, value)")
    must_be_alike(low, again, "the same images from the same z and value", "Draw no noise in `edit_attribute`")
    must_differ(low, high, "other images at value 1 than at value 0", "Let `value` say where the attribute lies")


def conditions_count(case: Case) -> None:
    """`sample(n, rng, condition)`: one condition an image, and it matters which."""
    known = case.generator.conditions
    first, second = (
        torch.full((N,), i) if isinstance(known, int) else [known[i]] * N for i in range(2)
    )  # classes, or prompts
    images = case.generator.sample(N, rng(), condition=first)
    must_be_images(images, N, None, "sample(n, rng, condition)")
    other = case.generator.sample(N, rng(), condition=second)
    must_differ(images, other, "other images for another condition", "Hand `condition` to the network")
    try:
        case.generator.sample(N, rng(), condition=first[1:])
    except ValueError:
        return
    raise Broken("a ValueError for fewer conditions than images", "no error", "Compare their number with n")


FAMILY: dict[str, tuple[Law, ...]] = {
    "flow": (flows_invert, likelihoods_carry_gradients),
    "gan": (discriminators_score_and_learn,),
    "diffusion": (guidance_steers, h_space_is_a_map),
}
CAPABILITY: dict[str, tuple[Law, ...]] = {
    "log_prob": (log_probs_are_finite,),
    "edit_attribute": (edits_move_the_attribute,),
    "condition": (conditions_count,),
}
