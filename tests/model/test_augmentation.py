"""Augmented batches: image and mask move together, a run can be repeated."""

import cv2
import numpy as np
import pytest

from helpers.model import augmentation


@pytest.fixture
def pairs():
    """Twelve images, lesion 200 on background 60, and their label maps."""
    rng = np.random.default_rng(0)
    labels = np.zeros((12, 64, 64), np.uint8)
    for i, label in enumerate(labels):
        y, x = rng.integers(16, 32, 2)
        label[y : y + 16, x : x + 14] = 1 + i % 2
    return np.where(labels > 0, 200, 60).astype(np.uint8), labels


def test_image_and_mask_move_together(pairs, monkeypatch):
    monkeypatch.setattr(augmentation, "random_intensity", lambda x, rng: x)
    for i, pair in enumerate(zip(*pairs, strict=True)):
        image, label = augmentation.augment(*pair, np.random.default_rng(i))
        # the padding is black, the background grey, the lesion bright
        bright, lesion = image > 130, label > 0
        assert (bright & lesion).sum() / (bright | lesion).sum() > 0.9
        assert set(np.unique(label)) == {0, 1 + i % 2}


def test_another_scanner_moves_nothing_and_keeps_what_is_brighter(pairs):
    seen = []
    for i, (image, label) in enumerate(zip(*pairs, strict=True)):
        rng = np.random.default_rng(i)
        other = augmentation.random_intensity(image, rng)
        assert other.dtype == np.uint8 and other.shape == image.shape
        rim = cv2.dilate(label, np.ones((7, 7))) - label > 0
        assert other[label > 0].mean() > 1.5 * other[rim].mean()
        seen.append(other[label > 0].mean())
    assert np.std(seen) > 10


def test_batches_depend_on_seed_and_epoch_alone(pairs):
    one, again = (augmentation.Batches(*pairs, 5, seed=3) for _ in range(2))
    again[2], again[0]  # reading in another order changes nothing
    for i in range(3):
        assert all(map(np.array_equal, one[i], again[i]))
    again.epoch = 1
    assert not np.array_equal(one[0][0], again[0][0])
    other = augmentation.Batches(*pairs, 5, seed=4)
    assert not np.array_equal(one[0][0], other[0][0])


def test_an_epoch_shows_every_case_once(pairs):
    images = pairs[0].copy()
    images[:, 0, 0] = np.arange(12)
    epoch = augmentation.Batches(images, pairs[1], 5, seed=0, augment=False)
    batches = [epoch[i][0] for i in range(len(epoch))]
    assert [len(batch) for batch in batches] == [5, 5, 2]
    first_pixels = np.concatenate(batches)[:, 0, 0, 0]
    assert sorted(np.round(first_pixels * 255)) == list(range(12))


def test_an_epoch_shows_each_part_as_often_as_wanted(pairs):
    parts = ["a"] * 8 + ["b"] * 4
    views = augmentation.shares(parts, {"a": 4, "b": 10})
    assert views.tolist() == [0.5] * 8 + [2.5] * 4
    epoch = augmentation.Batches(*pairs, 5, seed=0, views=views)
    seen = np.zeros(12)
    for epoch.epoch in range(10):
        order = epoch.order()
        assert len(order) == 14 and len(epoch) == 3
        counts = np.bincount(order, minlength=12)
        assert np.all(np.abs(counts - views) < 1)
        seen += counts
    assert sum(seen[:8]) == pytest.approx(40, abs=4)
    again = [i for i in range(14) if order[i] == order[-1]]
    one, other = (epoch.pair(order[i], i)[0] for i in again[:2])
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="12 in all"):
        augmentation.shares(parts, {"a": 4})


def test_input_is_one_range_whatever_came_in():
    grey = np.full((2, 4, 4), 51, np.uint8)
    for images in (grey, grey[..., None], grey / 255, (grey / 255)[..., None]):
        ready = augmentation.as_input(images)
        assert ready.shape == (2, 4, 4, 1) and ready.dtype == np.float32
        assert ready == pytest.approx(0.2)


@pytest.mark.parametrize(
    "bad", [np.full((1, 4, 4), 51.0), np.zeros((4, 4)), np.zeros(3)]
)
def test_input_of_another_kind_is_refused(bad):
    with pytest.raises(ValueError, match=r"\[0, 1\]|must be"):
        augmentation.as_input(bad)


def test_a_view_is_mirrored_at_times_and_never_upside_down():
    rngs = map(np.random.default_rng, range(200))
    made = np.stack([augmentation.random_affine(64, rng) for rng in rngs])
    assert (made[:, 1, 1] > 0).all()
    assert 0.3 < (made[:, 0, 0] < 0).mean() < 0.7
