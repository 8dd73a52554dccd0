"""The loss falls with what is wrong; the metric is Dice."""

import numpy as np
import pytest

from helpers.model import losses


def test_loss_on_an_empty_mask_falls_with_the_false_lesion():
    empty, values = np.zeros((1, 8, 8), np.int32), []
    for probability in (0.9, 0.5, 0.1):
        classes = np.zeros((1, 8, 8, 3), np.float32)
        classes[..., 0], classes[..., 1] = 1 - probability, probability
        parts = losses.dice_loss, losses.image_loss
        values.append([float(part(empty, classes)[0]) for part in parts])
    high, middle, low = np.array(values)
    assert (high > middle).all() and (middle > low).all()
    assert (high > low + 0.1).all()


def test_image_loss_asks_for_the_class_too():
    labels = np.zeros((1, 8, 8), np.int32)
    labels[0, 2:5, 2:5] = 2
    right = np.zeros((1, 8, 8, 3), np.float32)
    right[..., 0] = 1
    right[0, 2:5, 2:5] = [0.05, 0.05, 0.9]
    swapped = losses.image_loss(labels, right[..., [0, 2, 1]])
    assert swapped > losses.image_loss(labels, right) + 0.5


def test_metric_is_dice_of_the_thresholded_lesion():
    labels = np.zeros((1, 4, 4), np.int32)
    labels[0, :2] = 2
    classes = np.zeros((1, 4, 4, 3), np.float32)
    classes[..., 0] = 1
    classes[0, 1:3] = [0.2, 0.4, 0.4]
    assert float(losses.lesion_dice(labels, classes)) == pytest.approx(0.5)
