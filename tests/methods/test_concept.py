"""Prompts that name a concept, what stands in for each, and a base's own images of them."""

import pytest
import torch
from toy import prompted, rng, side_of

from retouch.methods import concept

FACES = ["a person", "a person with hat", "a person with glasses", "a person with glasses and hat", "a hatter"]


def test_a_stand_in_adds_few_words_and_shares_many():
    named, others = concept.sorted_out(FACES, "hat")
    assert named == ["a person with hat", "a person with glasses and hat"] and others[-1] == ""
    assert [concept.nearest(prompt, others) for prompt in named] == ["a person", "a person with glasses"]
    assert concept.nearest("8", ["3", "0", ""]) == "3"


def test_a_concept_that_no_prompt_names_is_asked_for_alone():
    assert concept.sorted_out(["left"], "right") == (["right"], ["left", ""])
    with pytest.raises(ValueError, match="every prompt of the base names 'a'"):
        concept.sorted_out(FACES, "a")


def test_own_images_show_their_prompts_and_stay_with_them():
    images, prompts = concept.own_images(prompted(120), ["left", "right"], 60, rng(1))
    shown = [["left", "right"][side] for side in side_of(images).tolist()]
    assert 20 < prompts.count("left") < 40
    assert sum(a == b for a, b in zip(shown, prompts, strict=True)) > 45
    some, theirs = concept.drawn((images, prompts), 30, rng(2))
    rows = torch.randint(60, (30,), generator=rng(2))
    assert torch.equal(some, images[rows]) and theirs == [prompts[i] for i in rows.tolist()]
    assert concept.drawn((images, []), 3, rng(2))[1] == []
