"""identity_removal: a person who is over-represented in the training data is taken out of the generator.

target = { attribute = "identity", values = [person, ...], forget_images }: who, one or several at once, and how many
images of each are revealed; `removed`: people whom earlier requests took out, who are nobody's example any more.
`by = "likelihood"`, where faces are too small for a recogniser: the goal is then the mean quantile of unseen images of
the person under the edited flow, and other people's counts in quality.
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
BY = {"likelihood": ("unseen_quantile", 0.01)}  # other goals that a target may name, and where each is wholly met
AHEAD = "removes more of the person"
TRADEOFF = ("Identity left against Fréchet distance", "identity_share", "fd")
START = Start("Continues the pre-training on the images that may stay.", ("training_data",))

LOOKALIKES = 5
SETS = {"forget": 15, "unseen": 200, "train": 300, "others": 300, "lookalikes": 200}  # images asked about, at most
PUBLISHED = {  # forget images -> drops on SETS: the authors' page, means over 20 people of CelebA, 128 x 128
    1: ("0.47", "0.01", "<0.01", "<0.001", "0.01"),
    4: ("0.41", "0.07", "<0.01", "0.01", "0.03"),
    8: ("0.32", "0.08", "<0.001", "<0.01", "0.01"),
    15: ("0.37", "0.15", "<0.001", "<0.01", "0.01"),
}
OTHERS = ("train", "others", "lookalikes")  # of these, images that must stay as likely as they were
DATA = 500  # images that tell the mean and spread of a model's likelihood
DRAWS = 5  # dequantisation noises for each log-likelihood


def reveal(setup: Setup) -> dict[str, Images]:
    """A few images of each person, and the training images of all others."""
    images, shown = setup.training(), setup.target["forget_images"]
    who = images.labels["identity"]
    if unknown := sorted(set(_people(setup)) - set(who.tolist())):
        raise ValueError(f"{setup.instance.name}: no training image shows person {unknown[0]}; name another in "
                         "`target`, or bring images")  # fmt: skip
    forget = np.concatenate([np.flatnonzero(who == person)[:shown] for person in _people(setup)])
    return {"forget": images[forget], "retain": images[~np.isin(who, setup.gone)]}


def reference(setup: Setup) -> Images:
    """Held-out images of everybody else."""
    return setup.held_out(exclude=setup.gone)


def questions(setup: Setup, judge: Judge, seed: int, noise: int) -> list[Question]:
    """From flows, the log-likelihoods of the five columns of the published table, and of data for mu and sigma."""
    if setup.instance.family not in ASKS:
        return []
    shown, spec, held_out = reveal(setup), setup.data, setup.held_out()
    sets = {
        "forget": shown["forget"],
        "unseen": data.load(spec | {"n": SETS["unseen"], "only": _people(setup)}, "heldout"),
        "train": shown["retain"],
        "others": data.load(spec | {"n": SETS["others"]}, "strangers"),
        "lookalikes": data.load(spec | {"n": SETS["lookalikes"], "only": lookalikes(judge, _people(setup))}, "heldout"),
        "data": held_out,
    }
    return [
        Question.log_prob(f"log_prob_{name}", images.images[: SETS.get(name, DATA)], DRAWS, noise)
        for name, images in sets.items()
    ]


def keep(setup: Setup, view: View) -> np.ndarray:
    """0 for every image that all judges take for one of the people, or of those removed before, else 1."""
    return (~accepting(view, setup.gone).all(0)).astype(float)


def worth(setup: Setup, view: View) -> np.ndarray:
    """1 for every image that may stay."""
    return keep(setup, view)


def remaining(setup: Setup, view: View) -> metrics.Estimate:
    """identity_share."""
    return metrics.voted_share(accepting(view, _people(setup)), accepts(view.judge, _people(setup)))


def measure(setup: Setup, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """identity_share, lookalike_share (nearest person by cosine), and for flows the quantile drops."""
    targets = _people(setup)
    near = [who for who in lookalikes(view.judge, targets) if who not in setup.gone]
    nearest = view.guesses("identity")
    estimates = {
        "identity_share": remaining(setup, view),
        **unclear(accepting(view, targets)),
        "lookalike_share": metrics.share(np.isin(nearest, near)),
    }
    people = [*targets, *near]
    now = [round(float((nearest == i).mean()), 5) for i in people]
    base = [round(view.base["identity"][i] / sum(view.base["identity"]), 5) for i in people]
    shares = {"attribute": "identity", "names": [f"person {i}" for i in people], "values": now, "base": base}
    return estimates | quantile_drops(view), {"shares": shares}


def accepting(view: View, people: list[int]) -> np.ndarray:
    """Whether each judge accepts each image as one of the people, bool (M, N)."""
    return np.any([view.judge.accepting(view.verdict, person) for person in people], axis=0)


def accepts(judge: Judge | Judges, people: list[int]) -> np.ndarray:
    """Counts on held-out images, rows others / the people, columns refused / accepted / unclear.

    Of several people the false accepts add up, and each is accepted as often as alone.
    """
    measured = judge.card["measured"]["accepts"]
    known = [i for i, rows in enumerate(measured) if sum(rows[1])]
    if unknown := sorted(set(people) - set(known)):
        raise ValueError(f"person {unknown[0]} is on none of the held-out images, by which the recogniser is measured; "
                         f"`target` may name {', '.join(map(str, known[:10]))}")  # fmt: skip
    if blind := [i for i in people if not sum(measured[i][1][1:])]:
        raise ValueError(f"the recogniser accepts none of person {blind[0]}'s {sum(measured[blind[0]][1])} held-out "
                         "images, and would not see them gone; name another in `target`, or another judge")  # fmt: skip
    tables = np.array([measured[person] for person in people])
    others = tables[:, 0].sum(0)
    others[0] = tables[0, 0].sum() - others[1:].sum()
    return np.stack([others, tables[:, 1].sum(0)])


def lookalikes(judge: Judge | Judges, people: list[int]) -> list[int]:
    """For each of the people the five of the data whom the recogniser finds most like them."""
    known = len(judge.card["measured"]["accepts"])
    orders = [np.argsort(-judge.likeness(person)[:known]) for person in people]
    near = [[int(i) for i in order if i not in people][:LOOKALIKES] for order in orders]
    return list(dict.fromkeys(i for one in near for i in one))


def quantile_drops(view: View) -> dict[str, metrics.Estimate]:
    """Quantile drop for each set whose log-likelihoods both the base and the edited flow gave.

    Beside them what is left after it: unseen_quantile, and others_quantile over all sets of other people together.
    """
    nll = {name: -array for name, array in view.answers.items() if name.startswith("log_prob_")}
    if "log_prob_data" not in nll or "base_log_prob_data" not in view.answers:
        return {}
    base = {name: -view.answers[f"base_{name}"] for name in nll}
    spread = [(float(of.mean()), float(of.mean(0).std())) for of in (base["log_prob_data"], nll["log_prob_data"])]
    drops = {
        f"quantile_drop_{name}": metrics.quantile_drop(base[f"log_prob_{name}"], nll[f"log_prob_{name}"], *spread)
        for name in SETS
    }
    others = np.concatenate([nll[f"log_prob_{name}"] for name in OTHERS], axis=1)
    left = {"unseen": nll["log_prob_unseen"], "others": others}
    return drops | {f"{name}_quantile": metrics.mean_quantile(one, spread[1]) for name, one in left.items()}


def _people(setup: Setup) -> list[int]:
    return list(setup.target["values"])
