"""Diffusion by prompt: diffusers' UNet2DConditionModel and a small text encoder, trained together.

A class-conditional model is the same with one word for each class. Training leaves a tenth of the prompts out, so that
sampling can go beyond them: epsilon = e(empty) + guidance_scale (e(prompt) - e(empty)) (Ho and Salimans, 2207.12598).
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.unets.unet_2d import UNet2DOutput
from torch import Tensor, nn
from torch.nn import functional as F

from retouch.benchmark.generators.base import BATCH, Generator
from retouch.benchmark.generators.batches import in_batches
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.gan import to_uint8
from retouch.benchmark.generators.schedules import Form

TITLE = "Conditional diffusion"
DROPPED = 0.1  # share of the prompts that training leaves out
EMPTY = ""
SHUFFLE = 1e4  # a pixel of noise times this: what follows the point is uniform and tells nothing of the pixel

Condition = Tensor | Sequence[str]


class TextEncoder(nn.Module):
    """Prompts to tokens' features (N, L, width): words of a fixed vocabulary, places, two layers of attention."""

    def __init__(self, prompts: Sequence[str], width: int, heads: int = 2, layers: int = 2) -> None:
        super().__init__()
        words = sorted({word for prompt in prompts for word in prompt.split()})
        self.index = {word: i + 1 for i, word in enumerate(words)}  # 0 is padding
        self.length = max(len(prompt.split()) for prompt in prompts)
        self.words = nn.Embedding(len(words) + 1, width)
        self.places = nn.Parameter(torch.randn(self.length, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def tokens(self, prompts: Sequence[str]) -> Tensor:
        """Word numbers, int64 (N, L), padded with 0.

        Raises:
            ValueError: a word that the vocabulary lacks, or more words than the longest known prompt has.
        """
        rows = torch.zeros(len(prompts), self.length, dtype=torch.long)
        for row, words in zip(rows, (prompt.split() for prompt in prompts), strict=True):
            if unknown := [word for word in words if word not in self.index]:
                raise ValueError(f"the text encoder does not know {unknown[0]!r}; it knows {', '.join(self.index)}")
            if len(words) > self.length:
                raise ValueError(f"a prompt may have {self.length} words, not {len(words)}: {' '.join(words)}")
            row[: len(words)] = torch.tensor([self.index[word] for word in words], dtype=torch.long)
        return rows

    def forward(self, prompts: Sequence[str]) -> Tensor:
        tokens = self.tokens(prompts).to(self.places.device)
        return self.layers(self.words(tokens) + self.places)


class Prompted(nn.Module):
    """epsilon(x_t, t, prompts); without prompts, the empty one.

    `form` is what the UNet itself predicts, at the levels of noise `alphas` (T,), of images whose patches of `patch`
    times `patch` pixels are stacked into channels.
    """

    frequencies: Tensor

    def __init__(
        self, unet: UNet2DConditionModel, encoder: nn.Module, known: int, form: Form, alphas: Tensor, patch: int = 1
    ) -> None:  # fmt: skip
        super().__init__()
        self.patch = patch
        self.unet, self.encoder, self.form, self.alphas = unet, encoder, form, alphas
        self.register_buffer("frequencies", torch.full((known,), 1 / known))

    @property
    def mid_block(self) -> nn.Module:
        return self.unet.mid_block

    def forward(self, x_t: Tensor, t: Tensor | int, prompts: Sequence[str] | None = None) -> UNet2DOutput:
        """The noise in x_t, (N, C, H, W), at step t or at steps t (N,)."""
        prediction = self.predict(x_t, t, prompts)
        a = self.alphas.to(x_t.device)[torch.as_tensor(t, device=x_t.device).expand(len(x_t))]
        return UNet2DOutput(self.form.noise(prediction, x_t, a.view(-1, 1, 1, 1)))

    def predict(self, x_t: Tensor, t: Tensor | int, prompts: Sequence[str] | None = None) -> Tensor:
        """What the UNet itself predicts, (N, C, H, W)."""
        features = self.encoder([EMPTY] * len(x_t) if prompts is None else prompts)
        prediction = self.unet(F.pixel_unshuffle(x_t, self.patch), t, encoder_hidden_states=features).sample
        return F.pixel_shuffle(prediction, self.patch)


class ConditionalDiffusion(Diffusion):
    """`conditions` are the prompts that it was trained on, or how many classes there are: prompts "0", "1", ...

    With `patch` > 1 the UNet works on a quarter of the places, or fewer, each with the pixels of a patch as channels.
    """

    module: Prompted
    family = "conditional_diffusion"
    batch: ClassVar[int] = BATCH
    networks, copy, save, restore = Generator.networks, Generator.copy, Generator.save, Generator.restore

    def build(  # type: ignore[override]  # the config's own fields
        self, *, channels: int, size: int, conditions: int | list[str], sampling_steps: int = 20,
        guidance_scale: float = 2.0, text_width: int = 32, patch: int = 1, prediction: str = "epsilon", **unet: Any,
    ) -> None:  # fmt: skip
        self.shape = self.noise_shape = (channels, size, size)
        self.sampling_steps, self.guidance_scale, self.autoencoder = sampling_steps, guidance_scale, None
        self.conditions = conditions
        self.prompts = [str(i) for i in range(conditions)] if isinstance(conditions, int) else list(conditions)
        depth = channels * patch**2
        network = UNet2DConditionModel(
            sample_size=size // patch, in_channels=depth, out_channels=depth, cross_attention_dim=text_width, **unet
        )
        self.scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample_range=1.0)
        encoder, alphas = TextEncoder(self.prompts, text_width), self.scheduler.alphas_cumprod
        self.module = Prompted(network, encoder, len(self.prompts), Form(prediction), alphas, patch)

    def prompts_of(self, condition: Condition) -> list[str]:
        """Prompts from prompts, or from classes int64 (n,)."""
        if isinstance(condition, Tensor):
            return [self.prompts[i] for i in condition.tolist()]
        return list(condition)

    def prepare(self, images: Tensor, condition: Condition | None = None) -> None:
        """Count how frequent each condition is among the training images."""
        if condition is None:
            return
        index = {prompt: i for i, prompt in enumerate(self.prompts)}
        rows = torch.tensor([index[prompt] for prompt in self.prompts_of(condition)])
        self.module.frequencies.copy_(rows.bincount(minlength=len(self.prompts)) / len(rows))

    def prompts_for(self, z: Tensor) -> list[str]:
        """Prompts as frequent as in training, each decided by its own noise: late digits of a pixel."""
        even = z.flatten(1)[:, 0].double().cpu() * SHUFFLE % 1  # uniform in [0, 1)
        rows = torch.searchsorted(self.module.frequencies.cpu().double().cumsum(0), even)
        return [self.prompts[i] for i in rows.clamp(max=len(self.prompts) - 1).tolist()]

    def predict(self, x: Tensor, t: Tensor, prompts: Sequence[str]) -> Tensor:
        """The guided noise prediction (N, C, H, W)."""
        return self.guided(lambda asked: self.module(x, t, asked).sample, prompts, None)

    def guided(self, predict: Callable[[Any], Tensor], asked: Any, empty: Any) -> Tensor:
        """What is predicted under `asked`, drawn away from what is under `empty`, by classifier-free guidance."""
        prediction = predict(asked)
        if self.guidance_scale == 1:
            return prediction
        plain = predict(empty)
        return plain + self.guidance_scale * (prediction - plain)

    def decode(self, z: Tensor, guidance: Any = None, condition: Condition | None = None) -> Tensor:
        """Deterministic DDIM from x_T; `guidance` as in `Diffusion`; without a condition, of `prompts_for(z)`."""
        prompts = self.prompts_for(z) if condition is None else self.prompts_of(condition)
        self.scheduler.set_timesteps(self.sampling_steps)
        x = z.to(self.device)
        for t in self.scheduler.timesteps:
            noise = self.predict(x, t, prompts)
            if guidance is not None:
                noise = guidance(x, t, noise)
            x = self.scheduler.step(noise, t, x, eta=0.0).prev_sample
        return to_uint8(x)

    @torch.no_grad()
    def sample(  # type: ignore[override]  # condition comes before guidance
        self, n: int, rng: torch.Generator, condition: Condition | None = None, guidance: Any = None
    ) -> Tensor:
        """n images, uint8 (n, C, H, W), the i-th of condition i; None: conditions as frequent as in training.

        Raises:
            ValueError: another number of conditions than of images, or a word that it does not know.
        """
        self.module.eval()
        z = self.latent(n, rng)
        prompts = self.prompts_for(z) if condition is None else self.prompts_of(condition)
        if len(prompts) != n:
            raise ValueError(f"{n} images need {n} conditions, not {len(prompts)}")
        rows = torch.arange(n)
        return in_batches(lambda i: self.decode(z[i], guidance, [prompts[k] for k in i.tolist()]), rows, self.batch)

    def train_step(self, images: Tensor, condition: Condition | None = None) -> float:
        """One step of the pre-training on images and their conditions; without these, of the empty prompt."""
        return self.descend(lambda: self.loss(images, condition))

    def loss(self, images: Tensor, condition: Condition | None = None) -> Tensor:
        """Mean squared error of what the UNet predicts at random steps; without conditions, of the empty prompt."""
        kept = (torch.rand(len(images)) >= DROPPED).tolist()
        prompts = [EMPTY] * len(images) if condition is None else self.prompts_of(condition)
        prompts = [prompt if keep else EMPTY for prompt, keep in zip(prompts, kept, strict=True)]
        x = self.to_latents(images)
        t = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(x),)).to(self.device)
        noise = torch.randn(x.shape).to(self.device)
        x_t, a = self.scheduler.add_noise(x, noise, t), self.scheduler.alphas_cumprod.to(self.device)[t]
        target = self.module.form.target(x, noise, a.view(-1, 1, 1, 1))
        return F.mse_loss(self.module.predict(x_t, t, prompts), target)
