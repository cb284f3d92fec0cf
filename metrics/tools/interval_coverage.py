"""Do the 95% intervals hold the truth 95 times in 100? This simulates it and prints the table.

`python -m retouch.metrics.tools.interval_coverage`

Where a population of atoms is drawn from with replacement, the truth of FD, KD and Vendi is the population's own value,
exactly. Precision, recall, density and coverage are defined by n and k, so their truth is the mean over all draws.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist

import numpy as np

from retouch import metrics
from retouch.metrics.estimate import Estimate

WANTED = {"core": (0.92, 0.98), "wide": (0.90, 0.99), "edge": (0.92, 1.0)}
Truth = float | Callable[[], float] | None


@dataclass(frozen=True)
class Case:
    """What is drawn, its truth (None: the mean over the draws), and the band in which coverage must lie.

    A truth that takes seconds is a function, called when the case is run.
    """

    name: str
    draw: Callable[[np.random.Generator], dict[str, Estimate]]
    truth: Mapping[str, Truth]
    band: str = "core"
    edge: tuple[str, ...] = ()  # metrics whose truth is the least or greatest possible: never missed on one side


@dataclass(frozen=True)
class Row:
    """Share of intervals that hold the truth, bias of the mean value, and mean width."""

    name: str
    covered: float
    bias: float
    width: float
    truth: float
    band: str

    @property
    def within(self) -> bool:
        """Whether the share of intervals that hold the truth lies in the band."""
        low, high = WANTED[self.band]
        return low <= self.covered <= high


def run(case: Case, draws: int, seed: int = 0) -> list[Row]:
    """Draw the case `draws` times; one row for each of its metrics."""
    estimates = [case.draw(rng) for rng in np.random.default_rng(seed).spawn(draws)]
    return [
        _row(f"{case.name}: {name}", [e[name] for e in estimates], truth, "edge" if name in case.edge else case.band)
        for name, truth in case.truth.items()
    ]


def _row(name: str, estimates: list[Estimate], truth: Truth, band: str) -> Row:
    values, low, high = (np.array([getattr(e, part) for e in estimates]) for part in ("value", "low", "high"))
    truth = float(values.mean()) if truth is None else truth() if callable(truth) else truth
    covered = float(np.mean((low <= truth) & (truth <= high)))
    return Row(name, covered, float(values.mean() - truth), float(np.mean(high - low)), truth, band)


def population(d: int, size: int = 4000, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    """(size, d) atoms: three clusters, a decaying spectrum, skewed, with an offset, as features of networks are."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(1.5, 0.3, d)
    clusters = rng.normal(size=(3, d))[rng.integers(0, 3, size)]
    return 1 + shift * np.linspace(1, 0, d) + 0.7 * clusters + spread * (rng.gamma(2, 1, (size, d)) - 2) / 2**0.5


def feature_case(name: str, n: int, d: int, shift: float) -> Case:
    """FD, KD and Vendi scores of n images each from two populations with known truth."""
    a, b = population(d, shift=shift), population(d)
    truth = {"fd": partial(_fd_truth, a, b), "kd": partial(_kd_truth, a, b)}

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        x, y = a[rng.integers(0, len(a), n)], b[rng.integers(0, len(b), n)]
        return {"fd": metrics.fd(x, y), "kd": metrics.kd(x, y)}

    return Case(f"{name}, n={n}, d={d}", draw, truth)


def stratified_case(shift: float, n: int = 1000, m: int = 500, d: int = 16, groups: int = 10) -> Case:
    """Groups far apart, uneven among n generated images and even by design among m of reference, both weighted evenly.

    Beside it FD with the weights of the generated groups taken for fixed and the reference for independent draws.
    """
    rng = np.random.default_rng(1)
    means, spread = 2 * rng.normal(size=(groups, d)), np.linspace(1.2, 0.3, d)
    noise = (rng.gamma(2, 1, (groups, 4000, d)) - 2) / 2**0.5 * np.linspace(0.5, 1.4, groups)[:, None, None]
    atoms = means[:, None] + spread * noise
    moved, shares, even = (
        atoms + shift * np.linspace(1, 0, d),
        np.linspace(0.2, 0.02, groups),
        np.full(groups, 1 / groups),
    )

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        labels, known = rng.choice(groups, n, p=shares / shares.sum()), np.repeat(np.arange(groups), m // groups)
        x, y = moved[labels, rng.integers(0, 4000, n)], atoms[known, rng.integers(0, 4000, len(known))]
        weights = 1 / np.bincount(labels, minlength=groups)[labels]
        fixed = metrics.fd(x, y, weights)
        return {"stratified fd": metrics.stratified_fd(x, labels, y, known, even), "fd at fixed weights": fixed}

    truth = partial(_fd_truth, moved.reshape(-1, d), atoms.reshape(-1, d))
    return Case(f"{groups} groups, shift {shift:g}", draw, {"stratified fd": truth, "fd at fixed weights": truth})


def distances_case(name: str, a: np.ndarray, b: np.ndarray, n: int, m: int) -> Case:
    """FD and KD of n and m rows of two populations of atoms."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        x, y = a[rng.integers(0, len(a), n)], b[rng.integers(0, len(b), m)]
        return {"fd": metrics.fd(x, y), "kd": metrics.kd(x, y)}

    return Case(
        f"{name}, n={n}, m={m}, d={a.shape[1]}", draw, {"fd": partial(_fd_truth, a, b), "kd": partial(_kd_truth, a, b)}
    )


def lost_mode_case(share: float, n: int = 1000, m: int = 500, d: int = 16) -> Case:
    """A rare mode of the reference, far from all others, of which the generator makes nothing."""
    b = population(d)
    rare = np.random.default_rng(1).random(len(b)) < share
    b[rare] += 4 * np.linspace(1, 0, d)
    return distances_case(f"a mode of {share:g} lost", b[~rare], b, n, m)


def log_normal_case(n: int = 1000, d: int = 16, width: float = 0.7) -> Case:
    """Features with long tails on one side, those of the generated images a little larger."""
    a, b = np.exp(width * np.random.default_rng(2).normal(size=(2, 4000, d)))
    return distances_case("log-normal", 1.1 * a, b, n, n)


def voted_case(p: float, error: float, doubtful: float, n: int = 2000, held_out: int = 500) -> Case:
    """A share by three judges of equal error, half of which they make together; some samples are of neither kind.

    On doubtful samples, like no real image, each judge tosses a coin of its own. The truth counts half of them.
    """
    clear = p * (1 - doubtful) + doubtful / 2

    def votes(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        together, alone = rng.random(len(truth)) < error / 2, rng.random((3, len(truth))) < error / 2
        return (truth ^ together ^ alone).astype(int)

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        known = np.arange(2 * held_out) % 2 == 1
        seen = metrics.agreed(votes(known, rng), 2)
        confusion = np.stack([np.bincount(seen[known == kind], minlength=3) for kind in (False, True)])
        sampled = votes(rng.random(n) < p, rng)
        strange = rng.random(n) < doubtful
        sampled[:, strange] = rng.integers(0, 2, (3, int(strange.sum())))
        mix = metrics.voted_shares(sampled, confusion, seed=int(rng.integers(1 << 30)))
        return {"share": metrics.voted_share(sampled, confusion), "share among all": mix[1]}

    truth = {"share": clear, "share among all": clear}
    return Case(f"p={p:g}, three judges, error {error:g}, {doubtful:g} doubtful", draw, truth, "edge")


def quality_case(ratios: tuple[float, ...], error: float) -> Case:
    """The joined quality of four ratios to the base, each with a normal error that its interval knows."""
    truth = float(np.mean(np.array(ratios) ** -4.0) ** -0.25)

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        values = np.array(ratios) * (1 + error * rng.normal(size=len(ratios)))
        ends = [(v, v - 1.96 * error * r, v + 1.96 * error * r) for v, r in zip(values, ratios, strict=True)]
        return {"quality": metrics.joined_quality({str(k): Estimate(*end, 1000) for k, end in enumerate(ends)})}

    return Case(f"ratios {ratios}, error {error:g}", draw, {"quality": truth})


def copied_case(copies: float, n: int = 250, held_out: int = 500) -> Case:
    """Copies at half the threshold among samples whose distances are otherwise those of held-out images."""
    threshold = NormalDist().inv_cdf(0.02)
    truth = copies * (1 - 0.02)

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        samples = np.where(rng.random(n) < copies, np.exp(threshold) / 2, np.exp(rng.normal(size=n)))
        real, base = np.exp(rng.normal(size=(2, held_out)))
        return {"copied": metrics.copied_share(samples, real, base, 0.02)}

    return Case(f"{copies:g} copies", draw, {"copied": truth}, "edge")


def auc_case(shift: float, n: int = 100) -> Case:
    """Membership: area under the curve of scores that differ by `shift` standard deviations."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        scores = rng.normal(size=2 * n) + shift * (np.arange(2 * n) < n)
        return {"auc": metrics.auc(scores, np.arange(2 * n) < n)}

    return Case(f"shift {shift:g}, {n} and {n}", draw, {"auc": NormalDist().cdf(shift / 2**0.5)})


def vendi_case(n: int, d: int) -> Case:
    """Vendi scores of all orders, against those of the whole population."""
    from retouch.metrics.vendi_score import vendis

    a = population(d) - 1
    truth = {order: e.plain for order, e in vendis(a).items()}

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        scores = vendis(a[rng.integers(0, len(a), n)])
        return {f"vendi_{order:g}": e for order, e in scores.items()}

    return Case(f"n={n}, d={d}", draw, {f"vendi_{order:g}": value for order, value in truth.items()}, "wide")


def neighbour_case(n: int, d: int, scale: float, k: int = 5) -> Case:
    """Precision, recall, density and coverage of two Gaussians, one `scale` times as wide."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        return metrics.prdc(rng.normal(size=(n, d)) * scale, rng.normal(size=(n, d)), k=k)

    names = ("precision", "recall", "density", "coverage")
    return Case(f"scale {scale:g}, n={n}, d={d}", draw, dict.fromkeys(names), "wide")


def share_case(p: float, accuracy: float, n: int = 2000, held_out: int = 500) -> Case:
    """A share under a judge whose accuracy is itself estimated."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        right = rng.binomial(held_out, accuracy, 2)
        confusion = np.array([[right[0], held_out - right[0]], [held_out - right[1], right[1]]])
        ones = rng.binomial(n, p * accuracy + (1 - p) * (1 - accuracy))
        return {"share": metrics.share(np.array([n - ones, ones]), confusion)}

    return Case(f"p={p:g}, judge {accuracy:g} on {held_out}", draw, {"share": p})


def mix_case(shares: np.ndarray, accuracy: float, n: int = 2000, held_out: int = 300) -> Case:
    """All shares of several classes, and what is made of them."""
    shares = np.asarray(shares, dtype=float)
    classes = len(shares)
    wrong = (1 - accuracy) / (classes - 1)
    rows = np.full((classes, classes), wrong) + np.eye(classes) * (accuracy - wrong)
    even = np.full(classes, 1 / classes)
    truth = {
        "share of the first": shares[0],
        "share of the last": shares[-1],
        "fairness discrepancy": float(np.linalg.norm(shares - even)),
        "total variation": float(np.abs(shares - even).sum() / 2),
        "KL to an even mix": float(np.sum(shares * np.log(shares / even))),
        "entropy": float(-np.sum(shares * np.log(shares))),
    }

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        confusion = np.array([rng.multinomial(held_out, row) for row in rows])
        mix = metrics.shares(rng.multinomial(n, shares @ rows), confusion, seed=int(rng.integers(1 << 30)))
        estimates = [
            mix[0],
            mix[-1],
            metrics.fairness_discrepancy(mix, None, even),
            metrics.total_variation(mix, even),
            metrics.kl_to_target(mix, None, even),
            metrics.entropy(mix),
        ]
        return dict(zip(truth, estimates, strict=True))

    edge = tuple(truth)[2:] if np.allclose(shares, even) else ()
    return Case(f"{classes} classes from {shares[0]:g} to {shares[-1]:g}, judge {accuracy:g}", draw, truth, edge=edge)


def paired_case(instances: int, seeds: int, gap: float = 0.03) -> Case:
    """Two methods on the same instances and seeds; instances differ far more than methods."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        hard = rng.normal(0.5, 0.2, (instances, 1)) + rng.normal(0, 0.03, (instances, seeds))
        a, b = (hard + rng.normal(0, 0.05, hard.shape) for _ in range(2))
        return {"paired difference": metrics.paired_difference(a + gap, b)}

    return Case(f"{instances} instances x {seeds} seeds", draw, {"paired difference": gap})


def drop_case(images: int, shift: float = 1.0) -> Case:
    """Quantile drop of images whose NLL rises by `shift` standard deviations, and spreads about that as it did."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        base, edited = rng.normal(size=(2, images)) + np.array([[0.0], [shift]])
        return {"quantile drop": metrics.quantile_drop(base, edited, (0, 1), (0, 1), seed=int(rng.integers(1 << 30)))}

    truth = 0.5 - NormalDist().cdf(-shift / 2**0.5)  # E Phi(-X) of X ~ N(shift, 1)
    return Case(f"{images} images", draw, {"quantile drop": truth})


def identity_case(images: int) -> Case:
    """Mean similarity in a bin of few images."""

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        similarity = rng.normal(0.5, 0.1, images)
        curve = metrics.identity_curve(similarity, np.full(images, 0.5), np.array([0.0, 1.0]))
        (mean,) = curve.means
        assert mean is not None  # all images lie in the one bin
        return {"identity in a bin": mean}

    return Case(f"{images} images", draw, {"identity in a bin": 0.5})


def cases() -> Iterator[Case]:
    """All cases of the table."""
    yield feature_case("shifted", 1000, 32, 0.5)
    yield feature_case("equal", 1000, 32, 0.0)
    yield feature_case("shifted", 512, 128, 0.3)
    for shift in (0.3, 0.0):
        case = stratified_case(shift)
        yield replace(case, truth={"stratified fd": case.truth["stratified fd"]}, band="wide")
    yield lost_mode_case(0.02)
    yield log_normal_case()
    yield distances_case("n near d", population(128, shift=0.3), population(128), 140, 140)
    for n, d, scale in ((1000, 8, 1.0), (1000, 32, 0.8), (500, 16, 1.2)):
        yield neighbour_case(n, d, scale)
    yield vendi_case(1000, 32)
    yield vendi_case(400, 64)
    for p, accuracy in ((0.3, 0.9), (0.1, 0.9), (0.02, 0.95), (0.5, 0.98), (0.0, 0.95)):
        yield share_case(p, accuracy)
    for p, error, doubtful in ((0.1, 0.01, 0.0), (0.1, 0.15, 0.0), (0.02, 0.05, 0.0), (0.1, 0.05, 0.1)):
        yield voted_case(p, error, doubtful)
    for ratios, error in (((1.0, 1.0, 1.0, 1.0), 0.03), ((0.5, 1.0, 1.1, 1.3), 0.05)):
        yield quality_case(ratios, error)
    for copies in (0.0, 0.1):
        yield copied_case(copies)
    for shift in (0.0, 1.0):
        yield auc_case(shift)
    yield mix_case(np.array([0.5, 0.3, 0.15, 0.05]), 0.9)
    yield mix_case(np.array([0.27, 0.23, 0.26, 0.24]), 0.9)
    yield mix_case(np.full(10, 0.1), 0.9)
    for instances, seeds in ((4, 3), (6, 5), (1, 10)):
        yield paired_case(instances, seeds)
    for images in (2, 15):
        yield drop_case(images)
        yield identity_case(images)


def _fd_truth(a: np.ndarray, b: np.ndarray) -> float:
    from retouch.metrics.frechet import distance

    return distance(a.mean(0), np.cov(a, rowvar=False, ddof=0), b.mean(0), np.cov(b, rowvar=False, ddof=0))


def _kd_truth(a: np.ndarray, b: np.ndarray) -> float:
    from retouch.metrics.kernel import kernel

    return float(kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    options = parser.parse_args()
    title = f"95% intervals over {options.draws} draws"
    print(f"{title:<52}{'holds':>7}{'wanted':>9}{'truth':>11}{'bias':>11}{'width':>10}")
    for case in cases():
        for row in run(case, options.draws) if options.only in case.name else ():
            low, high = WANTED[row.band]
            print(
                f"{row.name:<52}{row.covered:>7.1%}{f'{low:.0%}-{high:.0%}':>9}{row.truth:>11.4g}{row.bias:>11.2g}"
                f"{row.width:>10.3g}{'' if row.within else '  <- outside'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
