"""Every default that is a paper's or its released code's: a change of one is a change of the method."""

import inspect
from pathlib import Path

import pytest

from retouch.benchmark import submission
from retouch.methods import (
    adapt_then_unlearn,
    boundaries,
    concept_erasing,
    data_redaction,
    distribution_guidance,
    diversity_weights,
    forget_ascent,
    saliency_unlearning,
    selective_amnesia,
    self_conditioned_gan,
    taming_flows,
    wgan_gp,
)

PARAMETERS = [
    (taming_flows.edit, {"alpha": 0.6, "gamma": 0.6, "batch": 8, "tolerance": 0.15, "moments": 1024, "kl": "both"}),
    (forget_ascent.edit, {"alpha": 0.6, "gamma": 0.6, "tolerance": 0.15, "moments": 1024}),
    (data_redaction.edit_data, {"lam": 0.8}),
    (data_redaction.edit_validity, {"lam": 0.8}),
    (distribution_guidance.edit, {"temperature": 8.0, "batch": 100, "loss": "chi_square", "eta": 1.0,
                                  "source": "inversion", "joint": False}),
    (diversity_weights.edit, {"b": 0.5, "optimiser": "adam"}),
    (diversity_weights.from_scratch, {"b": 0.5, "optimiser": "adam"}),
    (selective_amnesia.edit, {"lam": 100.0, "gamma": 1.0}),
    (saliency_unlearning.edit, {"sparsity": 0.5}),
    (concept_erasing.edit, {"eta": 1.0, "part": "cross_attention"}),
]  # fmt: skip
CONSTANTS = [
    (taming_flows, {"SAMPLES": 512, "EVERY": 10, "MOST_STEPS": {"identity_removal": 800, "category_redaction": 500,
                                                               "attribute_rebalancing": 500}}),
    (self_conditioned_gan, {"NEIGHBOURS": 10, "MODES": 3}),
    (boundaries, {"PERCENTILES": (0.005, 0.995)}),
    (distribution_guidance, {"LOSS_WEIGHT": 3.0}),
    (wgan_gp, {"PENALTY": 10.0, "CRITIC_STEPS": 5}),
    (diversity_weights, {"STEPS": 100, "STEP_SIZE": 0.1, "DECAY": 0.99, "DECAY_EVERY": 5}),
    (adapt_then_unlearn, {"FISHER": 32}),
]  # fmt: skip
POINTS = {  # where a default is ours, the paper's value is an operating point
    ("taming_flows", "gentle"): {"delta": 1.0},
    ("taming_flows", "papers-step"): {"lr": 5e-5},
    ("taming_flows", "open-loop"): {"closed_loop": False},
    ("taming_flows", "one-sided"): {"kl": "forward"},
    ("taming_flows", "without-remembering"): {"alpha": 1.0},
    ("self_conditioned_gan", "papers-weight"): {"strength": 0.5},
    ("self_conditioned_gan", "uniform"): {"aim": False},
    ("distribution_guidance", "papers-temperature"): {"temperature": 8.0},
    ("distribution_guidance", "papers-schedule"): {"temperature": 8.0, "schedule": True},
    ("adapt_then_unlearn", "papers-elastic"): {"lam": 5e8},
    ("saliency_unlearning", "papers-alpha"): {"alpha": 1e-3},
    ("universal_guidance", "past-the-network"): {"through_network": False},
    ("latent_shift", "papers-shares"): {"aim": False},
    ("diversity_weights", "uniform"): {"b": 0.0},
}
SUBMISSIONS = Path(__file__).parents[2] / "submissions"


@pytest.mark.parametrize("name, point", POINTS, ids="-".join)
def test_points_have_the_published_values(name, point):
    manifest = submission.read(SUBMISSIONS / name)
    params = manifest.params | manifest.point(point).params
    assert {key: params[key] for key in POINTS[name, point]} == POINTS[name, point]


@pytest.mark.parametrize(("edit", "defaults"), PARAMETERS, ids=lambda part: getattr(part, "__module__", ""))
def test_parameters_have_the_published_defaults(edit, defaults):
    signature = inspect.signature(edit).parameters
    assert {name: signature[name].default for name in defaults} == defaults


@pytest.mark.parametrize(("module", "values"), CONSTANTS, ids=lambda part: getattr(part, "__name__", ""))
def test_constants_are_the_published_ones(module, values):
    assert {name: getattr(module, name) for name in values} == values
