"""Diversity Weights: draw the training images unevenly so that what the generator sees is as diverse as it can be.

Berns, Colton and Guckelsberger, Towards Mode Balancing of Generative Models via Diversity Weights, ICCC 2023,
arXiv 2304.11961.

1. Embed the n training images, rows of length 1: phi (n, D). Similarity K = phi phi^T. No labels.
2. Start from w = 0, p = exp(w) / sum_i exp(w_i). For 100 steps of Adam in float64, step size 0.1, times 0.99 every 5:
   ascend b VS(K, p) + (1 - b) H(p), with VS(K, p) = exp(-sum_i lambda_i ln lambda_i) over the eigenvalues of
   K_p = diag(sqrt p) K diag(sqrt p), the weighted Vendi score of order 1, and H(p) = -sum_i p_i ln p_i in nats.
3. Train the generator on images drawn with replacement with probabilities p. Nothing else changes.

Deviations
- `edit` continues the training of a base, since that is what this benchmark asks; `from_scratch` is the paper's form.
- Flows, GANs and diffusion models train with their own losses; the paper trains WGAN-GPs: `loss="wgan_gp"` of
  `from_scratch`, for GANs.
- Embedding: the guide's features where the task reveals it, raw pixels otherwise. The guide was trained with labels, so
  they reach p through its angles, though p never sees one; raw pixels and an encoder that is trained on the images
  alone are free of that.
- DINOv2 is not among the embeddings: a task hands out no published weights, and its smallest network takes 11 billion
  operations an image of its own size (12 layers of 12 x 384^2 weights, 257 tokens), on the digits' 408 training images
  40 times their GAN's budget. A submission that wants it carries the file and says `outside_weights`.
- The spectrum of K_p is read off phi^T diag(p) phi (D, D), which has the same non-zero eigenvalues: exact, and far
  smaller. The released code takes the logarithm of K, which restricts it to positive similarities; here they may be
  negative, as they are between a guide's features.
- p is that of the last step. The released script also saves the steps at which VS and H are both higher than before;
  H is largest at the start, so after its first step that rule never applies.
- `optimiser="certified"` is not the paper's: it maximises VS alone (b = 1), for which a bound proves how close it is.
- A base's recipe may average its weights and warp its images; a method is shown neither, and trains without, as the
  baselines do.

Known: outliers are what is most unlike the rest, so they gain most weight. The log names the heaviest images and
the effective sample size 1 / sum_i p_i^2; look at them before trusting a strong b. VS grows with b in the embedding
that p was made in, not in every other: the scores are in the judge's features, which p has never seen.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from retouch import metrics
from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.base import Generator
from retouch.benchmark.generators.gan import Gan, to_float
from retouch.benchmark.task import Task
from retouch.methods import wgan_gp
from retouch.methods.contrastive import train_encoder
from retouch.methods.training import continue_training

STEPS, STEP_SIZE, DECAY, DECAY_EVERY = 100, 0.1, 0.99, 5  # of w's Adam, as released
HEAVIEST = 10  # images of largest weight, named in the log
LOSSES = ("own", "wgan_gp")
EMBEDDINGS = ("auto", "guide", "pixels", "self_supervised")
ENCODER = 0.2  # of the budget's training steps, for a self-supervised encoder
NEGLIGIBLE = 1e-12  # eigenvalues below this count as 0
WIDEST = 4096  # rows of a matrix whose eigenvalues can be computed 100 times within minutes


def embed(task: Task, embedding: str, budget: Budget) -> Tensor:
    """phi (n, D), float64, rows of length 1, of task.retain; the budget pays for an encoder that is trained."""
    if embedding not in EMBEDDINGS:
        raise ValueError(f"embedding must be one of {', '.join(EMBEDDINGS)}, not {embedding!r}")
    if len(task.retain) < 2:
        raise ValueError(f"diversity is a matter of at least 2 training images; the task has {len(task.retain)}")
    if embedding == "auto":
        embedding = "guide" if hasattr(task, "guide") else "pixels"
    if embedding == "self_supervised":
        features = encode(task, budget).double()
    else:
        features = (task.guide.features(task.retain) if embedding == "guide" else task.retain.flatten(1)).double()
    if min(features.shape) > WIDEST:
        raise ValueError(f"{len(features)} images of {features.shape[1]} values take hours: embed with the guide")
    (empty,) = torch.nonzero(features.norm(dim=1) == 0, as_tuple=True)
    if len(empty):
        raise ValueError(f"image {int(empty[0])} has no direction in the embedding, all of it is 0: choose another one")
    return F.normalize(features)


@torch.no_grad()
def encode(task: Task, budget: Budget) -> Tensor:
    """Features (n, 64), without their mean, by an encoder that is trained on task.retain alone."""
    with torch.enable_grad():
        steps = max(1, round(ENCODER * budget.train_steps))
        trunk = train_encoder(task.retain, budget, steps, task.rng, task.device)
    features = torch.cat([trunk(to_float(part.to(task.device))).cpu() for part in task.retain.split(500)])
    return features - features.mean(0)


def vendi_score(phi: Tensor, p: Tensor) -> Tensor:
    """VS(K, p) of order 1, K = phi phi^T; differentiable in p."""
    root = p.sqrt()[:, None] * phi
    eigenvalues = torch.linalg.eigvalsh(root.T @ root if phi.shape[1] <= len(phi) else root @ root.T)
    eigenvalues = eigenvalues[eigenvalues > NEGLIGIBLE]
    return (-(eigenvalues * eigenvalues.log()).sum()).exp()


def entropy(p: Tensor) -> Tensor:
    """H(p), nats."""
    return -torch.special.xlogy(p, p).sum()


def diversity_weights(phi: Tensor, b: float = 0.5) -> Tensor:
    """Sampling probabilities p (n,), float64, from features phi (n, D) of length 1; b weighs VS against H."""
    if not 0 <= b <= 1:
        raise ValueError(f"b must lie in [0, 1], from entropy alone to diversity alone, not {b}")
    w = torch.zeros(len(phi), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([w], STEP_SIZE, maximize=True)
    schedule = torch.optim.lr_scheduler.StepLR(adam, DECAY_EVERY, DECAY)
    for _ in range(STEPS):
        p = w.softmax(0)
        objective = b * vendi_score(phi, p) + (1 - b) * entropy(p)
        adam.zero_grad()
        objective.backward()
        adam.step()
        schedule.step()
    return w.detach().softmax(0)


def certified_weights(phi: Tensor) -> Tensor:
    """p (n,) whose VS is proven to be within 1% of the largest there is: the concave problem, without entropy."""
    if phi.shape[1] > len(phi):
        phi = torch.linalg.qr(phi.T).R.T  # (n, n) with the same inner products
    return torch.from_numpy(metrics.optimal_vendi_weights(phi.numpy(), tolerance=0.01).weights)


def weigh(task: Task, budget: Budget, b: float, optimiser: str, embedding: str) -> Tensor:
    """p (n,) for task.retain, from similarity alone; logs what it amounts to."""
    if optimiser not in ("adam", "certified"):
        raise ValueError(f"optimiser must be adam (the paper's) or certified, not {optimiser!r}")
    if optimiser == "certified" and b != 1:
        raise ValueError(f"the certified optimum is that of diversity alone: set b = 1, not {b}")
    phi = embed(task, embedding, budget)
    p = diversity_weights(phi, b) if optimiser == "adam" else certified_weights(phi)
    n, heaviest = len(p), p.topk(min(HEAVIEST, len(p)))
    before, after = vendi_score(phi, torch.full_like(p, 1 / n)), vendi_score(phi, p)
    print(f"diversity weights: Vendi score {before:.3f} to {after:.3f} in the embedding, effective sample size "
          f"{1 / (p**2).sum():.1f} of {n}; heaviest images {heaviest.indices.tolist()} "
          f"at {', '.join(f'{x:.1f}' for x in heaviest.values * n)} times an even share", flush=True)  # fmt: skip
    return p


def edit(
    generator: Generator, task: Task, budget: Budget, *,
    b: float = 0.5, optimiser: str = "adam", embedding: str = "auto", share: float = 0.5, lr: float = 1.0,
) -> Generator:  # fmt: skip
    """Continue the base's training on task.retain, drawn with probabilities p.

    Args:
        b: balance of the objective, in [0, 1]: 0 is entropy alone, so uniform sampling; 1 is diversity alone.
        optimiser: "adam", the paper's, or "certified", the proven optimum of diversity alone (b = 1).
        embedding: "guide", "pixels", "self_supervised" (see `contrastive`; a fifth of the budget's training steps), or
            "auto": the guide where it is revealed, else pixels.
        share: of the budget's training steps, in (0, 1]; lr: step size relative to the pre-training's, above 0.
    """
    p = weigh(task, budget, b, optimiser, embedding)
    return continue_training(generator, task.retain, p, task, budget, share, lr)


def from_scratch(
    generator: Generator, task: Task, budget: Budget, *,
    b: float = 0.5, optimiser: str = "adam", embedding: str = "auto", loss: str = "own", share: float = 0.8,
    lr: float = 1.0,
) -> Generator:  # fmt: skip
    """Train new weights of the base's architecture on task.retain, drawn with probabilities p: the paper's form.

    Every step is paid for: a budget of a tenth of the pre-training ends this after a tenth of the paper's training.

    Args:
        b, optimiser, embedding, share, lr: as in `edit`.
        loss: "own", of the base's pre-training, or "wgan_gp", the paper's (see `wgan_gp`).
    """
    if loss not in LOSSES or (loss == "wgan_gp" and not isinstance(generator, Gan)):
        raise ValueError(f"loss must be {' or '.join(LOSSES)}, the latter of a Gan, not {loss!r}")
    p = weigh(task, budget, b, optimiser, embedding)
    fresh = type(generator)(generator.config, generator.lr).to(generator.device)
    if isinstance(fresh, Gan) and loss == "wgan_gp":
        return wgan_gp.train(fresh, task.retain, p, task, budget, share, lr)
    return continue_training(fresh, task.retain, p, task, budget, share, lr)
