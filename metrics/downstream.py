"""What generated images are worth to a classifier: a linear probe on real images, topped up with generated ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retouch.metrics.checks import as_features
from retouch.metrics.estimate import Estimate, percentiles

RIDGE = 1e-2  # weight of |W|^2 / 2 beside the mean log loss, on standardised features
ITERATIONS = 200


@dataclass(frozen=True)
class Labelled:
    """Features (N, F) with classes (N,) from 0; weights (N,), all 1 unless given."""

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.labels.shape != (len(self.features),):
            raise ValueError(f"labels: found shape {self.labels.shape}, wanted ({len(self.features)},), one an image")


def downstream_gains(
    real: Labelled, held_out: Labelled, extra: Labelled, *, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Gains in accuracy on held-out images from topping the real ones up, in [-1, 1]: "balanced" and "worst".

    Each class of the real images gets all generated ones of that class, with weights of at most 1 that bring it to
    the size of the largest, as far as there are. balanced: mean of the classes' accuracies; worst: that of the
    class that fares worst. Interval: bootstrap over the held-out images within classes; training noise is not in
    it.

    Raises:
        ValueError: a class without held-out images.
    """
    classes = int(max(real.labels.max(), held_out.labels.max())) + 1
    if (sizes := np.bincount(held_out.labels, minlength=classes)).min() == 0:
        raise ValueError(f"held_out: found no image of class {int(sizes.argmin())}, wanted some of each")
    parts = real, top_up(real, extra, classes)
    right = [probe(part, classes)(held_out.features) == held_out.labels for part in parts]
    rng = np.random.default_rng(seed)
    groups = [np.stack(right)[:, held_out.labels == k] for k in range(classes)]
    drawn = np.stack([_redrawn(group, draws, rng) for group in groups])  # (classes, draws, 2)
    means = np.stack([group.mean(1) for group in groups])  # (classes, 2)
    estimates = {}
    joined = {"balanced": (means.mean(0), drawn.mean(0)), "worst": (means.min(0), drawn.min(0))}
    for name, (mean, redrawn) in joined.items():
        gain, spread = np.diff(mean)[0], np.diff(redrawn)[:, 0]
        low, high = percentiles(spread, level)
        estimates[name] = Estimate(gain, min(low, gain), max(high, gain), len(held_out.labels))
    return estimates


def top_up(real: Labelled, extra: Labelled, classes: int) -> Labelled:
    """Real and extra images; each class's extra ones share the weight that it lacks, in an order of their own."""
    sizes, there = (np.bincount(part.labels, minlength=classes) for part in (real, extra))
    weights = np.minimum(1, (sizes.max() - sizes) / np.maximum(there, 1))
    rows = np.lexsort(extra.features.T)  # whatever the order in which they were sampled
    return Labelled(
        np.concatenate([real.features, extra.features[rows]]),
        np.concatenate([real.labels, extra.labels[rows]]),
        np.concatenate([np.ones(len(real.labels)), weights[extra.labels[rows]]]),
    )


def probe(train: Labelled, classes: int) -> Callable[[np.ndarray], np.ndarray]:
    """Multinomial logistic regression with a ridge; returns a function of features (N, F) to classes (N,)."""
    from scipy.optimize import minimize

    features = as_features(train.features, "features")
    mass = np.ones(len(features)) if train.weights is None else train.weights
    mass = mass / mass.sum()
    mean = mass @ features
    scale = np.sqrt(mass @ (features - mean) ** 2) + 1e-6
    x = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    truth = np.eye(classes)[train.labels]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(classes, -1)
        logits = x @ weights.T
        logits -= logits.max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        gradient = (mass[:, None] * (np.exp(log_p) - truth)).T @ x + RIDGE * weights
        return float(-mass @ (truth * log_p).sum(1) + RIDGE * (weights**2).sum() / 2), gradient.ravel()

    start = np.zeros(classes * x.shape[1])
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    weights = solution.x.reshape(classes, -1)
    return lambda rows: (((rows - mean) / scale) @ weights[:, :-1].T + weights[:, -1]).argmax(1)


def _redrawn(right: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrapped means (draws, 2) of paired hits (2, n)."""
    rows = rng.integers(right.shape[1], size=(draws, right.shape[1]))
    return right[:, rows].mean(2).T
