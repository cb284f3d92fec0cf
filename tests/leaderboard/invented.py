"""Invented records for the board's tests: every status, controls, operating points, pictures, and hostile files."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from retouch.benchmark import records, tracks
from retouch.benchmark.records import Cost, Measured, Provenance, Record, Scaled, harmonic

MARKUP = '<img src=x onerror="document.title=1"> **bold** [link](https://example.org) $x^2$ :red[x] &amp;'
FAMILIES = ("flow", "gan", "diffusion")
TASKS = records.TASKS
SUBMISSIONS = {  # name: title, families, tasks, points, access, strength of goal, quality kept, share of pre-training
    "unchanged": ("Unchanged base", FAMILIES, TASKS, ("default",), (), 0.0, 1.0, 0.0),
    "retrained": (
        "Retrained from scratch",
        FAMILIES,
        TASKS,
        ("default",),
        ("training_data", "retraining"),
        1.0,
        0.97,
        1.0,
    ),
    "rejection": ("Rejection by the guide", FAMILIES, TASKS[:3], ("default",), ("classifier",), 0.93, 0.95, 0.001),
    "finetune_retain": (
        "Fine-tuning on the rest",
        FAMILIES,
        TASKS,
        ("steps-200", "steps-1000"),
        ("weights", "gradients", "training_data"),
        0.45,
        0.9,
        0.05,
    ),
    "gradient_ascent": (
        "Gradient ascent",
        ("flow", "gan"),
        TASKS[:2],
        ("default",),
        ("weights", "gradients"),
        0.9,
        0.42,
        0.01,
    ),
    "taming_flows": (
        "Taming normalizing flows",
        ("flow",),
        TASKS[:3],
        ("delta-1", "delta-2", "delta-4"),
        ("weights", "gradients", "forget_images", "training_data"),
        0.8,
        0.88,
        0.008,
    ),
    "data_redaction": (
        "Data redaction (data)",
        ("gan",),
        TASKS[:2],
        ("weak", "strong"),
        ("weights", "gradients", "discriminator", "forget_images", "training_data"),
        0.88,
        0.86,
        0.03,
    ),
    "self_conditioned_gan": (
        "Self-conditioned GAN",
        ("gan",),
        TASKS[2:],
        ("default",),
        ("weights", "gradients", "discriminator", "training_data"),
        0.7,
        0.9,
        0.09,
    ),
    "distribution_guidance": (
        "Distribution guidance",
        ("diffusion",),
        ("attribute_rebalancing",),
        ("scale-500", "scale-1500", "scale-4000"),
        ("weights", "labelled_images"),
        0.82,
        0.85,
        0.004,
    ),
    "diversity_weights": (
        "Diversity weights",
        ("gan", "diffusion", "flow"),
        ("output_diversity",),
        ("beta-0.5",),
        ("weights", "gradients", "training_data"),
        0.6,
        0.87,
        0.1,
    ),
}


def manifest(
    folder: Path, name: str, title: str | None = None, authors: tuple[str, ...] = ("A. Author", "B. Author")
) -> None:
    """Write a submission.toml; `title` replaces the usual one."""
    usual, families, tasks, points, access, *_ = SUBMISSIONS[name]
    control = name in ("unchanged", "retrained")
    lines = [
        f"title = {json.dumps(title or usual)}", f"authors = {json.dumps(list(authors))}",
        f'paper = {json.dumps("" if control else "Proceedings of an invented conference, 2024")}',
        'summary = "Invented for tests: a method whose numbers nobody measured."', 'licence = "MIT"',
        f"control = {json.dumps(control)}", f"families = {json.dumps(list(families))}",
        f"tasks = {json.dumps(list(tasks))}", f'entry = "methods.{name}:edit"', f"access = {json.dumps(list(access))}",
        'tuning = "On the tuning instances, by hand."', "[params]", "lr = 1e-4",
    ]  # fmt: skip
    for i, point in enumerate(points):
        lines += ["[[points]]", f'name = "{point}"', f"params = {{ strength = {i + 1} }}"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "submission.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def measured(value: float, width: float, n: int = 2000, top: float = 1e9) -> Measured:
    """A number with a symmetric interval, cut at 0 and `top`."""
    value = float(np.clip(value, 0, top))
    return Measured(
        value=round(value, 5), low=round(max(0.0, value - width), 5), high=round(min(top, value + width), 5), n=n
    )


def scaled(value: float, width: float) -> Scaled:
    """Goal or quality in [0, 1]."""
    value = float(np.clip(value, 0, 1))
    return Scaled(value=round(value, 5), low=round(max(0.0, value - width), 5), high=round(min(1.0, value + width), 5))


def raw(task: str, family: str, goal: float, quality: float, rng: np.random.Generator) -> dict[str, Measured]:
    """Raw metrics that fit a goal and a quality."""
    fd = 4 / max(quality, 0.05) * rng.normal(1, 0.02)
    found = {
        "fd": measured(fd, 0.2), "kd": measured(fd / 40, 0.01), "precision": measured(0.9 * quality, 0.02, top=1),
        "recall": measured(0.55 + 0.2 * goal * (task == "output_diversity"), 0.03, top=1),
        "density": measured(0.95 * quality, 0.03), "coverage": measured(0.8 * quality, 0.02, top=1),
        "drift": measured(0.1 + 0.5 * goal, 0.02, top=1),
    }  # fmt: skip
    if task == "identity_removal":
        found |= {
            "identity_share": measured(0.11 * (1 - goal), 0.008, top=1),
            "lookalike_share": measured(0.2, 0.02, top=1),
        }
        if family == "flow":
            drops = {"forget": 0.4, "unseen": 0.15, "train": 0.006, "others": 0.01, "lookalikes": 0.02}
            found |= {f"quantile_drop_{k}": measured(v * goal, 0.01, top=1) for k, v in drops.items()}
    if task == "category_redaction":
        found |= {"invalidity": measured(0.1 * (1 - goal), 0.007, top=1), "mix_distance": measured(0.05, 0.01, top=1),
                  "rarest_share": measured(0.08, 0.01, top=1)}  # fmt: skip
    if task == "attribute_rebalancing":
        gap = 0.42 * (1 - goal)
        found |= {"fairness_discrepancy": measured(gap, 0.02), "kl_to_target": measured(gap**2, 0.01),
                  "spillover": measured(0.03 * goal, 0.01), "worst_group_fd": measured(fd * 1.4, 0.3)}  # fmt: skip
    if task == "output_diversity":
        vendi = 5 + 4 * goal
        found |= {
            "vendi": measured(vendi, 0.1),
            "vendi_0.5": measured(vendi * 1.3, 0.1),
            "vendi_2": measured(vendi * 0.7, 0.1),
            "vendi_inf": measured(vendi * 0.4, 0.1),
            "entropy": measured(1.7 + 0.5 * goal, 0.02),
        }
    return found


def details(task: str, goal: float, rng: np.random.Generator) -> dict[str, object]:
    """Shares with target and base, the judge's verdicts on the sheet, a curve for rebalancing."""
    if task == "attribute_rebalancing":
        base, target, names = np.array([0.8, 0.2]), np.array([0.5, 0.5]), ["no glasses", "glasses"]
    else:
        base = np.full(10, 0.1) if task != "output_diversity" else np.array([20, 17, 14, 12, 10, 8, 7, 5, 4, 3]) / 100
        target, names = np.full(10, 0.1), [str(i) for i in range(10)]
        if task != "output_diversity":
            target = np.delete(np.full(10, 1 / 9), 8)
            target = np.insert(target, 8, 0.0)
    values = np.abs(base + goal * (target - base) + rng.normal(0, 0.008, len(base)))
    values = values / values.sum()
    attribute = "glasses" if task == "attribute_rebalancing" else "category"
    found: dict[str, object] = {
        "shares": {
            "attribute": attribute,
            "names": names,
            "values": values.round(4).tolist(),
            "low": (values - 0.012).clip(0).round(4).tolist(),
            "high": (values + 0.012).round(4).tolist(),
            "target": target.round(4).tolist(),
            "base": base.tolist(),
        },
        "sheet": {
            "columns": 12,
            "rows": ["base", "edited"],
            "attribute": attribute,
            "verdicts": [[i % len(names) for i in range(12)], [(i + (i == 8)) % len(names) for i in range(12)]],
        },
    }
    if task == "attribute_rebalancing":
        last = round(0.4 + 0.2 * goal, 3)
        found["identity_curve"] = {"change": [0.1, 0.3, 0.5, 0.7, 0.9], "identity": [0.95, 0.86, 0.75, 0.6, last],
                                   "low": [0.93, 0.83, 0.71, 0.55, 0.4], "high": [0.97, 0.89, 0.79, 0.65, 0.6],
                                   "count": [220, 150, 80, 40, 12]}  # fmt: skip
    return found


def sheet(file: Path, seed: int, shift: bool) -> None:
    """A small contact sheet of two rows of drawn digits."""
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (12 * 25 + 1, 2 * 25 + 1), 255)
    draw = ImageDraw.Draw(picture)
    for row in range(2):
        for column in range(12):
            digit = (column + (row == 1 and shift and column == 8)) % 10
            x, y = 1 + column * 25, 1 + row * 25
            draw.rectangle((x, y, x + 23, y + 23), fill=int(rng.integers(0, 25)))
            draw.text((x + 8 + int(rng.integers(-2, 3)), y + 5), str(digit), fill=int(rng.integers(190, 255)))
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, optimize=True)


def record(name: str, point: str, track: str, instance: str, family: str, seed: int, level: float) -> Record:
    """One invented record; `level` in 0..1 is the operating point's strength."""
    task = instance.split("/")[0]
    _, _, _, _, _, goal, quality, share = SUBMISSIONS[name]
    rng = np.random.default_rng([sum(map(ord, name + point + instance)), seed])
    hard = 1.0 if name == "retrained" else {"flow": 0.94, "gan": 1.0, "diffusion": 0.97}[family]
    goal = np.clip(goal * (0.72 + 0.28 * level) * hard + (rng.normal(0, 0.025) if 0 < goal < 1 else 0), 0, 1)
    quality = np.clip(quality - 0.16 * level * (name not in ("unchanged", "retrained")) + rng.normal(0, 0.012), 0, 1)
    status, why = "ok", ""
    if name == "gradient_ascent" and task == "identity_removal":
        status, why = (
            ("below_floor", "quality 0.21 is below the track's floor 0.3") if seed else ("failed", "loss became NaN")
        )
    if name == "finetune_retain" and point == "steps-1000" and family == "diffusion" and seed == 2:
        status, why = "over_budget", "the edit took longer than its share of pre-training and left no checkpoint"
    ranked = status == "ok"
    g, q = scaled(goal, 0.03), scaled(quality, 0.02)
    return Record(
        schema=1,
        submission=name,
        point=point,
        method=f"methods.{name}:edit",
        params={"lr": 1e-4, "strength": round(level, 2)},
        track=track,
        instance=instance,
        seed=seed,
        status=status,
        reason=why,
        goal=g if ranked else None,
        quality=q if ranked or status == "below_floor" else None,
        score=harmonic(g.value, q.value) if ranked else None,
        metrics=raw(task, family, float(goal), float(quality), rng) if ranked else {},
        details=details(task, float(goal), rng) if ranked else {},
        cost=Cost(
            seconds=round(60 * share * (1 + level), 3),
            share=round(share * (1 + level), 5),
            yardstick_seconds=0.01,
            gradient_steps=int(2000 * share * (1 + level)),
            peak_memory_mb=410.5,
            device="x86_64 CPU",
            sampling_relative=0.35 if name == "rejection" else 1.0,
        ),
        provenance=Provenance(
            versions={"track": "1", "instance": "1"},
            sha256={"method": "0" * 64},
            packages={"torch": "2.6"},
            time="2025-01-01T00:00:00+00:00",
        ),
        claim={"status": "verified", "goal": g, "quality": q}
        if ranked and name in ("rejection", "taming_flows")
        else {},
    )


def make(root: Path, track: str = "tiny", seeds: tuple[int, ...] = (0, 1, 2), pictures: bool = True) -> Path:
    """A folder of submissions with records of every kind."""
    for name, (_, families, tasks, points, *_) in SUBMISSIONS.items():
        manifest(root / name, name)
        for instance in tracks.load(track).instances:
            if instance.family not in families or instance.task not in tasks:
                continue
            for i, point in enumerate(points):
                for seed in seeds:
                    if name == "diversity_weights" and instance.family == "flow" and seed == 1:
                        continue  # a row with a run missing
                    level = i / (len(points) - 1) if len(points) > 1 else 1.0
                    found = record(name, point, track, instance.name, instance.family, seed, level)
                    file = records.write(root / name, found)
                    if pictures and found.status == "ok":
                        sheet(file.with_suffix(".png"), seed, shift=found.goal.value > 0.5)
    return root


def hostile(root: Path) -> None:
    """Files that are no records, and a manifest whose text is markup."""
    good = json.loads(next((root / "rejection/records/tiny").glob("*/*/*.json")).read_text())
    folder = root / "rejection" / "records" / "tiny" / "category_redaction" / "digits-gan"
    bad = {
        "broken.0.json": "{", "nan.0.json": json.dumps({**good, "score": float("nan")}),
        "old.0.json": json.dumps({**good, "schema": 0}),
        "markup.0.json": json.dumps({**good, "point": "<img src=x onerror=alert(1)>"}),
        "climbs.0.json": json.dumps({**good, "instance": "../../../etc/passwd"}),
        "huge.0.json": json.dumps({**good, "point": "huge", "instance": "category_redaction/digits-gan", "seed": 0,
                                   "metrics": {"fd": {"value": 1e300, "low": 0, "high": 1e300, "n": 1}}}),
        "deep.0.json": "[" * 100_000, "elsewhere.0.json": json.dumps(good),
    }  # fmt: skip
    for name, text in bad.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    import sys

    hostile(make(Path(sys.argv[1])))
