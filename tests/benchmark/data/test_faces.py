"""Laws of the rendered faces: fixed pixels, images that stand alone, and the mix that the design states."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.benchmark.data.faces import KEPT, NAMES, OF_IMAGE, SPLITS, Design, contact_sheet, faces, mix
from retouch.benchmark.data.images import Images, concat
from retouch.benchmark.data.population import MARKS, look_alikes, population, uniforms
from retouch.benchmark.support.cache import keep

PINNED = {
    16: "fe979bbc1746e082ae1f0d28a2d72104abbc14e824f59c1a3bd56e91483f9d38",
    24: "aac3c880a09d65cd5902fea13b53647766f77508c2eb1cede46e576ace5c1641",
    33: "85b9f44f63dc38420e54a889941da817243c269a477186da0e31829d1fc3277c",
}


@pytest.mark.parametrize("size", PINNED)
def test_pixels_never_change(size):
    """Models are trained on these very bytes. Another renderer is another data set: raise VERSION, add a new pin."""
    assert hashlib.sha256(faces("train", 64, size).images.tobytes()).hexdigest() == PINNED[size]


@pytest.mark.parametrize("split", SPLITS)
def test_an_image_does_not_depend_on_how_many_are_drawn(split):
    many, few, one = faces(split, 90, 16), faces(split, 7, 16), faces(split, 1, 16, start=40)
    assert (few.images == many.images[:7]).all() and (one.images == many.images[40:41]).all()
    assert all((few.labels[name] == many.labels[name][:7]).all() for name in many.labels)


def test_a_damaged_file_of_faces_is_drawn_again(cache):
    drawn = faces("train", KEPT, 16).images
    [file] = (cache / "faces").iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:5000], whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:]):
        file.write_bytes(damaged)
        assert (faces("train", KEPT, 16).images == drawn).all() and file.read_bytes() == whole
    keep(file, {"images": drawn[::-1]})  # and it is this file that is read
    assert (faces("train", KEPT, 16).images == drawn[::-1]).all()
    assert (faces("train", KEPT, 16, design=Design(smile=0.5)).images != drawn).any()
    assert len(list((cache / "faces").iterdir())) == 2


def test_splits_and_seeds_are_different_shots():
    sets = [faces(split, 40, 16, seed).images for split in SPLITS for seed in (0, 1)]
    assert len({image.tobytes() for images in sets for image in images}) == 40 * len(sets)


@pytest.mark.parametrize("size", [16, 17, 24, 32, 64, 128])
def test_every_size_works(size):
    drawn = faces("guide", 3, size)
    assert drawn.images.shape == (3, 3, size, size) and drawn.images.std() > 20


def test_a_face_is_the_same_at_every_size():
    small, large = faces("guide", 20, 16).images, faces("guide", 20, 64).images
    shrunk = large.reshape(20, 3, 16, 4, 16, 4).mean((3, 5))
    assert np.abs(shrunk - small).mean() < 6  # of 255; what is left is the edges


def test_none_at_all():
    assert len(faces("train", 0)) == 0


DESIGNS = {
    "as it is": Design(),
    "without the first": Design(exclude=(0,)),
    "other people": Design(people=20, seed=3, shares=(0.3,), glasses=(0.5, 0.1), smile=0.2, hat=0.4),
    "even glasses": Design(target={"glasses": {0: 0.5, 1: 0.5}}),
    "even beards": Design(target={"beard": {0: 0.5, 1: 0.5}}),
    "skin tones": Design(target={"skin_tone": {0: 0.2, 1: 0.3, 2: 0.5}}),
    "a table": Design(target={("glasses", "dark_hair"): {(0, 0): 0.1, (0, 1): 0.2, (1, 0): 0.3, (1, 1): 0.4}}),
    "hats on smiles": Design(target={("hat", "smile"): {(0, 0): 0.5, (1, 1): 0.5}}, exclude=(1,)),
}


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_drawn_images_follow_the_exact_mix(design):
    n = 4000
    labels = faces("train", n, 16, design=design).labels
    for names in [("identity",), *((name,) for name in NAMES), ("glasses", "dark_hair"), ("hat", "smile")]:
        wanted, drawn = mix(design, *names), np.zeros(mix(design, *names).shape)
        np.add.at(drawn, tuple(labels[name] for name in names), 1 / n)
        assert wanted.sum() == pytest.approx(1)
        assert (np.abs(drawn - wanted) <= 4.5 * np.sqrt(wanted * (1 - wanted) / n) + 1e-9).all(), names


def test_the_design_is_the_stated_one():
    assert mix(Design(), "identity")[:2] == pytest.approx([0.10, 0.06])
    assert mix(Design(), "glasses")[1] == pytest.approx(0.15, abs=0.01)
    joint = mix(Design(), "dark_hair", "glasses")
    assert joint[:, 1] / joint.sum(1) == pytest.approx([0.30, 0.08])
    long_hair = mix(Design(), "long_hair", "beard")
    assert long_hair[0, 1] / long_hair[0].sum() > 3 * long_hair[1, 1] / long_hair[1].sum()


@pytest.mark.parametrize("target", [d.target for d in DESIGNS.values() if d.target])
def test_a_target_holds_exactly(target):
    [(names, table)] = target.items()
    names = (names,) if isinstance(names, str) else names
    got = mix(Design(target=target), *names)
    assert all(got[cell] == pytest.approx(share) for cell, share in table.items()) and got.sum() == pytest.approx(1)


def test_a_target_of_the_image_does_not_depend_on_hair():
    joint = mix(Design(target={"glasses": {0: 0.5, 1: 0.5}}), "dark_hair", "glasses")
    assert joint[:, 0] == pytest.approx(joint[:, 1])


def test_excluded_people_never_appear_and_only_means_only():
    assert not np.isin(faces("train", 3000, 16, design=Design(exclude=(0, 5))).labels["identity"], [0, 5]).any()
    assert set(faces("train", 300, 16, design=Design(only=(0, 7))).labels["identity"]) == {0, 7}


def test_strangers_are_many_and_stay_when_one_is_excluded():
    strangers = faces("strangers", 3000, 16)
    assert len(strangers.names["identity"]) == 300 and len(set(strangers.labels["identity"])) == 300
    assert (faces("strangers", 9, 16, design=Design(exclude=(0,))).images == strangers.images[:9]).all()


def test_people_are_the_same_however_many_there_are():
    few, many = population(0, 12), population(0, 60)
    assert all((few[name] == many[name][:12]).all() for name in few)


def test_no_two_people_look_alike_but_each_has_its_look_alikes():
    every = np.array([faces("judge", 1, 16, design=Design(only=(k,))).images[0] for k in range(48)]).astype(float)
    gaps = np.abs(every[:, None] - every).mean((2, 3, 4)) + 1000 * np.eye(48)  # the same shot of everybody
    assert gaps.min() > 5
    assert 0 not in look_alikes(0) and len(look_alikes(0, 5)) == 5
    people = population()
    assert all((people[name] == people[name][0]).sum() > 5 for name in MARKS)


@pytest.mark.parametrize("name", OF_IMAGE)
def test_attributes_of_the_image_show(name):
    with_it, without = (faces("judge", 60, 24, design=Design(target={name: {v: 1.0}})) for v in (1, 0))
    assert with_it.labels[name].all() and not without.labels[name].any()
    changed = (np.abs(with_it.images.astype(int) - without.images).max(1) > 40).sum((1, 2))  # of 576 pixels
    assert changed.min() >= 8 and np.median(changed) >= 16


@given(st.text(max_size=9), st.integers(0, 2**40), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_uniforms_are_rows_that_stand_alone(stream, first, n):
    rows = uniforms(stream, np.arange(first, first + n))
    assert (rows >= 0).all() and (rows < 1).all() and (rows[-1] == uniforms(stream, np.array([first + n - 1]))[0]).all()


def test_uniforms_are_uniform_and_uncorrelated():
    rows = uniforms("a", np.arange(4000))
    assert np.abs(rows.mean(0) - 0.5).max() < 0.02 and np.abs(np.corrcoef(rows.T) - np.eye(64)).max() < 0.08


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: faces("test", 1), "no split 'test'"),
        (lambda: faces("train", -1), "negative"),
        (lambda: faces("train", 1, 15), "16 to 128"),
        (lambda: faces("train", 1, 129), "16 to 128"),
        (lambda: Design(exclude=(48,)), "no such identities"),
        (lambda: Design(people=1), "shares"),
        (lambda: Design(smile=1.2), r"\[0, 1\]"),
        (lambda: Design(shares=(0.7, 0.6)), "sum"),
        (lambda: Design(target={"moustache": {0: 1.0}}), "no attribute 'moustache'"),
        (lambda: Design(target={"beard": {0: 0.5}}), "sum to 1"),
        (lambda: Design(target={"beard": {2: 1.0}}), "does not fit"),
        (lambda: Design(target={"beard": {"0": 1.0}}), "does not fit"),
        (lambda: Design(target={("hat", "hat"): {(0, 0): 1.0}}), "twice"),
        (lambda: Design(target={"hat": {0: 1.0}, "smile": {0: 1.0}}), "one table"),
        (lambda: faces("train", 1, design=Design(only=(0,), exclude=(0,))), "leaves nobody"),
        (
            lambda: faces("train", 1, design=Design(only=(0,), target={"beard": {0: 0.5, 1: 0.5}})),
            "nobody is like that",
        ),
    ],
)
def test_bad_arguments_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


def test_contact_sheet_has_a_row_for_each_person():
    assert contact_sheet(people=2, shots=3, size=16, scale=2).shape == (64, 96, 3)


def test_images_are_chosen_and_joined_with_their_labels():
    drawn = faces("train", 12, 16)
    back = concat([drawn[:5], drawn[np.arange(12) >= 5]])
    assert (back.images == drawn.images).all() and (back.labels["smile"] == drawn.labels["smile"]).all()
    assert len(drawn[[]]) == 0 and len(drawn[np.array([3, 3])]) == 2


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda: Images(np.zeros((2, 3, 4, 4))), "uint8"),
        (lambda: Images(np.zeros((2, 4, 4), np.uint8)), "uint8"),
        (lambda: Images(np.zeros((2, 1, 4, 4), np.uint8), {"digit": np.zeros(3, np.int64)}), "'digit'"),
        (lambda: Images(np.zeros((1, 1, 4, 4), np.uint8), {}, {"digit": ["0"]}), "no such label"),
        (lambda: Images(np.zeros((1, 1, 4, 4), np.uint8), {"a": np.ones(1, np.int64)}, {"a": ["0"]}), "0..0"),
        (lambda: faces("train", 2, 16)[0], "mask or a slice"),
        (lambda: concat([]), "at least one"),
        (lambda: concat([faces("train", 1, 16), faces("train", 1, 17)]), "shapes"),
        (lambda: concat([faces("train", 1, 16), faces("strangers", 1, 16)]), "names differ"),
    ],
)
def test_bad_images_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
