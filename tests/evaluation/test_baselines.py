"""Predictions without a network find what is plain, and fail softly."""

import numpy as np
import pytest

from helpers.evaluation import baselines, metrics

METHODS = baselines.CLASSICAL
each = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def disc(centre, radius, size=96):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


@pytest.fixture(scope="module")
def scene():
    """A dark disc in the middle, another at the side, on bright grain."""
    rng = np.random.default_rng(0)
    lesion, other = disc((50, 45), 16), disc((20, 85), 8)
    image = np.where(lesion | other, 40, 150) + rng.normal(0, 12, lesion.shape)
    return np.clip(image, 1, 255).astype(np.uint8), lesion


@each
def test_a_dark_disc_in_the_middle_is_found_each_time(method, scene):
    image, lesion = scene
    mask = method(image)
    assert mask.dtype == bool and mask.shape == image.shape
    assert metrics.dice(lesion, mask) > 0.8
    assert np.array_equal(method(image), mask)


@each
@pytest.mark.parametrize("grey", [0, 120, 255])
def test_an_even_image_is_no_error(method, grey):
    mask = method(np.full((64, 64), grey, np.uint8))
    assert mask.dtype == bool and mask.shape == (64, 64)


def test_the_fixed_shape_is_the_best_of_its_kind():
    lesions = np.stack([disc((50, 45 + k), 16) for k in (-4, 0, 0, 4)])

    def mean_dice(shape):
        return np.mean([metrics.dice(lesion, shape) for lesion in lesions])

    best = mean_dice(baselines.fixed_shape(lesions))
    for level in (0.25, 0.5, 1.0):
        assert best >= mean_dice(lesions.mean(axis=0) >= level) - 1e-9


def test_the_nearest_is_the_copy_and_never_of_the_same_fold():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (6, 64, 64)).astype(np.uint8)
    images[3:] = images[:3] // 2 + 20  # copies at another gain
    nearest = baselines.nearest_in_training(images, [0, 0, 0, 1, 1, 1])
    assert nearest.tolist() == [3, 4, 5, 0, 1, 2]
    together = baselines.nearest_in_training(images, [0, 1, 2, 0, 1, 2])
    assert (together % 3 != np.arange(6) % 3).all()


def test_the_mean_shape_is_that_of_the_other_folds():
    labels = np.zeros((9, 32, 32), np.uint8)  # the last four are normal
    labels[:2, 4:12, 4:12], labels[2:5, 16:24, 16:24] = 1, 2
    left, right = (np.kron(labels[i], np.ones((3, 3))) > 0 for i in (0, 2))
    references, folds = [left, right, left], [0, 0, 1]
    dice = baselines.mean_shape(
        references, folds, labels, [0, 0, 1, 1, 1, 0, 1, 1, 1]
    )
    assert dice == pytest.approx([0, 1, 1], abs=0.01)


def test_the_mean_shape_of_few_small_lesions_is_not_the_whole_image():
    labels = np.zeros((2, 64, 64), np.uint8)
    labels[:, 20:25, 30:35] = 1
    reference = labels[0] > 0
    (dice,) = baselines.mean_shape([reference], [0], labels, [0, 1])
    assert dice == 1


def test_the_central_one_of_two_dark_discs_is_taken_though_smaller():
    small, large = disc((50, 45), 10), disc((33, 68), 14)
    image = np.where(small | large, 40, 150).astype(np.uint8)
    assert metrics.dice(small, baselines.otsu(image)) > 0.8
