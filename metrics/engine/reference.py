"""The reference side of every comparison, whose moments, k-NN radii and kernel sums are computed once and kept."""

from functools import cached_property

import numpy as np

from retouch.metrics.checks import as_features, as_weights
from retouch.metrics.engine.linear import root
from retouch.metrics.engine.moments import Moments, moments
from retouch.metrics.engine.pairs import Own, Side, own_pass
from retouch.metrics.stream import Stream


class Reference:
    """Features (m, d) of the images to compare with, weights (m,) or None; a statistic is computed at its first use."""

    def __init__(self, features: np.ndarray, weights: np.ndarray | None = None) -> None:
        self.features = as_features(features, "reference")
        self.weights = None if weights is None else as_weights(weights, len(self.features), "reference weights")
        self.n = len(self.features)  # rows that the moments rest on: more than there are, of a stream
        self._own: dict[int, Own] = {}

    @staticmethod
    def of(reference: "np.ndarray | Stream | Reference") -> "Reference":
        """A Reference as it is, an array or a stream as a new Reference."""
        if isinstance(reference, Stream):
            made = Reference(reference.rows)
            made.n, made.moments = reference.n, reference.moments
            return made
        return reference if isinstance(reference, Reference) else Reference(reference)

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
