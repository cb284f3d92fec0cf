"""What makes data redaction what it is: one test for each point that must stay, and its bad settings."""

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from toy import budget, generator, guide, halves, redaction, rng, side_guide, side_of, train

from retouch.benchmark import submission
from retouch.benchmark.generators import family
from retouch.benchmark.generators.gan import to_float
from retouch.benchmark.judges import Classifier
from retouch.benchmark.submission import read
from retouch.benchmark.task import NotRevealed
from retouch.benchmark.worker.main import entry
from retouch.methods import data_redaction as method

SUBMISSIONS = Path(submission.__file__).parent.parent / "submissions"
FORMS = ("data", "validity", "classifier")
EDITS = {form: getattr(method, f"edit_{form}") for form in FORMS}


def right(images):
    """The share of images whose right half is the brighter one."""
    return side_of(images).float().mean().item()


@pytest.fixture
def task(tmp_path):
    """A task that reveals everything; both kinds of image are 20 copies of one."""
    retain, forget = (halves(which, 1).repeat(20, 1, 1, 1) for which in (0, 1))
    return redaction(tmp_path / "task", retain=retain, forget=forget, guide=guide(bias=5.0))


@pytest.fixture(scope="module")
def base():
    """A GAN that makes both kinds, about equally often."""
    gan = train(generator(), torch.cat([halves(0, 200), halves(1, 200)]), 300)
    assert 0.3 < right(gan.sample(500, rng())) < 0.7
    return gan


@pytest.fixture(scope="module")
def two_kinds(tmp_path_factory):
    """Redact the second kind: both revealed, and a guide that tells them apart."""
    folder = tmp_path_factory.mktemp("two") / "task"
    return redaction(folder, retain=halves(0, 200), forget=halves(1, 200), guide=side_guide())


# ---- one step of the game, repeated by hand --------------------------------------------------------------------------
def smoothed(d, label):
    return -(label * d.log() + (1 - label) * (1 - d).log()).mean()


def by_hand(gan, real, z, omega, lam, valid, tau):
    """One step of D and one of G from their pre-trained weights: labels 0.9 and 0.1 at the margins 1 and -1."""

    def g(x):
        d = 1 / (1 + (-math.log(9) * gan.discriminator(x)).exp())
        return d if valid is None else torch.where(valid(x) >= tau, d, 0.1 + (d - 0.1) * valid(x) / tau)

    g_adam = torch.optim.Adam(gan.module.parameters(), gan.lr, (0.0, 0.9))
    d_adam = torch.optim.Adam(gan.discriminator.parameters(), 2 * gan.lr, (0.0, 0.9))
    gan.module.train()
    fake = gan.module(z)
    loss = smoothed(g(real), 0.9) + (lam if omega is not None else 1) * smoothed(g(fake.detach()), 0.1)
    if omega is not None:
        loss = loss + (1 - lam) * smoothed(g(omega), 0.1)
    loss.backward()
    d_adam.step()
    (-g(fake).log().mean()).backward()
    g_adam.step()
    return gan


@pytest.mark.parametrize("form", FORMS)
def test_a_step_continues_the_game_with_omega_on_the_fake_side(form, task):
    z = torch.randn(20, 8, generator=rng())
    edited, expected = generator(), generator()
    edited.latent = expected.latent = lambda n, rng=None: z[:n]
    real, made = to_float(task.retain), to_float(expected.sample(1, rng()))  # the guide finds all of G's invalid
    omega = {"data": to_float(task.forget[:1]), "validity": made, "classifier": None}[form]

    def valid(x):
        logits = task.guide(x)["category"]
        return 1 / (1 + (logits[:, 1] - logits[:, 0]).exp())

    own = {"data": {"lam": 0.7}, "validity": {"lam": 0.7, "draws": 1}, "classifier": {"tau": 0.6}}[form]
    EDITS[form](edited, task, budget(1), ema=0, **own)
    by_hand(expected, real, z, omega, 0.7, valid if form == "classifier" else None, 0.6)
    for name in ("module", "discriminator"):
        ours, theirs, start = (dict(getattr(gan, name).named_parameters()) for gan in (edited, expected, generator()))
        for key, value in ours.items():
            torch.testing.assert_close(value, theirs[key], atol=2e-5, rtol=1e-4, msg=f"{name}.{key}")
        assert any(not torch.equal(value, start[key]) for key, value in ours.items()), f"{name} was not trained"


def test_lambda_mixes_what_g_makes_with_omega():
    real, fake, omega = (torch.full((3, 1, 1, 1), value) for value in (0.8, 0.3, 0.6))

    def d(x):
        return x.mean((1, 2, 3))

    def h(p, label):
        return -label * math.log(p) - (1 - label) * math.log(1 - p)

    for lam in (0.95, 0.5):
        expected = h(0.8, 0.9) + lam * h(0.3, 0.1) + (1 - lam) * h(0.6, 0.1)
        assert method.d_loss(d, real, fake, omega, lam).item() == pytest.approx(expected, rel=1e-5)
    assert method.d_loss(d, real, fake, None, 0.5).item() == pytest.approx(h(0.8, 0.9) + h(0.3, 0.1), rel=1e-5)


def test_the_hinge_margins_fall_on_the_smoothed_labels():
    gan = generator()
    gan.discriminator.forward = lambda x: x.flatten()
    d = method.probability(gan)(torch.tensor([-1.0, 0.0, 1.0]))
    assert torch.allclose(d, torch.tensor([0.1, 0.5, 0.9]))


# ---- redaction, and not mere omission --------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_each_form_takes_the_kind_out(form, base, two_kinds):
    two_kinds.rng.manual_seed(0)
    edited = EDITS[form](base.copy(), two_kinds, budget(120), share=1.0, ema=0.0)
    assert right(edited.sample(500, rng(1))) < 0.4 * right(base.sample(500, rng(1)))


def test_the_smaller_lambda_is_the_lower_d_finds_omega(tmp_path):
    """The second kind is left among the real images here, so that what D says of it is what the fake side weighs."""
    task = redaction(tmp_path / "task", retain=torch.cat([halves(0, 100), halves(1, 100)]), forget=halves(1, 100))

    def said(lam):
        gan = generator()
        if lam == 1:  # nothing on the fake side but what G makes
            method.play(gan, task, budget(40), method.probability(gan), lambda step: None, 1.0, 1.0, 1.0, 0.0)
        else:
            method.edit_data(gan, task, budget(40), lam=lam, share=1.0)
        return method.probability(gan)(to_float(task.forget)).mean().item()

    nothing, gentle, strong = said(1), said(0.6), said(0.3)
    assert nothing > gentle + 0.05 and gentle > strong + 0.05


# ---- three descriptions, kept apart ----------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_a_form_runs_on_its_own_description_alone(form, tmp_path):
    manifest = read(SUBMISSIONS / f"data_redaction_{form}")
    assert ("forget_images" in manifest.access) == (form == "data") != ("classifier" in manifest.access)
    revealed = {"forget": halves(1, 5)} if form == "data" else {"guide": guide()}
    task = redaction(tmp_path / "task", retain=halves(0, 20), **revealed)
    edit = entry(manifest.entry, SUBMISSIONS)
    assert edit is EDITS[form]
    for point in manifest.points:
        edit(generator(), task, budget(2), **manifest.params, **point.params)
    for other in set(FORMS) - {form}:
        if ("guide" in revealed) == (other == "data"):
            with pytest.raises(NotRevealed):
                EDITS[other](generator(), task, budget(2))


def test_validity_is_a_black_box_whose_finds_add_up():
    gan, asked = generator(), []

    def v(images):
        assert images.dtype == torch.uint8 and not images.requires_grad
        asked.append(images)
        return torch.arange(len(images)) % 2 == 0  # every other image is invalid

    omega = method.collect_invalid(gan, v, every=3, draws=4, rng=rng())
    for step in range(7):
        batch = torch.cat([omega(step) for _ in range(1 if step % 3 == 0 else 30)])
        found = torch.cat([images[1::2] for images in asked])
        drawn = {tuple(image.flatten().tolist()) for image in batch}
        assert drawn <= {tuple(image.flatten().tolist()) for image in found}
        assert step % 3 == 0 or len(drawn) == len(found)  # all of them, the earlier ones too
    assert len(asked) == 3 and not torch.equal(asked[0], asked[1])


def test_the_pixels_rule_takes_the_nearest_images_side(tmp_path):
    task = redaction(tmp_path / "task", retain=halves(0, 20), forget=halves(1, 20))  # no guide is revealed
    v = method.RULES["pixels"](generator(), task)
    assert v(halves(0, 6, tone=0)).tolist() == [True] * 6 and v(halves(1, 6, tone=0)).tolist() == [False] * 6
    method.edit_validity(generator(), task, budget(2), rule="pixels")
    with pytest.raises(ValueError, match="rule must be one of guide, pixels, discriminator"):
        method.edit_validity(generator(), task, budget(2), rule="edges")


def test_the_discriminators_rule_finds_its_worst_tenth_invalid(base, task):
    v = method.RULES["discriminator"](base, task)
    images = base.sample(2000, rng(7))
    assert (~v(images)).float().mean().item() == pytest.approx(0.1, abs=0.03)
    scores = base.discriminator.eval()(to_float(images)).detach()
    assert scores[~v(images)].max() < scores[v(images)].min() + 1e-4
    before = v(images)
    base.copy().train_step(images[:20])  # the rule stays that of the pre-trained D
    assert torch.equal(before, v(images))


def test_validity_without_a_find_plays_on():
    omega = method.collect_invalid(generator(), lambda images: torch.ones(len(images), dtype=torch.bool), 2, 4, rng())
    assert omega(0) is None and omega(1) is None


def test_the_classifier_form_alone_has_the_guides_gradient(task):
    seen = []
    task.guide.network.register_forward_hook(
        lambda module, inputs, out: seen.append((torch.is_grad_enabled(), inputs[0].requires_grad))
    )
    method.edit_validity(generator(), task, budget(1))
    assert seen and not any(enabled for enabled, _ in seen)
    seen.clear()
    method.edit_classifier(generator(), task, budget(1))
    assert seen[-1] == (True, True)  # G's step: from the loss through f to the images


def three_values(tmp_path, probs):
    """A task with two of three values unwanted, whose guide gives every image these probabilities."""
    guide = Classifier("plain", 1, 8, {"category": 3}, width=4, features=6)
    guide.heads["category"].weight.data.zero_()
    guide.heads["category"].bias.data = torch.tensor(probs).log()
    target = {"attribute": "category", "values": [0, 2]}
    return redaction(tmp_path / "task", target=target, retain=halves(0, 20), guide=guide)


@pytest.mark.parametrize(("probs", "invalid"), [([0.3, 0.4, 0.3], True), ([0.2, 0.51, 0.29], False)])
def test_validity_adds_up_several_unwanted_values(tmp_path, monkeypatch, probs, invalid):
    """0.6 in two values is above one half, though neither is and the guide decides on the third; 0.49 is not."""
    validities = []
    monkeypatch.setattr(method, "collect_invalid", lambda gan, v, *_: validities.append(v) or (lambda step: None))
    method.edit_validity(generator(), three_values(tmp_path, probs), budget(1))
    assert (~validities[0](halves(0, 4))).tolist() == [invalid] * 4


def test_the_classifier_form_adds_up_several_unwanted_values(tmp_path, monkeypatch):
    functions = []
    monkeypatch.setattr(method, "guide_discriminator", lambda d, f, tau: functions.append(f) or d)
    method.edit_classifier(generator(), three_values(tmp_path, [0.3, 0.4, 0.3]), budget(1))
    assert torch.allclose(functions[0](to_float(halves(0, 4))), torch.full((4,), 0.4), atol=1e-3)


def test_the_classifier_form_redacts_an_intersection(tmp_path, monkeypatch):
    """f is 1 - P(side 1) P(tone 1): 0.6 and 0.5 leave 0.7, though the guide is for side 1 alone."""
    guide, functions = Classifier("plain", 1, 8, {"side": 2, "tone": 2}, width=4, features=6), []
    for name, p in (("side", 0.6), ("tone", 0.5)):
        guide.heads[name].weight.data.zero_()
        guide.heads[name].bias.data = torch.tensor([1 - p, p]).log()
    target = {"attribute": ["side", "tone"], "values": [3]}
    task = redaction(tmp_path / "task", target=target, retain=halves(0, 20), guide=guide)
    monkeypatch.setattr(method, "guide_discriminator", lambda d, f, tau: functions.append(f) or d)
    method.edit_classifier(generator(), task, budget(1))
    assert torch.allclose(functions[0](to_float(halves(0, 4))), torch.full((4,), 0.7), atol=1e-3)


def test_guided_discriminator_and_its_gradients():
    """By hand, with D(x) = x_0 and f(x) = x_1: g = 0.1 + (x_0 - 0.1) x_1 / tau below the threshold, x_0 above."""
    x = torch.tensor([[0.7, 0.9], [0.7, 0.5], [0.7, 0.2], [0.7, 0.0]], requires_grad=True)
    g = method.guide_discriminator(lambda x: x[:, 0], lambda x: x[:, 1], tau=0.5)(x)
    assert torch.allclose(g, torch.tensor([0.7, 0.7, 0.34, 0.1]))
    g.sum().backward()
    assert torch.allclose(x.grad[0], torch.tensor([1.0, 0.0]))
    assert torch.allclose(x.grad[2:], torch.tensor([[0.4, 1.2], [0.0, 1.2]]))


# ---- what it is compared with, what it hands out, what it refuses ----------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_the_retrained_control_plays_wherever_a_form_does(form):
    ours, control = (read(SUBMISSIONS / name) for name in (f"data_redaction_{form}", "retrained"))
    assert set(ours.tasks) == {"category_redaction", "identity_removal"} <= set(control.tasks)
    assert ours.families == ["gan"] and "gan" in control.families and control.control
    assert {"weights", "gradients", "discriminator", "training_data"} < set(ours.access)
    assert "default" in [point.name for point in ours.points]


def test_the_result_is_the_average_of_g(task):
    last, averaged = (method.edit_data(generator(), task, budget(8), ema=ema).sample(8, rng()) for ema in (0.0, 0.9))
    base = generator().sample(8, rng())
    assert 0 < (averaged.float() - base.float()).abs().mean() < (last.float() - base.float()).abs().mean()


@pytest.mark.parametrize("form", FORMS)
def test_the_seed_decides(form, tmp_path):
    def run(name, seed):
        given = {"retain": halves(0, 20), "forget": halves(1, 5), "guide": guide()}
        return EDITS[form](generator(), redaction(tmp_path / name, **given, seed=seed), budget(4)).sample(4, rng())

    assert torch.equal(run("a", 0), run("b", 0)) and not torch.equal(run("c", 0), run("d", 1))


def test_some_of_the_budget_is_left(task):
    spent = budget(10)
    method.edit_data(generator(), task, spent)
    assert spent.gradient_steps == 6 and not spent.cut


@pytest.mark.parametrize(
    ("form", "setting", "message"),
    [
        ("data", {"lam": 1.0}, "lam"),
        ("data", {"lam": -0.1}, "lam"),
        ("data", {"share": 0.0}, "share"),
        ("data", {"share": 1.5}, "share"),
        ("data", {"lr": -1.0}, "lr"),
        ("data", {"ema": 1.0}, "ema"),
        ("validity", {"lam": 0.0}, "lam"),
        ("validity", {"every": 0}, "every"),
        ("validity", {"draws": 0}, "draws"),
        ("classifier", {"tau": 0.0}, "tau"),
        ("classifier", {"tau": 1.0}, "tau"),
    ],
)
def test_bad_settings_say_what_to_change(form, setting, message, task):
    with pytest.raises(ValueError, match=message):
        EDITS[form](generator(), task, budget(2), **setting)


def test_bad_tasks_say_what_is_missing(tmp_path):
    write = partial(redaction, guide=guide())
    none, some = halves(0, 20)[:0], halves(0, 20)
    with pytest.raises(ValueError, match=r"task\.forget must hold"):
        method.edit_data(generator(), write(tmp_path / "a", retain=some, forget=none), budget(2))
    with pytest.raises(ValueError, match=r"task\.retain must hold"):
        method.edit_data(generator(), write(tmp_path / "b", retain=some[:1], forget=some), budget(2))
    hats = write(tmp_path / "c", retain=some, target={"attribute": "hat", "values": [1]})
    shares = write(tmp_path / "d", retain=some, target={"attribute": "category", "shares": [0.5, 0.5]})
    for edit in (method.edit_validity, method.edit_classifier):
        with pytest.raises(ValueError, match="does not know 'hat'"):
            edit(generator(), hats, budget(2))
        with pytest.raises(ValueError, match="must name values"):
            edit(generator(), shares, budget(2))
    flow = family("flow")({"channels": 1, "size": 8, "bits": 4, "levels": 2, "steps": 2, "hidden": 8})
    with pytest.raises(ValueError, match="no discriminator"):
        method.edit_data(flow, write(tmp_path / "e", retain=some, forget=some), budget(2))
