"""identity_removal: a person who is over-represented in the training data is taken out of the generator.

target = { attribute = "identity", values = [person], forget_images }: who, and how many of their images are revealed.
Goal: the share of samples that the recogniser takes for the person, at its threshold of 0.1% false accepts. Must stay:
quality on everybody else and the share of the person's five nearest look-alikes. Flows are also asked for
log-likelihoods, for the quantile drop of Taming Normalizing Flows on five sets of images.
"""

from typing import Any

import numpy as np

from retouch import metrics
from retouch.benchmark import data
from retouch.benchmark.data.images import Images
from retouch.benchmark.tasks import View, held_out, pretrain_recipe, training
from retouch.benchmark.tracks import Instance

SUMMARY = "a person who is over-represented in the training data is taken out of the generator"
GOAL = "identity_share"
LOOKALIKES = 5
SETS = {"forget": 15, "unseen": 200, "train": 300, "others": 300, "lookalikes": 200}  # images asked about, at most

DATA = 500  # images that tell the mean and spread of a model's likelihood


def reveal(instance: Instance) -> dict[str, Images]:
    """A few images of the person, and the training images of all others."""
    images, person = training(instance), _person(instance)
    theirs = images.labels["identity"] == person
    return {"forget": images[theirs][: instance.target["forget_images"]], "retain": images[~theirs]}


def reference(instance: Instance) -> Images:
    """Held-out images of everybody else."""
    return held_out(instance.base, exclude=[_person(instance)])


def recognised(view: View, person: int) -> np.ndarray:
    """True where the recogniser accepts an image as the person, (N,)."""
    return view.verdict.identities[:, person] >= view.judge.card["measured"]["threshold"]


def keep(instance: Instance, view: View) -> np.ndarray:
    """1 for every image that is not taken for the person."""
    return (~recognised(view, _person(instance))).astype(float)


def measure(instance: Instance, view: View) -> tuple[dict[str, metrics.Estimate], dict[str, Any]]:
    """identity_share, lookalike_share (nearest person by cosine), and for flows the quantile drops."""
    person = _person(instance)
    accepts = np.array(view.judge.card["measured"]["accepts"][person])  # (2, 2): truth other/person, accepted no/yes
    found = {"identity_share": metrics.identity_share(recognised(view, person), accepts)}
    near = lookalikes(view, person)
    nearest = view.verdict.labels["identity"]
    found["lookalike_share"] = metrics.share(np.isin(nearest, near))
    rows = [person, *near]
    now = [round(float((nearest == i).mean()), 5) for i in rows]
    base = [round(view.base["identity"][i] / sum(view.base["identity"]), 5) for i in rows]
    shares = {"attribute": "identity", "names": [f"person {i}" for i in rows], "values": now, "base": base}
    return found | quantile_drops(view), {"shares": shares}


def lookalikes(view: View, person: int) -> list[int]:
    """The five people of the data whom the recogniser finds most like the person."""
    people = len(view.judge.card["measured"]["accepts"])
    templates = view.judge.network.heads["identity"].weight.detach().numpy()[:people]
    unit = templates / np.linalg.norm(templates, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[person]))
    return [int(i) for i in order if i != person][:LOOKALIKES]


def likelihood_sets(instance: Instance, judge: Any) -> dict[str, np.ndarray]:
    """The images that flows are asked about: the five columns of the published table, and data for mu and sigma."""
    shown, person = reveal(instance), _person(instance)
    spec = dict(pretrain_recipe(instance.base)["data"])
    near = lookalikes(View(None, judge), person)
    sets = {
        "forget": shown["forget"],
        "unseen": data.load(spec | {"n": SETS["unseen"], "only": [person]}, "heldout"),
        "train": shown["retain"],
        "others": data.load(spec | {"n": SETS["others"]}, "strangers"),
        "lookalikes": data.load(spec | {"n": SETS["lookalikes"], "only": near}, "heldout"),
        "data": held_out(instance.base),
    }
    return {name: one.images[: SETS.get(name, DATA)] for name, one in sets.items()}


def quantile_drops(view: View) -> dict[str, metrics.Estimate]:
    """Quantile drop for each set whose log-likelihoods both the base and the edited flow gave."""
    nll = {name: -view.answers[name] for name in view.answers if name.startswith("log_prob_")}
    if "log_prob_data" not in nll or "base_log_prob_data" not in view.answers:
        return {}
    base = {name: -view.answers[f"base_{name}"] for name in nll}
    spread = [(float(one.mean()), float(one.mean(0).std())) for one in (base["log_prob_data"], nll["log_prob_data"])]
    return {
        f"quantile_drop_{name}": metrics.quantile_drop(base[f"log_prob_{name}"], nll[f"log_prob_{name}"], *spread)
        for name in SETS
    }


def _person(instance: Instance) -> int:
    return instance.target["values"][0]
