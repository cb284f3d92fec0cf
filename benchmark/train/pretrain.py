"""Train a base, a control, a judge, a guide or an encoder by its recipe, resumably, and measure what came out."""

import json
import platform
import time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from retouch.benchmark import tracks, weights
from retouch.benchmark.support import machine, plugins
from retouch.benchmark.support.cache import json_key
from retouch.benchmark.support.files import write_atomically, write_json
from retouch.benchmark.train import checkpoint
from retouch.benchmark.train.classifier import ClassifierLearner
from retouch.benchmark.train.encoder import EncoderLearner
from retouch.benchmark.train.ensemble import EnsembleLearner
from retouch.benchmark.train.generator import GeneratorLearner
from retouch.benchmark.train.measure import measure

CHECKPOINT = 250  # steps between checkpoints and sample sheets
# by a recipe's kind; the others are families of generators
LEARNERS = {"classifier": ClassifierLearner, "encoder": EncoderLearner, "ensemble": EnsembleLearner}
Learner = ClassifierLearner | EncoderLearner | EnsembleLearner | GeneratorLearner


def recipe(name: str) -> dict[str, Any]:
    """The recipe called `name`, with what it takes over by `like` filled in."""
    known = tracks.recipes()
    if name not in known:
        near = get_close_matches(name, known, n=3) or sorted(known)
        raise ValueError(f"no recipe {name!r}; did you mean {', '.join(near)}?")
    found = known[name]
    return {**recipe(found.pop("like")), **found} if "like" in found else found


def pretrain(
    name: str, *, device: str = "cpu", seed: int | None = None, folder: Path | None = None, steps: int | None = None,
    overwrite: bool = False,
) -> Path:  # fmt: skip
    """Train `name` by its recipe and write weights and card.

    A checkpoint every 250 steps stands in FOLDER/training, apart for each recipe and seed; a second call goes on from
    it. The randomness of a step is a function of the seed and the step alone, so that an interrupted training equals an
    uninterrupted one.

    Args:
        name: a table of a track's recipes.toml; device: a torch device; seed: of weights, batches and noise; by
            default that of the weights that ship, else the recipe's, else 0.
        folder: where to write; by default the package's own weights folder, or `plugins.home()` where the track's
            weights must not ship; it must have none of `name` yet.
        steps: fewer or more steps than the recipe's, for trials.
        overwrite: replace the weights in the package's folder; the records that stand on them are stale then.

    Returns: the folder.

    Raises:
        ValueError: an unknown name, weights that would be replaced, a judge that is yet to be trained, a folder that
            cannot be written, a damaged checkpoint.
    """
    plan = recipe(name) | ({"steps": steps} if steps else {})
    shipped = place(name)
    known = shipped / "card.json"
    if folder is None and known.exists() and not overwrite:
        raise ValueError(f"{shipped} has weights: --into FOLDER trains elsewhere, --overwrite replaces them")
    if seed is None:  # read as it stands: the weights beside it may be what is missing
        seed = json.loads(known.read_text())["seed"] if known.exists() else plan.get("seed", 0)
    folder = folder or shipped
    _check_before(plan, folder)
    torch.manual_seed(seed)
    learner: Any = LEARNERS.get(plan["kind"], GeneratorLearner)(plan)
    learner.to(device)
    seconds = _train(learner, plan, seed, folder / "training" / json_key([plan, seed])[:8], name)
    learner.save(folder)
    memory = round(machine.peak_memory_mb(device), 1)
    training = {"recipe": plan, "seed": seed, "seconds": round(seconds, 1), "peak_memory_mb": memory}
    _write_card(folder, learner, name, training, device)
    return folder


def _write_card(folder: Path, learner: Any, name: str, training: dict[str, Any], device: str) -> None:
    """The card, first without what is measured, which needs it."""
    card = {
        "name": name,
        "family": training["recipe"]["kind"],
        "config": learner.config,
        **training,
        "device": _device_name(device),
        "sha256": weights.sha256(folder),
    }
    write_json(folder / "card.json", card)
    write_json(folder / "card.json", {**card, "measured": measure(folder, device)})


def place(name: str) -> Path:
    """Where the weights of a recipe belong: in the package, unless its track says that they must not ship."""
    kept = [track for track in tracks.names() if not tracks.load(track).ships and name in tracks.recipes_of(track)]
    return plugins.home() / "weights" / name if kept else weights.ROOT / name


def missing(track: str) -> list[str]:
    """The recipes of a track whose weights are not made yet, in order."""
    return [name for name in tracks.recipes_of(track) if not (place(name) / "card.json").exists()]


def _train(learner: Any, plan: dict[str, Any], seed: int, folder: Path, name: str) -> float:
    """Run the steps that are missing; returns the seconds of all of them: of the processor's, where one trains.

    What else a processor does would count in a wall clock's.
    """
    start, seconds = 0, 0.0
    clock = time.process_time if learner.device.type == "cpu" else time.perf_counter
    if saved := checkpoint.read(folder, learner.device):
        start, seconds = saved["step"], saved["seconds"]
        learner.restore(saved["learner"])
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(name, total=plan["steps"], completed=start)
        for step in range(start, plan["steps"]):
            began = clock()
            torch.manual_seed(seed * 1_000_003 + step)
            learner.step()
            seconds += clock() - began
            progress.advance(task)
            if (step + 1) % CHECKPOINT == 0:
                if picture := learner.picture():
                    write_atomically(folder / f"{step + 1:06d}.png", picture)
                checkpoint.write(folder, {"step": step + 1, "seconds": seconds, "learner": learner.state()})
    return seconds


def _check_before(plan: dict[str, Any], folder: Path) -> None:
    """What would only fail after the training."""
    for name in ("judge", "encoder", "guide"):
        if name in plan:
            weights.card(weights.folder(plan[name]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / ".writable", b"")
        (folder / ".writable").unlink()
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error}); --into FOLDER names another place") from None


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{platform.machine()} CPU"
