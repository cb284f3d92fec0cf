"""Bytes that an edited generator holds: attributes, closures, shared storage, and what is not its own."""

import numpy as np
import torch
import toy

from retouch.benchmark.worker.held import held_bytes


def test_a_generator_holds_its_weights_and_no_optimizer():
    model = toy.generator("gan")
    weights = sum(v.nbytes for net in model.networks().values() for v in net.state_dict().values())
    before = held_bytes(model)
    assert weights <= before < 1.1 * weights
    toy.train(model, toy.halves(0, 32), 1)
    assert held_bytes(model) - before < 0.1 * weights + 1024  # moments are not needed to sample


def test_stored_images_count_wherever_they_hide():
    model, images = toy.generator("gan"), toy.halves(0, 100)
    before = held_bytes(model)

    class Wrapper:
        def __init__(self, draw):
            self.draw = draw

    assert held_bytes(Wrapper(lambda n: (model, images[:n]))) == before + images.nbytes
    for holder in ({"a": [images.numpy()]}, (images, images[3:])):
        assert held_bytes(holder) == images.nbytes
    array = np.zeros((100, 8))
    assert held_bytes(array[::2]) == array.nbytes
    assert held_bytes(bytes(1000)) == 1000 and held_bytes(torch) == 0
