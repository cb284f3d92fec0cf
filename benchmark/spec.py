"""The public contract: what a method, a generator, a guide, a judge and a task must fulfil. docs/writing.md tells it.

Nothing has to inherit from these protocols: whatever has the members fits. `retouch.check_generator` tries the laws
that a generator has to keep, one by one (`retouch.benchmark.laws`).

Throughout:
    images    uint8 (N, C, H, W), 0 to 255, on the CPU;
    x         float32 (N, C, H, W) in [-1, 1], `images.float() / 127.5 - 1`: what networks take;
    z         noise, float32 (N, ...), drawn on the CPU, so that every device sees the same;
    rng       a seeded torch.Generator on the CPU, the only source of randomness;
    device    where networks compute, "cpu", "cuda" or "cuda:1"; what is handed out lies on the CPU again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

Condition = Tensor | Sequence[str]  # one a sample: int64 classes (n,), or n prompts


@runtime_checkable
class Sampler(Protocol):
    """Samples only: the least that `edit` may return. An API or a filter is one."""

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """Exactly n images. The same state of rng gives the same images; each call moves rng on."""
        ...


@runtime_checkable
class Generator(Sampler, Protocol):
    """A generator of a family: what a method starts from.

    Attributes:
        family: "flow", "gan" or "diffusion"; shape: (C, H, W) of its images.
        config: keyword arguments that build it again; lr: step size of `train_step`.
        module: the network that samples, whose parameters a method may change; device: where its parameters lie.
    """

    lr: float

    @property
    def family(self) -> str: ...

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def config(self) -> dict[str, Any]: ...

    @property
    def module(self) -> nn.Module: ...

    @property
    def device(self) -> torch.device: ...

    def latent(self, n: int, rng: torch.Generator) -> Tensor:
        """Noise z for n images."""
        ...

    def decode(self, z: Tensor) -> Tensor:
        """The images of z, at any batch size. They are integers and carry no gradient: `module` does."""
        ...

    def train_step(self, images: Tensor) -> float:
        """One step of the pre-training on images; returns the loss. Every budget is counted in it."""
        ...

    def copy(self) -> Self:
        """An independent generator with the same weights and settings, on the same device."""
        ...

    def save(self, folder: Path, half: bool = True) -> None:
        """Write the weights as safetensors, in half precision unless told otherwise."""
        ...

    def restore(self, folder: Path) -> Self:
        """Read what `save` wrote into a generator of the same `config`; returns itself."""
        ...

    def to(self, device: str | torch.device) -> Self:
        """Move all networks; returns itself."""
        ...


@runtime_checkable
class Likelihood(Protocol):
    """Capability of flows: exact log-likelihoods."""

    def log_prob(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Log-likelihood of quantised images in nats, float (N,); one dequantisation noise each, drawn from rng."""
        ...


@runtime_checkable
class Flow(Generator, Likelihood, Protocol):
    """An invertible network. z: codes (N, D), D = C H W."""

    def bits_per_dim(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """-log2 p / D, (N,)."""
        ...

    def encode(self, images: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Codes (N, D) of dequantised images; `decode` gives the quantised images back."""
        ...

    def loss(self, images: Tensor) -> Tensor:
        """Mean bits per dimension, a differentiable scalar."""
        ...


@runtime_checkable
class Gan(Generator, Protocol):
    """Two networks. z: latents (N, Z), standard normal; `module(z)` gives x.

    Attributes:
        discriminator: x to scores (N,), higher for real images. `train_step` has an optimiser for it too, whose step
            size follows `lr`; a method that trains it by itself makes an optimiser of its own.
    """

    @property
    def discriminator(self) -> nn.Module: ...


@runtime_checkable
class Diffusion(Generator, Protocol):
    """A network that predicts noise. z: x_T (N, C, H, W); `module(x_t, t).sample` is the noise in x_t, as in diffusers.

    Whatever a base's own network predicts, and whatever draws its images, this holds for methods.

    Attributes:
        scheduler: the noise schedule, a DDIM scheduler of diffusers with prediction type "epsilon".
    """

    @property
    def scheduler(self) -> Any: ...

    def sample(self, n: int, rng: torch.Generator, guidance: Guidance | None = None) -> Tensor:
        """n images, each denoising step guided; None: as trained."""
        ...

    def h_space(self, x_t: Tensor, t: Tensor | int) -> Tensor:
        """Output (N, C', H', W') of the network's middle block at step t."""
        ...

    def loss(self, images: Tensor) -> Tensor:
        """Mean squared error of the prediction at random steps, a differentiable scalar."""
        ...


class Guidance(Protocol):
    """What steers a diffusion model's sampling."""

    def __call__(self, x_t: Tensor, t: Tensor, noise: Tensor, /) -> Tensor:
        """The noise to use in place of the predicted `noise`, both (N, C, H, W), at step t."""
        ...


@runtime_checkable
class Editor(Protocol):
    """Capability: move one attribute of an image and leave the rest.

    Where a target names several attributes, the others are asked for by a further argument, `attribute`: 1 for the
    second. An editor without it moves the first alone.
    """

    def edit_attribute(self, z: Tensor, value: Tensor) -> Tensor:
        """Images of latents z (N, Z) whose attribute lies at value, float (N,) in [0, 1]."""
        ...


@runtime_checkable
class Conditional(Sampler, Protocol):
    """Capability: sampling by class or by prompt.

    Attributes:
        conditions: how many classes there are, or prompts that it was trained on.
    """

    @property
    def conditions(self) -> int | Sequence[str]: ...

    def sample(self, n: int, rng: torch.Generator, condition: Condition | None = None) -> Tensor:
        """n images, the i-th of condition i; None: conditions as frequent as in the training data."""
        ...


FAMILIES: dict[str, type] = {"flow": Flow, "gan": Gan, "diffusion": Diffusion}
CAPABILITIES: dict[str, type] = {"log_prob": Likelihood, "edit_attribute": Editor, "condition": Conditional}


def members(protocol: type) -> frozenset[str]:
    """The names that a protocol asks for."""
    owners = [base for base in protocol.__mro__ if base.__module__ == __name__]
    return frozenset(n for base in owners for n in (*vars(base), *base.__annotations__) if not n.startswith("_"))


def capabilities(generator: object) -> frozenset[str]:
    """What a generator can do beside sampling: the words of CAPABILITIES whose members it has."""
    return frozenset(word for word, protocol in CAPABILITIES.items() if isinstance(generator, protocol))


class Guide(Protocol):
    """A classifier that a task reveals; never the judge, and wrong now and then.

    Attributes:
        attributes: the names that it knows; sizes: how many values each has.
    """

    attributes: list[str]
    sizes: dict[str, int]

    def __call__(self, x: Tensor) -> dict[str, Tensor]:
        """Logits (N, classes) of every attribute, differentiable."""
        ...

    def probs(self, images: Tensor, attribute: str | list[str]) -> Tensor:
        """Probabilities (N, classes); of several attributes those of every combination, in row-major order."""
        ...

    def features(self, images: Tensor) -> Tensor:
        """Penultimate features (N, F)."""
        ...


class Budget(Protocol):
    """What an edit may spend.

    Attributes:
        train_steps: how many `train_step`s of the base it pays for; operations: the floating-point operations of these.
        spent: operations so far.
    """

    train_steps: int
    operations: int

    @property
    def spent(self) -> int: ...

    def steps(self, n: int) -> Iterator[int]:
        """0 to n - 1 with a progress report; ends early when the budget is spent."""
        ...

    def checkpoint(self, generator: Any) -> None:
        """Hand over a state that counts if the budget runs out before `edit` returns."""
        ...

    def charge(self, train_steps: int) -> None:
        """Add the cost of work that was done before."""
        ...


class Task(Protocol):
    """What a method sees. A field that is not revealed raises an error that names the missing word of `access`.

    Attributes:
        kind: the task's name; target: the attribute, and the values to remove or the shares to reach.
        device: where to compute; rng: seeded by the run.
        forget, retain: images; labelled: (images, {attribute: int64 (N,)}); guide: a `Guide`;
        retrained: the generator trained as it should have been.
    """

    kind: str
    target: dict[str, Any]
    device: str
    rng: torch.Generator
    forget: Tensor
    retain: Tensor
    labelled: tuple[Tensor, dict[str, Tensor]]

    @property
    def guide(self) -> Guide: ...

    @property
    def retrained(self) -> Generator: ...


class Method(Protocol):
    """A method is one function, called once a run with a fresh base, in a process of its own.

    Keyword arguments beside these three are its parameters: submission.toml sets them, and they need defaults.
    """

    def __call__(self, generator: Any, task: Any, budget: Any) -> Sampler:
        """The edited generator: the one that was handed in, or any `Sampler`."""
        ...


class Judge(Protocol):
    """What scores the images; a method never sees it.

    Attributes:
        sizes: how many values each attribute has; card: what was measured of it: confusion, accepts, threshold.
    """

    @property
    def sizes(self) -> dict[str, int]: ...

    card: dict[str, Any]

    def look(self, images: np.ndarray) -> Any:
        """The verdict: features float32 (N, F), labels {attribute: int64 (N,)}, identities (N, people) or None."""
        ...

    def probs(self, verdict: Any, attribute: str) -> np.ndarray:
        """Probabilities (N, values) of an attribute for images that it has looked at."""
        ...

    def accepting(self, verdict: Any, person: int) -> np.ndarray:
        """Whether each of its members, of which a single judge is one, accepts each image as the person: (M, N)."""
        ...

    def likeness(self, person: int) -> np.ndarray:
        """Cosine between what it takes for the person and for everybody that it knows, (P,)."""
        ...


class TaskModule(Protocol):
    """A module of benchmark/tasks, or of a folder on RETOUCH_PATH: everything about one task.

    `setup` is an instance with all that it names; `view` holds the judge's verdict on N samples, and the answers.

    Attributes:
        TITLE, SUMMARY: its name for people, and one sentence; REQUEST: what is asked of a method, in two.
        REVEALS: what a method sees; ASKS: family -> what its generators are asked beside samples.
        GOAL: the metric that becomes the goal; GOAL_TEXT: what goal 0 and 1 mean; AHEAD: what the better method does.
        IDEAL: the metric of a request wholly met; None: that of the held-out images of `reference`.
        TRADEOFF: (title, across, up) of the board's picture; START: what `retouch new` writes.
    """

    TITLE: str
    SUMMARY: str
    REQUEST: str
    REVEALS: str
    ASKS: dict[str, str]
    GOAL: str
    GOAL_TEXT: str
    IDEAL: float | None
    AHEAD: str
    TRADEOFF: tuple[str, str, str]
    START: Any

    def reveal(self, setup: Any) -> dict[str, Any]:
        """The labelled images that a method may see, by "forget", "retain" or "labelled"."""
        ...

    def reference(self, setup: Any) -> Any:
        """Held-out images as the output should be: what quality is measured against."""
        ...

    def questions(self, setup: Any, judge: Judge, seed: int, noise: int) -> list[Any]:
        """What the edited generator is asked beside samples; `noise` seeds the noise of the answers."""
        ...

    def keep(self, setup: Any, view: Any) -> Any:
        """1 for each sample that ought to be there, else 0, float64 (N,); or `tasks.view.Groups` to weight it by."""
        ...

    def measure(self, setup: Any, view: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Metrics by name, and the details that the board pictures."""
        ...
