"""Keep an edited generator: its weights in the base's own form, safetensors or a folder of diffusers, with a card."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from retouch.benchmark import weights
from retouch.benchmark.question import Question, answer
from retouch.benchmark.run.answers import Answers
from retouch.benchmark.run.plan import Run
from retouch.benchmark.run.resolve import Resolved, resolve
from retouch.benchmark.support.files import write_json

FOLDER = Path("edited")  # below which edited generators are kept
CLOSE = 1.0  # levels by which the images of what is kept may differ in the mean: an accelerator rounds otherwise
NO_WEIGHTS = "a filter, or a sampler with guidance, has no weights of its own"


def place(submission: str, instance: str, point: str, seed: int, root: Path = FOLDER) -> Path:
    """Where an edited generator is kept; instance: track/task/base."""
    return root / submission / instance / f"{point}.{seed}"


def place_of(run: Run) -> Path:
    """Where a run's edited generator is kept."""
    return place(run.name, f"{run.track.name}/{run.instance.name}", run.point, run.seed)


def kept(run: Run) -> bool:
    """Whether the generator is kept that the run would give."""
    try:
        return weights.card(place_of(run))["edited"]["answers"] == resolve(run).key
    except (OSError, ValueError):
        return False


def keep(resolved: Resolved, answers: Answers, questions: list[Question]) -> Path:
    """Write what the worker handed out after its edit, once it is seen to draw the images that were scored.

    Only tensors are taken of it: all else is what the base's own class writes.

    Raises:
        ValueError: weights of another form than the base's, or others than the images come from.
    """
    run, base = resolved.run, resolved.setup.base
    target = place_of(run)
    draft = target.with_name(f".{target.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        base.load().save(draft, half=False)
        _fill(draft, answers.weights)
        by = {"submission": run.name, "method": run.submission.entry, "point": run.point, "params": run.params,
              "track": run.track.name, "instance": run.instance.name, "seed": run.seed, "base": base.sha256,
              "answers": resolved.key}  # fmt: skip
        write_card(draft, base.folder, base.card, f"{run.name}-{run.instance.base}", by)
        _check(draft, run.device, answers, questions)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def write_card(folder: Path, base: Path, card: dict[str, Any], name: str, by: dict[str, Any]) -> None:
    """The card of an edited generator in FOLDER, beside its base's own code; by: who edited it, and how."""
    for file in base.glob("*.py"):
        shutil.copy(file, folder)
    stated = {key: value for key, value in card.items() if key not in ("measured", "sha256", "seconds")}
    write_json(folder / "card.json", {**stated, "name": name, "edited": by, "sha256": weights.sha256(folder)})


def _fill(folder: Path, payload: bytes) -> None:
    """Write the tensors of a zip over those that the base's class wrote, file by file."""
    if not payload:
        raise ValueError(NO_WEIGHTS)
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")}
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename in names]
            if {entry.filename for entry in entries} != names or any(entry.compress_type for entry in entries):
                raise ValueError("it has other files of weights than its base")
            for entry in entries:
                (folder / entry.filename).write_bytes(archive.read(entry))
    except zipfile.BadZipFile as error:
        raise ValueError(f"what it handed out is no zip ({error})") from None


def _check(folder: Path, device: str, answers: Answers, questions: list[Question]) -> None:
    """Raise a ValueError unless the generator in FOLDER draws the images that the worker gave."""
    paired = next(question for question in questions if question.name == "paired")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the worker
    try:
        images = answer(weights.load(folder, device), paired.message(), paired.arrays)
    except (RuntimeError, ValueError, SafetensorError) as error:
        raise ValueError(f"its weights do not fit the base's form: {str(error).splitlines()[0]}") from None
    finally:
        torch.set_num_threads(threads)
    gap = np.abs(np.asarray(images, float) - answers.arrays["paired"]).mean()
    if gap > CLOSE:
        raise ValueError(f"its weights alone draw other images ({gap:.0f} levels off in the mean): {NO_WEIGHTS}")
