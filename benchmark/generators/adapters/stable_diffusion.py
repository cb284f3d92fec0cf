"""Stable Diffusion's folders: latent diffusion by prompt with unet/, vae/, text_encoder/, tokenizer/ and scheduler/.

Rombach et al., 2112.10752. The folder's own sampler draws; its guidance is that of `ConditionalDiffusion`.
A turbo model, made for a single step, takes sampling_steps = 1 and guidance_scale = 1, which is no guidance.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn

from retouch.benchmark.generators import schedules
from retouch.benchmark.generators.conditional_diffusion import EMPTY, Condition, ConditionalDiffusion, Prompted
from retouch.benchmark.generators.diffusion import loaded


class TextTower(nn.Module):
    """CLIP's tokenizer and text transformer: prompts to features (N, L, width); longer prompts are cut."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        try:
            from transformers import CLIPTextModel, CLIPTokenizer
            from transformers.utils.logging import disable_progress_bar
        except ImportError:
            raise ValueError(
                f"{folder / 'text_encoder'} needs transformers: pip install 'retouch-bench[adapters]'"
            ) from None
        disable_progress_bar()  # one for each of a few files, on every load
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        self.model = loaded(CLIPTextModel, folder / "text_encoder", "model")

    def forward(self, prompts: Sequence[str]) -> Tensor:
        longest = min(self.tokenizer.model_max_length, self.model.config.max_position_embeddings)
        tokens = self.tokenizer(
            list(prompts), padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
        )
        return self.model(tokens.input_ids.to(self.model.device)).last_hidden_state


class Adapter(ConditionalDiffusion):
    """`prompts` are those of images that nobody asks a prompt of, all equally frequent."""

    parts = ("module", "autoencoder")
    batch = timed = 4

    def build(  # type: ignore[override]  # the config's own fields
        self, *, channels: int, size: int, prompts: list[str], sampling_steps: int = 50, guidance_scale: float = 7.5,
        folder: str = ".",
    ) -> None:  # fmt: skip
        self.shape, self.prompts = (channels, size, size), list(prompts)
        self.conditions, self.sampling_steps, self.guidance_scale = self.prompts, sampling_steps, guidance_scale
        self._read(Path(folder))

    def _read(self, folder: Path) -> None:
        self.folder = folder
        self.sampler = schedules.sampler(json.loads((folder / "scheduler/scheduler_config.json").read_text()))
        self.form, self.scheduler = schedules.Form.of(self.sampler), schedules.ddim(self.sampler, clip=False)
        if self.form.kind not in schedules.DISCRETE:
            raise ValueError(f"{folder / 'scheduler'}: {self.form.kind} is none of {', '.join(schedules.DISCRETE)}")
        unet = loaded(UNet2DConditionModel, folder / "unet")
        self.noise_shape = unet.config.in_channels, *[unet.config.sample_size] * 2
        self.autoencoder = loaded(AutoencoderKL, folder / "vae").requires_grad_(False)
        alphas = self.scheduler.alphas_cumprod
        self.module = Prompted(unet, TextTower(folder), len(self.prompts), self.form, alphas)

    def decode(self, z: Tensor, guidance: Any = None, condition: Condition | None = None) -> Tensor:
        """uint8 images from x_T by the folder's own sampler; `guidance` as in `Diffusion`."""
        prompts = self.prompts_for(z) if condition is None else self.prompts_of(condition)
        unet, encoder = self.module.unet, self.module.encoder
        asked, empty = encoder(prompts), None if self.guidance_scale == 1 else encoder([EMPTY] * len(z))

        def network(x: Tensor, t: Tensor) -> Tensor:
            return self.guided(lambda features: unet(x, t, encoder_hidden_states=features).sample, asked, empty)

        return self.draw(z, network, guidance)

    def save(self, folder: Path, half: bool = True) -> None:
        """Write what StableDiffusionPipeline reads."""
        twin = self.copy() if half else self
        for network in twin.networks().values() if half else ():
            network.half()
        tower = twin.module.encoder
        StableDiffusionPipeline(
            vae=twin.autoencoder, text_encoder=tower.model, tokenizer=tower.tokenizer, unet=twin.module.unet,
            scheduler=self.sampler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        ).save_pretrained(folder, safe_serialization=True)  # fmt: skip

    def restore(self, folder: Path) -> Self:
        """Read a folder of Stable Diffusion's form."""
        if folder != self.folder:
            self._read(folder)
        return self
