"""Pure functions on features, labels and likelihoods: arrays in, numbers with intervals out.

Names are loaded when they are first used, so that importing this costs nothing: torch, scipy and sklearn stay out.
"""

import importlib

_HOME = {
    "estimate": ("Estimate", "wilson"),
    "engine.reference": ("Reference",),
    "one_pass": ("suite",),
    "frechet": ("fd", "weighted_fd"),
    "kernel": ("kd",),
    "neighbours": ("prdc",),
    "weighted_neighbours": ("weighted_precision_recall",),
    "vendi_score": ("vendi", "weighted_vendi", "vendi_gradient"),
    "vendi_weights": ("Optimum", "diversity_objective", "effective_sample_size", "optimal_vendi_weights"),
    "judged_shares": ("Shares", "identity_share", "invalidity", "share", "shares"),
    "mix_distances": ("entropy", "fairness_discrepancy", "kl_to_target", "total_variation"),
    "likelihood_drop": ("quantile_drop", "quantiles"),
    "identity_similarity": ("Curve", "identity_curve"),
    "summary": ("Aggregate", "aggregate", "means", "paired_difference", "ranks", "smallest_difference"),
    "meaning": ("MEANING", "Meaning"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module 'retouch.metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(f"retouch.metrics.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
