"""A student comes to answer as the mean of its teachers does."""

import keras
import numpy as np
import pytest

from helpers.model import checkpoint, losses, training, unet
from tools.research import distil

pytestmark = pytest.mark.research
RNG = np.random.default_rng(0)


@pytest.fixture
def teachers(tmp_path):
    """Files of two networks of another size, with weights of their own."""
    paths = []
    for seed, size in enumerate((32, 64)):
        keras.utils.set_random_seed(seed)
        model = unet.build(size=size, width=4, depth=1)
        paths.append(tmp_path / f"{seed}.keras")
        checkpoint.save(model, paths[-1])
    return paths


def test_a_student_comes_to_answer_as_its_teachers(teachers, monkeypatch):
    images = RNG.integers(0, 256, (24, 64, 64), np.uint8)
    models = [checkpoint.load(path) for path in teachers]
    wanted = distil.mean_of(models, images[..., None] / np.float32(255))
    assert np.allclose(wanted.sum(axis=-1), 1, atol=1e-2)
    start = training.predict(models[-1], images)
    batches = distil.Taught(images, images // 128, batch_size=8, seed=0)
    monkeypatch.setattr(losses, "IMAGE_WEIGHT", 0)  # the labels are none
    student = distil.student(teachers, batches, epochs=12, rate=0.01)
    gaps = [
        np.abs(classes - wanted).mean()
        for classes in (start, training.predict(student, images))
    ]
    assert gaps[1] < 0.6 * gaps[0]


def test_the_loss_of_sure_teachers_is_that_of_their_labels():
    labels = RNG.integers(0, 3, (3, 16, 16))
    classes = RNG.dirichlet([1, 1, 1], labels.shape).astype(np.float32)
    said = np.eye(3)[labels]
    targets = np.concatenate([said, labels[..., None]], axis=-1)
    found = distil.loss(targets.astype(np.float32), classes)
    wanted = losses.segmentation_loss(labels, classes)
    assert np.allclose(found, wanted, rtol=1e-4)
