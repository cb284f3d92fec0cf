"""Diffusion: diffusers' UNet2DModel and DDIM scheduler, saved in diffusers' own format."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from diffusers.models.unets.unet_2d import UNet2DOutput
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.generators.base import BATCH, Generator
from retouch.benchmark.generators.gan import to_float, to_uint8

TITLE = "Diffusion"


class Patched(nn.Module):
    """A UNet on images whose patches of pixels are stacked into channels: a quarter of the cost at patch 2."""

    def __init__(self, unet: UNet2DModel, patch: int) -> None:
        super().__init__()
        self.unet, self.patch = unet, patch

    @property
    def mid_block(self) -> nn.Module:
        return self.unet.mid_block

    def forward(self, x_t: Tensor, t: Tensor | int) -> UNet2DOutput:
        """The prediction at step t, (N, C, H, W), as the UNet gives it."""
        return UNet2DOutput(F.pixel_shuffle(self.unet(F.pixel_unshuffle(x_t, self.patch), t).sample, self.patch))


class Diffusion(Generator):
    """`module` predicts the noise, `scheduler` is the noise schedule (Ho et al., 2006.11239).

    The module is diffusers' UNet, or with `patch` > 1 one that is `Patched`: what is saved is then a UNet of
    channels * patch^2 channels, whose samples, by diffusers too, are images with their patches stacked.
    """

    module: UNet2DModel
    family = "diffusion"

    def build(self, *, channels: int, size: int, sampling_steps: int = 20, patch: int = 1, **unet: Any) -> None:
        self.shape, self.sampling_steps, self.patch = (channels, size, size), sampling_steps, patch
        depth = channels * patch**2
        self._wrap(UNet2DModel(sample_size=size // patch, in_channels=depth, out_channels=depth, **unet))
        self.scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample_range=1.0)

    def _wrap(self, unet: UNet2DModel) -> None:
        self.unet = unet
        self.module = Patched(unet, self.patch) if self.patch > 1 else unet

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
        """Mean squared error of what the scheduler says is predicted, at random steps (Ho et al., equation 14)."""
        x = to_float(images.to(self.device))
        t = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(x),)).to(self.device)
        noise = torch.randn(x.shape).to(self.device)
        return F.mse_loss(self.module(self.scheduler.add_noise(x, noise, t), t).sample, self._target(x, noise, t))

    def _target(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """What the module learns to predict: the noise, the image, or v (Salimans and Ho, 2202.00512)."""
        kind = self.scheduler.config.prediction_type
        return {"epsilon": noise, "sample": x}.get(kind, self.scheduler.get_velocity(x, noise, t))

    def copy(self) -> Self:
        """An independent generator with the same weights and noise schedule, on the same device."""
        twin = super().copy()
        twin.scheduler = deepcopy(self.scheduler)
        return twin

    def save(self, folder: Path, half: bool = True) -> None:
        """Write what diffusers' DDIMPipeline.from_pretrained reads: model_index.json, unet/ and scheduler/."""
        unet = self.copy().unet.half() if half else self.unet
        DDIMPipeline(unet=unet, scheduler=self.scheduler).save_pretrained(folder, safe_serialization=True)

    def restore(self, folder: Path) -> Self:
        """Read what `save`, or diffusers itself, wrote."""
        self._wrap(UNet2DModel.from_pretrained(folder / "unet", use_safetensors=True, local_files_only=True,
                                               low_cpu_mem_usage=False).float())  # fmt: skip
        self.scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
        return self
