"""Answers without a network: they find what is plainly there, and fail softly."""

import numpy as np
import pytest

from helpers.claims import toy_images
from helpers.evaluation import baselines, metrics

METHODS = list(baselines.CLASSICAL.values())
each = pytest.mark.parametrize(
    "method", METHODS, ids=list(baselines.CLASSICAL)
)


def disc(centre, radius, size=96):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


@pytest.fixture(scope="module")
def scene():
    """A dark disc in the middle, another dark one at the side, on bright grain."""
    rng = np.random.default_rng(0)
    lesion, other = disc((50, 45), 16), disc((20, 85), 8)
    image = np.where(lesion | other, 40, 150) + rng.normal(0, 12, lesion.shape)
    return np.clip(image, 1, 255).astype(np.uint8), lesion


@each
def test_a_dark_disc_in_the_middle_is_found(method, scene):
    image, lesion = scene
    answer = method(image)
    assert answer.dtype == bool and answer.shape == image.shape
    assert metrics.dice(lesion, answer) > 0.8


@each
@pytest.mark.parametrize("grey", [0, 120, 255])
def test_an_even_image_is_no_error(method, grey):
    answer = method(np.full((64, 64), grey, np.uint8))
    assert answer.dtype == bool and answer.shape == (64, 64)


@each
def test_the_same_image_gives_the_same_answer(method, scene):
    assert np.array_equal(method(scene[0]), method(scene[0]))


def test_the_fixed_shape_is_the_best_of_its_kind():
    lesions = np.stack([disc((50, 45 + k), 16) for k in (-4, 0, 0, 4)])
    shape = baselines.fixed_shape(lesions)
    found = np.mean([metrics.dice(x, shape) for x in lesions])
    for share in (0.25, 0.5, 1.0):
        other = lesions.mean(axis=0) >= share
        assert (
            found >= np.mean([metrics.dice(x, other) for x in lesions]) - 1e-9
        )


def test_toy_pictures_are_seeded_and_hold_what_they_say():
    images, labels = toy_images.draw(9, 48, seed=3)
    again, _ = toy_images.draw(9, 48, seed=3)
    assert (
        np.array_equal(images, again)
        and images.dtype == labels.dtype == np.uint8
    )
    assert [int(label.max()) for label in labels] == [0, 1, 2] * 3
    assert images[1][labels[1] == 1].mean() < images[1][labels[1] == 0].mean()
    assert images[2][labels[2] == 2].mean() > images[2][labels[2] == 0].mean()
