"""Train one small network under given settings, score it, and time it.

Unlike in `training.fit` nothing is kept on disk and no validation part
decides: a trial is short, and its last averaged weights are scored.
"""

import functools
import time

import cv2
import keras
import numpy as np

from ..data import masks
from ..evaluation import metrics, postprocessing, robustness
from ..model import augmentation, checkpoint, losses, optimizer, training, unet

TESTS = {"speckle": 0.5, "marks": 2}  # strengths, see `robustness`
FULL = 512  # pixels: about the side of an image before it becomes a square


def trained(
    images,
    labels,
    *,
    steps,
    width=16,
    depth=4,
    batch_size=8,
    learning_rate=2e-3,
    overlap=True,
    disturb=None,
    start=None,
    seed=0,
):
    """Return a network trained for `steps` batches, whatever the images.

    images, labels: as `augmentation.Batches` takes them. overlap: with the
    Dice part of the loss. disturb: from an image and a random generator to an
    image, after the usual augmentation. start: a file for
    `checkpoint.start_from`. Same settings, same weights on one machine's CPU.
    Its attribute `curve` has the loss of each batch.
    """
    keras.utils.set_random_seed(seed)
    network = images.shape[1], width, depth
    model = unet.build(*network)
    if start:
        checkpoint.start_from(model, start)
    precision = keras.config.dtype_policy().name
    learner, rate, first = compiled(network, overlap, steps, precision)
    rate.assign(learning_rate)
    changing = learner.variables + learner.optimizer.variables
    for own, value in zip(changing, model.variables + first, strict=True):
        own.assign(value)
    views = Views(images, labels, batch_size, seed, disturb)
    curve = []
    for i in range(steps):
        views.epoch, k = divmod(i, len(views))
        curve.append(training.step(learner, *views[k]))
    learner.optimizer.finalize_variable_values(learner.trainable_variables)
    model.set_weights(learner.get_weights())
    model.curve = np.array(curve)
    return model


@functools.cache
def compiled(network, overlap, steps, precision):
    """Return a network ready to train, its rate, and its optimizer's values.

    The rate is a variable, the values those before the first step. network:
    (size, width, depth). Building its graph takes longer than a trial: those
    that differ in data, seed and learning rate only share one, each from its
    first step.
    """
    model = unet.build(*network)
    rate = keras.Variable(1e-3, trainable=False, name="highest_rate")
    rule = optimizer.scheduled(steps // 10, steps, rate)
    loss = losses.segmentation_loss if overlap else without_overlap
    training.compile_for(model, rule, loss, metrics=())
    first = [variable.numpy() for variable in model.optimizer.variables]
    return model, rate, first


def without_overlap(labels, classes):
    """Return `losses.segmentation_loss` minus its Dice part, (n,)."""
    whole = losses.segmentation_loss(labels, classes)
    return whole - losses.dice_loss(labels, classes)


class Views(augmentation.Batches):
    """Batches whose views also go through a disturbance, if there is one."""

    def __init__(self, images, labels, batch_size, seed, disturb):
        super().__init__(images, labels, batch_size, seed)
        self.disturb = disturb

    def pair(self, k, place):
        image, label = super().pair(k, place)
        if self.disturb:
            rng = np.random.default_rng((self.seed, self.epoch, k, 1))
            image = self.disturb(image, rng)
        return image, label


def disturb(image, rng):
    """Return an image with random speckle or marks, or by chance as it is."""
    kind = rng.choice(["", *TESTS])
    if not kind:
        return image
    strength = rng.uniform(0, 1.5 * TESTS[kind])
    return changed(image, kind, strength, rng)


def changed(image, kind, strength, rng):
    """Return a square with a disturbance; marks shrink with their image."""
    if kind != "marks":
        return robustness.DISTURBANCES[kind](image, strength, rng)
    large = cv2.resize(image, (FULL, FULL))
    drawn = np.float32(robustness.marks(large, strength, rng)) - large
    small = cv2.resize(drawn, image.shape, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(image + small), 0, 255).astype(np.uint8)


def disturbed(images, kind):
    """Return test images with one disturbance, each with its own Generator."""
    rngs = map(np.random.default_rng, range(len(images)))
    pairs = zip(images, rngs, strict=True)
    how = kind, TESTS[kind]
    return np.stack([changed(image, *how, rng) for image, rng in pairs])


def case_dice(model, images, references):
    """Return the Dice of each case at its ORIGINAL size, float (n,).

    images: uint8 (n, size, size), letterboxed; references: n bool (h, w).
    """
    dice, predictions = [], training.predict(model, images)
    for reference, classes in zip(references, predictions, strict=True):
        box = masks.Letterbox.of(*reference.shape, images.shape[1])
        mask = postprocessing.lesion_mask(classes, box)
        dice.append(metrics.dice(reference, mask))
    return np.array(dice)


def core_seconds(job):
    """Return how many seconds all cores of this process worked for `job()`."""
    began = time.process_time()
    job()
    return time.process_time() - began
