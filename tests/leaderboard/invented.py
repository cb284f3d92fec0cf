"""Invented records for the board's tests, made from the shipped controls' own: every status, points, hostile files.

An invented method reaches a part of the way from `unchanged` to `retrained`, and so do its raw numbers; its details and
its contact sheet are those of the nearer of the two.
"""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retouch.benchmark import records, tracks
from retouch.benchmark.records import Cost, Record, harmonic
from retouch.benchmark.tasks import OWN as TASKS

SHIPPED = Path(__file__).parents[2] / "submissions"
MARKUP = '<img src=x onerror="document.title=1"> **bold** [link](https://example.org) $x^2$ :red[x] &amp;'
FAMILIES = ("flow", "gan", "diffusion")
CONTROLS = ("unchanged", "retrained")
CLAIMED = ("finetune_retain", "gradient_ascent")  # by their authors alone
SIGNED = {"by": "a maintainer", "when": "2026-01-01T00:00:00+00:00"}


class Method(NamedTuple):
    """What an invented submission is, and how far it gets."""

    title: str
    families: tuple[str, ...]
    tasks: tuple[str, ...]
    points: tuple[str, ...]
    access: tuple[str, ...]
    goal: float
    quality: float
    share: float  # of pre-training


ONE, GRADIENTS = ("default",), ("weights", "gradients")
FORGET = (*GRADIENTS, "forget_images", "training_data")
GAN = (*GRADIENTS, "discriminator", "training_data")
SUBMISSIONS = {
    "unchanged": Method("Unchanged base", FAMILIES, TASKS, ONE, (), 0.0, 1.0, 0.0),
    "retrained": Method("Retrained from scratch", FAMILIES, TASKS, ONE, ("training_data", "retraining"), 1.0, 0.97, 1),
    "rejection": Method("Rejection by the guide", FAMILIES, TASKS[:3], ONE, ("classifier",), 0.93, 0.95, 0.001),
    "finetune_retain": Method("Fine-tuning on the rest", FAMILIES, TASKS, ("steps-200", "steps-1000"),
                              (*GRADIENTS, "training_data"), 0.45, 0.9, 0.05),
    "gradient_ascent": Method("Gradient ascent", FAMILIES[:2], TASKS[:2], ONE, GRADIENTS, 0.9, 0.42, 0.01),
    "taming_flows": Method("Taming normalizing flows", ("flow",), TASKS[:3], ("delta-1", "delta-2", "delta-4"), FORGET,
                           0.8, 0.88, 0.008),
    "data_redaction": Method("Data redaction (data)", ("gan",), TASKS[:2], ("weak", "strong"),
                             (*FORGET, "discriminator"), 0.88, 0.86, 0.03),
    "self_conditioned_gan": Method("Self-conditioned GAN", ("gan",), TASKS[2:], ONE, GAN, 0.7, 0.9, 0.09),
    "distribution_guidance": Method("Distribution guidance", ("diffusion",), TASKS[2:3],
                                    ("scale-500", "scale-1500", "scale-4000"), ("weights", "labelled_images"),
                                    0.82, 0.85, 0.004),
    "diversity_weights": Method("Diversity weights", FAMILIES, TASKS[3:], ("beta-0.5",),
                                (*GRADIENTS, "training_data"), 0.6, 0.87, 0.1),
}  # fmt: skip


def manifest(folder: Path, name: str, title: str = "", authors: tuple[str, ...] = ("A. Author", "B. Author")) -> None:
    """Write a submission.toml; `title` replaces the method's own."""
    method, control = SUBMISSIONS[name], name in CONTROLS
    lines = [
        f"title = {json.dumps(title or method.title)}", f"authors = {json.dumps(authors)}",
        f'paper = {json.dumps("" if control else "Proceedings of an invented conference, 2024")}',
        'summary = "Invented for tests: a method whose numbers nobody measured."', 'licence = "MIT"',
        f"control = {json.dumps(control)}", f"families = {json.dumps(method.families)}",
        f"tasks = {json.dumps(method.tasks)}", f'entry = "methods.{name}:edit"',
        f"access = {json.dumps(method.access)}", 'tuning = "On the tuning instances, by hand."',
        "[params]", "lr = 1e-4",
    ]  # fmt: skip
    for i, point in enumerate(method.points):
        lines += ["[[points]]", f'name = "{point}"', f"params = {{ strength = {i + 1} }}"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "submission.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@cache
def instances() -> list[tracks.Instance]:
    """Of the tiny track: all that are ranked, and of each task, rank and family one that is not."""
    kinds = {(i.task, i.family, i.name if i.rank == "core" else i.rank): i for i in tracks.load("tiny").instances}
    return list(kinds.values())


@cache
def home(name: str, instance: str) -> Path:
    """Where the shipped records of a control on an instance lie; for tuning there are none: on its like instead."""
    task, _, last = instance.partition("/")
    shipped = SHIPPED / name / "records" / "tiny" / task
    like = sorted(shipped.glob(f"*-{next(family for family in FAMILIES if family in last)}"))[0]
    return shipped / last if (shipped / last).is_dir() else like


@cache
def control(name: str, instance: str) -> dict[str, Any]:
    """The shipped record of a control."""
    return json.loads((home(name, instance) / "default.0.json").read_text(encoding="utf-8"))


def between(instance: str, goal: float) -> dict[str, Any]:
    """The raw numbers on the way from the unchanged base (0) to the retrained one (1)."""
    first, last = (control(name, instance)["metrics"] for name in CONTROLS)
    return {
        name: {**last[name], **{end: (1 - goal) * first[name][end] + goal * last[name][end] for end in ends}}
        for name in first.keys() & last.keys()
        for ends in [("value", "low", "high")]
    }


def scaled(value: float, width: float) -> dict[str, float]:
    """A value between 0 and 1 with its interval."""
    return {"value": value, "low": max(0.0, value - width), "high": min(1.0, value + width)}


def record(name: str, point: str, instance: tracks.Instance, seed: int, level: float) -> Record:
    """An invented record; `level` in 0..1 is the operating point's strength."""
    method, is_control = SUBMISSIONS[name], name in CONTROLS
    rng = np.random.default_rng([sum(map(ord, name + point + instance.name)), seed])
    hard = 1.0 if is_control else {"flow": 0.94, "gan": 1.0, "diffusion": 0.97}[instance.family]
    noise = 0.0 if is_control else rng.normal(0, 0.025)
    goal = float(np.clip(method.goal * (0.72 + 0.28 * level) * hard + noise, 0, 1))
    loss = 0.0 if is_control else 0.16 * level
    quality = float(np.clip(method.quality - loss + rng.normal(0, 0.012), 0, 1))
    status, reason = outcome(name, point, instance, seed)
    counts, verified = status == "ok", not is_control and name not in CLAIMED
    values = {"goal": scaled(goal, 0.03), "quality": scaled(quality, 0.02)}
    template = control(CONTROLS[goal > 0.5], instance.name)
    return Record.model_validate({
        **template, "submission": name, "point": point, "instance": instance.name, "seed": seed,
        "method": f"methods.{name}:edit", "access": method.access, "params": {"lr": 1e-4, "strength": level},
        "status": status, "reason": reason,
        "goal": values["goal"] if counts else None,
        "quality": values["quality"] if status in ("ok", "below_floor") else None,
        "score": harmonic(goal, quality) if counts else None,
        "metrics": between(instance.name, goal) if counts else {}, "details": template["details"] if counts else {},
        "cost": cost(method.share * (1 + level), 0.35 if name == "rejection" else 1.0),
        "provenance": {**template["provenance"], "versions": {"track": "1", "instance": instance.version},
                       "sha256": {"method": "0" * 64}},
        "claim": {"status": "verified", **SIGNED, **values} if counts and verified else {},
    })  # fmt: skip


def outcome(name: str, point: str, instance: tracks.Instance, seed: int) -> tuple[str, str]:
    """The status of a run and the reason for it."""
    if name == "gradient_ascent" and instance.task == "identity_removal":
        return ("below_floor", "quality 0.21 is below the track's floor 0.3") if seed else ("failed", "loss became NaN")
    if (name, point, instance.family, seed) == ("finetune_retain", "steps-1000", "diffusion", 2):
        return "over_budget", "the edit took longer than its share of pre-training and left no checkpoint"
    return "ok", ""


def cost(share: float, sampling: float) -> Cost:
    """The cost of an edit that took so much of pre-training."""
    return Cost(seconds=60 * share, share=share, yardstick_seconds=0.01, gradient_steps=int(2000 * share),
                peak_memory_mb=410.5, device="x86_64 CPU", sampling_relative=sampling,
                sampling_cost=1 / sampling)  # fmt: skip


def make(root: Path, seeds: tuple[int, ...] = (0, 1, 2), pictures: bool = True,
         names: tuple[str, ...] = tuple(SUBMISSIONS)) -> Path:  # fmt: skip
    """A folder of submissions with records of every kind."""
    for name in names:
        method = SUBMISSIONS[name]
        manifest(root / name, name)
        for instance in instances():
            if instance.family not in method.families or instance.task not in method.tasks:
                continue
            for i, point in enumerate(method.points):
                for seed in seeds:
                    if (name, instance.family, seed) == ("diversity_weights", "flow", 1):
                        continue  # a row with a run missing
                    run = record(name, point, instance, seed, (i + 1) / len(method.points))
                    file = records.write(root / name, run)
                    if pictures and run.status == "ok":
                        nearer = home(CONTROLS[run.goal.value > 0.5], instance.name)
                        shutil.copy(nearer / "default.0.png", file.with_suffix(".png"))
    return root


def hostile(root: Path) -> None:
    """Files that are no records, and a manifest whose text is markup."""
    folder = root / "rejection" / "records" / "tiny" / "category_redaction" / "digits-gan"
    good = json.loads((folder / "default.0.json").read_text())
    huge = {"fd": {"value": 1e300, "low": 0, "high": 1e300, "n": 1}}
    bad = {
        "broken.0.json": "{", "nan.0.json": json.dumps({**good, "score": float("nan")}),
        "old.0.json": json.dumps({**good, "schema": 0}),
        "markup.0.json": json.dumps({**good, "point": "<img src=x onerror=alert(1)>"}),
        "climbs.0.json": json.dumps({**good, "instance": "../../../etc/passwd"}),
        "huge.0.json": json.dumps({**good, "point": "huge", "metrics": huge}),
        "deep.0.json": "[" * 100_000, "elsewhere.0.json": json.dumps(good),
    }  # fmt: skip
    for name, text in bad.items():
        (folder / name).write_text(text)


def core(task: str, family: str) -> list[str]:
    """The ranked instances of a task and family."""
    return [i.name for i in instances() if (i.task, i.family, i.rank) == (task, family, "core")]


def pick(view: Any, **keys: str) -> Any:
    """Rows of the scores."""
    found = view.scores
    for name, value in keys.items():
        found = found[found[name] == value]
    return found
