"""One person after the other: each from the base, their likelihoods before and after, mean and spread."""

import pytest
import torch

from retouch.benchmark import tracks
from retouch.benchmark.tasks import identity_removal
from retouch.benchmark.tools import people

TINY = tracks.load("tiny")
FLOW = TINY.instance("identity_removal/faces-flow")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """A few images of each set."""
    monkeypatch.setattr(identity_removal, "SETS", dict.fromkeys(identity_removal.SETS, 12))
    monkeypatch.setattr(identity_removal, "DATA", 60)


class Forgetful:
    """A flow that finds given images impossible."""

    def __init__(self, flow, forget):
        self.flow, self.forget = flow, {image.numpy().tobytes() for image in forget}

    def log_prob(self, images, rng):
        known = [1e6 * (image.numpy().tobytes() in self.forget) for image in images]
        return self.flow.log_prob(images, rng) - torch.tensor(known)


def test_an_edit_takes_from_the_forgotten_alone_at_a_cost():
    def edit(generator, task, budget):
        for _ in budget.steps(2):
            generator.copy().train_step(task.retain[:64])
        return Forgetful(generator, task.forget)

    found = people.drops(TINY, people.of_person(FLOW, 1, 3), edit, {})
    assert set(found) == {*people.SETS, "share"}
    assert 0 < found["share"] < 0.01 and found["forget"] > 0.2
    assert all(abs(found[name]) < 1e-6 for name in people.SETS if name != "forget")


def test_another_person_is_another_target_without_controls():
    other = people.of_person(FLOW.model_copy(update={"retrained": "faces-flow-without-0"}), 3, 4)
    assert other.target == FLOW.target | {"values": [3], "forget_images": 4}
    assert (other.retrained, other.retrained_again, other.core) == (None, [], False)


def test_the_table_has_mean_and_spread_beside_published_rows(monkeypatch):
    values = {0: 0.1, 1: 0.3}

    def drops(track, instance, edit, params):
        person = instance.target["values"][0]
        row = {name: values[person] + k for k, name in enumerate(people.SETS)}
        return row | {"share": 0.01 * (1 + person)}

    monkeypatch.setattr(people, "drops", drops)
    lines = list(people.table(TINY, FLOW, [0, 1], [4, 5], None, {}))
    heads, rule, published, ours, unpublished = lines
    assert heads == f"| forget images | people | {' | '.join(people.SETS)} | pre-training |"
    assert published == f"| 4 | published: 20 | {' | '.join(people.PUBLISHED[4])} | <1% |"
    cells = ours.strip("| ").split(" | ")
    assert rule.count("---") == len(cells) and cells[:2] == ["4", "2"] and cells[-1] == "1.5%"
    assert cells[2:-1] == [f"{k + 0.2:.3f} ± 0.141" for k in range(len(people.SETS))]
    assert unpublished.startswith("| 5 | 2 |") and people.spread([0.25]) == "0.250"


@pytest.mark.slow
def test_each_person_is_forgotten_from_the_base_alone():
    seen = []

    def edit(generator, task, budget):
        seen.append((task.target["values"], len(task.forget)))
        for _ in budget.steps(1):
            generator.copy().train_step(task.retain[:64])
        return Forgetful(generator, task.forget)

    lines = list(people.table(TINY, FLOW, [0, 1], [4], edit, {}))
    assert seen == [([0], 4), ([1], 4)]
    assert lines[2].startswith("| 4 | published: 20 | 0.41 |") and lines[3].startswith("| 4 | 2 |")
    cells = [line.strip("| ").split(" | ") for line in lines[3:]]
    assert all(float(cell[2].split(" ± ")[0]) > 0.2 for cell in cells)  # gone, and nothing else
    assert all(cell[k] == "0.000 ± 0.000" or cell[k] == "-0.000 ± 0.000" for cell in cells for k in (3, 5, 6))


def test_what_has_no_likelihoods_is_refused():
    with pytest.raises(ValueError, match="quantiles are of likelihoods"):
        people.drops(TINY, FLOW, lambda generator, task, budget: object(), {})


def test_a_person_whom_nobody_recognises_is_no_target():
    judge = type("Judge", (), {"card": {"measured": {"accepts": [[[5, 0, 0], [3, 0, 0]], [[5, 0, 0], [1, 2, 0]]]}}})()
    assert identity_removal.accepts(judge, [1]).tolist() == [[5, 0, 0], [1, 2, 0]]
    with pytest.raises(ValueError, match="accepts none of person 0's 3 held-out images"):
        identity_removal.accepts(judge, [0])
