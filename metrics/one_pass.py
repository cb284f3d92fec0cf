"""All feature metrics of one generator in one pass over the pairs, each with its interval."""

import numpy as np

from retouch.metrics import frechet, kernel, neighbours, vendi_score
from retouch.metrics.checks import as_features, same_width
from retouch.metrics.engine.moments import moments
from retouch.metrics.engine.pairs import Side, cross_pass, own_pass
from retouch.metrics.engine.reference import Reference
from retouch.metrics.estimate import Estimate
from retouch.metrics.stream import Stream


def suite(
    generated: np.ndarray | Stream,
    reference: np.ndarray | Stream | Reference,
    *,
    weights: np.ndarray | None = None,
    k: int = 5,
    orders: tuple[float, ...] = (0.5, 1, 2, np.inf),
    device: str = "cpu",
    level: float = 0.95,
) -> dict[str, Estimate]:
    """ "fd", "kd", "precision", "recall", "density", "coverage", "vendi", "vendi_0.5", "vendi_2", "vendi_inf".

    generated (n, d), reference (m, d) or a Reference (whose statistics are then computed once and kept); either may be
    a Stream, whose reservoir then stands for its rows in "kd" and the neighbour metrics. weights (n,), sum 1: of the
    generated images in precision, which the other metrics do not heed; a Reference's own weights count in FD, recall
    and coverage. With fewer than d rows on either side, 2 d beyond 512 features, FD has no honest value: "fd" is
    missing, and "kd" is there.
    """
    stream = generated if isinstance(generated, Stream) else None
    shown = generated.rows if isinstance(generated, Stream) else generated
    rows, reference = as_features(shown, "generated"), Reference.of(reference)
    y = reference.features
    same_width(rows, y)
    neighbours.enough(len(rows), len(y), k)
    a, b = Side(rows, reference.centre, device), reference.side(device)
    x_own, y_own = own_pass(a, reference.centre, k, "generated"), reference.own(k, b)
    cross = cross_pass(a, b, reference.centre, x_own.radii2, y_own.radii2)
    result = {"kd": kernel.from_rows(rows, x_own, y, y_own, cross, level)}
    result |= neighbours.from_passes(x_own, y_own, cross, k, level, weights, reference.weights)
    n = stream.n if stream else len(rows)
    if min(n, frechet.rows_worth(reference.n, reference.weights)) >= frechet.least_rows(y.shape[1]):
        sums = stream.moments if stream else moments(rows)
        result = {"fd": frechet.from_moments(sums, reference.moments, rows, reference, level=level)} | result
    if stream and n > len(rows):
        vendis = vendi_score.vendis_of_sums(stream.angles, stream.counts, rows, orders, level=level)
    else:
        vendis = vendi_score.vendis(rows, orders, level=level)
    return result | {vendi_name(order): estimate for order, estimate in vendis.items()}


def vendi_name(order: float) -> str:
    """ "vendi" for order 1, else "vendi_0.5", "vendi_2", "vendi_inf"."""
    return "vendi" if order == 1 else f"vendi_{order:g}"
