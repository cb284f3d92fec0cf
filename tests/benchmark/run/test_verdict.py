"""Each rule strikes beyond its threshold and nowhere else, and says what was measured."""

import pytest

from retouch.benchmark.records import Cost
from retouch.benchmark.run import verdict as rules
from retouch.benchmark.run.verdict import verdict
from retouch.benchmark.support import machine

HONEST = {"copied_views": 0.0, "copied_blends": 0.01, "copied_features": -0.02, "related": 0.9, "weights_moved": 0.1,
          "images_from_control": 0.9, "weights_from_control": 1.1, "unseen": 0.1, "limit": 45.0}  # fmt: skip
COST = Cost(share=0.1, sampling_cost=4.0, seconds=10, yardstick_seconds=0.1, gradient_steps=10, peak_memory_mb=100,
            device=machine.device("cpu"), sampling_relative=1, processor_seconds=12, explained_seconds=4)  # fmt: skip


def without(*names, **changes):
    """The honest numbers without some, others changed."""
    return {name: value for name, value in HONEST.items() if name not in names} | changes


def spent(**changes):
    return COST.model_copy(update=changes)


def test_an_honest_run_breaks_no_rule():
    assert verdict(HONEST, COST) is None
    assert verdict({"copied_views": 0.0}, None) is None  # images that were made elsewhere


@pytest.mark.parametrize(
    ("status", "name", "at", "beyond", "absent"),
    [
        ("copies", "copied_views", 0.05, 0.06, ()),
        ("copies", "copied_blends", 0.05, 0.06, ()),
        ("copies", "copied_features", 0.05, 0.06, ()),
        ("borrowed", "images_from_control", 0.5, 0.49, ()),
        ("borrowed", "weights_from_control", 0.5, 0.49, ()),
        ("replaced", "weights_moved", rules.MOVED, rules.MOVED + 0.01, ()),
        ("replaced", "related", 0.6, 0.59, ("weights_moved",)),
        ("imperceptible_change", "unseen", 0.5, 0.51, ()),
    ],
)
def test_a_number_beyond_its_threshold_has_a_status(status, name, at, beyond, absent):
    assert verdict(without(*absent, **{name: at}), COST) is None
    broken = verdict(without(*absent, **{name: beyond}), COST)
    assert broken and broken.status == status and len(broken.reason) > 60


def test_an_unseen_change_by_weights_is_light_training():
    assert verdict(without(unseen=0.9, explained=0.99), COST) is None
    assert verdict(without(unseen=0.9, explained=0.95), COST).status == "imperceptible_change"


def test_a_slight_gain_at_the_border_of_classes_is_no_attack():
    assert verdict(without(unseen=0.6, goal=0.16), COST) is None
    assert verdict(without(unseen=0.7, goal=0.16), COST).status == "imperceptible_change"


@pytest.mark.parametrize(
    ("status", "field", "at", "beyond"),
    [
        ("over_sampling", "sampling_cost", rules.SAMPLING, rules.SAMPLING + 0.1),
        ("uncounted", "processor_seconds", 21, 22),
        ("uncounted", "sampling_processor_seconds", 5, 6),
        ("over_budget", "cut", False, True),
    ],
)
def test_a_cost_beyond_its_threshold_has_a_status(status, field, at, beyond):
    assert verdict(HONEST, spent(**{field: at})) is None
    broken = verdict(HONEST, spent(**{field: beyond}))
    assert broken and broken.status == status


def test_a_filter_hands_out_what_its_cost_lets_expect():
    kept = without("weights_moved", related=0.51, among=0.12)
    assert verdict(kept, spent(sampling_cost=5.0)) is None
    assert verdict(kept, spent(sampling_cost=4.0)).status == "replaced"
    assert verdict(kept | {"among": 0.45}, spent(sampling_cost=0.1)).status == "replaced"


def test_believed_weights_decide_where_images_look_unrelated():
    assert verdict(without(related=0.5), COST) is None
    assert verdict(without(related=0.99, weights_moved=2.0), COST).status == "replaced"


def test_the_control_is_itself_but_copies_nothing():
    own = without(images_from_control=0.0, weights_from_control=0.0, weights_moved=0.7, unseen=1.0)
    assert verdict(own, COST, control=True) is None
    assert verdict(own | {"copied_views": 0.9}, COST, control=True).status == "copies"


def test_a_full_budget_may_train_from_scratch():
    anew = without(weights_moved=1.4, related=0.5)
    assert verdict(anew, COST, from_scratch=True) is None and verdict(anew, COST).status == "replaced"


def test_an_accelerators_time_is_not_held_against_the_count():
    assert verdict(HONEST, spent(processor_seconds=1000, device="another")) is None
