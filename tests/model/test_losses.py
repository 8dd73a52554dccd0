"""The loss falls with what is wrong; the metric is Dice."""

import numpy as np
import pytest
import tensorflow as tf

from helpers.model import losses


def slope(part, labels, lesion):
    """Return how a part of the loss moves with each pixel's probability."""
    p = tf.constant(lesion[None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(p)
        classes = tf.stack([1 - p, 0.6 * p, 0.4 * p], axis=-1)
        loss = part(labels[None].astype(np.int32), classes)
    return tape.gradient(loss, p)[0].numpy()


def spots():
    """Return a faint and a sure spot, (16, 16), which mark nothing else."""
    lesion = np.zeros((16, 16))
    lesion[2:6, 2:6], lesion[10:14, 10:14] = 0.3, 0.9
    return lesion


@pytest.mark.parametrize("part", [losses.dice_loss, losses.image_loss])
def test_no_false_positive_of_a_normal_image_is_pushed_up(part):
    lesion = spots()
    found = slope(part, np.zeros((16, 16)), lesion)
    assert (found[lesion > 0] > 0).all()
    assert found[lesion == 0.9].sum() > 0.02


def test_a_missed_lesion_is_raised_and_not_what_is_marked_elsewhere():
    lesion = spots()
    found = slope(losses.image_loss, 2 * (lesion == 0.3), lesion)
    assert (found[lesion == 0.3] < 0).all() and not found[lesion == 0.9].any()


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
    inside, everywhere = (n * 0.3**3 / (n * 0.3**2 + 1e-3) for n in (1, 4))
    one = -np.log([0.1, 0.7, 0.7, 0.7]).mean() + 1 - 1.6 / 3.2
    one += 0.3 * (-np.log(inside) - 1.5 * np.log(0.1 / 0.301))
    spot = 4 / 128
    none = -np.log(0.7) + 1 - spot / (1.2 + spot)
    none -= 0.3 * np.log(1 - everywhere)
    found = np.array(losses.segmentation_loss(labels, classes))
    assert found == pytest.approx([one, none], rel=1e-4)
