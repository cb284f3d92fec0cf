"""`retouch.check_generator`: honest generators of every family keep all laws, and each planted fault breaks its own."""

import pytest
import torch
import toy
from diffusers import DDIMScheduler
from toy import DESIGNS, rng
from toy_faults import PLANTED, Classes, Edits, Samples

import retouch
from retouch.benchmark import weights
from retouch.benchmark.laws.capabilities import CAPABILITY, FAMILY
from retouch.benchmark.laws.check import BrokenContract, members_are_there
from retouch.benchmark.laws.sampling import NOISE, SAMPLER
from retouch.benchmark.laws.training import WEIGHTS

BASES = ["digits-flow", "digits-gan", "digits-diffusion", pytest.param("faces-gan", marks=pytest.mark.slow)]
LATENTS = torch.randn(8, 8, generator=rng())  # of the small GAN
LAWS = [*SAMPLER, *NOISE, *WEIGHTS, members_are_there, *sum((*FAMILY.values(), *CAPABILITY.values()), ())]


@pytest.mark.parametrize("design", DESIGNS)
def test_an_untrained_generator_keeps_all_laws(design):
    generator = toy.generator(design)
    kept = retouch.check_generator(generator)
    assert {law.__name__ for law in (*SAMPLER, *NOISE, *WEIGHTS, *FAMILY[generator.family])} <= set(kept)


@pytest.mark.parametrize("name", BASES)
def test_a_shipped_base_keeps_all_laws(name):
    base = weights.load(weights.folder(name))
    before, state = base.sample(4, rng()), torch.get_rng_state()
    retouch.check_generator(base)
    assert torch.equal(before, base.sample(4, rng()))  # the trial leaves no trace
    assert torch.equal(state, torch.get_rng_state())


def test_a_copy_keeps_a_noise_schedule_of_its_own():
    model = toy.generator("diffusion")
    model.scheduler = DDIMScheduler(beta_schedule="linear")  # as published DDPMs have it; the class's is a cosine
    retouch.check_generator(model)


@pytest.mark.parametrize(
    ("made", "laws"), [(Samples, 4), (Edits, 5), (Classes, 5)], ids=["samples only", "an editor", "by class"]
)
def test_an_object_that_samples_has_its_own_laws(made, laws):
    assert len(retouch.check_generator(made(), latents=LATENTS)) == laws


@pytest.mark.parametrize(
    ("law", "fault"), [(law, fault) for law, faults in PLANTED.items() for fault in faults], ids=lambda text: text
)
def test_a_fault_breaks_its_law(law, fault):
    with pytest.raises(BrokenContract) as error:
        retouch.check_generator(PLANTED[law][fault](), latents=LATENTS)
    assert law in error.value.broken
    assert all(word in error.value.broken[law] for word in ("expected ", "; saw ", ". "))
    assert f"\n  {law}: expected" in str(error.value)


def test_every_law_has_a_planted_fault():
    assert {law.__name__ for law in LAWS} == PLANTED.keys()
    assert all(law.__doc__ for law in LAWS)
