"""Questions for an edited generator, sent after its edit, and how any generator answers them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

BYTES = ("sample", "prompted", "edit_attribute", "laws", "relearn")  # kinds of answers in uint8: images, or a text
ATTACKS = ("relearn", "reach", "membership")  # kinds that work on copies of the weights, see `attacks`
TEXT = 65_536  # bytes of the answer to "laws", blanks at its end


@dataclass(frozen=True)
class Question:
    """One question, with the arrays that it is about.

    Attributes:
        name: of the answer; seed: of its noise; kind: "sample", "prompted", "log_prob", "edit_attribute", "weights",
            "laws" or one of ATTACKS.
        shape: of the answer; n: images to sample, or number of weights; draws: noises of a log-likelihood.
        arrays: "images" uint8 (N, C, H, W) for log_prob, laws and attacks; "latents" (N, Z) for edit_attribute and
            laws; "values" (V, N) for edit_attribute, with "attribute" (1,) if not the target's first; "steps" (K,) and
            "lr" (1,) for relearn; "prompts", bytes of lines of text, for prompted and relearn.
        paired: the base is asked too, and its answer stands beside this one as base_NAME.
    """

    name: str
    kind: str
    seed: int
    shape: tuple[int, ...]
    n: int = 0
    draws: int = 0
    arrays: dict[str, np.ndarray] = field(default_factory=dict, compare=False)
    paired: bool = False

    @classmethod
    def sample(cls, name: str, n: int, image: tuple[int, int, int], seed: int, paired: bool = False) -> Question:
        """Ask for n images of shape `image`, (C, H, W)."""
        return cls(name, "sample", seed, (n, *image), n=n, paired=paired)

    @classmethod
    def prompted(cls, name: str, prompts: Sequence[str], image: tuple[int, int, int], seed: int) -> Question:
        """Ask for one image of each prompt; the base is asked too."""
        n = len(prompts)
        return cls(name, "prompted", seed, (n, *image), n=n, arrays={"prompts": _text(prompts)}, paired=True)

    @classmethod
    def log_prob(cls, name: str, images: np.ndarray, draws: int, seed: int) -> Question:
        """Ask for the log-likelihoods (draws, N), in nats, of uint8 images (N, C, H, W); the base is asked too."""
        return cls(name, "log_prob", seed, (draws, len(images)), draws=draws, arrays={"images": images}, paired=True)

    @classmethod
    def edit_attribute(
        cls, name: str, latents: np.ndarray, values: np.ndarray, image: tuple, seed: int, attribute: int = 0
    ) -> Question:
        """Ask for the images of latents (N, Z) at each row of values (V, N) of the target's k-th attribute."""
        arrays = {"latents": latents, "values": values} | ({"attribute": np.array([attribute])} if attribute else {})
        return cls(name, "edit_attribute", seed, (*values.shape, *image), arrays=arrays)

    @classmethod
    def weights(cls, n: int) -> Question:
        """Ask for the weights (n,) of the generator's module; one of another form than the base's need not answer."""
        return cls("weights", "weights", 0, (n,), n=n, paired=True)

    @classmethod
    def laws(cls, name: str, images: np.ndarray, latents: np.ndarray) -> Question:
        """Ask which laws of a generator it breaks: {law: reason} as JSON."""
        return cls(name, "laws", 0, (TEXT,), arrays={"images": images, "latents": latents})

    @classmethod
    def relearn(
        cls, name: str, images: np.ndarray, steps: Sequence[int], lr: float, n: int, seed: int,
        prompts: Sequence[str] = (),
    ) -> Question:  # fmt: skip
        """Ask for n samples after each number of training steps on images, under the prompts if there are any.

        The answer is uint8 (K, n, C, H, W).
        """
        arrays = {"images": images, "steps": np.array(steps, np.int64), "lr": np.array([lr])}
        arrays |= {"prompts": _text(prompts)} if prompts else {}
        return cls(name, "relearn", seed, (len(steps), n, *images.shape[1:]), n=n, arrays=arrays)

    @classmethod
    def reach(cls, name: str, images: np.ndarray, seed: int) -> Question:
        """Ask how near the generator comes to images, and how likely what it finds is: (2, N)."""
        return cls(name, "reach", seed, (2, len(images)), arrays={"images": images})

    @classmethod
    def membership(cls, name: str, images: np.ndarray, seed: int) -> Question:
        """Ask how well the generator knows each of the images: (N,)."""
        return cls(name, "membership", seed, (len(images),), arrays={"images": images})

    def message(self) -> dict[str, Any]:
        """The question as a JSON object for the worker; its arrays are sent as bytes behind it."""
        return {name: getattr(self, name) for name in ("name", "kind", "seed", "n", "draws")}

    def check(self, array: np.ndarray) -> np.ndarray:
        """Return the answer unchanged if it has the form that the question states.

        Raises:
            ValueError: another shape or type, or NaN or infinite values; names the expected form.
        """
        defect = "" if np.isfinite(array).all() else ", with NaN or infinite values"
        if defect or array.shape != self.shape or (self.kind in BYTES) != (array.dtype == np.uint8):
            raise self.unfit(f"{array.dtype} {list(array.shape)}{defect}")
        return array

    def unfit(self, answer: str) -> ValueError:
        """The error for an answer that is described by `answer`."""
        expected = "uint8" if self.kind in BYTES else "finite floats"
        return ValueError(f"{self.name}: the generator gave {answer}; wanted {expected} {self.shape}")


def answer(generator: Any, question: dict[str, Any], arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    """The answer to a question's message; None if the generator lacks the method that it needs."""
    import torch

    rng = torch.Generator().manual_seed(question["seed"])
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if question["kind"] == "prompted" and not hasattr(generator, "conditions"):
        return None
    if question["kind"] in ("sample", "prompted"):
        condition = {"condition": prompts(arrays["prompts"])} if question["kind"] == "prompted" else {}
        images = generator.sample(question["n"], rng, **condition)
        return images.detach().cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)
    if question["kind"] == "laws":
        from retouch.benchmark.laws.check import broken_laws

        text = json.dumps(broken_laws(generator, tensors["images"], tensors["latents"])).encode()
        return np.frombuffer(text[:TEXT].ljust(TEXT), np.uint8)
    if question["kind"] in ATTACKS:
        return _attack(generator, question, tensors, rng)
    if question["kind"] == "weights":
        return _weights(getattr(generator, "module", None), question["n"])
    if not hasattr(generator, question["kind"]):
        return None
    if question["kind"] == "log_prob":
        from retouch.benchmark.generators.flow import log_probs

        return log_probs(generator, tensors["images"], question["draws"], rng)
    if question["kind"] == "edit_attribute":
        return _edits(generator, **tensors)
    raise ValueError(f"no question of kind {question['kind']!r}")


def _edits(generator: Any, latents: torch.Tensor, values: torch.Tensor, attribute: Any = None) -> np.ndarray | None:
    """Images (V, N, C, H, W) of latents at each row of values; None if the editor moves the first attribute alone."""
    which = {} if attribute is None else {"attribute": int(attribute)}
    if not which.keys() <= inspect.signature(generator.edit_attribute).parameters.keys():
        return None
    return np.stack([generator.edit_attribute(latents, row, **which).numpy() for row in values])


def _text(lines: Sequence[str]) -> np.ndarray:
    return np.frombuffer(bytearray("\n".join(lines).encode()), np.uint8)


def prompts(text: np.ndarray) -> list[str]:
    """The lines of a text's bytes."""
    return bytes(text).decode().split("\n")


def _attack(
    generator: Any, question: dict[str, Any], tensors: dict[str, torch.Tensor], rng: torch.Generator
) -> np.ndarray | None:
    """The outcome of an attack; None, with the reason printed, where there is nothing that it could work on."""
    from retouch.benchmark import attacks

    try:
        if question["kind"] == "relearn":
            steps, lr = tensors["steps"], float(tensors["lr"])
            asked = prompts(tensors["prompts"].numpy()) if "prompts" in tensors else []
            return attacks.relearn(generator, tensors["images"], steps, lr, question["n"], rng, asked)
        attack = attacks.reach if question["kind"] == "reach" else attacks.membership
        return attack(generator, tensors["images"], rng)
    except Exception as error:  # a method's own class may lack whatever an attack needs: its edit counts all the same
        print(f"{question['name']}: no attack: {type(error).__name__}: {error}")
        return None


def _weights(module: Any, n: int) -> np.ndarray | None:
    """The n floating-point weights of a module, None if it is none or has another number of them."""
    from torch import nn

    from retouch.benchmark.generators.flat import floats

    values = floats(module).numpy() if isinstance(module, nn.Module) else np.empty(0, np.float32)
    return values if len(values) == n else None
