"""The worker: a process of its own that runs the edit, then receives the questions and answers with plain arrays.

The method shares this process and may change anything in it. The coordinator therefore relies on nothing that is
computed here after the method's import: the yardstick is measured before, and times are checked by its own clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from retouch.benchmark.budget import Budget, Yardstick, yardstick
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.operations import Operations, operations_of
from retouch.benchmark.question import answer
from retouch.benchmark.support import machine
from retouch.benchmark.support.places import METHODS
from retouch.benchmark.task import Task
from retouch.benchmark.worker import limits, seccomp
from retouch.benchmark.worker.channel import Channel
from retouch.benchmark.worker.held import held_bytes, weights_print
from retouch.benchmark.worker.limits import Place

SPEED_SECONDS = 0.1  # seconds, at least, over which the base's sampling speed is measured


def main(end: str, place: str) -> None:
    """The worker as a program of its own, inside a sandbox: END is a socket's number, PLACE a `Place` as JSON."""
    here = Place(**json.loads(place))
    if os.getuid() == 0 and here.uid:
        os.setgroups([])
        os.setresgid(here.uid, here.uid, here.uid)
        os.setresuid(here.uid, here.uid, here.uid)
    work(socket.socket(fileno=int(end)), here)


def work(end: socket.socket, place: Place) -> None:
    """Run the edit and answer the questions, then end the process."""
    channel = Channel(end)
    output = cast(io.TextIOWrapper, sys.stdout)
    output.reconfigure(line_buffering=True)  # what the method prints is there before its answer
    try:
        Path(place.work).mkdir(parents=True, exist_ok=True)
        os.chdir(place.work)
        environment = limits.environment(place.work, place.path)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # forget the fork server's
        sys.path[:] = [path for path in sys.path if _is_library(path)]
        limits.apply(place.memory_mb, place.processes)
        _filter_calls(place)
        torch.set_num_threads(1)  # the order of additions, and so the last digit, depends on it
        _work(place, channel)
    except BaseException as error:
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"[:2000]
        if isinstance(error, torch.OutOfMemoryError):
            text = f"the accelerator's memory ran out ({text.splitlines()[0][:200]}): a smaller batch, or --workers 1"
        with contextlib.suppress(OSError):
            channel.send(failed=f"{text} ({_location(error, place)})")
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(0)  # threads and exit handlers of a method have no say


def _filter_calls(place: Place) -> None:
    """Set the filter on system calls; a kernel that takes none is fatal in a sandbox alone."""
    try:
        seccomp.lock(place.watchers)
    except OSError:
        if place.uid:
            raise


def _location(error: BaseException, place: Place) -> str:
    """File, line and text where an error left the method's own code, or else where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    folders = place.submission, METHODS
    own = [frame for frame in frames if any(Path(frame.filename).is_relative_to(folder) for folder in folders)]
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}: {last.line}"[:300]


def _is_library(path: str) -> bool:
    """Whether a folder of sys.path belongs to Python or to an installed package."""
    prefixes = (sys.prefix, sys.base_prefix)
    return path.endswith("-packages") or any(Path(path).is_relative_to(folder) for folder in prefixes if path)


def _work(place: Place, channel: Channel) -> None:
    task = Task(Path(place.task))
    table = task.table
    base = task.base()
    (unit, price), (seconds, images, per_image) = _determined(base, table["batch"]), _speed(base)
    channel.send(ready=True, yardstick=unit.seconds, busy=unit.processor_seconds, step_operations=unit.operations,
                 base=seconds, images=images, image_operations=per_image, determinism=price)  # fmt: skip
    order, checkpoint = channel.wait()
    torch.manual_seed(table["seed"])
    if checkpoint:  # a second worker, after the first was stopped at the end of its budget
        zipfile.ZipFile(io.BytesIO(checkpoint)).extractall("checkpoint")
        generator = base.restore(Path("checkpoint")).to(task.device)
    else:
        budget = Budget(table["train_steps"], unit, order["seconds"], *_reports(channel))
        with budget.counter:  # from the import on: a module's own body could train, too
            method = entry(table["entry"], Path(place.submission))
            channel.send(imported=True)
            generator = _edit(method, base, task, budget, table["params"], channel)
    weights = weights_print(generator)
    while (question := channel.wait())[0]["kind"] != "end":
        if question[0]["kind"] == "keep":
            channel.send(_zipped(generator) if hasattr(generator, "save") else b"", kept=True)
            continue
        array, cost = _measured(generator, *question)
        if array is None:
            channel.send(answer=None)
        else:
            trained = weights_print(generator) != weights
            channel.send(array.tobytes(), answer=str(array.dtype), shape=array.shape, trained=trained, **cost)
    channel.send(memory=machine.peak_memory_mb(task.device))


def _determined(base: Generator, batch: int) -> tuple[Yardstick, float]:
    """Ask for deterministic kernels from now on; a training step with them, and how many times as long it then takes.

    1 on a processor, where one thread is all that it takes. Kernels that have no deterministic form warn in the log.
    """
    unit = yardstick(base, batch)
    if base.device.type == "cpu":
        return unit, 1.0
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    before, unit = unit, yardstick(base, batch)
    return unit, unit.seconds / before.seconds


def _reports(channel: Channel) -> tuple[Any, Any]:
    """A budget's two callbacks: one sends a checkpoint with the progress so far, the other the steps done."""

    def keep(generator: Generator, progress: dict[str, Any]) -> None:
        channel.send(_zipped(generator), checkpoint=True, **progress)

    def report(step: int, of: int) -> None:
        if step % 10 == 0:
            channel.send(step=step, of=of)

    return keep, report


def _zipped(generator: Generator) -> bytes:
    """What a generator's `save` writes, as a zip."""
    folder, buffer = Path(f"checkpoint-{time.perf_counter_ns()}"), io.BytesIO()
    generator.save(folder, half=False)
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    shutil.rmtree(folder)
    return buffer.getvalue()


def _edit(
    method: Any, base: Generator, task: Task, budget: Budget, params: dict[str, Any], channel: Channel
) -> Generator:
    before = held_bytes(base)
    budget.start()
    generator = method(base, task, budget, **params)
    if task.device.startswith("cuda"):
        torch.cuda.synchronize()
    wall = budget.elapsed
    if not hasattr(generator, "sample"):
        raise TypeError(
            f"edit returned {type(generator).__name__}; it must return a generator, or an object with .sample"
        )
    channel.send(edited=wall, bytes_added=max(0, held_bytes(generator) - before), **budget.progress)
    return generator


def entry(name: str, submission: Path) -> Any:
    """The function that `module:function` names; a module in the submission's folder goes before any other."""
    module_name, function = name.split(":")
    own = submission / f"{module_name}.py"
    if own.exists():
        # a private name, so that equal names in two submissions do not clash
        private = f"submission_{hashlib.sha256(str(own).encode()).hexdigest()[:12]}_{module_name}"
        sys.path.insert(0, str(submission))
        spec = importlib.util.spec_from_file_location(private, own)
        if spec is None or spec.loader is None:
            raise ValueError(f"{own} cannot be imported: no Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[private] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(module_name)
    if not hasattr(module, function):
        raise ValueError(f"{module_name} has no function {function!r}, which `entry` in submission.toml names")
    return getattr(module, function)


def _measured(generator: Any, question: dict[str, Any], payload: bytes) -> tuple[np.ndarray | None, dict[str, Any]]:
    """The answer to a question, and the seconds and operations that it took."""
    arrays = dict(np.load(io.BytesIO(payload), allow_pickle=False)) if payload else {}
    began = time.perf_counter()
    with Operations() as operations:
        array = answer(generator, question, arrays)
    return array, {"seconds": time.perf_counter() - began, "operations": operations.total}


def _speed(base: Generator) -> tuple[float, int, int]:
    """Seconds and number of images of the base's sampling, and operations of an image.

    Batches are timed for SPEED_SECONDS, after a first one whose operations are counted.
    """
    n = base.timed
    per_image = round(operations_of(lambda: base.sample(n, torch.Generator().manual_seed(0))) / n)
    began, images, seconds = time.perf_counter(), 0, 0.0
    while seconds < SPEED_SECONDS:
        base.sample(n, torch.Generator().manual_seed(0))
        images, seconds = images + n, time.perf_counter() - began
    return seconds, images, per_image


if __name__ == "__main__":
    main(*sys.argv[1:])
