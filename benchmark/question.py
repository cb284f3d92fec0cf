"""Questions for an edited generator, sent after its edit, and how any generator answers them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BYTES = ("sample", "edit_attribute", "laws")  # kinds whose answers are uint8: images, or the bytes of a text
TEXT = 65_536  # bytes of the answer to "laws", blanks at its end


@dataclass(frozen=True)
class Question:
    """One question, with the arrays that it is about.

    Attributes:
        name: of the answer; kind: "sample", "log_prob", "edit_attribute" or "laws"; seed: of the noise that it takes.
        shape: of the answer; n: images to sample; draws: dequantisation noises of a log-likelihood.
        arrays: "images" uint8 (N, C, H, W) for log_prob and laws; "latents" (N, Z) for edit_attribute and laws;
            "values" (V, N) for edit_attribute.
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
    def log_prob(cls, name: str, images: np.ndarray, draws: int, seed: int) -> Question:
        """Ask for the log-likelihoods (draws, N), in nats, of uint8 images (N, C, H, W); the base is asked too."""
        return cls(name, "log_prob", seed, (draws, len(images)), draws=draws, arrays={"images": images}, paired=True)

    @classmethod
    def edit_attribute(cls, name: str, latents: np.ndarray, values: np.ndarray, image: tuple, seed: int) -> Question:
        """Ask for the images of latents (N, Z) at each row of attribute values (V, N): (V, N, *image)."""
        arrays = {"latents": latents, "values": values}
        return cls(name, "edit_attribute", seed, (*values.shape, *image), arrays=arrays)

    @classmethod
    def laws(cls, name: str, images: np.ndarray, latents: np.ndarray) -> Question:
        """Ask which laws of a generator it breaks: {law: reason} as JSON."""
        return cls(name, "laws", 0, (TEXT,), arrays={"images": images, "latents": latents})

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
    if question["kind"] == "sample":
        images = generator.sample(question["n"], rng)
        return images.detach().cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)
    if question["kind"] == "laws":
        from retouch.benchmark.laws.check import broken_laws

        text = json.dumps(broken_laws(generator, tensors["images"], tensors["latents"])).encode()
        return np.frombuffer(text[:TEXT].ljust(TEXT), np.uint8)
    if not hasattr(generator, question["kind"]):
        return None
    if question["kind"] == "log_prob":
        from retouch.benchmark.generators.flow import log_probs

        return log_probs(generator, tensors["images"], question["draws"], rng)
    if question["kind"] == "edit_attribute":
        return np.stack([generator.edit_attribute(tensors["latents"], row).numpy() for row in tensors["values"]])
    raise ValueError(f"no question of kind {question['kind']!r}")
