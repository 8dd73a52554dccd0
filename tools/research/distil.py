"""Train one network to answer as several do: knowledge distillation.

For each view of an image the student learns the mean of what its teachers say
of that very view's pixels, not the outline (Hinton et al. 2015, arXiv
1503.02531; Beyer et al. 2022, CVPR, on showing both the same view). What the
image shows as a whole it learns from its label, as its teachers did.
"""

import cv2
import keras
import numpy as np
from keras import ops

from helpers.model import augmentation, checkpoint, losses, optimizer, training


class Taught(augmentation.Batches):
    """Batches whose targets are what teachers say, and the label.

    float32 (b, h, w, 4).
    """

    teachers = ()

    def __getitem__(self, i):
        images, labels = super().__getitem__(i)
        said = mean_of(self.teachers, images)
        return images, np.concatenate([said, labels[..., None]], axis=-1)


def mean_of(models, images):
    """Return the mean of what models of any size predict, (n, h, w, 3)."""
    side = images.shape[1]
    total = np.zeros((*images.shape[:3], 3), np.float32)
    for model in models:
        size = model.input_shape[1]
        classes = model.predict_on_batch(resized(images, size))
        total += resized(classes.astype(np.float32), side)
    return total / len(models)


def resized(maps, side):
    """Return maps (n, h, w, c) with another side."""
    if maps.shape[1] == side:
        return maps
    how = cv2.INTER_AREA if side < maps.shape[1] else cv2.INTER_LINEAR
    made = [cv2.resize(one, (side, side), interpolation=how) for one in maps]
    return np.reshape(made, (len(maps), side, side, maps.shape[-1]))


def loss(targets, classes):
    """Return `losses.segmentation_loss` with targets of `Taught`, (n,)."""
    said, labels = targets[..., :3], targets[..., 3]
    pixels = -ops.sum(said * ops.log(ops.maximum(classes, 1e-7)), axis=-1)
    pair = 1 - said[..., 0], 1 - classes[..., 0]
    overlap = 1 - losses.soft_dice(*pair, smooth=1)
    whole = losses.IMAGE_WEIGHT * losses.image_loss(labels, classes)
    return ops.mean(pixels, axis=(1, 2)) + overlap + whole


def student(paths, batches, epochs, rate):
    """Return the last teacher, trained to answer as the mean of all does.

    paths: of the teachers' models; batches: `Taught`; rate: of learning.
    """
    model = checkpoint.load(paths[-1])
    batches.teachers = [checkpoint.load(path) for path in paths]
    steps = len(batches), len(batches) * epochs
    rule = optimizer.scheduled(*steps, rate)
    training.compile_for(model, rule, loss, metrics=())

    class Progress(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            batches.epoch = epoch

        def on_epoch_end(self, epoch, logs):
            print(f"epoch {epoch + 1} · loss {logs['loss']:.3f}", flush=True)

    how = {"epochs": epochs, "shuffle": False, "verbose": 0}
    # ends with the average of the weights
    model.fit(training.Feed(batches), callbacks=[Progress()], **how)
    return model
