"""Pure functions on features, labels and likelihoods: arrays in, numbers with intervals out.

Names are loaded when they are first used, so that importing this costs nothing: torch, scipy and sklearn stay out.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for editors and type checkers
    # isort: off
    from retouch.metrics.judged.classification import auc as auc, balanced_accuracy as balanced_accuracy
    from retouch.metrics.engine.reference import Reference as Reference
    from retouch.metrics.copies import (
        copied as copied,
        copied_share as copied_share,
        nearest_distances as nearest_distances,
    )
    from retouch.metrics.disguises import blend_distances as blend_distances, view_distances as view_distances
    from retouch.metrics.downstream import Labelled as Labelled, downstream_gains as downstream_gains
    from retouch.metrics.estimate import Estimate as Estimate, wilson as wilson
    from retouch.metrics.frechet import fd as fd, weighted_fd as weighted_fd
    from retouch.metrics.judged.identity_similarity import Curve as Curve, identity_curve as identity_curve
    from retouch.metrics.judged.judged_shares import (
        Shares as Shares,
        identity_share as identity_share,
        invalidity as invalidity,
        share as share,
        shares as shares,
    )
    from retouch.metrics.kernel import kd as kd
    from retouch.metrics.likelihood_drop import (
        mean_quantile as mean_quantile,
        quantile_drop as quantile_drop,
        quantiles as quantiles,
    )
    from retouch.metrics.meaning import MEANING as MEANING, Meaning as Meaning
    from retouch.metrics.judged.mix_distances import (
        entropy as entropy,
        fairness_discrepancy as fairness_discrepancy,
        kl_to_target as kl_to_target,
        total_variation as total_variation,
    )
    from retouch.metrics.neighbours import precise as precise, prdc as prdc
    from retouch.metrics.one_pass import suite as suite
    from retouch.metrics.quality_parts import joined_quality as joined_quality
    from retouch.metrics.stratified_frechet import stratified_fd as stratified_fd
    from retouch.metrics.stream import Stream as Stream
    from retouch.metrics.summary import (
        Aggregate as Aggregate,
        aggregate as aggregate,
        means as means,
        paired_difference as paired_difference,
        ranks as ranks,
        smallest_difference as smallest_difference,
    )
    from retouch.metrics.vendi_score import (
        vendi as vendi,
        vendi_gradient as vendi_gradient,
        weighted_vendi as weighted_vendi,
    )
    from retouch.metrics.vendi_weights import (
        Optimum as Optimum,
        diversity_objective as diversity_objective,
        effective_sample_size as effective_sample_size,
        optimal_vendi_weights as optimal_vendi_weights,
    )
    from retouch.metrics.judged.votes import (
        agreed as agreed,
        clear_shares as clear_shares,
        voted_share as voted_share,
        voted_shares as voted_shares,
    )
    from retouch.metrics.weighted_neighbours import weighted_precision_recall as weighted_precision_recall
    # isort: on

_HOME = {
    "estimate": ("Estimate", "wilson"),
    "engine.reference": ("Reference",),
    "one_pass": ("suite",),
    "stratified_frechet": ("stratified_fd",),
    "stream": ("Stream",),
    "copies": ("copied", "copied_share", "nearest_distances"),
    "disguises": ("blend_distances", "view_distances"),
    "quality_parts": ("joined_quality",),
    "frechet": ("fd", "weighted_fd"),
    "kernel": ("kd",),
    "neighbours": ("prdc", "precise"),
    "weighted_neighbours": ("weighted_precision_recall",),
    "vendi_score": ("vendi", "weighted_vendi", "vendi_gradient"),
    "vendi_weights": ("Optimum", "diversity_objective", "effective_sample_size", "optimal_vendi_weights"),
    "judged.judged_shares": ("Shares", "identity_share", "invalidity", "share", "shares"),
    "downstream": ("Labelled", "downstream_gains"),
    "judged.votes": ("agreed", "clear_shares", "voted_share", "voted_shares"),
    "judged.classification": ("auc", "balanced_accuracy"),
    "judged.mix_distances": ("entropy", "fairness_discrepancy", "kl_to_target", "total_variation"),
    "likelihood_drop": ("mean_quantile", "quantile_drop", "quantiles"),
    "judged.identity_similarity": ("Curve", "identity_curve"),
    "summary": ("Aggregate", "aggregate", "means", "paired_difference", "ranks", "smallest_difference"),
    "meaning": ("MEANING", "Meaning"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE)


if not TYPE_CHECKING:  # a type checker reads the imports above, and finds a name that is not among them

    def __getattr__(name: str) -> Any:
        if name not in _MODULE:
            raise AttributeError(f"module 'retouch.metrics' has no attribute {name!r}")
        return getattr(importlib.import_module(f"retouch.metrics.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
