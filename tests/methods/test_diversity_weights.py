"""Diversity Weights: p from weighted Vendi plus entropy, from similarity alone, used in the sampler."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import budget, generator, guide, halves, reveal

from retouch import metrics
from retouch.benchmark import submission
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.task import NotRevealed
from retouch.methods import contrastive
from retouch.methods import diversity_weights as method

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
SIGNED = torch.nn.functional.normalize(torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double())
WIDE = torch.nn.functional.normalize(torch.randn(9, 30, generator=torch.Generator().manual_seed(1)).double())
P = {n: torch.rand(n, generator=torch.Generator().manual_seed(n)).double().log_softmax(0).exp() for n in (9, 40)}


def two_kinds(common=54, rare=6):
    """uint8 (N, 1, 8, 8): the left half bright in the common ones, which come first, the right half in the rare."""
    return torch.cat([halves(0, common), halves(1, rare)])


def turned(sign):
    """A guide with random weights; -1 turns every one of its decisions round and leaves its features alone."""
    network = guide()
    for value in network.heads["category"].parameters():
        value.data *= sign
    return network


def write_task(folder, images, network=None):
    """A task that reveals the training images, and a guide if there is one."""
    return reveal(folder, None, "output_diversity", {"attribute": "category"}, network, retain=images)


def by_definition(phi, p):
    """exp of the spectrum's entropy of K_p = diag(sqrt p) K diag(sqrt p), (n, n)."""
    root = np.diag(np.sqrt(p))
    values = np.linalg.eigvalsh(root @ (phi @ phi.T) @ root)
    values = values[values > 1e-12]
    return np.exp(-np.sum(values * np.log(values)))


def paper(phi, b, steps=100):
    """The paper's optimiser by hand: exact gradient, chain rule through the softmax, Adam written out."""
    w, m, v = np.zeros(len(phi)), np.zeros(len(phi)), np.zeros(len(phi))
    for t in range(steps):
        p = np.exp(w) / np.exp(w).sum()
        values, vectors = np.linalg.eigh(phi.T @ (p[:, None] * phi))
        score = np.exp(-np.sum(values * np.log(values)))
        slope = -b * score * ((phi @ vectors) ** 2 @ (np.log(values) + 1)) - (1 - b) * (np.log(p) + 1)
        gradient = p * (slope - p @ slope)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        step = 0.1 * 0.99 ** (t // 5)
        w = w + step * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
    return np.exp(w) / np.exp(w).sum()


# ---- p comes from the weighted Vendi score plus entropy, balanced by b -------------------------------------------
@pytest.mark.parametrize("phi", [SIGNED, WIDE], ids=["n > D", "n < D"])
def test_vendi_score_is_the_entropy_of_the_weighted_kernel(phi):
    p = P[len(phi)]
    assert (phi @ phi.T).min() < 0  # similarities of both signs
    assert method.vendi_score(phi, p).item() == pytest.approx(by_definition(phi.numpy(), p.numpy()), rel=1e-10)
    assert method.vendi_score(phi, p).item() == pytest.approx(metrics.weighted_vendi(phi.numpy(), p.numpy()), rel=1e-10)


def test_vendi_score_counts_orthogonal_kinds_by_their_mass():
    phi = torch.eye(2, dtype=torch.float64)[[0, 0, 0, 1]]
    p = torch.tensor([0.25, 0.25, 0.25, 0.25], dtype=torch.float64)
    assert method.vendi_score(phi, p).item() == pytest.approx(0.75**-0.75 * 0.25**-0.25)
    even = torch.tensor([1, 1, 1, 3], dtype=torch.float64) / 6
    assert method.vendi_score(phi, even).item() == pytest.approx(2)


def test_entropy_is_in_nats_and_survives_weights_of_zero():
    assert method.entropy(torch.full((8,), 1 / 8)).item() == pytest.approx(np.log(8))
    assert method.entropy(torch.tensor([0.5, 0.5, 0.0])).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("b", [0.25, 0.5, 1.0])
def test_the_optimiser_is_the_papers_step_by_step(b):
    """Fails with another objective, balance, step size, decay, number of steps, start, or precision."""
    p = method.diversity_weights(SIGNED, b)
    assert p.dtype == torch.float64 and p.sum().item() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(p.numpy(), paper(SIGNED.numpy(), b), rtol=1e-7)


def test_the_default_balance_is_one_half():
    assert torch.equal(method.diversity_weights(SIGNED), method.diversity_weights(SIGNED, 0.5))
    for entry in (method.edit, method.from_scratch):
        assert inspect.signature(entry).parameters["b"].default == 0.5


def test_b_trades_entropy_for_diversity():
    runs = [method.diversity_weights(SIGNED, b) for b in (0.0, 0.25, 0.5, 1.0)]
    scores = [method.vendi_score(SIGNED, p).item() for p in runs]
    entropies = [method.entropy(p).item() for p in runs]
    assert torch.allclose(runs[0], torch.full_like(runs[0], 1 / 40), rtol=1e-6)  # entropy alone: uniform
    assert sorted(scores) == scores and len(set(scores)) == 4
    assert sorted(entropies, reverse=True) == entropies and len(set(entropies)) == 4


def test_rare_kinds_gain_weight():
    phi = torch.eye(2, dtype=torch.float64)[[0] * 6 + [1] * 2]
    default, strong = (method.diversity_weights(phi, b)[6:].sum().item() for b in (0.5, 1.0))
    assert 0.25 < default < 0.5  # 2 of 8 by number
    assert default < strong == pytest.approx(0.5, abs=0.01)


def test_the_certified_optimum_is_one_and_named_apart():
    wide = method.certified_weights(WIDE)
    assert wide.shape == (9,) and by_definition(WIDE.numpy(), wide.numpy()) > by_definition(WIDE.numpy(), P[9].numpy())
    p = method.certified_weights(SIGNED)
    x, values_vectors = SIGNED.numpy(), np.linalg.eigh((SIGNED.T @ (p[:, None] * SIGNED)).numpy())
    surprise = -((x @ values_vectors[1]) ** 2) @ np.log(values_vectors[0])
    assert surprise.max() - np.log(by_definition(x, p.numpy())) <= np.log(1.01)  # no weights reach more
    assert by_definition(x, p.numpy()) > by_definition(x, method.diversity_weights(SIGNED, 0.5).numpy())
    manifest = submission.read(SUBMISSIONS / "diversity_weights")
    using = [point.name for point in manifest.points if point.params.get("optimiser") == "certified"]
    assert using == ["certified"] and "optimiser" not in manifest.params


# ---- similarity, not labels, is the only input ---------------------------------------------------------------------
def test_only_angles_matter(tmp_path):
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(2)).double())[0]
    p = method.diversity_weights(SIGNED)
    np.testing.assert_allclose(method.diversity_weights(SIGNED @ turn).numpy(), p.numpy(), rtol=1e-6)
    task = write_task(tmp_path / "reveal", two_kinds())
    phi = method.embed(task, "pixels", budget(9))
    task.retain = torch.cat([task.retain, (task.retain[:1] // 2 * 2), (task.retain[:1] // 2)])
    dimmed = method.embed(task, "pixels", budget(9))
    assert torch.allclose(phi.norm(dim=1), torch.ones(60, dtype=torch.float64))
    assert torch.allclose(dimmed[-1], dimmed[-2])  # half as bright, the same direction


def test_labels_play_no_part(tmp_path):
    """A guide that labels every image the other way round: the edit stays the same, bit for bit."""
    edited = []
    for sign in (1, -1):
        task = write_task(tmp_path / f"reveal{sign}", two_kinds(), turned(sign))
        base = generator()
        torch.manual_seed(0)
        edited.append((method.edit(base, task, budget(6)), task.guide.probs(task.retain, "category").argmax(1)))
    (one, labels), (other, others) = edited
    assert torch.equal(labels, 1 - others)
    for a, b in zip(one.module.parameters(), other.module.parameters(), strict=True):
        assert torch.equal(a, b)


def test_no_submission_asks_for_labels():
    for name in ("diversity_weights", "diversity_weights_scratch"):
        assert "labelled_images" not in submission.read(SUBMISSIONS / name).access


def test_the_guide_embeds_where_it_is_revealed_else_pixels(tmp_path):
    images = two_kinds()
    with_guide, without = write_task(tmp_path / "a", images, guide()), write_task(tmp_path / "b", images)
    features = torch.nn.functional.normalize(with_guide.guide.features(images).double())
    pixels = torch.nn.functional.normalize(images.flatten(1).double())
    assert torch.equal(method.embed(with_guide, "auto", budget(9)), features)
    assert torch.equal(method.embed(with_guide, "pixels", budget(9)), pixels)
    assert torch.equal(method.embed(without, "auto", budget(9)), pixels)
    with pytest.raises(NotRevealed, match="classifier"):
        method.embed(without, "guide", budget(9))


def test_a_self_supervised_embedding_tells_kinds_apart(tmp_path):
    """It is trained on the images alone, a fifth of the budget's steps, and parts the rare kind from the common."""
    task, spent = write_task(tmp_path / "reveal", two_kinds()), budget(200)
    torch.manual_seed(0)
    phi = method.embed(task, "self_supervised", spent)
    assert spent.gradient_steps == 40 and phi.shape == (60, 64)
    likeness = phi @ phi.T
    assert likeness[:54, :54].mean() > likeness[:54, 54:].mean() + 0.2
    assert method.encode(task, budget(20)).mean(0).abs().max() < 1e-5  # what all images share tells none apart


def test_contrast_is_the_papers_loss():
    z = torch.nn.functional.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    e = (z @ z.T / contrastive.TAU).exp()
    terms = [-(e[i, (i + 3) % 6] / (e[i].sum() - e[i, i])).log() for i in range(6)]
    assert contrastive.contrast(z).item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-5)


# ---- p is used in the sampler, and nothing else changes ------------------------------------------------------------
class Recording(Gan):
    """A Gan that notes what it is trained on."""

    def train_step(self, images):
        self.seen = [*getattr(self, "seen", []), images.clone()]
        return super().train_step(images)


def rows_of(batches, images):
    """Which of the images each drawn one is."""
    drawn = torch.cat(batches).flatten(1).int()
    return (drawn[:, None] == images.flatten(1).int()[None]).all(2).int().argmax(1)


@pytest.mark.parametrize("entry", [method.edit, method.from_scratch])
def test_training_images_are_drawn_with_p_with_replacement(entry, tmp_path):
    task = write_task(tmp_path / "reveal", two_kinds())
    p = method.diversity_weights(method.embed(task, "pixels", budget(9)))
    torch.manual_seed(0)
    base = Recording(generator().config)
    edited = entry(base, task, budget(40), share=1.0)
    rows = rows_of(edited.seen, task.retain)
    counts, n = torch.bincount(rows, minlength=60).double(), len(rows)
    assert n == 40 * 60
    assert ((counts - n * p) ** 2 / (n * p)).sum() < 100  # chi-square, 59 degrees of freedom: 1 in 1,000
    assert ((counts - n / 60) ** 2 / (n / 60)).sum() > 300  # not uniform
    assert any(len(set(rows[i : i + 60].tolist())) < 60 for i in range(0, n, 60))


@pytest.mark.parametrize("kind", ["flow", "gan", "diffusion"])
def test_nothing_but_the_draw_differs_from_pretraining(kind, tmp_path):
    task = write_task(tmp_path / "reveal", two_kinds())
    base, twin = generator(kind), generator(kind)
    torch.manual_seed(0)
    edited = method.edit(base, task, budget(6), share=0.5)
    p = method.diversity_weights(method.embed(task, "pixels", budget(9)))
    rng = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    average = {}
    for _ in range(3):
        twin.train_step(task.retain[torch.multinomial(p, 60, replacement=True, generator=rng)])
        for name, now in twin.module.state_dict().items():  # a base is the average of its weights, too
            average[name] = now.clone() if name not in average else 0.98 * average[name] + 0.02 * now
    for name, found in edited.module.state_dict().items():
        assert torch.allclose(found.float(), average[name].float(), atol=1e-6) or not found.is_floating_point(), name


def test_edit_continues_the_base_and_from_scratch_does_not(tmp_path):
    task = write_task(tmp_path / "reveal", two_kinds())
    base = generator()
    before = base.copy()
    scratch = method.from_scratch(base, task, budget(1), lr=1e-6)
    continued = method.edit(base, task, budget(1), lr=1e-6)
    w0 = before.module.linear.weight
    assert torch.allclose(continued.module.linear.weight, w0, atol=1e-6)
    assert not torch.allclose(scratch.module.linear.weight, w0, atol=1e-2)
    assert scratch.config == before.config and scratch is not base and type(scratch) is type(base)
    d0 = before.discriminator.head.parametrizations.weight.original
    assert not torch.allclose(scratch.discriminator.head.parametrizations.weight.original, d0, atol=1e-2)


def test_the_rare_kind_becomes_more_frequent_than_by_uniform_p(tmp_path):
    task = write_task(tmp_path / "reveal", two_kinds())
    base = generator("flow", lr=3e-3)
    for _ in range(60):
        base.train_step(task.retain)

    def rare(b):
        torch.manual_seed(0)
        task.rng.manual_seed(0)
        edited = method.edit(base.copy(), task, budget(200), b=b, share=0.5)
        images = edited.sample(500, torch.Generator().manual_seed(1)).float()
        return (images[..., 4:].mean((1, 2, 3)) > images[..., :4].mean((1, 2, 3))).float().mean().item()

    assert rare(0.5) > rare(0.0) + 0.1


# ---- what it says, and bad settings --------------------------------------------------------------------------------
def test_effective_sample_size_and_heaviest_images_are_logged(tmp_path, capsys):
    task = write_task(tmp_path / "reveal", two_kinds())
    p = method.weigh(task, budget(9), 0.5, "adam", "pixels")
    said = capsys.readouterr().out
    assert f"effective sample size {1 / (p**2).sum():.1f} of 60" in said
    assert f"{metrics.effective_sample_size(p.numpy()):.1f} of 60" in said
    assert str(p.topk(10).indices.tolist()) in said and p.argmax() >= 54


BAD = {
    "negative b": ({"b": -0.1}, "b must lie in"),
    "b above 1": ({"b": 1.5}, "b must lie in"),
    "unknown optimiser": ({"optimiser": "sgd"}, "optimiser must be adam"),
    "certified with entropy": ({"optimiser": "certified", "b": 0.5}, "set b = 1"),
    "unknown embedding": ({"embedding": "inception"}, "embedding must be"),
    "no share": ({"share": 0.0}, "share must lie in"),
    "negative step size": ({"lr": -1.0}, "lr be positive"),
}


@pytest.mark.parametrize("entry", [method.edit, method.from_scratch])
@pytest.mark.parametrize("params, message", BAD.values(), ids=BAD)
def test_bad_settings_say_what_to_do(entry, params, message, tmp_path):
    task = write_task(tmp_path / "reveal", two_kinds(6, 2))
    with pytest.raises(ValueError, match=message):
        entry(generator(), task, budget(2), **params)


def test_too_few_images_and_empty_ones_are_refused(tmp_path):
    for n in (0, 1):
        task = write_task(tmp_path / f"reveal{n}", two_kinds()[:n])
        with pytest.raises(ValueError, match="at least 2 training images"):
            method.edit(generator(), task, budget(2))
    images = two_kinds()
    images[3] = 0
    with pytest.raises(ValueError, match="image 3 has no direction"):
        method.edit(generator(), write_task(tmp_path / "black", images), budget(2))


def test_an_embedding_too_wide_to_finish_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(method, "WIDEST", 30)
    with pytest.raises(ValueError, match="embed with the guide"):
        method.embed(write_task(tmp_path / "reveal", two_kinds()), "pixels", budget(9))


@pytest.mark.parametrize("name", ["diversity_weights", "diversity_weights_scratch"])
def test_every_operating_point_runs(name, tmp_path):
    manifest = submission.read(SUBMISSIONS / name)
    entry = getattr(method, manifest.entry.split(":")[1])
    task = write_task(tmp_path / "reveal", two_kinds(12, 4), guide())
    for point in manifest.points:
        edited = entry(generator(), task, budget(2), **{**manifest.params, **point.params})
        assert edited.sample(2, torch.Generator().manual_seed(0)).shape == (2, 1, 8, 8)
    assert "default" in [point.name for point in manifest.points]
