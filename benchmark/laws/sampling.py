"""Laws of sampling: of whatever `edit` may return, and of a generator with its noise."""

import torch
from torch import Tensor

from retouch.benchmark.laws.case import (
    Case,
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


def samples_are_images(case: Case) -> None:
    """`sample(n, rng)` gives exactly n images, several as well as one."""
    for n in (N, 1):
        must_be_images(case.generator.sample(n, rng()), n, case.shape, f"sample({n}, rng)")


def samples_follow_the_rng(case: Case) -> None:
    """The same state of rng gives the same images, whatever else was drawn in between; another state gives others."""
    first = case.generator.sample(N, rng())
    torch.randn(7)  # moves torch's own source of randomness, on which nothing may depend
    again, other = case.generator.sample(N, rng()), case.generator.sample(N, rng(1))
    remedy = "Draw all noise with `generator=rng`; call `module.eval()`, so that dropout and batch statistics rest"
    must_be_alike(first, again, "the same images from the same seed of rng", remedy)
    must_differ(first, other, "other images from another seed of rng", "Draw the noise from `rng`")


def samples_move_the_rng(case: Case) -> None:
    """Two calls with one rng give different images."""
    source = rng()
    first, second = case.generator.sample(N, source), case.generator.sample(N, source)
    remedy = "Draw from `rng` itself, not from a copy of its state"
    must_differ(first, second, "new images from a second call with the same rng", remedy)


def samples_leave_the_weights(case: Case) -> None:
    """Sampling changes no parameter and no running average."""
    for name, module in vars(case.generator).items():
        if isinstance(module, torch.nn.Module):
            before = snapshot(module)
            case.generator.sample(N, rng())
            remedy = "Call `module.eval()` in `sample`, and change weights in `train_step` alone"
            must(unchanged(before, module), f"`{name}` as it was before `sample`", "changed weights or buffers", remedy)


def noise_follows_the_rng(case: Case) -> None:
    """`latent(n, rng)`: n rows of floats on the CPU that rng decides, and that move it on."""
    source = rng()
    z, second = case.generator.latent(N, source), case.generator.latent(N, source)
    sound = isinstance(z, Tensor) and len(z) == N and z.is_floating_point() and z.device.type == "cpu"
    remedy = "`torch.randn(n, ..., generator=rng)`, without a device"
    must(sound, f"floats ({N}, ...) on the CPU from latent({N}, rng)", look(z), remedy)
    must(torch.equal(z, case.generator.latent(N, rng())), "the same noise from the same seed of rng", "other", remedy)
    must_differ(z, second, "new noise from a second call with the same rng", remedy)


def samples_are_the_images_of_their_noise(case: Case) -> None:
    """`sample(n, rng)` is `decode(latent(n, rng))`, at any batch size."""
    whole = case.generator.sample(N, rng())
    with torch.no_grad():
        parts = [case.generator.decode(z) for z in case.generator.latent(N, rng()).split(3)]
    for part in parts:
        must_be_images(part, len(part), case.shape, "decode(z)")
    remedy = "An image may depend on its own z alone: not on its batch, as in training mode, nor on further noise"
    must_be_alike(whole, torch.cat(parts), "the same images from `sample` and from `decode` in batches of 3", remedy)


SAMPLER = (samples_are_images, samples_follow_the_rng, samples_move_the_rng, samples_leave_the_weights)
NOISE = (noise_follows_the_rng, samples_are_the_images_of_their_noise)
