"""The same numbers as the peers on the same features, and each place where a definition differs."""

import contextlib
import io

import numpy as np
import pytest
import torch

from retouch import metrics
from retouch.metrics import neighbours, vendi_score
from retouch.metrics.engine import pairs
from retouch.metrics.engine.pairs import cross_pass, own_pass
from retouch.metrics.kernel import kernel

fidelity_fid = pytest.importorskip("torch_fidelity.metric_fid")
fidelity_kid = pytest.importorskip("torch_fidelity.metric_kid")
fidelity_prc = pytest.importorskip("torch_fidelity.metric_prc")
cleanfid = pytest.importorskip("cleanfid.fid")
peer_prdc = pytest.importorskip("prdc")
peer_vendi = pytest.importorskip("vendi_score.vendi")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
KINDS = ("normal", "relu", "offset", "clusters")


def pair(kind: str, n: int, d: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + d)
    x, y = rng.normal(size=(n, d)) * 1.1 + 0.1, rng.normal(size=(n + 37, d))
    if kind == "relu":
        x, y = np.maximum(x, 0.01 * x), np.maximum(y, 0.01 * y)  # leaky: no exact ties; these have tests of their own
    if kind == "offset":
        x, y = x + 30, y + 30
    if kind == "clusters":
        x, y = x + 5 * rng.integers(0, 3, (n, 1)), y + 5 * rng.integers(0, 3, (n + 37, 1))
    return x.astype(dtype), y.astype(dtype)


def torch_fd(x: np.ndarray, y: np.ndarray) -> float:
    a, b = (fidelity_fid.fid_features_to_statistics(torch.from_numpy(v)) for v in (x, y))
    return fidelity_fid.fid_statistics_to_metric(a, b, False)["frechet_inception_distance"]


def quiet_prdc(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        return peer_prdc.compute_prdc(real, fake, nearest_k=k)


def brute_kd(x: np.ndarray, y: np.ndarray) -> float:
    kx, ky, n, m = kernel(x, x), kernel(y, y), len(x), len(y)
    within = (kx.sum() - np.trace(kx)) / (n * (n - 1)) + (ky.sum() - np.trace(ky)) / (m * (m - 1))
    return within - 2 * kernel(x, y).mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d"), [(150, 8), (700, 64)])
def test_plain_fd_is_the_peers(kind, n, d):
    x, y = pair(kind, n, d)
    ours = metrics.fd(x, y).plain
    assert ours == pytest.approx(torch_fd(x, y), rel=1e-9)
    assert ours == pytest.approx(cleanfid.fid_from_feats(x, y), rel=1e-9)


@pytest.mark.parametrize("kind", ("normal", "relu", "clusters"))
@pytest.mark.parametrize(("n", "d"), [(700, 64), (1250, 600)])
def test_plain_fd_on_float32(kind, n, d):
    x, y = pair(kind, n, d, np.float32)
    ours = metrics.fd(x, y).plain
    assert ours == pytest.approx(torch_fd(x, y), rel=5e-6)
    assert ours == pytest.approx(cleanfid.fid_from_feats(x, y), rel=5e-6)


def test_fd_is_exact_at_a_large_float32_offset():
    x, y = pair("normal", 3000, 16, np.float32)
    x, y = x + np.float32(3000), y + np.float32(3000)
    exact = torch_fd(x.astype(np.float64), y.astype(np.float64))
    assert metrics.fd(x, y).plain == pytest.approx(exact, rel=5e-6)
    assert abs(torch_fd(x, y) / exact - 1) > 1e-5  # its means are float32 sums


def test_fd_value_differs_from_the_peers_by_its_bias():
    x, y = pair("normal", 400, 64)
    estimate = metrics.fd(x, y)
    assert estimate.value < estimate.plain - 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kd_is_brute_force(kind, dtype):
    x, y = pair(kind, 300, 24, dtype)
    exact = brute_kd(x.astype(np.float64), y.astype(np.float64))
    scale = np.abs(kernel(x.astype(np.float64), x.astype(np.float64))).mean() if kind == "offset" else 1
    assert metrics.kd(x, y).value == pytest.approx(exact, rel=5e-6, abs=1e-12 * scale)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5, 1e8])
def test_kd_at_any_offset(offset):
    """Against the kernel less its constant in extended precision; at 1e8 float64 alone gave -6e32 for -7e29."""
    x, y = np.random.default_rng(0).normal(size=(2, 300, 6))
    long = [(p + offset).astype(np.longdouble) for p in (x, y)]
    centre = long[1].mean(0)
    u, v = (p - centre for p in long)
    o = centre @ centre / 6 + 1

    def less_constant(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        b = (p @ q.T + (p @ centre)[:, None] + q @ centre) / 6
        return b**3 + 3 * o * b**2 + 3 * o**2 * b

    own = [(k.sum() - np.trace(k)) / (300 * 299) for k in (less_constant(u, u), less_constant(v, v))]
    estimate = metrics.kd(x + offset, y + offset)
    assert estimate.value == pytest.approx(
        float(own[0] + own[1] - 2 * less_constant(u, v).mean()), rel=1e-5, abs=1e-6 * estimate.se
    )
    assert estimate.low < estimate.value < estimate.high


def test_closed_squares_are_those_of_the_tiles(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(1 + shift, 1, (90, 7)).astype(np.float32) for shift in (0, 0.3))
    closed = metrics.kd(x, y)
    monkeypatch.setattr(pairs, "NARROW", 0)
    tiles = metrics.kd(x, y)
    for end in ("value", "low", "high"):
        assert getattr(closed, end) == pytest.approx(getattr(tiles, end), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_kd_is_torch_fidelity_on_its_own_subset(kind):
    x, y = pair(kind, 263, 24)
    y = y[:263]
    peer = fidelity_kid.kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subsets=1, kid_subset_size=263, verbose=False
    )["kernel_inception_distance_mean"]
    assert metrics.kd(x, y).value == pytest.approx(peer, rel=5e-6)
    assert metrics.kd(x, y).value == pytest.approx(cleanfid.kernel_distance(x, y, 1, 263), rel=5e-6)


def test_kd_interval_is_not_the_spread_over_subsets():
    x, y = pair("normal", 2000, 16)
    peer = fidelity_kid.kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subset_size=100, verbose=False
    )
    estimate = metrics.kd(x, y)
    assert peer["kernel_inception_distance_std"] > 3 * estimate.se
    assert estimate.low < peer["kernel_inception_distance_mean"] < estimate.high


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d", "k"), [(200, 4, 3), (1100, 32, 5)])
def test_neighbours_are_prdc_and_torch_fidelity(kind, n, d, k):
    x, y = pair(kind, n, d)
    estimates, peer = metrics.prdc(x, y, k=k), quiet_prdc(y, x, k)
    assert {name: e.value for name, e in estimates.items()} == pytest.approx(peer, abs=1e-12)
    other = fidelity_prc.prc_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), prc_neighborhood=k, verbose=False
    )
    assert estimates["precision"].value == pytest.approx(other["precision"], abs=1e-6)
    assert estimates["recall"].value == pytest.approx(other["recall"], abs=1e-6)


def test_weights_of_the_reference_count_in_recall_and_coverage():
    rng = np.random.default_rng(0)
    reference = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(50, 1, (100, 2))])
    generated = rng.normal(0, 1, (300, 2))  # one of the two clusters alone
    for share in (0.25, 0.5, 0.9):
        weights = np.repeat([(1 - share) / 300, share / 100], [300, 100])
        found = metrics.suite(generated, metrics.Reference(reference, weights))
        assert abs(found["recall"].value - (1 - share)) < 0.05 and abs(found["coverage"].value - (1 - share)) < 0.05
        assert found["recall"].low < 1 - share < found["recall"].high + 0.05
    plain = metrics.suite(generated, reference)
    even = metrics.suite(generated, metrics.Reference(reference, np.full(400, 1 / 400)))
    assert all(plain[name].value == pytest.approx(even[name].value) for name in plain)


@pytest.mark.parametrize("kind", ("normal", "relu", "clusters"))
def test_neighbours_in_float32_are_those_of_float64(kind):
    x, y = pair(kind, 1500, 32, np.float32)
    ours, exact = metrics.prdc(x, y), metrics.prdc(x.astype(np.float64), y.astype(np.float64))
    assert {n: e.value for n, e in ours.items()} == {n: e.value for n, e in exact.items()}


def lattice(seed: int) -> np.ndarray:
    """Small whole numbers: many exact ties, many duplicates."""
    return np.random.default_rng(seed).integers(0, 4, (400, 4)).astype(np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_closed_as_torch_fidelity_open_as_prdc(dtype):
    x, y = lattice(0).astype(dtype), lattice(1).astype(dtype)
    closed, opened = metrics.prdc(x, y, k=3), metrics.prdc(x, y, k=3, closed=False)
    exact_x, exact_y = x.astype(np.float64), y.astype(np.float64)
    peer = fidelity_prc.prc_features_to_metric(
        torch.from_numpy(exact_x), torch.from_numpy(exact_y), prc_neighborhood=3, verbose=False
    )
    assert closed["precision"].value == pytest.approx(_cdist_share(exact_x, exact_y, 3), abs=1e-12)
    assert closed["recall"].value == pytest.approx(_cdist_share(exact_y, exact_x, 3), abs=1e-12)
    assert closed["precision"].value == pytest.approx(peer["precision"], abs=1e-6)
    assert {n: e.value for n, e in opened.items()} == pytest.approx(_open_prdc(exact_y, exact_x, 3), abs=1e-12)


def _cdist_share(points: np.ndarray, balls: np.ndarray, k: int) -> float:
    """Closed balls, squared distances in whole numbers: no rounding anywhere."""
    own = np.square(balls[:, None] - balls).sum(-1)
    radius = np.sort(own, axis=1)[:, k]
    return float((np.square(points[:, None] - balls).sum(-1) <= radius).any(1).mean())


def _open_prdc(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """prdc's formulas on squared whole numbers (its own square roots of sums round ties apart)."""
    d2 = np.square(real[:, None] - fake).sum(-1)
    r_real, r_fake = (np.sort(np.square(s[:, None] - s).sum(-1), axis=1)[:, k] for s in (real, fake))
    inside = d2 < r_real[:, None]
    return {
        "precision": inside.any(0).mean(),
        "recall": (d2 < r_fake).any(1).mean(),
        "density": inside.sum(0).mean() / k,
        "coverage": (d2.min(1) < r_real).mean(),
    }


def test_exact_copies_are_precise_here_but_not_in_prdc():
    # every point 8 times: radii are 0 for k = 5
    y = np.repeat(np.random.default_rng(0).normal(size=(40, 6)), 8, axis=0)
    assert quiet_prdc(y, y.copy(), 5)["precision"] == 0
    assert metrics.prdc(y.copy(), y)["precision"].value == 1
    assert metrics.prdc(y.copy(), y, closed=False)["precision"].value == 0


@pytest.mark.parametrize("kind", ("normal", "relu", "clusters"))
@pytest.mark.parametrize(("order", "name"), [(0.5, 0.5), (1, 1), (2, 2), (np.inf, "inf")])
def test_vendi_is_vendi_score(kind, order, name):
    x, _ = pair(kind, 300, 24)
    ours = metrics.vendi(x, order).plain
    assert ours == pytest.approx(peer_vendi.score_dual(x, q=name), rel=1e-8)
    unit = vendi_score.normalised(x)
    assert ours == pytest.approx(peer_vendi.score_K(unit @ unit.T, q=name), rel=1e-5 if order == 0.5 else 1e-8)


def test_vendi_with_fewer_images_than_features():
    x, _ = pair("normal", 40, 300)
    assert metrics.vendi(x).plain == pytest.approx(peer_vendi.score_dual(x), rel=1e-8)


def test_small_orders_with_few_images_in_float32():
    x = np.random.default_rng(0).normal(size=(200, 600)) * np.geomspace(1, 1e-3, 600)
    x = x.astype(np.float32)
    assert metrics.vendi(x, 0.5).plain == pytest.approx(peer_vendi.score_dual(x.astype(np.float64), q=0.5), rel=1e-6)


def test_score_x_ignores_the_order_and_ours_does_not():
    x, _ = pair("normal", 200, 16)
    assert peer_vendi.score_X(x, q=2) == peer_vendi.score_X(x, q=1)
    assert metrics.vendi(x, 2).plain < metrics.vendi(x, 1).plain - 0.1


def test_weighted_vendi_is_the_weighted_kernel():
    x, _ = pair("normal", 120, 16)
    p = np.random.default_rng(1).dirichlet(np.ones(120))
    unit = vendi_score.normalised(x)
    assert metrics.weighted_vendi(x, p) == pytest.approx(peer_vendi.score_K(unit @ unit.T, p=p), rel=1e-10)
    assert metrics.vendi(x, 1, p).plain == pytest.approx(metrics.weighted_vendi(x, p), rel=1e-12)


def test_not_a_number_is_an_error_here():
    x, y = pair("normal", 200, 8, np.float32)
    x[3, 2] = np.nan
    peer = fidelity_prc.prc_features_to_metric(torch.from_numpy(x), torch.from_numpy(y), verbose=False)
    assert 0.5 < peer["precision"] <= 1
    with pytest.raises(ValueError, match=r"generated: found 1 NaN .* \(3, 2\)"):
        metrics.prdc(x, y)


def test_tiles_of_any_size_give_the_same(monkeypatch):
    x, y = pair("clusters", 500, 12)
    whole = metrics.suite(x, y)
    monkeypatch.setattr("retouch.metrics.engine.pairs.TILE", 77)
    parts = metrics.suite(x, y)
    for name, e in whole.items():
        assert parts[name].value == pytest.approx(e.value, rel=1e-12), name
        assert parts[name].high == pytest.approx(e.high, rel=1e-6), name


def test_one_pass_is_the_single_functions():
    x, y = pair("relu", 400, 16)
    estimates = metrics.suite(x, y)
    alone = {"fd": metrics.fd(x, y), "kd": metrics.kd(x, y), **metrics.prdc(x, y)}
    for name, e in alone.items():
        assert estimates[name].value == pytest.approx(e.value, rel=1e-12)
    assert estimates["vendi_2"] == metrics.vendi(x, 2)
    assert list(estimates) == [*alone, "vendi_0.5", "vendi", "vendi_2", "vendi_inf"]


def test_order_of_rows_does_not_matter():
    x, y = pair("normal", 300, 8)
    a, b = metrics.suite(x, y), metrics.suite(x[::-1].copy(), y[::-1].copy())
    for name in ("kd", "precision", "recall", "density", "coverage"):
        assert a[name].value == pytest.approx(b[name].value, rel=1e-9)
    assert a["fd"].plain == pytest.approx(b["fd"].plain, rel=1e-9)


def test_leave_one_out_counts_are_those_of_doing_it(monkeypatch):
    """The variance's bookkeeping (what leaving out one reference point changes) against leaving it out for real."""
    rng = np.random.default_rng(5)
    x, y, k = rng.normal(size=(150, 3)) * 1.3, rng.normal(size=(60, 3)), 3
    centre = y.mean(0)
    own_x, own_y = (own_pass(p, centre, k, "points") for p in (x, y))
    forth = cross_pass(x, y, centre, own_x.radii2, own_y.radii2).forth
    changes = []
    for j in range(len(y)):
        rest = np.delete(y, j, axis=0)
        changes.append(np.mean(forth.count > 0) - _cdist_share(x, rest, k))
    seen = []
    monkeypatch.setattr(
        "retouch.metrics.engine.balls.left_out_variance", lambda change, noise: seen.append(change) or 0.0
    )
    forth.share_variance(own_y.nearest)
    np.testing.assert_allclose(seen[0] / len(x), changes, atol=1e-12)
    assert np.ptp(changes) > 0


def test_same_distribution_values_stand_beside():
    rng = np.random.default_rng(0)
    draws = [metrics.prdc(rng.normal(size=(400, 8)), rng.normal(size=(400, 8))) for _ in range(12)]
    for name in ("precision", "recall", "density", "coverage"):
        value, same = (np.mean([getattr(d[name], part) for d in draws]) for part in ("value", "same"))
        assert value == pytest.approx(same, abs=0.02 if name != "density" else 0.05), name
    assert neighbours.same_coverage(400, 400, 5) == pytest.approx(1 - 2**-5, abs=1e-3)


def test_what_is_precise_lies_within_kth_neighbours_distance():
    line = np.arange(40.0)[:, None]
    assert metrics.precise(np.array([[-1.0], [-1.01], [20.5]]), line, k=1).tolist() == [True, False, True]
    assert metrics.precise(np.array([[-2.0], [-2.01]]), line, k=2).tolist() == [True, False]
