"""identity_removal: a person who is over-represented in the training data is taken out of the generator.

target = { attribute = "identity", values = [person], forget_images }: who, and how many of their images are revealed.
Goal: the share of samples that the recogniser takes for the person, at its threshold of 0.1% false accepts. Must stay:
quality on everybody else and the share of the person's five nearest look-alikes. Flows are also asked for
log-likelihoods, for the quantile drop of Taming Normalizing Flows on five sets of images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from retouch import metrics
from retouch.benchmark import data
from retouch.benchmark.data.images import Images
from retouch.benchmark.question import Question
from retouch.benchmark.setup import Setup
from retouch.benchmark.tasks import Start
from retouch.benchmark.tasks.view import View, unclear

if TYPE_CHECKING:
    from retouch.benchmark.ensemble import Judges
    from retouch.benchmark.judges import Judge

TITLE = "Identity removal"
SUMMARY = "a person who is over-represented in the training data is taken out of the generator"
REQUEST = (
    "A person who is over-represented in the training data asks to be taken out of the generator. "
    "Nobody may recognise this person among its images any more; everybody else stays."
)
REVEALS = "a few images of the person, images of other people, the guide"
ASKS = {"flow": "log-likelihoods"}
GOAL = "identity_share"
GOAL_TEXT = "goal: how far the person's share fell, from the base's (0) to none (1)"
IDEAL = 0.0
AHEAD = "removes more of the person"
TRADEOFF = ("Identity left against Fréchet distance", "identity_share", "fd")
START = Start("Continues the pre-training on the images that may stay.", ("training_data",))

LOOKALIKES = 5
SETS = {"forget": 15, "unseen": 200, "train": 300, "others": 300, "lookalikes": 200}  # images asked about, at most
DATA = 500  # images that tell the mean and spread of a model's likelihood
DRAWS = 5  # dequantisation noises for each log-likelihood


def reveal(setup: Setup) -> dict[str, Images]:
    """A few images of the person, and the training images of all others."""
    images, person = setup.training(), _person(setup)
    theirs = images.labels["identity"] == person
    if not theirs.any():
        raise ValueError(f"{setup.instance.name}: no training image shows person {person}; name another in `target`, "
                         "or bring images")  # fmt: skip
    return {"forget": images[theirs][: setup.target["forget_images"]], "retain": images[~theirs]}


def reference(setup: Setup) -> Images:
    """Held-out images of everybody else."""
    return setup.held_out(exclude=[_person(setup)])


def questions(setup: Setup, judge: Judge, seed: int, noise: int) -> list[Question]:
    """From flows, the log-likelihoods of the five columns of the published table, and of data for mu and sigma."""
    if setup.instance.family not in ASKS:
        return []
    shown, spec, held_out = reveal(setup), setup.data, setup.held_out()
    sets = {
        "forget": shown["forget"],
        "unseen": data.load(spec | {"n": SETS["unseen"], "only": [_person(setup)]}, "heldout"),
        "train": shown["retain"],
        "others": data.load(spec | {"n": SETS["others"]}, "strangers"),
        "lookalikes": data.load(spec | {"n": SETS["lookalikes"], "only": lookalikes(judge, _person(setup))}, "heldout"),
        "data": held_out,
    }
    return [
        Question.log_prob(f"log_prob_{name}", images.images[: SETS.get(name, DATA)], DRAWS, noise)
        for name, images in sets.items()
    ]


def keep(setup: Setup, view: View) -> np.ndarray:
    """0 for every image that all judges take for the person, else 1."""
    return (~view.judge.accepting(view.verdict, _person(setup)).all(0)).astype(float)


def worth(setup: Setup, view: View) -> np.ndarray:
    """1 for every image that may stay."""
    return keep(setup, view)


def remaining(setup: Setup, view: View) -> metrics.Estimate:
    """identity_share."""
    person = _person(setup)
    accepts = _accepts(view, person)  # other/person by no/yes/unclear
    return metrics.voted_share(view.judge.accepting(view.verdict, person), accepts)


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """identity_share, lookalike_share (nearest person by cosine), and for flows the quantile drops."""
    person = _person(setup)
    near, nearest = lookalikes(view.judge, person), view.guesses("identity")
    estimates = {
        "identity_share": remaining(setup, view),
        **unclear(view.judge.accepting(view.verdict, person)),
        "lookalike_share": metrics.share(np.isin(nearest, near)),
    }
    people = [person, *near]
    now = [round(float((nearest == i).mean()), 5) for i in people]
    base = [round(view.base["identity"][i] / sum(view.base["identity"]), 5) for i in people]
    shares = {"attribute": "identity", "names": [f"person {i}" for i in people], "values": now, "base": base}
    return estimates | quantile_drops(view), {"shares": shares}


def _accepts(view: View, person: int) -> np.ndarray:
    """How often the recogniser accepts others and the person, counted on held-out images."""
    tables = view.judge.card["measured"]["accepts"]
    known = [i for i, rows in enumerate(tables) if sum(rows[1])]
    if person not in known:
        raise ValueError(f"person {person} is on none of the held-out images, by which the recogniser is measured; "
                         f"`target` may name {', '.join(map(str, known[:10]))}")  # fmt: skip
    return np.array(tables[person])


def lookalikes(judge: Judge | Judges, person: int) -> list[int]:
    """The five people of the data whom the recogniser finds most like the person."""
    people = len(judge.card["measured"]["accepts"])
    order = np.argsort(-judge.likeness(person)[:people])
    return [int(i) for i in order if i != person][:LOOKALIKES]


def quantile_drops(view: View) -> dict[str, metrics.Estimate]:
    """Quantile drop for each set whose log-likelihoods both the base and the edited flow gave."""
    nll = {name: -array for name, array in view.answers.items() if name.startswith("log_prob_")}
    if "log_prob_data" not in nll or "base_log_prob_data" not in view.answers:
        return {}
    base = {name: -view.answers[f"base_{name}"] for name in nll}
    spread = [(float(of.mean()), float(of.mean(0).std())) for of in (base["log_prob_data"], nll["log_prob_data"])]
    return {
        f"quantile_drop_{name}": metrics.quantile_drop(base[f"log_prob_{name}"], nll[f"log_prob_{name}"], *spread)
        for name in SETS
    }


def _person(setup: Setup) -> int:
    return setup.target["values"][0]
