"""Laws of a generator's weights: where they are, how they are trained, copied and saved."""

import math
import tempfile
from pathlib import Path

from retouch.benchmark.laws.case import Case, N, look, must, must_be_alike, rng, snapshot, unchanged

STEPS = 20  # training steps within which the loss must fall
ENDS = 3  # losses at the start and at the end whose means are compared


def device_is_where_the_weights_are(case: Case) -> None:
    """`.device` is where the module's parameters lie; `.to` returns the generator."""
    weights = next(case.generator.module.parameters()).device
    remedy = "Return `next(self.module.parameters()).device`"
    must(case.generator.device == weights, f"`.device` {weights}, as of `.module`", case.generator.device, remedy)
    moved = case.generator.to(weights)
    must(moved is case.generator, "the generator itself from `.to(device)`", look(moved), "End `to` with `return self`")


def training_changes_the_weights(case: Case) -> None:
    """`train_step(images)` returns a finite float, changes the module's weights and keeps them finite."""
    twin = case.generator.copy()
    twin.train_step(case.images)  # the first may set a scale by the data, as a flow's actnorm does
    before = snapshot(twin.module)
    loss = twin.train_step(case.images)
    sound = isinstance(loss, float) and math.isfinite(loss)
    must(sound, "a finite float from `train_step`", repr(loss), "End it with `return loss.item()`")
    remedy = "Give the parameters of `.module` to an optimiser, and call `backward()` and `step()`"
    must(
        not unchanged(before, twin.module, buffers=False),
        "other weights of `.module` after `train_step`",
        "the same",
        remedy,
    )
    finite = all(value.isfinite().all() for value in twin.module.state_dict().values())
    must(finite, "finite weights after `train_step`", "NaN or infinity", "Clip the gradients, or lower `lr`")


def training_lowers_the_loss(case: Case) -> None:
    """On the same few images the loss falls: the mean of the last three of 20 steps is below that of the first."""
    twin = case.generator.copy()
    losses = [twin.train_step(case.images) for _ in range(STEPS)]
    start, end = (sum(part) / ENDS for part in (losses[:ENDS], losses[-ENDS:]))
    expected = f"a loss that falls within {STEPS} steps on the same {len(case.images)} images"
    remedy = "Look at the sign of the loss, at `zero_grad`, and at the step size `lr`"
    must(end < start, expected, f"{start:.4g} at the start and {end:.4g} at the end", remedy)


def a_copy_is_equal(case: Case) -> None:
    """A copy gives the same images, on the same device."""
    twin = case.generator.copy()
    remedy = "Copy every setting beside the weights: scheduler, temperature, number of steps"
    must_be_alike(
        case.generator.sample(N, rng()), twin.sample(N, rng()), "the same images from `copy()` as from it", remedy
    )
    must(twin.device == case.generator.device, f"a copy on {case.generator.device}", twin.device, "Move it there")


def a_copy_is_independent(case: Case) -> None:
    """Training a copy leaves the original as it is."""
    before, twin = case.generator.sample(N, rng()), case.generator.copy()
    twin.train_step(case.images)
    remedy = "Copy the weights into new networks with `load_state_dict`; do not share networks"
    must_be_alike(before, case.generator.sample(N, rng()), "the same images after a copy was trained", remedy)


def what_is_saved_comes_back(case: Case) -> None:
    """`save`, then `restore` into a new generator of the same `config`, gives the same images."""
    with tempfile.TemporaryDirectory(prefix="retouch-") as folder:
        case.generator.save(Path(folder), half=False)
        files = [file.name for file in Path(folder).rglob("*") if file.is_file()]
        safe = any(name.endswith(".safetensors") for name in files)
        must(safe, "a .safetensors file from `save`", files or "no file", "Use `safetensors.torch.save_file`")
        again = type(case.generator)(case.generator.config).restore(Path(folder)).to(case.generator.device)
    remedy = "Save every network with its buffers; a setting that is not saved belongs into `config`"
    images = again.sample(N, rng())
    must_be_alike(case.generator.sample(N, rng()), images, "the same images after `save` and `restore`", remedy)


WEIGHTS = (
    device_is_where_the_weights_are,
    training_changes_the_weights,
    training_lowers_the_loss,
    a_copy_is_equal,
    a_copy_is_independent,
    what_is_saved_comes_back,
)
