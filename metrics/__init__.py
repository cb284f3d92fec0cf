"""Pure functions on features, labels and likelihoods: arrays in, numbers with intervals out.

Names are loaded when they are first used, so that `import metrics` costs nothing: torch, scipy and sklearn stay out.
"""
import importlib

_HOME = {
    "estimate": ("Estimate", "wilson"),
    "reference": ("Reference",),
    "onepass": ("suite",),
    "frechet": ("fd", "weighted_fd"),
    "kernel": ("kd",),
    "neighbours": ("prdc",),
    "weighted": ("weighted_precision_recall",),
    "spectrum": ("vendi", "weighted_vendi", "vendi_gradient"),
    "diversity": ("Optimum", "diversity_objective", "effective_sample_size", "optimal_vendi_weights"),
    "judged": ("Shares", "identity_share", "invalidity", "share", "shares"),
    "mix": ("entropy", "fairness_discrepancy", "kl_to_target", "total_variation"),
    "likelihood": ("quantile_drop", "quantiles"),
    "identity": ("Curve", "identity_curve"),
    "summary": ("Aggregate", "aggregate", "means", "paired_difference", "ranks", "smallest_difference"),
    "meaning": ("MEANING", "Meaning"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module 'metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(f"metrics.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
