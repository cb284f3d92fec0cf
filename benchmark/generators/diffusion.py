"""Diffusion: diffusers' UNet2DModel with any of its schedulers, on pixels or on an autoencoder's latents.

Saved in diffusers' own format; what others saved there is read in both layouts, `unet/` and everything at the root.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import diffusers
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline, LDMPipeline, UNet2DModel
from diffusers.models.unets.unet_2d import UNet2DOutput
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.generators import schedules
from retouch.benchmark.generators.base import BATCH, Generator
from retouch.benchmark.generators.batches import in_batches
from retouch.benchmark.generators.gan import to_float, to_uint8

TITLE = "Diffusion"
AUTOENCODERS = ("VQModel", "AutoencoderKL")


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


class NoiseOf(nn.Module):
    """A network of another form as one that predicts the noise in x_t at step t of the DDIM schedule."""

    def __init__(self, network: nn.Module, form: schedules.Form, alphas: Tensor) -> None:
        super().__init__()
        self.network, self.form, self.alphas = network, form, alphas

    @property
    def mid_block(self) -> Any:
        return self.network.mid_block

    def forward(self, x_t: Tensor, t: Tensor | int) -> UNet2DOutput:
        """The noise in x_t, (N, C, H, W), at step t or at steps t (N,)."""
        t = torch.as_tensor(t, device=x_t.device).expand(len(x_t))
        a = self.alphas.to(x_t.device)[t].view(-1, 1, 1, 1)
        prediction = self.network(*self.form.shown(x_t, t, a)).sample[:, : x_t.shape[1]]
        return UNet2DOutput(self.form.noise(prediction, x_t, a))


class Diffusion(Generator):
    """`module` predicts the noise, `scheduler` is the DDIM noise schedule (Ho et al., 2006.11239), for methods.

    What the network itself predicts, and the `sampler` that draws the images, are those of the base. With `patch` > 1
    what is saved is a UNet of channels * patch^2 channels, whose samples are images with their patches stacked. With
    an `autoencoder` x_t are its latents.
    """

    module: UNet2DModel
    family = "diffusion"

    def build(
        self, *, channels: int, size: int, sampling_steps: int = 20, patch: int = 1,
        scheduler: dict[str, Any] | None = None, autoencoder: dict[str, Any] | None = None, **unet: Any,
    ) -> None:  # fmt: skip
        self.shape, self.sampling_steps, self.patch = (channels, size, size), sampling_steps, patch
        depth = channels * patch**2
        sizes = {"sample_size": size // patch, "in_channels": depth, "out_channels": depth}
        self.autoencoder = _autoencoder(autoencoder) if autoencoder else None
        unet_2d = UNet2DModel(**(sizes | unet))
        noisy = unet_2d.config.in_channels // patch**2, *[unet_2d.config.sample_size * patch] * 2
        self.noise_shape = noisy if autoencoder else self.shape
        self._wrap(unet_2d, schedules.sampler(scheduler or schedules.DEFAULT))

    def _wrap(self, unet: UNet2DModel, sampler: Any) -> None:
        self.unet, self.sampler = unet, sampler
        self.network = Patched(unet, self.patch) if self.patch > 1 else unet
        self.form = schedules.Form.of(sampler)
        self.scheduler = schedules.ddim(sampler, clip=self.autoencoder is None)
        whole = self.form.kind == "epsilon" and unet.config.in_channels == unet.config.out_channels
        self.module = self.network if whole else NoiseOf(self.network, self.form, self.scheduler.alphas_cumprod)

    def networks(self) -> dict[str, nn.Module]:
        """The network, and the autoencoder if there is one."""
        return {"module": self.module} | ({"autoencoder": self.autoencoder} if self.autoencoder else {})

    def latent(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """x_T, standard normal (n, C, H, W)."""
        return torch.randn(n, *self.noise_shape, generator=rng)

    def decode(self, z: Tensor, guidance: Any = None) -> Tensor:
        """uint8 images from x_T by the base's own sampler; noise that it adds on the way is a function of x_T.

        Args:
            z: x_T, (N, C, H, W), standard normal.
            guidance: None, or a function (x_t, t, noise prediction) -> noise prediction, called at every step.
        """
        return self.draw(z, lambda x, t: self.network(x, t).sample, guidance)

    def draw(self, z: Tensor, network: Callable[[Tensor, Tensor], Tensor], guidance: Any) -> Tensor:
        """`decode` with `network`, which predicts what the base's own does, at every step."""
        sampler, extra = self.sampler, schedules.options(self.sampler, z)
        sampler.set_timesteps(self.sampling_steps)
        x = z.to(self.device) * float(getattr(sampler, "init_noise_sigma", 1.0))
        for t in sampler.timesteps:
            shown = sampler.scale_model_input(x, t) if hasattr(sampler, "scale_model_input") else x
            prediction = network(shown, t)
            if guidance is not None:
                prediction = self._guided(guidance, prediction, shown, t)
            if "learned" not in str(sampler.config.get("variance_type")):
                prediction = prediction[:, : z.shape[1]]
            x = sampler.step(prediction, t, x, **extra).prev_sample
        return self.to_images(x)

    def _guided(self, guidance: Any, prediction: Tensor, shown: Tensor, t: Tensor) -> Tensor:
        """The prediction whose noise `guidance` has changed; a variance that is predicted too stays as it is."""
        ours, rest = prediction.split([shown.shape[1], prediction.shape[1] - shown.shape[1]], 1)
        alphas = self.scheduler.alphas_cumprod.to(shown.device)
        if self.form.kind in schedules.DISCRETE:
            step = t.round().long().clamp(0, len(alphas) - 1).to(shown.device)
            x_t, a = shown, alphas[step]
        else:
            x_t, a = self.form.level(shown, t.to(shown.device))
            step = (alphas - a).abs().argmin()
        noise = self.form.noise(ours, x_t, a)
        return torch.cat([self.form.moved(ours, guidance(x_t, step, noise) - noise, a), rest], 1)

    def to_images(self, x: Tensor) -> Tensor:
        """uint8 images of x_0: of pixels in [-1, 1], or of latents."""
        if self.autoencoder:
            x = self.autoencoder.decode(x / self.autoencoder.config.scaling_factor).sample
        return to_uint8(x)

    def to_latents(self, images: Tensor) -> Tensor:
        """x_0 of uint8 images, on the network's device: pixels in [-1, 1], or latents."""
        x = to_float(images.to(self.device))
        if not self.autoencoder:
            return x
        with torch.no_grad():
            code = self.autoencoder.encode(x)
        latents = code.latents if hasattr(code, "latents") else code.latent_dist.mean
        return latents * self.autoencoder.config.scaling_factor

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator, guidance: Any = None) -> Tensor:
        """n images, uint8 (n, C, H, W); `guidance` as in `decode`."""
        for network in self.networks().values():
            network.eval()
        return in_batches(lambda z: self.decode(z, guidance), self.latent(n, rng), BATCH)

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
        """Mean squared error of what the network predicts, at random steps (Ho et al., equation 14)."""
        x = self.to_latents(images)
        t = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(x),)).to(self.device)
        noise = torch.randn(x.shape).to(self.device)
        a = self.scheduler.alphas_cumprod.to(self.device)[t].view(-1, 1, 1, 1)
        shown, time = self.form.shown(self.scheduler.add_noise(x, noise, t), t, a)
        return F.mse_loss(self.network(shown, time).sample[:, : x.shape[1]], self.form.target(x, noise, a))

    def copy(self) -> Self:
        """An independent generator with the same weights and noise schedule, on the same device."""
        twin = super().copy()
        twin._wrap(twin.unet, type(self.sampler).from_config(self.sampler.config))
        return twin

    def save(self, folder: Path, half: bool = True) -> None:
        """Write what diffusers' own pipelines read: model_index.json, unet/ and scheduler/, vqvae/ of latents."""
        twin = self.copy() if half else self
        parts = {"unet": twin.unet.half() if half else twin.unet, "scheduler": self.sampler}
        if twin.autoencoder:
            pipeline = LDMPipeline(vqvae=twin.autoencoder, **parts)
        else:
            pipeline = (DDIMPipeline if isinstance(self.sampler, DDIMScheduler) else DDPMPipeline)(**parts)
        pipeline.save_pretrained(folder, safe_serialization=True)

    def restore(self, folder: Path) -> Self:
        """Read what `save`, or diffusers itself, wrote, in either layout."""
        unet = folder / "unet" if (folder / "unet").is_dir() else folder
        file = next((p for p in (folder / "scheduler", folder) if (p / "scheduler_config.json").is_file()), None)
        sampler = schedules.sampler(json.loads((file / "scheduler_config.json").read_text())) if file else self.sampler
        if self.autoencoder:
            inner = next(place for name in ("vqvae", "vae") if (place := folder / name).is_dir())
            self.autoencoder = loaded(type(self.autoencoder), inner)
        self._wrap(loaded(UNet2DModel, unet), sampler)
        return self


def loaded(kind: Any, folder: Path, file: str = "diffusion_pytorch_model") -> Any:
    """A network of diffusers or transformers from a folder's safetensors, in float32; a half-precision file will do."""
    halves = list(folder.glob("*.fp16.safetensors"))
    variant = "fp16" if halves and not (folder / f"{file}.safetensors").is_file() else None
    return kind.from_pretrained(folder, use_safetensors=True, local_files_only=True, variant=variant,
                                low_cpu_mem_usage=False).float()  # fmt: skip


def _autoencoder(config: dict[str, Any]) -> Any:
    """The autoencoder that its config.json describes."""
    if config.get("_class_name") not in AUTOENCODERS:
        raise ValueError(f"autoencoder _class_name {config.get('_class_name')!r} is none of {', '.join(AUTOENCODERS)}")
    return getattr(diffusers, config["_class_name"]).from_config(config).requires_grad_(False)
