"""Honest objects that sample, and generators with one planted fault each, by the law that it breaks."""

import torch
import toy

from retouch.benchmark.generators import family

Flow, Gan, Diffusion = (family(kind) for kind in toy.CONFIGS)


class Samples:
    """Images whose brightness is drawn: the least that `edit` may return."""

    def sample(self, n, rng):
        return torch.randint(0, 256, (n, 1, 8, 8), generator=rng, dtype=torch.uint8)


class Edits(Samples):
    """An editor of the small GAN: adds to every image's brightness."""

    def __init__(self):
        self.generator = toy.generator("gan")

    def edit_attribute(self, z, value):
        images = self.generator.decode(z).float() + 60 * value.view(-1, 1, 1, 1)
        return images.clamp(0, 255).to(torch.uint8)


class Classes(Samples):
    """Ten classes of brightness."""

    conditions = 10

    def sample(self, n, rng, condition=None):
        known = torch.randint(0, 10, (n,), generator=rng) if condition is None else condition
        if len(known) != n:
            raise ValueError(f"{len(known)} conditions for {n} images")
        return super().sample(n, rng) // 10 + (20 * known.view(-1, 1, 1, 1)).to(torch.uint8)


draw = Samples().sample
log_prob = Flow.log_prob


@torch.no_grad()
def trains_while_sampling(self, n, rng):
    self.module.train()
    return self.decode(self.latent(n, rng))


def without_a_step(self, images):
    self.module.train()
    return self.loss(images).item()


def uphill(self, images):
    step = -self.lr * 100
    loss = self.loss(images)
    loss.backward()
    for p in self.module.parameters():
        p.data -= step * p.grad.clamp(-1, 1)
        p.grad = None
    return loss.item()


def explodes(self, images):
    for p in self.module.parameters():
        p.data += torch.inf
    return 0.0


def shares_its_networks(self):
    twin = type(self)(self.config, self.lr)
    twin.module = self.module
    return twin


def drops_a_setting(self):
    twin = Flow(self.config, self.lr)
    twin.module.load_state_dict(self.module.state_dict())
    return twin


def cooled(self, **config):
    Flow.build(self, **config)
    self.temperature = 0.3


def pickles(self, folder, half=True):
    torch.save(self.module.state_dict(), folder / "model.pt")


def brightest_of_the_batch(self, z):
    images = Gan.decode(self, z).float()
    return (255 * images / images.max()).to(torch.uint8)


def latent_of_a_copy(self, n, rng=None):
    return torch.randn(n, 8, generator=rng and again(rng))


def mean_surprise(self, images):
    return -log_prob(self, images).mean()


def darker_where_guided(self, n, rng, guidance=None):
    images = Diffusion.sample(self, n, rng, guidance)
    return images if guidance is None else images // 2


def flat_h_space(self, x, t):
    return Diffusion.h_space(self, x, t).flatten(1)


def first_condition_for_all(self, n, rng, condition=None):
    return Classes.sample(self, n, rng, condition if condition is None else condition[:1].expand(n))


def column(gan):
    gan.discriminator.forward = lambda x: gan.discriminator.head(gan.discriminator.features(x))


def trains_g_alone(gan, images):
    kept = {name: value.clone() for name, value in gan.discriminator.state_dict().items()}
    loss = Gan.train_step(gan, images)
    gan.discriminator.load_state_dict(kept)
    return loss


def faulty_object(base, **members):
    """An object whose class has some members replaced."""
    return lambda: type("Faulty", (base,), members)()


def sampler(sample):
    return faulty_object(Samples, sample=sample)


def faulty(base, **members):
    """A small untrained generator whose class has some members replaced."""

    def made():
        torch.manual_seed(0)
        return type("Faulty", (base,), members)(toy.CONFIGS[base.family])

    return made


def again(rng):
    return torch.Generator().set_state(rng.get_state())


PLANTED = {  # law -> what breaks it
    "samples_are_images": {
        "floats": sampler(lambda self, n, rng: draw(n, rng) / 255),
        "one too many": sampler(lambda self, n, rng: draw(n + 1, rng)),
        "numpy": sampler(lambda self, n, rng: draw(n, rng).numpy()),
        "one image without its axis": sampler(lambda self, n, rng: draw(n, rng).squeeze(0)),
        "another size": faulty(Gan, sample=lambda self, n, rng: torch.zeros(n, 1, 4, 4, dtype=torch.uint8)),
    },
    "samples_follow_the_rng": {
        "a seed of its own": sampler(lambda self, n, rng: draw(n, torch.Generator().manual_seed(3))),
        "torch's own source": sampler(lambda self, n, rng: draw(n, None)),
    },
    "samples_move_the_rng": {"a copy of the rng": sampler(lambda self, n, rng: draw(n, again(rng)))},
    "samples_leave_the_weights": {"training mode": faulty(Gan, sample=trains_while_sampling)},
    "members_are_there": {"a flow without codes": faulty(Flow, encode=property())},
    "noise_follows_the_rng": {
        "torch's own source": faulty(Gan, latent=lambda self, n, rng=None: torch.randn(n, 8)),
        "a copy of the rng": faulty(Gan, latent=latent_of_a_copy),
        "integers": faulty(Gan, latent=lambda self, n, rng=None: torch.randint(0, 9, (n, 8), generator=rng)),
    },
    "samples_are_the_images_of_their_noise": {
        "its batch decides": faulty(Gan, decode=brightest_of_the_batch),
        "further noise": faulty(Gan, sample=lambda self, n, rng: Gan.sample(self, n, rng) ^ draw(n, rng) // 64),
    },
    "device_is_where_the_weights_are": {
        "a name": faulty(Gan, device="cpu"),
        "to returns nothing": faulty(Gan, to=lambda self, device: None),
    },
    "training_changes_the_weights": {
        "a tensor": faulty(Flow, train_step=lambda self, images: torch.tensor(Flow.train_step(self, images))),
        "no step": faulty(Flow, train_step=without_a_step),
        "infinite weights": faulty(Flow, train_step=explodes),
    },
    "training_lowers_the_loss": {"uphill": faulty(Flow, train_step=uphill)},
    "a_copy_is_equal": {"a setting lost": faulty(Flow, copy=drops_a_setting, build=cooled)},
    "a_copy_is_independent": {"one network for both": faulty(Flow, copy=shares_its_networks)},
    "what_is_saved_comes_back": {
        "a pickle": faulty(Gan, save=pickles),
        "nothing restored": faulty(Gan, restore=lambda self, folder: self),
    },
    "log_probs_are_finite": {
        "one number for all": faulty(Flow, log_prob=lambda self, images, rng=None: log_prob(self, images, rng).mean()),
        "infinite": faulty(Flow, log_prob=lambda self, images, rng=None: log_prob(self, images, rng) / 0),
        "noise of its own": faulty(Flow, log_prob=lambda self, images, rng=None: log_prob(self, images)),
    },
    "flows_invert": {
        "another code": faulty(Flow, encode=lambda self, images, rng=None: Flow.encode(self, images, rng).flip(0)),
    },
    "likelihoods_carry_gradients": {
        "detached": faulty(Flow, log_prob=torch.no_grad()(log_prob), loss=mean_surprise),
    },
    "discriminators_score_and_learn": {
        "a column": faulty(Gan, build=lambda self, **config: Gan.build(self, **config) or column(self)),
        "never trained": faulty(Gan, train_step=lambda self, images: trains_g_alone(self, images)),
    },
    "guidance_steers": {
        "ignored": faulty(Diffusion, sample=lambda self, n, rng, guidance=None: Diffusion.sample(self, n, rng)),
        "another sampler": faulty(Diffusion, sample=darker_where_guided),
    },
    "h_space_is_a_map": {"flat": faulty(Diffusion, h_space=flat_h_space)},
    "edits_move_the_attribute": {
        "value ignored": faulty_object(Edits, edit_attribute=lambda self, z, value: self.generator.decode(z)),
        "noise": faulty_object(Edits, edit_attribute=lambda self, z, value: draw(len(z), None)),
    },
    "conditions_count": {
        "ignored": faulty_object(Classes, sample=lambda self, n, rng, condition=None: draw(n, rng)),
        "not counted": faulty_object(Classes, sample=first_condition_for_all),
    },
}
