"""Diffusion: diffusers' UNet2DModel and DDIM scheduler, saved in diffusers' own format."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.generators.base import BATCH, Generator
from retouch.benchmark.generators.gan import to_float, to_uint8


class Diffusion(Generator):
    """`module` is the UNet that predicts the noise, `scheduler` the noise schedule (Ho et al., 2006.11239)."""

    family = "diffusion"

    def build(self, *, channels: int, size: int, sampling_steps: int = 20, **unet: Any) -> None:
        self.shape, self.sampling_steps = (channels, size, size), sampling_steps
        self.module = UNet2DModel(sample_size=size, in_channels=channels, out_channels=channels, **unet)
        self.scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample_range=1.0)

    def latent(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """x_T, standard normal (n, C, H, W)."""
        return torch.randn(n, *self.shape, generator=rng)

    def decode(self, z: Tensor, guidance: Any = None) -> Tensor:
        """Deterministic DDIM (eta 0) from x_T to uint8 images.

        Args:
            z: x_T, (N, C, H, W).
            guidance: None, or a function (x_t, t, noise prediction) -> noise prediction, called at every step.
        """
        self.scheduler.set_timesteps(self.sampling_steps)
        x = z.to(self.device)
        for t in self.scheduler.timesteps:
            noise = self.module(x, t).sample
            if guidance is not None:
                noise = guidance(x, t, noise)
            x = self.scheduler.step(noise, t, x, eta=0.0).prev_sample
        return to_uint8(x)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator, guidance: Any = None) -> Tensor:
        """n images, uint8 (n, C, H, W); `guidance` as in `decode`."""
        self.module.eval()
        return torch.cat([self.decode(z, guidance) for z in self.latent(n, rng).split(BATCH)])

    def h_space(self, x_t: Tensor, t: Tensor | int) -> Tensor:
        """Output of the UNet's middle block at step t, (N, C', H', W') (Kwon et al., 2210.10960)."""
        caught: list[Tensor] = []
        hook = self.module.mid_block.register_forward_hook(lambda _m, _i, out: caught.append(out))
        try:
            self.module(x_t, t)
        finally:
            hook.remove()
        return caught[0]

    def loss(self, images: Tensor) -> Tensor:
        """Mean squared error of the predicted noise at a random step (Ho et al., equation 14)."""
        x = to_float(images.to(self.device))
        t = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(x),)).to(self.device)
        noise = torch.randn(x.shape).to(self.device)
        return F.mse_loss(self.module(self.scheduler.add_noise(x, noise, t), t).sample, noise)

    def copy(self) -> Self:
        """An independent generator with the same weights and noise schedule, on the same device."""
        twin = super().copy()
        twin.scheduler = deepcopy(self.scheduler)
        return twin

    def save(self, folder: Path, half: bool = True) -> None:
        """Write what diffusers' DDIMPipeline.from_pretrained reads: model_index.json, unet/ and scheduler/."""
        module = self.copy().module.half() if half else self.module
        DDIMPipeline(unet=module, scheduler=self.scheduler).save_pretrained(folder, safe_serialization=True)

    def restore(self, folder: Path) -> Self:
        """Read what `save`, or diffusers itself, wrote."""
        self.module = UNet2DModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True,
                                                    low_cpu_mem_usage=False).float()  # fmt: skip
        self.scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        return self
