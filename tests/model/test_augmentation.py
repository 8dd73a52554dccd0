"""Augmented batches: image and mask move together, and a run can be repeated."""

import numpy as np
import pytest

from helpers.model import augmentation


@pytest.fixture
def pairs():
    """Twelve images whose grey values show their mask: lesion 200, background 60."""
    rng = np.random.default_rng(0)
    labels = np.zeros((12, 64, 64), np.uint8)
    for i, label in enumerate(labels):
        y, x = rng.integers(16, 32, 2)
        label[y : y + 16, x : x + 14] = 1 + i % 2
    return np.where(labels > 0, 200, 60).astype(np.uint8), labels


def test_image_and_mask_move_together(pairs):
    for i in range(12):
        image, label = augmentation.augment(
            pairs[0][i], pairs[1][i], np.random.default_rng(i)
        )
        # the padding is black, the background grey, the lesion bright
        threshold = (int(image.max()) + int(np.median(image[image > 0]))) / 2
        bright, lesion = image > threshold, label > 0
        assert (bright & lesion).sum() / (bright | lesion).sum() > 0.9
        assert set(np.unique(label)) == {0, 1 + i % 2}


def test_batches_depend_on_seed_and_epoch_alone(pairs):
    one, again = (
        augmentation.Batches(*pairs, batch_size=5, seed=3) for _ in range(2)
    )
    again[2], again[0]  # reading in another order changes nothing
    for i in range(3):
        assert np.array_equal(one[i][0], again[i][0])
        assert np.array_equal(one[i][1], again[i][1])
    again.epoch = 1
    assert not np.array_equal(one[0][0], again[0][0])
    other = augmentation.Batches(*pairs, batch_size=5, seed=4)
    assert not np.array_equal(one[0][0], other[0][0])


def test_an_epoch_shows_every_case_once(pairs):
    images = pairs[0].copy()
    images[:, 0, 0] = np.arange(12)
    epoch = augmentation.Batches(
        images, pairs[1], batch_size=5, seed=0, augment=False
    )
    seen = np.concatenate([epoch[i][0][:, 0, 0, 0] for i in range(len(epoch))])
    assert sorted(np.round(seen * 255)) == list(range(12))
    assert [len(epoch[i][0]) for i in range(len(epoch))] == [5, 5, 2]


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
