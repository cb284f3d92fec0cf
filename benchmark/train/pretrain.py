"""Train a base, a control, a judge or a guide by its recipe, resumably, and measure what came out."""

import json
import math
import pickle
import platform
import time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark import data, tracks, weights
from retouch.benchmark.data.images import Images, concat
from retouch.benchmark.generators import family
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier, Judge
from retouch.benchmark.support.files import write_atomically, write_json
from retouch.benchmark.support.pictures import sheet
from retouch.benchmark.versions import digest

EMA = 0.999  # decay of the average, unless the recipe has another `ema`
CHECKPOINT = 250  # steps between checkpoints and sample sheets


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
            default that of the weights that ship, else 0.
        folder: where to write; by default the package's own weights folder, if that has none of `name` yet.
        steps: fewer or more steps than the recipe's, for trials.
        overwrite: replace the weights in the package's folder; the records that stand on them are stale then.

    Returns: the folder.

    Raises:
        ValueError: an unknown name, weights that would be replaced, a judge that is yet to be trained, a folder that
            cannot be written, a damaged checkpoint.
    """
    plan = recipe(name) | ({"steps": steps} if steps else {})
    shipped = weights.ROOT / name
    known = shipped / "card.json"
    if folder is None and known.exists() and not overwrite:
        raise ValueError(f"{shipped} has weights: --into FOLDER trains elsewhere, --overwrite replaces them")
    if seed is None:  # read as it stands: the weights beside it may be what is missing
        seed = json.loads(known.read_text())["seed"] if known.exists() else 0
    folder = folder or shipped
    _check_before(plan, folder)
    torch.manual_seed(seed)
    learner = _Classify(plan) if plan["kind"] == "classifier" else _Generate(plan)
    learner.to(device)
    seconds = _train(learner, plan, seed, folder / "training" / digest([plan, seed])[:8], name)
    learner.save(folder)
    card = {
        "name": name,
        "family": plan["kind"],
        "config": learner.config,
        "recipe": plan,
        "seed": seed,
        "seconds": round(seconds, 1),
        "device": _device_name(device),
        "sha256": weights.sha256(folder),
    }
    write_json(folder / "card.json", card)
    write_json(folder / "card.json", {**card, "measured": learner.measure(folder)})
    return folder


def _train(learner: "_Classify | _Generate", plan: dict[str, Any], seed: int, folder: Path, name: str) -> float:
    """Run the steps that are missing; returns the seconds of all of them."""
    start, seconds = learner.resume(folder)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task(name, total=plan["steps"], completed=start)
        for step in range(start, plan["steps"]):
            began = time.perf_counter()
            torch.manual_seed(seed * 1_000_003 + step)
            learner.step()
            seconds += time.perf_counter() - began
            progress.advance(task)
            if (step + 1) % CHECKPOINT == 0:
                learner.checkpoint(folder, step + 1, seconds)
    return seconds


def _check_before(plan: dict[str, Any], folder: Path) -> None:
    """What would only fail after the training."""
    if "judge" in plan:
        weights.card(weights.folder(plan["judge"]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / ".writable", b"")
        (folder / ".writable").unlink()
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error}); --into FOLDER names another place") from None


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{platform.machine()} CPU"


class _Generate:
    """A generator in training, and the exponential moving average of its weights, which is what ships."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.config = plan, plan["config"]
        self.images = torch.from_numpy(data.load(plan["data"], "train").images)
        self.live: Generator = family(plan["kind"])(self.config, plan["lr"])
        self.average = self.live.copy()
        self.steps = 0

    def to(self, device: str) -> None:
        self.live.to(device)
        self.average.to(device)

    def step(self) -> None:
        left = self.plan["steps"] - self.steps
        if left < self.plan.get("decay", 0):  # over the last steps their size falls to 0 along half a cosine
            for group in (group for optimizer in self.live.optimizers for group in optimizer.param_groups):
                whole = group.setdefault("initial_lr", group["lr"])
                group["lr"] = whole * (1 - math.cos(math.pi * left / self.plan["decay"])) / 2
        batch = self.images[torch.randint(len(self.images), (self.plan["batch"],))]
        self.live.train_step(_warp(batch) if self.plan.get("augment") else batch)
        self.steps += 1
        _average(
            self.average.module, self.live.module, min(self.plan.get("ema", EMA), (1 + self.steps) / (10 + self.steps))
        )

    def state(self) -> dict[str, Any]:
        return {
            "live": {part: network.state_dict() for part, network in self.live.networks().items()},
            "average": {part: network.state_dict() for part, network in self.average.networks().items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.live.optimizers],
        }

    def checkpoint(self, folder: Path, step: int, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        picture = sheet(self.average.sample(64, torch.Generator().manual_seed(0)).numpy(), columns=16)
        write_atomically(folder / f"{step:06d}.png", picture)
        _save(folder, {"step": step, "seconds": seconds, **self.state()})

    def resume(self, folder: Path) -> tuple[int, float]:
        saved = _saved(folder, self.live.device)
        if saved is None:
            return 0, 0.0
        if saved["optimizers"]:
            self.live.train_step(self.images[:2].repeat(2, 1, 1, 1))  # makes the optimisers; the state follows
        for name, generator in (("live", self.live), ("average", self.average)):
            for part, network in generator.networks().items():
                network.load_state_dict(saved[name][part])
        for optimizer, state in zip(self.live.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.steps = saved["step"]
        return saved["step"], saved["seconds"]

    def save(self, folder: Path) -> None:
        for part in set(self.live.parts) - {"module"}:  # a discriminator belongs to the live generator: no average
            getattr(self.average, part).load_state_dict(getattr(self.live, part).state_dict())
        self.average.save(folder)

    def measure(self, folder: Path) -> dict[str, Any]:
        from retouch.benchmark.train.measure import measure_base

        return measure_base(weights.load(folder, str(self.live.device)), self.plan)


def _average(slow: nn.Module, fast: nn.Module, decay: float) -> None:
    """slow <- decay slow + (1 - decay) fast, for parameters and floating buffers; others are taken over."""
    with torch.no_grad():
        for a, b in zip(slow.state_dict().values(), fast.state_dict().values(), strict=True):
            if a.is_floating_point():
                a.lerp_(b, 1 - decay)
            else:
                a.copy_(b)


def _save(folder: Path, state: dict[str, Any]) -> None:
    draft = folder / "state.pt.part"
    torch.save(state, draft)
    draft.replace(folder / "state.pt")


def _saved(folder: Path, device: torch.device) -> dict[str, Any] | None:
    path = folder / "state.pt"
    try:
        return torch.load(path, map_location=device, weights_only=True) if path.exists() else None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it, and the training begins again") from None


class _Classify:
    """A judge or guide in training."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        known = data.load(plan["data"], plan["split"])
        if plan.get("extra"):  # people beside those of the data set, so that the recogniser learns faces, not a list
            known = _together(known, data.load(plan["extra"]["data"], plan["extra"]["split"]))
        self.images = torch.from_numpy(known.images)
        self.labels = {head: torch.from_numpy(known.labels[head]) for head in plan["heads"]}
        channels, size = known.images.shape[1:3]
        heads = {head: int(labels.max()) + 1 for head, labels in self.labels.items()}
        self.config = {"trunk": plan["trunk"], "channels": channels, "size": size, "heads": heads}
        self.config |= {key: plan[key] for key in ("width", "features") if key in plan}
        self.network = Classifier(**self.config)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), plan["lr"], weight_decay=1e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, plan["lr"], total_steps=plan["steps"])

    def to(self, device: str) -> None:
        self.network.to(device)

    def step(self) -> None:
        device = next(self.network.parameters()).device
        rows = torch.randint(len(self.images), (self.plan["batch"],))
        logits = self.network.train()(_augment(to_float(self.images[rows].to(device))))
        loss = sum(F.cross_entropy(logits[head], labels[rows].to(device), label_smoothing=0.05)
                   for head, labels in self.labels.items())  # fmt: skip
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()

    def checkpoint(self, folder: Path, step: int, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}
        _save(folder, {"step": step, "seconds": seconds, **{k: v.state_dict() for k, v in parts.items()}})

    def resume(self, folder: Path) -> tuple[int, float]:
        saved = _saved(folder, next(self.network.parameters()).device)
        if saved is None:
            return 0, 0.0
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        return saved["step"], saved["seconds"]

    def save(self, folder: Path) -> None:
        Judge(self.network, {}).save(folder)

    def measure(self, folder: Path) -> dict[str, Any]:
        from retouch.benchmark.train.measure import measure_judge

        return measure_judge(Judge.load(folder), self.plan)


def _together(known: Images, strangers: Images) -> Images:
    """Both sets, the strangers' identities counted on from the known ones."""
    first = len(known.names["identity"])
    shifted = {**strangers.labels, "identity": strangers.labels["identity"] + first}
    names = {**known.names, "identity": known.names["identity"] + strangers.names["identity"]}
    return concat([Images(known.images, known.labels, names), Images(strangers.images, shifted, names)])


def _warp(images: Tensor) -> Tensor:
    """uint8 images, each turned by up to 8 degrees, scaled by up to 8% and shifted by up to half a pixel."""
    n, width = len(images), images.shape[-1]
    angle, shift = (torch.rand(n) * 2 - 1) * math.radians(8), (torch.rand(n, 2) * 2 - 1) / width
    scale = 1 + (torch.rand(n, 2) * 2 - 1) * 0.08
    rows = [
        [angle.cos() * scale[:, 0], -angle.sin(), shift[:, 0]],
        [angle.sin(), angle.cos() * scale[:, 1], shift[:, 1]],
    ]
    theta = torch.stack([torch.stack(row, 1) for row in rows], 1)  # (n, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    warped = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return warped.round().to(torch.uint8)


def _augment(x: Tensor) -> Tensor:
    """Shifts by up to a pixel, contrast, and noise: generated images are not as clean as drawn or scanned ones."""
    down, right = (int(i) for i in torch.randint(-1, 2, (2,)))
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")[..., 1 + down :, 1 + right :][..., : x.shape[-2], : x.shape[-1]]
    contrast = 1 + 0.2 * (torch.rand(len(x), 1, 1, 1) - 0.5).to(x.device)
    noise = 0.1 * torch.rand(len(x), 1, 1, 1).to(x.device) * torch.randn(x.shape).to(x.device)
    return x * contrast + noise
