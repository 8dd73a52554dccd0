"""Toy images are seeded, and hold what their labels say."""

import numpy as np

from helpers.claims import toy_images


def test_toy_images_are_seeded_and_hold_what_they_say():
    images, labels = toy_images.draw(9, 48, seed=3)
    again, _ = toy_images.draw(9, 48, seed=3)
    assert np.array_equal(images, again)
    assert images.dtype == labels.dtype == np.uint8
    assert [int(label.max()) for label in labels] == [0, 1, 2] * 3
    assert images[1][labels[1] == 1].mean() < images[1][labels[1] == 0].mean()
    assert images[2][labels[2] == 2].mean() > images[2][labels[2] == 0].mean()
