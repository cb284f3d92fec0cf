"""The reference side of every comparison, computed once: moments, k-NN radii, kernel sums; kept on disk without
pickle.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from retouch.metrics.checks import as_features, as_weights
from retouch.metrics.engine.linear import root
from retouch.metrics.engine.moments import Moments, moments
from retouch.metrics.engine.pairs import Own, Side, own_pass

VERSION = 1  # of the stored form


class Reference:
    """Features (m, d) of the images to compare with, weights (m,) or None; statistics are computed when first asked
    for.
    """

    def __init__(self, features: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.features = as_features(features, "reference")
        self.weights = None if weights is None else as_weights(weights, len(self.features), "reference weights")
        self._own: dict[int, Own] = {}

    @staticmethod
    def of(reference: "np.ndarray | Reference") -> "Reference":
        """A Reference as it is, an array as a new Reference."""
        return reference if isinstance(reference, Reference) else Reference(reference)

    @cached_property
    def digest(self) -> str:
        """sha256 of the features and weights: the name under which a cache may keep this reference."""
        content = hashlib.sha256(f"{VERSION} {self.features.shape} {self.features.dtype}".encode())
        content.update(self.features.data)
        content.update(b"" if self.weights is None else self.weights.data)
        return content.hexdigest()

    @cached_property
    def moments(self) -> Moments:
        """Block sums for FD."""
        return moments(self.features, self.weights)

    @cached_property
    def root(self) -> np.ndarray:
        """L (d, d) with L L^T = covariance."""
        return root(self.moments.mean_and_covariance()[1])

    @cached_property
    def centre(self) -> np.ndarray:
        """The point about which distances and kernels are computed (d,), exact in the features' precision."""
        return self.features.mean(0, dtype=np.float64).astype(self.features.dtype).astype(np.float64)

    def side(self, device: str = "cpu") -> Side:
        """The features about their centre, ready for a pass; not kept."""
        return Side(self.features, self.centre, device)

    def own(self, k: int, side: Side) -> Own:
        """k-NN radii, neighbours and kernel row sums of the reference among itself."""
        if k not in self._own:
            self._own[k] = own_pass(side, self.centre, k, "reference")
        return self._own[k]

    def save(self, path: str | Path) -> None:
        """Writes features, weights and whatever has been computed so far as one .npz, atomically."""
        arrays: dict[str, Any] = {"version": np.array(VERSION), "features": self.features}
        if self.weights is not None:
            arrays["weights"] = self.weights
        if "moments" in self.__dict__:
            arrays |= {f"moments.{name}": np.asarray(value) for name, value in vars(self.moments).items()}
        for k, own in self._own.items():
            arrays |= {f"own.{k}.{name}": np.asarray(value) for name, value in vars(own).items()}
        path = Path(path)
        draft = path.with_name(path.name + ".part")
        with draft.open("wb") as file:
            np.savez(file, **arrays)
        draft.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> "Reference":
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        if int(arrays.get("version", -1)) != VERSION:
            raise ValueError(
                f"{path}: found version {arrays.get('version')}, wanted {VERSION}: compute the reference anew"
            )
        reference = cls(arrays["features"], arrays.get("weights"))
        group = {name.removeprefix("moments."): value for name, value in arrays.items() if name.startswith("moments.")}
        if group:
            reference.__dict__["moments"] = Moments(**group | {"n": int(group["n"])})
        for k in {int(name.split(".")[1]) for name in arrays if name.startswith("own.")}:
            fields = {name.split(".")[2]: value for name, value in arrays.items() if name.startswith(f"own.{k}.")}
            reference._own[k] = Own(**fields)
        return reference
