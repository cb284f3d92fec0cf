"""All feature metrics of one generator in one pass over the pairs, each with its interval."""

import numpy as np

from retouch.metrics import frechet, kernel, neighbours, vendi_score
from retouch.metrics.checks import as_features, same_width
from retouch.metrics.engine.moments import moments
from retouch.metrics.engine.pairs import Side, cross_pass, own_pass
from retouch.metrics.engine.reference import Reference
from retouch.metrics.estimate import Estimate


def suite(
    generated: np.ndarray,
    reference: np.ndarray | Reference,
    *,
    weights: np.ndarray | None = None,
    k: int = 5,
    orders: tuple[float, ...] = (0.5, 1, 2, np.inf),
    device: str = "cpu",
    level: float = 0.95,
) -> dict[str, Estimate]:
    """ "fd", "kd", "precision", "recall", "density", "coverage", "vendi", "vendi_0.5", "vendi_2", "vendi_inf".

    generated (n, d), reference (m, d) or a Reference (whose statistics are then computed once and kept); weights (n,),
    sum 1: of the generated images in precision, which the other metrics do not heed. With fewer than d rows on either
    side, 2 d beyond 512 features, FD has no honest value: "fd" is missing, and "kd" is there.
    """
    generated, reference = as_features(generated, "generated"), Reference.of(reference)
    y = reference.features
    same_width(generated, y)
    neighbours.enough(len(generated), len(y), k)
    a, b = Side(generated, reference.centre, device), reference.side(device)
    x_own, y_own = own_pass(a, reference.centre, k, "generated"), reference.own(k, b)
    cross = cross_pass(a, b, reference.centre, x_own.radii2, y_own.radii2)
    result = {"kd": kernel.from_rows(generated, x_own, y, y_own, cross, level)}
    result |= neighbours.from_passes(x_own, y_own, cross, k, level, weights)
    if min(len(generated), frechet.rows_worth(len(y), reference.weights)) >= frechet.least_rows(y.shape[1]):
        fd = frechet.from_moments(moments(generated), reference.moments, generated, reference, level=level)
        result = {"fd": fd} | result
    vendis = vendi_score.vendis(generated, orders, level=level)
    return result | {vendi_name(order): estimate for order, estimate in vendis.items()}


def vendi_name(order: float) -> str:
    """ "vendi" for order 1, else "vendi_0.5", "vendi_2", "vendi_inf"."""
    return "vendi" if order == 1 else f"vendi_{order:g}"
