"""How much less likely images have become to a flow: the quantile drop of Taming Normalizing Flows (WACV 2024)."""

import numpy as np

from retouch.metrics.checks import unmasked
from retouch.metrics.estimate import Estimate, over_images


def quantiles(nll: np.ndarray, mu_sigma: tuple[float, float]) -> np.ndarray:
    """q = 1 - Phi((nll - mu) / sigma): how typical each image is among the model's data; NLL and mu, sigma in one
    unit.
    """
    from scipy.special import ndtr

    mu, sigma = float(mu_sigma[0]), float(mu_sigma[1])
    if not (np.isfinite(mu) and np.isfinite(sigma) and sigma > 0):
        raise ValueError(f"mu_sigma: found ({mu}, {sigma}), wanted a finite mean and a positive standard deviation")
    return ndtr((mu - unmasked(nll, "nll").astype(np.float64)) / sigma)


def mean_quantile(
    nll: np.ndarray, mu_sigma: tuple[float, float], *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Estimate:
    """Mean quantile of images, in [0, 1]: 0.5 for the model's own data, near 0 for what it finds unlikely.

    nll: (images,), or (noise draws, images), averaged over the draws first. Interval: bootstrap over images.
    """
    each = quantiles(_mean_nll(nll, "nll"), mu_sigma)
    return over_images(each, np.random.default_rng(seed), draws, level)


def quantile_drop(
    nll_base: np.ndarray,
    nll_edited: np.ndarray,
    base_mu_sigma: tuple[float, float],
    edited_mu_sigma: tuple[float, float],
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Mean over images of q_base - q_edited, in [-1, 1]; up = the images have become less typical.

    nll_*: (images,), or (noise draws, images), averaged over the draws first, as in the paper. mu and sigma: those of
    the same model's NLL over its data. Interval: bootstrap over images; one image has none.
    """
    base, edited = _mean_nll(nll_base, "nll_base"), _mean_nll(nll_edited, "nll_edited")
    if len(base) != len(edited):
        raise ValueError(f"nll_base and nll_edited: found {len(base)} and {len(edited)} images, wanted the same images")
    drop = quantiles(base, base_mu_sigma) - quantiles(edited, edited_mu_sigma)
    return over_images(drop, np.random.default_rng(seed), draws, level)


def _mean_nll(nll: np.ndarray, name: str) -> np.ndarray:
    nll = unmasked(nll, name).astype(np.float64)
    if nll.ndim not in (1, 2) or nll.size == 0:
        raise ValueError(f"{name}: found shape {nll.shape}, wanted (images,) or (noise draws, images)")
    if not np.isfinite(nll).all():
        raise ValueError(f"{name}: found {int((~np.isfinite(nll)).sum())} NaN or infinite values, wanted finite ones")
    return nll.mean(0) if nll.ndim == 2 else nll
