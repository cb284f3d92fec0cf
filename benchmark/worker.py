"""The worker: a process of its own that edits, and only then is asked. It answers with plain arrays.

The coordinator speaks to it in JSON over a pipe; nothing that comes back is unpickled.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import resource
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import diffusers.models.unets.unet_2d  # noqa: F401  imported before the worker forks, so that each starts at once
import numpy as np
import torch
import torchvision  # noqa: F401

from benchmark.budget import Budget, yardstick
from benchmark.generators.base import Generator
from benchmark.generators.flow import log_probs
from benchmark.task import Task


def work(folder: str, pipe: Connection) -> None:
    """Edit, then answer; the process's whole life. FOLDER/reveal holds the task, FOLDER/answers receives arrays."""
    os.setsid()  # so that the coordinator can end it together with whatever it starts
    root = Path(folder)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    log = os.open(root / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(root)
    torch.set_num_threads(1)  # the order of additions, and so the last digit, depends on it
    try:
        _work(root, pipe)
    except BaseException as error:
        traceback.print_exc()
        where = traceback.extract_tb(error.__traceback__)[-1]
        tell(pipe, failed=f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})")
    os._exit(0)  # threads and exit handlers of a method have no say


def tell(pipe: Connection, **message: Any) -> None:
    """Send one JSON message."""
    pipe.send_bytes(json.dumps(message).encode())


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(root: Path, pipe: Connection) -> None:
    task = Task(root / "reveal")
    told = task.told
    base = task.base()
    timed = yardstick(base, told["batch"])
    seconds = min(told["train_steps"] * timed, told["max_seconds"])
    torch.manual_seed(told["seed"])
    if (root / "checkpoint").exists():  # a second worker, after the first was stopped at the end of its budget
        generator = base.restore(root / "checkpoint").to(task.device)
    else:
        method = entry(told["entry"], Path(told["submission"]))
        budget = Budget(seconds, told["train_steps"], timed, root, lambda step, of: _progress(root, step, of))
        tell(pipe, began=seconds, yardstick=timed)
        generator = _edit(method, base, task, budget, told["params"], pipe)
    seconds = {}
    for question in json.loads(pipe.recv_bytes()):
        began = time.perf_counter()
        answer(generator, question, root)
        seconds[question["name"]] = time.perf_counter() - began
    of_base = _seconds_of_base(task)
    relative = of_base / seconds["paired"]
    tell(pipe, answered=relative, sampling=sum(seconds.values()), base=of_base, memory=_memory(task.device))


def _edit(method: Any, base: Generator, task: Task, budget: Budget, params: dict[str, Any], pipe: Connection) -> Any:
    budget.start()
    generator = method(base, task, budget, **params)
    if task.device.startswith("cuda"):
        torch.cuda.synchronize()
    spent = budget.spent
    wall = spent - budget.charged
    if not hasattr(generator, "sample"):
        raise TypeError(
            f"edit returned {type(generator).__name__}; it must return a generator, or an object with .sample"
        )
    tell(pipe, edited=spent, wall=wall, steps=budget.gradient_steps, cut=budget.cut)
    return generator


def entry(name: str, submission: Path) -> Any:
    """The function that `module:function` names; a .py in the submission's own folder comes first."""
    module_name, function = name.split(":")
    own = submission / f"{module_name}.py"
    if own.exists():
        # a private name: two submissions whose modules are called alike never meet
        private = f"submission_{hashlib.sha256(str(own).encode()).hexdigest()[:12]}_{module_name}"
        sys.path.insert(0, str(submission))
        spec = importlib.util.spec_from_file_location(private, own)
        module = importlib.util.module_from_spec(spec)
        sys.modules[private] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(module_name)
    return getattr(module, function)


def answer(generator: Any, question: dict[str, Any], root: Path) -> None:
    """Answer one question and write it to answers/NAME.npy; what the generator cannot answer is left out.

    Kinds: sample, log_prob, edit_attribute.
    """
    rng = torch.Generator().manual_seed(question["seed"])
    if question["kind"] == "sample":
        images = generator.sample(question["n"], rng)
        array = images.detach().cpu().numpy() if isinstance(images, torch.Tensor) else np.asarray(images)
    elif question["kind"] == "log_prob":
        if not hasattr(generator, "log_prob"):
            return
        images = torch.from_numpy(np.load(root / question["images"], allow_pickle=False))
        array = log_probs(generator, images, question["draws"], rng)
    elif question["kind"] == "edit_attribute":
        if not hasattr(generator, "edit_attribute"):
            return
        latents, values = (torch.from_numpy(np.load(root / question[name])) for name in ("latents", "values"))
        array = np.stack([generator.edit_attribute(latents, row).numpy() for row in values])
    else:
        raise ValueError(f"no question of kind {question['kind']!r}")
    (root / "answers").mkdir(exist_ok=True)
    np.save(root / "answers" / f"{question['name']}.npy", array)


def _seconds_of_base(task: Task) -> float:
    """What the base takes for as many images as the paired question asks of the edited generator."""
    base = task.base()
    began = time.perf_counter()
    base.sample(task.told["paired"], torch.Generator().manual_seed(0))
    return time.perf_counter() - began


def _memory(device: str) -> float:
    """Peak MB: of the accelerator where one is used, else of the process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _progress(root: Path, step: int, of: int) -> None:
    if step % 10 == 0:
        (root / "progress").write_text(f"{step} {of}")
