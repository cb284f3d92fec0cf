"""A training that is stopped and goes on equals one that is not, bit for bit: weights, average and optimisers."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import CONFIGS, DESIGNS

from retouch.benchmark import weights
from retouch.benchmark.train import pretrain
from retouch.benchmark.train.generator import GeneratorLearner

STEPS, EVERY = 7, 2
SCRIPT = """
import sys
from pathlib import Path
import torch
from retouch.benchmark.train import pretrain
torch.set_num_threads(1)
pretrain.CHECKPOINT = 20
pretrain.pretrain(sys.argv[1], folder=Path(sys.argv[2]), steps=200)
"""


def plan(design: str) -> dict[str, Any]:
    """A recipe of a few steps on digits that uses all that draws by chance or keeps a state."""
    kind, config = DESIGNS[design]
    return {"kind": kind, "data": {"name": "digits"}, "config": config, "lr": 1e-3, "steps": STEPS, "batch": 8,
            "decay": 4, "augment": kind == "flow", "bfloat16": kind == "gan"}  # fmt: skip


def train(design: str, folder: Path) -> dict[str, Any]:
    """Run the steps that are missing; returns the state after the last."""
    torch.manual_seed(0)
    learner = GeneratorLearner(plan(design))
    pretrain._train(learner, learner.plan, 3, folder, design)
    return learner.state()


def same(a: Any, b: Any) -> bool:
    """Equal trees of tensors and numbers, bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("design", DESIGNS)
def test_an_interrupted_training_equals_a_whole_one(design, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "CHECKPOINT", EVERY)
    whole, step = train(design, tmp_path / "whole"), GeneratorLearner.step
    for stop in (1, 3, 6):  # before the first checkpoint, after it, after the last one

        def interrupted(self, stop=stop):
            if self.steps == stop:
                raise KeyboardInterrupt
            step(self)

        monkeypatch.setattr(GeneratorLearner, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(design, tmp_path / "parts")
    monkeypatch.setattr(GeneratorLearner, "step", step)
    parts = train(design, tmp_path / "parts")
    assert parts["steps"] == STEPS and same(whole, parts)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGS)
def test_a_training_killed_three_times_equals_a_whole_one(kind, tmp_path):
    name, chance = f"digits-{kind}", random.Random(kind)
    command = [sys.executable, "-c", SCRIPT, name]
    subprocess.run([*command, tmp_path / "whole"], check=True, capture_output=True)
    for _ in range(3):
        with subprocess.Popen([*command, tmp_path / "parts"], stdout=subprocess.DEVNULL) as process:
            _wait_for_checkpoint(tmp_path / "parts")
            time.sleep(chance.uniform(0, 0.5))
            process.kill()
        assert process.returncode == -signal.SIGKILL
    subprocess.run([*command, tmp_path / "parts"], check=True, capture_output=True)
    states = [torch.load(*(tmp_path / part).glob("training/*/state.pt")) for part in ("whole", "parts")]
    assert same(*[state["learner"] for state in states])
    assert weights.sha256(tmp_path / "whole") == weights.sha256(tmp_path / "parts")


def _wait_for_checkpoint(folder: Path) -> None:
    """Return once a new checkpoint stands in FOLDER."""
    before, end = _written(folder), time.monotonic() + 300
    while _written(folder) == before and time.monotonic() < end:
        time.sleep(0.02)


def _written(folder: Path) -> list[int]:
    return [file.stat().st_mtime_ns for file in folder.glob("training/*/state.pt")]
