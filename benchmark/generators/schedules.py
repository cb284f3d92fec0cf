"""Noise schedules of diffusers: the sampler that a model was published with, and one view of them all for methods.

Models differ in what they predict and in how they are told the level of noise. A `Form` translates: with it every model
predicts the noise epsilon in x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) epsilon, at the steps t of one DDIM schedule.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
from diffusers import DDIMScheduler
from torch import Tensor

STEPS = 1000  # of the schedule that stands for continuous levels of noise
EDM_MEAN, EDM_SPREAD = -1.2, 1.2  # of log sigma in training (Karras et al., 2206.00364, table 1)
DISCRETE = ("epsilon", "sample", "v_prediction")  # predictions of networks that are told the step
PREDICTIONS = (*DISCRETE, "flow_prediction")
FLOWS = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", "FlowMatchLCMScheduler")
EDMS = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
SAMPLERS = (
    "DDIMScheduler", "DDIMParallelScheduler", "DDPMScheduler", "DDPMParallelScheduler", "PNDMScheduler",
    "DEISMultistepScheduler", "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "UniPCMultistepScheduler",
    "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler",
    "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "LCMScheduler", "TCDScheduler", "SASolverScheduler",
    *FLOWS, *EDMS,
)  # fmt: skip
DEFAULT = {"_class_name": "DDIMScheduler", "beta_schedule": "squaredcos_cap_v2", "clip_sample_range": 1.0}


def sampler(config: dict[str, Any]) -> Any:
    """The diffusers scheduler that a scheduler_config.json describes.

    Raises:
        ValueError: a scheduler or a prediction type that is not among those known here.
    """
    name = config.get("_class_name")
    if name not in SAMPLERS:
        raise ValueError(f"scheduler _class_name {name!r} is none of {', '.join(SAMPLERS)}; "
                         "name one whose noise levels are those of the training")  # fmt: skip
    scheduler = getattr(diffusers, name).from_config(config)
    kind = scheduler.config.get("prediction_type", "flow_prediction")
    if kind not in PREDICTIONS:
        raise ValueError(f"scheduler prediction_type {kind!r} is none of {', '.join(PREDICTIONS)}")
    if scheduler.config.get("timestep_type") == "continuous":
        raise ValueError("scheduler timestep_type 'continuous' is not supported; use EDMEulerScheduler")
    return scheduler


@dataclass(frozen=True)
class Form:
    """What a network is shown and what it predicts.

    Attributes:
        kind: a name of PREDICTIONS, or "edm" and "edm_v": preconditioned (Karras et al., 2206.00364, section 5).
        spread: of the data, for the last two; scale: what the network calls the noisiest level of a flow.
    """

    kind: str
    spread: float = 0.5
    scale: float = 1000.0

    @classmethod
    def of(cls, scheduler: Any) -> Form:
        """The form of the networks that a scheduler samples from."""
        name, kind = type(scheduler).__name__, scheduler.config.get("prediction_type", "flow_prediction")
        if name in EDMS:
            return cls("edm" if kind == "epsilon" else "edm_v", scheduler.config.sigma_data)
        return cls(kind, scale=float(scheduler.config.num_train_timesteps))

    def shown(self, x: Tensor, t: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        """What the network takes for x_t (N, C, H, W) and t (N,): its input and its time. a: a_t, (N, 1, 1, 1)."""
        if self.kind == "flow_prediction":
            whole = a.sqrt() + (1 - a).sqrt()
            return x / whole, self.scale * ((1 - a).sqrt() / whole).flatten()
        if self.kind.startswith("edm"):
            sigma = self._sigma(a)
            return x / a.sqrt() / (sigma**2 + self.spread**2).sqrt(), sigma.log().flatten() / 4
        return x, t

    def level(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Undo `shown` where levels are continuous: x_t, and a_t, (1,), of what the network is shown at time t."""
        if self.kind == "flow_prediction":
            s = t / self.scale
            a = (1 - s) ** 2 / ((1 - s) ** 2 + s**2)
            return x * (a.sqrt() + (1 - a).sqrt()), a
        a = 1 / (1 + (4 * t).exp() ** 2)
        return x * a.sqrt() * (self._sigma(a) ** 2 + self.spread**2).sqrt(), a

    def target(self, x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        """What the network should predict for image x0 under `noise`, (N, C, H, W) each."""
        if self.kind.startswith("edm"):
            skip, out = self._precondition(a)
            return (x0 - skip * (x0 + self._sigma(a) * noise)) / out
        return {
            "epsilon": noise,
            "sample": x0,
            "v_prediction": a.sqrt() * noise - (1 - a).sqrt() * x0,
            "flow_prediction": noise - x0,
        }[self.kind]

    def noise(self, prediction: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """The noise in x_t, (N, C, H, W), that the network's prediction means."""
        signal, spread = a.sqrt(), (1 - a).sqrt().clamp(min=1e-6)
        if self.kind == "epsilon":
            return prediction
        if self.kind == "v_prediction":
            return signal * prediction + spread * x
        if self.kind == "flow_prediction":
            return (x + signal * prediction) / (signal + spread)
        image = prediction
        if self.kind.startswith("edm"):
            skip, out = self._precondition(a)
            image = skip * x / signal + out * prediction
        return (x - signal * image) / spread

    def moved(self, prediction: Tensor, move: Tensor, a: Tensor) -> Tensor:
        """The network's prediction once the noise in x_t is another by `move`, (N, C, H, W) each."""
        a = a.clamp(min=1e-4)  # pure noise says nothing of the image
        return prediction + self.target(-self._sigma(a), torch.ones_like(a), a) * move

    def _sigma(self, a: Tensor) -> Tensor:
        return ((1 - a) / a).sqrt()

    def _precondition(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """c_skip and c_out."""
        sigma, whole = self._sigma(a), self._sigma(a) ** 2 + self.spread**2
        out = sigma * self.spread / whole.sqrt()
        return self.spread**2 / whole, out if self.kind == "edm" else -out


def ddim(scheduler: Any, clip: bool) -> DDIMScheduler:
    """The DDIM schedule of epsilon on which methods work; `clip`: x_0 lies in [-1, 1].

    It has the sampler's own levels of noise; where those are continuous, a step for each quantile of the levels that
    the training draws, so that a loss at random steps is the model's own.
    """
    form = Form.of(scheduler)
    if isinstance(scheduler, DDIMScheduler) and form.kind == "epsilon":
        return scheduler
    quantile = (torch.arange(STEPS) + 0.5) / STEPS
    if form.kind == "flow_prediction":
        alphas = (1 - quantile) ** 2 / ((1 - quantile) ** 2 + quantile**2)
    elif form.kind.startswith("edm"):
        log_sigma = EDM_MEAN + EDM_SPREAD * math.sqrt(2) * torch.erfinv(2 * quantile - 1)
        alphas = 1 / (1 + (2 * log_sigma).exp())
    else:
        alphas = scheduler.alphas_cumprod
    betas = (1 - alphas / torch.cat([torch.ones(1), alphas[:-1]])).tolist()
    return DDIMScheduler(len(betas), trained_betas=betas, clip_sample=clip)


def options(scheduler: Any, z: Tensor) -> dict[str, Any]:
    """Keyword arguments of `scheduler.step`: the noise that it adds to an image comes from that image's z alone."""
    if "generator" not in inspect.signature(scheduler.step).parameters:
        return {}
    seeds = [hashlib.sha256(one.numpy().tobytes()).digest()[:7] for one in z.cpu()]
    return {"generator": [torch.Generator().manual_seed(int.from_bytes(seed, "little")) for seed in seeds]}
