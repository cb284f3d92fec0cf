"""DiffAugment: each augmentation changes images as the paper says, by chance that a seed fixes; gradients pass."""

import pytest
import torch

from retouch.benchmark.generators.diffaugment import AUGMENTATIONS, colour, cutout, translation

X = torch.rand(64, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("augment", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
def test_a_seed_fixes_it_and_gradients_pass(augment):
    torch.manual_seed(0)
    first = augment(x := X.clone().requires_grad_())
    torch.manual_seed(0)
    assert torch.equal(first, augment(X)) and first.shape == X.shape
    assert not torch.equal(first, augment(X)) and not torch.equal(first, X)
    first.sum().backward()
    assert x.grad.isfinite().all() and (x.grad.abs().sum((1, 2, 3)) > 0).all()


def test_translation_moves_an_eighth_and_fills_zeros():
    torch.manual_seed(0)
    point = torch.zeros(500, 1, 16, 16)
    point[:, :, 8, 8] = 1
    moved = translation(point).flatten(1)
    assert (moved.sum(1) == 1).all()
    rows, columns = moved.argmax(1) // 16 - 8, moved.argmax(1) % 16 - 8
    assert rows.unique().tolist() == columns.unique().tolist() == [-2, -1, 0, 1, 2]
    assert abs(float(torch.corrcoef(torch.stack([rows, columns]).float())[0, 1])) < 0.15
    assert (translation(torch.ones(500, 1, 16, 16)).mean((1, 2, 3)) < 1).any()


def test_cutout_takes_a_square_of_half_the_width():
    torch.manual_seed(0)
    holes = (cutout(torch.ones(2000, 2, 12, 12)) == 0).float()
    assert torch.equal(holes[:, 0], holes[:, 1])
    area = holes[:, 0].sum((1, 2))
    assert area.max() == 36 and area.min() >= 9  # at a corner a quarter of it is inside
    assert holes.mean((0, 1)).min() > 0.05


def test_colour_keeps_the_pattern_of_every_channel():
    torch.manual_seed(0)
    out = colour(X)
    grey, before = out.mean(1).flatten(1), X.mean(1).flatten(1)
    for a, b in zip(grey, before, strict=True):  # of the grey image: contrast and brightness alone
        assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.999
    ratio = grey.std(1) / before.std(1)
    assert ratio.min() > 0.5 and ratio.max() < 1.5 and ratio.std() > 0.2
    assert (grey.mean(1) - before.mean(1)).abs().max() < 0.5
