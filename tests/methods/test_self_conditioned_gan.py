"""What must stay of Self-Conditioned GANs, on the shipped digits and on small GANs with random weights."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy, kstest, spearmanr
from toy import CONFIGS, budget, digits_task, rng

from retouch.benchmark.budget import Budget, Yardstick
from retouch.benchmark.generators.gan import Gan, to_float, to_uint8
from retouch.benchmark.operations import operations_of
from retouch.benchmark.task import Guide
from retouch.methods import boundary_walk, inversion
from retouch.methods import self_conditioned_gan as sc
from retouch.methods.boundaries import Editor, find_boundaries

EVEN = [0.1] * 10


def small(steps=3):
    torch.manual_seed(0)
    gan = Gan(CONFIGS["gan"], lr=1e-3)
    for _ in range(steps):
        gan.train_step(torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8, generator=rng(3)))
    return gan


class Watched(Guide):
    """A guide that remembers what it was asked about."""

    def __init__(self, network):
        super().__init__(network)
        self.seen = []

    def probs(self, images, attribute):
        self.seen.append(images)
        return super().probs(images, attribute)


@pytest.fixture
def task(tmp_path):
    """The digits as the harness reveals them, with a guide that remembers."""
    made = digits_task(tmp_path, EVEN)
    made.guide = Watched(made.guide.network)
    torch.manual_seed(0)
    return made


class Recorded(sc.Trainer):
    """The trainer, which remembers what it was given."""

    def step(self, images, labels, rng):
        Recorded.given.append((images, labels))
        return super().step(images, labels, rng)


@pytest.fixture
def given(monkeypatch):
    """(images, labels) of every training step."""
    Recorded.given = []
    monkeypatch.setattr(sc, "Trainer", Recorded)
    return Recorded.given


# ---- labels: latent distances of inverted data ---------------------------------------------------------------------
def test_inversion_recovers_the_images_signed_distance(task):
    gan = task.base()
    axes = find_boundaries(gan, task, 3)
    z = gan.latent(300, rng(5))
    images = gan.decode(z)
    encoder = inversion.train_encoder(gan, task, budget(100), 60, gan.lr)
    rough, fine = (inversion.invert(gan, images, encoder, budget(100), steps) for steps in (0, 20))
    error = [(to_float(gan.decode(found)) - to_float(images)).square().mean() for found in (rough, fine)]
    assert error[1] < 0.7 * error[0] and error[1] < 0.2 * to_float(images).var()
    for axis in range(3):
        assert spearmanr(axes.distance(fine)[:, axis], axes.distance(z)[:, axis]).statistic > 0.8


def test_the_inversion_ends_at_its_share_of_the_budget(monkeypatch):
    gan, images = small(), torch.randint(0, 256, (80, 1, 8, 8), dtype=torch.uint8, generator=rng())
    monkeypatch.setattr(inversion, "CHUNK", 20)
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8))

    def inverted(operations, share, charged=0):
        spent = Budget(1, Yardstick(operations, 1.0), 1e9)
        spent.charge(charged)
        with spent.counter:
            return inversion.invert(gan, images, encoder, spent, 2, share), spent.counter.total

    whole, total = inverted(10**15, 1.0)
    assert len(whole) == 80
    for share, n in ((0.55, 40), (0.1, 20), (1.0, 80)):  # a chunk takes a quarter, and is not begun too late
        some, _ = inverted(total, share)
        assert len(some) == n and torch.equal(some, whole[:n])
    assert len(inverted(total, 0.5, charged=1)[0]) == 20  # one at least, whatever was spent before


def test_the_fine_tuning_has_its_share_left(task, monkeypatch):
    shares = []
    monkeypatch.setattr(sc, "invert", lambda *given: shares.append(given[5]) or inversion.invert(*given[:5]))
    sc.edit(task.base(), task, budget(10), share=0.3, images=200, latent_steps=0, directions=1, aim=False)
    assert shares == [pytest.approx(1 - 1.1 * 0.3)]


def test_a_step_takes_little_more_than_one_of_the_pre_training(task):
    gan, images = task.base(), task.retain[:64]
    trainer = sc.Trainer(gan.copy(), 1, sc.Game(1e-3, 1.0, 5))
    ours = operations_of(lambda: trainer.step(images, torch.rand(64, 1, generator=rng()), rng()))
    assert 0.9 * sc.STEP < ours / operations_of(lambda: gan.train_step(images)) <= sc.STEP


def test_labels_are_latent_distances_that_no_guide_made(task, given, monkeypatch):
    kept = {}
    for name in ("find_boundaries", "invert"):
        original = getattr(sc, name)
        monkeypatch.setattr(sc, name, lambda *a, f=original, n=name, **k: kept.setdefault(n, (a, f(*a, **k)))[1])
    sc.edit(task.base(), task, budget(40), images=600, latent_steps=1)
    axes, ((_, chosen, *_), z) = kept["find_boundaries"][1], kept["invert"]
    assert z.shape == (600, 32) and z.std() > 0.1
    distance = z.numpy() @ axes.n.numpy().T + axes.b.numpy()
    low, high = np.percentile(distance, [0.5, 99.5], axis=0)
    expected = np.clip((distance - low) / (high - low), 0, 1)
    row = {image.numpy().tobytes(): i for i, image in enumerate(chosen)}
    assert set(row) <= {image.numpy().tobytes() for image in task.retain}
    for images, labels in given:
        rows = [row[image.numpy().tobytes()] for image in images]
        assert np.allclose(labels.numpy(), expected[rows], atol=1e-4)
    asked = {image.numpy().tobytes() for batch in task.guide.seen for image in batch}
    assert asked and not asked & set(row)


# ---- percentile clip, resampling, soft labels ----------------------------------------------------------------------
def test_labels_are_clipped_at_the_percentiles():
    distance = torch.cat([torch.arange(1000.0), torch.tensor([-1e6, 1e6])])[:, None]
    labels = sc.normalise(distance)
    low, high = np.percentile(distance.numpy(), [0.5, 99.5])
    assert labels[-2] == 0 and labels[-1] == 1  # an outlier does not stretch the scale
    assert labels[:5].max() == 0 and labels[995:1000].min() == 1
    assert labels[500].item() == pytest.approx((500 - low) / (high - low), abs=1e-6)


def test_resampling_is_uniform_jointly_among_the_ten_nearest():
    torch.manual_seed(0)
    labels = torch.distributions.Beta(2.0, 4.0).sample((4000, 2))
    rows = sc.resample(labels, 5000, rng(4))
    counts = [np.histogram2d(*some.T.numpy(), bins=3, range=[[0, 0.9]] * 2)[0] for some in (labels, labels[rows])]
    assert counts[0].max() > 20 * counts[0].min()
    assert counts[1].max() < 3 * counts[1].min(), counts
    queries = torch.rand(5000, 2, generator=rng(4))
    rank = (torch.cdist(queries, labels) <= (queries - labels[rows]).norm(dim=1, keepdim=True) + 1e-6).sum(1)
    assert rank.max() <= 10 and rank.float().mean() == pytest.approx(5.5, abs=0.2)  # any of the ten, not the nearest


def test_training_draws_the_resampled_images(task, given):
    sc.edit(task.base(), task, budget(40), latent_steps=0, directions=1)
    drawn = torch.cat([labels for _, labels in given]).squeeze(1)
    assert len(drawn) == 16 * 64
    assert kstest(drawn, "uniform").statistic < 0.08


def test_soft_labels_interpolate_between_three_modes():
    v = torch.tensor([[0.0, 1.0], [0.25, 0.5], [0.9, 0.1]])
    expected = [[[1, 0, 0], [0, 0, 1]], [[0.5, 0.5, 0], [0, 1, 0]], [[0, 0.2, 0.8], [0.8, 0.2, 0]]]
    assert torch.allclose(sc.soft_labels(v), torch.tensor(expected), atol=1e-6)
    assert torch.allclose(sc.soft_labels(torch.rand(50, 3)).sum(-1), torch.ones(50, 3))


# ---- the bank of constants, the second head ------------------------------------------------------------------------
def test_the_bank_starts_from_the_old_constant():
    gan = small()
    gan.module.eval()
    conditioned = sc.ConditionalSynthesis(gan.module, 2, gan.latent(1, rng())).eval()
    assert conditioned.bank.shape == (7, 16, 2, 2)
    z = gan.latent(6, rng())
    for v in (0.0, 0.3, 1.0):
        assert torch.equal(conditioned(z, sc.soft_labels(torch.full((6, 2), v))), gan.module(z))


def test_the_input_is_the_weighted_sum_base_1_low_0_high():
    gan = small()
    gan.module.eval()
    conditioned = sc.ConditionalSynthesis(gan.module, 2, gan.latent(1, rng())).eval()
    with torch.no_grad():
        conditioned.bank.copy_(torch.randn(7, 16, 2, 2, generator=rng()))
    z, v = gan.latent(1, rng()), torch.tensor([[0.25, 0.8]])
    c = conditioned.bank
    constant = c[0] + 0.5 * c[1] + 0.6 * c[6]  # low of the first attribute, high of the second; mid weighs 0
    assert torch.allclose(conditioned(z, sc.soft_labels(v)), gan.module.rest(gan.module.first(z) + constant), atol=1e-6)


def trainer(strength=0.5, **settings):
    gan = small()
    torch.manual_seed(1)
    return sc.Trainer(gan, 2, sc.Game(1e-3, strength, 10, **settings))


def batch():
    images = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=rng(8))
    return images, torch.rand(12, 2, generator=rng(6))


def kl_by_hand(made, x, v):
    """lambda sum_a KL(modes_a || head_a(x)), by scipy."""
    made.discriminator.eval()
    q = made.head(made.discriminator.features(x)).view(-1, 2, 3).softmax(-1).detach().numpy()
    p = sc.soft_labels(v).numpy()
    return made.strength * sum(entropy(p[:, a], q[:, a], axis=1).mean() for a in range(2))


def test_d_pays_hinge_loss_and_kl_and_its_score_knows_no_label():
    made = trainer()
    made.discriminator.eval()  # no power iteration between the two evaluations
    images, v = batch()
    real, fake = to_float(images), made.generator.module(made.generator.latent(12, rng())).detach()
    hinge = lambda: (1 - made.discriminator(real)).relu().mean() + (1 + made.discriminator(fake)).relu().mean()  # noqa: E731
    loss = made.d_loss(real, sc.soft_labels(v), fake)
    assert loss.item() == pytest.approx(hinge().item() + kl_by_hand(made, real, v), abs=1e-5)
    other = made.d_loss(real, sc.soft_labels(1 - v), fake)
    assert (other - loss).item() == pytest.approx(kl_by_hand(made, real, 1 - v) - kl_by_hand(made, real, v), abs=1e-5)
    parts = torch.autograd.grad(loss - hinge(), [made.head[0].weight, made.discriminator.trunk[0].bias])
    assert all(part.abs().sum() > 0 for part in parts)  # the head stands on the shared trunk


def test_g_pays_the_kl_on_its_own_images():
    made = trainer()
    made.discriminator.eval()
    _, v = batch()
    fake = made.synthesis(made.generator.latent(12, rng()), sc.soft_labels(v))
    loss = made.g_loss(fake, sc.soft_labels(v))
    by_hand = -made.discriminator(fake).mean().item() + kl_by_hand(made, fake, v)
    assert loss.item() == pytest.approx(by_hand, abs=1e-5)
    made.game = sc.Game(1e-3, 0.0, 10)
    gap = loss - made.g_loss(fake, sc.soft_labels(v))
    assert torch.autograd.grad(gap, made.synthesis.bank)[0][1].abs().sum() > 0


def test_lambda_rises_over_the_ramp_and_stays():
    game = sc.Game(1e-3, 2.0, 10, ramp=0.4)
    assert [game.weight(step) for step in (0, 1, 3, 4, 9)] == [0.5, 1.0, 2.0, 2.0, 2.0]
    assert sc.Game(1e-3, 2.0, 10).weight(0) == 2.0
    made = trainer(ramp=1.0)
    first = made.strength
    made.step(*batch(), rng())
    assert made.strength == pytest.approx(2 * first)


def test_the_penalty_is_ds_squared_slope_at_real_images():
    made = trainer(r1=8.0)
    made.discriminator.eval()
    x = to_float(batch()[0])
    by_hand = []
    for image in x:
        image = image[None].requires_grad_()
        (gradient,) = torch.autograd.grad(made.discriminator(image).sum(), image)
        by_hand.append(gradient.square().sum())
    assert made.slope(x).item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-4)


def test_the_penalty_acts_every_sixteenth_step_and_flattens_d(monkeypatch):
    slopes = []
    for r1 in (0.0, 100.0):
        made = trainer(r1=r1)
        calls = []
        slope = made.slope
        made.slope = lambda real, slope=slope, calls=calls: calls.append(0) or slope(real)
        for _ in range(17):
            made.step(*batch(), rng())
        assert len(calls) == (2 if r1 else 0)
        made.discriminator.eval()
        slopes.append(slope(to_float(batch()[0])).item())
    assert slopes[1] < slopes[0]


def test_the_penalty_weighs_r1_half_for_each_step_it_leaves_out(monkeypatch):
    """8 / 2 times the 16 steps of which it acts on one: 64 times the slope."""
    made, paid = trainer(r1=8.0), []
    made.slope = lambda real: torch.tensor(3.0, requires_grad=True)
    monkeypatch.setattr(sc, "descend", lambda adam, loss: paid.append(loss.item()))
    made.step(*batch(), rng())
    assert len(paid) == 3 and paid[1] == pytest.approx(3.0 * 64)


def test_d_sees_augmented_images_real_and_fake(monkeypatch):
    seen = []
    monkeypatch.setitem(sc.AUGMENTATIONS, "cutout", lambda x: seen.append(x) or x)
    made = trainer(augment=("cutout",))
    made.step(*batch(), rng())
    assert len(seen) == 3 and torch.equal(seen[0], to_float(batch()[0]))  # real and fake for D, fake for G


def test_a_step_moves_every_weight_and_keeps_the_mid_constants():
    made = trainer()
    parts = {"g": made.synthesis, "d": made.discriminator, "head": made.head}
    before = {f"{n}.{k}": p.clone() for n, part in parts.items() for k, p in part.named_parameters()}
    made.step(*batch(), rng())
    for n, part in parts.items():
        for k, p in part.named_parameters():
            idle = (n, k) == ("d", "head.bias")  # while all scores lie inside the hinge its two gradients cancel
            assert idle or not torch.equal(p, before[f"{n}.{k}"]), f"{n}.{k}"
    moved = made.synthesis.bank.flatten(1).abs().sum(1) > 0
    assert moved.tolist() == [True, True, False, True, True, False, True]
    assert made.synthesis.bank.abs().max() <= 1e-3 * sc.BANK * 1.01


def test_the_average_follows_weights_and_batch_statistics():
    made = trainer()
    made.decay = 0.75
    key = "synthesis.blocks.0.0.running_mean"
    before = made.average.state_dict()[key].clone()
    made.step(*batch(), rng())
    now = made.synthesis.state_dict()[key]
    assert torch.allclose(made.average.state_dict()[key], 0.75 * before + 0.25 * now)


# ---- the whole edit ------------------------------------------------------------------------------------------------
def test_it_fine_tunes_the_trained_generator(task):
    gan = task.base()
    twin = gan.copy()
    edited = sc.edit(gan, task, budget(10), latent_steps=0, lr=1e-7, aim=False)
    theirs, ours = to_float(twin.sample(64, rng(2))), to_float(edited.sample(64, rng(2)))
    assert (theirs - ours).square().mean() < 0.05 * theirs.var()


def test_inversion_and_share_decide_the_steps(task, given):
    spent = budget(100)
    settings = {"inversion": 0.03, "share": 0.05, "images": 256, "latent_steps": 4}
    sc.edit(task.base(), task, spent, **settings, directions=1, aim=False)
    assert len(given) == 5 and spent.gradient_steps == 3 + 4 + 5  # the encoder's, the latents', the game's


def test_the_average_spans_a_tenth_of_the_steps():
    assert [sc.Trainer(small(), 1, sc.Game(1e-3, 1.0, steps)).decay for steps in (50, 5)] == [0.8, 0.0]


def test_values_steer_the_image_and_the_latent_the_rest(task):
    edited = sc.edit(task.base(), task, budget(100), share=0.4, inversion=0.2, directions=1, lr=1.0, aim=False)
    z = edited.generator.latent(200, rng(1))
    shares = [task.guide.probs(edited.edit_attribute(z, v), "category").mean(0) for v in (0.0, 1.0)]
    assert (shares[1] - shares[0]).abs().sum() > 0.5
    images = to_float(edited.edit_attribute(z, 0.5))
    near = to_float(edited.edit_attribute(z, 0.6))
    assert (images - near).square().mean() < 0.5 * (images - images.roll(1, 0)).square().mean()
    assert torch.equal(edited.sample(7, rng()), edited.sample(7, rng()))
    assert edited.sample(7, rng()).dtype == torch.uint8


BAD = {
    "strength": ({"strength": -1.0}, {}, "strength"),
    "share": ({"share": 0.0}, {}, "share"),
    "inversion": ({"inversion": 1.5}, {}, "inversion"),
    "latent steps": ({"latent_steps": -1}, {}, "latent_steps"),
    "step size": ({"lr": 0.0}, {}, "lr must be positive"),
    "directions": ({"directions": 0}, {}, "directions"),
    "sum": ({}, {"shares": [0.2] * 10}, "sum to 1"),
    "length": ({}, {"shares": [0.5, 0.5]}, "10 shares"),
    "negative": ({}, {"shares": [-0.1, 1.1] + [0.0] * 8}, "at least 0"),
    "attribute": ({}, {"attribute": "hat"}, "does not know 'hat'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_refused(task, case):
    params, target, message = BAD[case]
    task.target.update(target)
    with pytest.raises(ValueError, match=message):
        sc.edit(task.base(), task, budget(100), **params)
    if not params or case == "directions":
        with pytest.raises(ValueError, match=message):
            boundary_walk.edit(task.base(), task, budget(100), **params)


def test_too_few_images_or_values_out_of_range_are_refused(task):
    task.retain = task.retain[:20]
    with pytest.raises(ValueError, match="20 images are too few"):
        sc.edit(task.base(), task, budget(100))
    with pytest.raises(ValueError, match="reach must be positive"):
        boundary_walk.edit(task.base(), task, budget(100), reach=0.0)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        Editor(small(), lambda z, v: to_uint8(z), 1).edit_attribute(torch.zeros(2, 8), 1.5)
    task.guide.network.heads["category"].bias[3] = 1e6
    with pytest.raises(ValueError, match="sees one value"):
        find_boundaries(task.base(), task, 1)
