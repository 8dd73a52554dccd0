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


def test_metric_is_each_images_dice_of_the_thresholded_lesion():
    labels = np.zeros((3, 4, 4), np.int32)
    labels[:2, :2] = 2
    classes = np.zeros((3, 4, 4, 3), np.float32)
    classes[..., 0] = 1
    classes[0, 1:3] = [0.2, 0.4, 0.4]
    found = losses.lesion_dice(labels, classes)
    assert np.array(found) == pytest.approx([0.5, 0, 1], abs=1e-5)


def test_the_loss_by_hand_with_and_without_a_lesion():
    labels = np.zeros((2, 2, 2), np.int32)
    labels[0, 0, 0] = 2
    classes = np.zeros((2, 2, 2, 3), np.float32)
    classes += np.float32([0.7, 0.2, 0.1])
    lesion, malignant = 4 * 0.3**3 / (4 * 0.3**2 + 1e-3), 0.4 / 1.201
    one = -np.log([0.1, 0.7, 0.7, 0.7]).mean() + 1 - 1.6 / 3.2
    one += 0.3 * (-np.log(lesion) - 0.5 * np.log(malignant))
    none = -np.log(0.7) + 1 - 1 / 2.2 - 0.3 * np.log(1 - lesion)
    found = np.array(losses.segmentation_loss(labels, classes))
    assert found == pytest.approx([one, none], rel=1e-4)
