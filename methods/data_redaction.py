"""Data redaction from pre-trained GANs (Kong and Chaudhuri, arXiv 2206.14389, SaTML 2023).

The GAN game goes on from the pre-trained G *and* D, with what must not be made, Omega, on the fake side:

    max_D min_G  E_{x ~ X minus Omega}[log D(x)] + E_{x ~ p_fake}[log(1 - D(x))],
    p_fake = lambda p_G + (1 - lambda) p_Omega,

D's labels smoothed to alpha+ and alpha-. At the optimum p_G has no mass on Omega and matches the data elsewhere. Three
forms, a function each, by how Omega is described; each uses that description alone:

    edit_data        p_Omega is uniform over given images;
    edit_validity    a black box v(x) in {0, 1}: every T steps draw from G and keep what is invalid; p_Omega is uniform
                     over all of these so far. v has no gradient; it is one of `RULES`;
    edit_classifier  a differentiable f(x), the probability that x is valid, and a threshold tau: in both losses
                     g(x) = D(x) if f(x) >= tau, else alpha- + (D(x) - alpha-) f(x) / tau  replaces D.

The paper compares with retraining on X minus Omega: here the `retrained` control. It released no code.

Deviations:
- The base's D has no sigmoid; it was trained with the hinge loss. Its score s becomes the paper's D = sigmoid(a s + b),
  a and b such that the hinge's margins s = -1 and s = 1 fall on alpha- and alpha+: both losses then ask for the same
  scores, and the game starts where the pre-training ended. From there it is the paper's: log loss, smoothed labels.
- G minimises -log g, not log(1 - g), whose gradient vanishes where D is sure.
- The mixture enters as its expectation, two batches weighed with lambda and 1 - lambda, so that none lacks Omega.
- The result is the average of G's weights over the edit (a base is the average over its pre-training); `ema = 0` hands
  out the last weights instead.
- alpha+, alpha-, T and tau are our choice. Where f is close to 0, g is alpha- whatever D says, and f's gradient is
  small: a classifier that is very sure of itself steers weakly; a high tau makes up for part of it.
- Validity is the guide's verdict, or the label of the nearest image in pixels, or the pre-trained D's own score, which
  knows nothing of categories: it redacts bad images of every kind, and has no point on the board.
- Written from a summary of the paper's algorithms; details were not checked against its full text.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.gan import Gan, to_float
from retouch.benchmark.task import Task, joint_probs
from retouch.methods.target import unwanted_values
from retouch.methods.training import BATCH, average_weights, descend, draw_batch, game_optimizers

ALPHA_PLUS, ALPHA_MINUS = 0.9, 0.1  # D's labels of real and of fake images
PROBES, WORST = 1000, 0.1  # images of the base, and the share of them that D finds worst

Probability = Callable[[Tensor], Tensor]  # images in [-1, 1], (N, C, H, W) -> (N,) in (0, 1)
Validity = Callable[[Tensor], Tensor]  # uint8 images (N, C, H, W) -> bool (N,), False for what must not be made
Omega = Callable[[int], Tensor | None]  # step -> uint8 images drawn from p_Omega, or None while there are none


def edit_data(
    generator: Gan, task: Task, budget: Budget, *, lam: float = 0.8, share: float = 0.65, lr: float = 1.0,
    ema: float = 0.98,
) -> Gan:  # fmt: skip
    """Redact what is like task.forget.

    Args:
        lam: lambda, the share of G's own images in p_fake, in (0, 1); the lower, the stronger the redaction.
        share: of the budget's training steps, in (0, 1]; below 1 leaves room for a slower moment of the machine.
        lr: step sizes relative to the pre-training's, above 0.
        ema: decay of the average of G's weights, per step, in [0, 1).
    """
    images = task.forget
    _check(0 < lam < 1, "lam must lie between 0 and 1", lam)
    _check(len(images) > 0, "task.forget must hold 1 image at least", len(images))

    def omega(step: int) -> Tensor:
        return _draw(images, task.rng)

    return play(generator, task, budget, probability(generator), omega, lam, share, lr, ema)


def edit_validity(
    generator: Gan, task: Task, budget: Budget, *, rule: str = "guide", lam: float = 0.8, every: int = 10,
    draws: int = 256, share: float = 0.65, lr: float = 1.0, ema: float = 0.98,
) -> Gan:  # fmt: skip
    """Redact what v finds invalid.

    Args:
        rule: v, a name in RULES.
        lam, share, lr, ema: as in `edit_data`.
        every: T, steps from one draw to the next, at least 1; draws: images in each, at least 1.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    _check(0 < lam < 1, "lam must lie between 0 and 1", lam)
    _check(every > 0, "every must be 1 step at least", every)
    _check(draws > 0, "draws must be 1 image at least", draws)
    omega = collect_invalid(generator, RULES[rule](generator, task), every, draws, task.rng)
    return play(generator, task, budget, probability(generator), omega, lam, share, lr, ema)


def guides_rule(gan: Gan, task: Task) -> Validity:
    """Invalid: the guide's probability of the unwanted values exceeds one half."""
    attribute, values = task.target["attribute"], unwanted_values(task)
    return lambda images: task.guide.probs(images, attribute)[:, values].sum(1) <= 0.5


def pixels_rule(gan: Gan, task: Task) -> Validity:
    """Invalid: of all the task's images the nearest, by the distance of pixels, is one to forget. No network looks."""
    known = torch.cat([task.retain, task.forget]).flatten(1).float()
    return lambda images: torch.cdist(images.flatten(1).float(), known).argmin(1) < len(task.retain)


def discriminators_rule(gan: Gan, task: Task) -> Validity:
    """Invalid: the pre-trained D is surer that an image is fake than it is of nine in ten of the base's own images."""
    d = gan.copy()
    d.discriminator.eval()
    low = d.discriminator(to_float(gan.sample(PROBES, task.rng)).to(gan.device)).quantile(WORST)
    return lambda images: (d.discriminator(to_float(images).to(gan.device)) >= low).cpu()


RULES: dict[str, Callable[[Gan, Task], Validity]] = {
    "guide": guides_rule,
    "pixels": pixels_rule,
    "discriminator": discriminators_rule,
}


def edit_classifier(
    generator: Gan, task: Task, budget: Budget, *, tau: float = 0.9, share: float = 0.65, lr: float = 1.0,
    ema: float = 0.98,
) -> Gan:  # fmt: skip
    """Redact what f finds unlikely to be valid: f(x) = 1 - the guide's probability of the unwanted values.

    Args:
        tau: threshold on f, in (0, 1); the higher, the stronger the redaction.
        share, lr, ema: as in `edit_data`.
    """
    attribute, values = task.target["attribute"], unwanted_values(task)

    def f(x: Tensor) -> Tensor:
        return 1 - joint_probs(task.guide(x), attribute)[:, values].sum(1)

    g = guide_discriminator(probability(generator), f, tau)
    return play(generator, task, budget, g, lambda step: None, 1.0, share, lr, ema)


def probability(gan: Gan) -> Probability:
    """The paper's D from the base's score: sigmoid(a s + b), alpha- at s = -1 and alpha+ at s = 1."""
    if not hasattr(gan, "discriminator"):
        raise ValueError("data redaction continues a GAN's game; this generator has no discriminator: take a Gan")
    low, high = torch.tensor([ALPHA_MINUS, ALPHA_PLUS]).logit().tolist()
    return lambda x: torch.sigmoid(low + (high - low) * (gan.judged(x) + 1) / 2)


def guide_discriminator(d: Probability, f: Probability, tau: float) -> Probability:
    """g: D(x) where f(x) >= tau; below, drawn to the fake label in proportion to f(x) / tau."""
    _check(0 < tau < 1, "tau must lie between 0 and 1", tau)
    return lambda x: ALPHA_MINUS + (d(x) - ALPHA_MINUS) * (f(x) / tau).clamp(max=1)


def collect_invalid(gan: Gan, v: Validity, every: int, draws: int, rng: torch.Generator) -> Omega:
    """p_Omega of the validity form: batches from all invalid images that G made up to now."""
    finds: list[Tensor] = []

    def omega(step: int) -> Tensor | None:
        if step % every == 0:
            images = gan.sample(draws, rng)
            finds.append(images[~v(images)])
        pool = torch.cat(finds)
        return _draw(pool, rng) if len(pool) else None

    return omega


def play(
    gan: Gan, task: Task, budget: Budget, g: Probability, omega: Omega, lam: float, share: float, lr: float, ema: float
) -> Gan:
    """Continue the game: as in pre-training, one step of D and one of G each time."""
    _check(0 < share <= 1, "share must lie in (0, 1]", share)
    _check(lr > 0, "lr must be positive", lr)
    _check(0 <= ema < 1, "ema must lie in [0, 1)", ema)
    _check(len(task.retain) > 1, "task.retain must hold 2 images at least", len(task.retain))
    g_adam, d_adam = game_optimizers(gan, lr)
    average = average_weights(gan.module, ema)
    for step in budget.steps(max(1, round(share * budget.train_steps))):
        x_omega = omega(step)
        gan.module.train()
        real = to_float(_draw(task.retain, task.rng).to(gan.device))
        fake = gan.module(gan.latent(len(real), task.rng).to(gan.device))
        x_omega = None if x_omega is None else to_float(x_omega.to(gan.device))
        descend(d_adam, d_loss(g, real, fake.detach(), x_omega, lam))
        descend(g_adam, -g(fake).log().mean())
        average.update_parameters(gan.module)
    gan.module.load_state_dict(average.module.state_dict())
    return gan


def d_loss(g: Probability, real: Tensor, fake: Tensor, omega: Tensor | None, lam: float) -> Tensor:
    """The discriminator's log loss, labels smoothed: X minus Omega against lambda p_G + (1 - lambda) p_Omega."""
    loss = cross_entropy(g(real), ALPHA_PLUS)
    if omega is None:
        return loss + cross_entropy(g(fake), ALPHA_MINUS)
    return loss + lam * cross_entropy(g(fake), ALPHA_MINUS) + (1 - lam) * cross_entropy(g(omega), ALPHA_MINUS)


def cross_entropy(p: Tensor, label: float) -> Tensor:
    """-E[label log p + (1 - label) log(1 - p)]."""
    return F.binary_cross_entropy(p, torch.full_like(p, label))


def _draw(images: Tensor, rng: torch.Generator) -> Tensor:
    return draw_batch(images, min(BATCH, len(images)), rng)


def _check(holds: bool, rule: str, value: float) -> None:
    if not holds:
        raise ValueError(f"{rule}, not {value}")
