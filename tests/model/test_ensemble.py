"""Two networks in one predict the mean of what each predicts."""

import cv2
import keras
import numpy as np
import pytest

from helpers.model import checkpoint, ensemble, pretrained, training, unet


@pytest.fixture
def models():
    """A network with random norms, and one of another size in 16 bits."""
    keras.utils.set_random_seed(0)
    large = pretrained.build(64)
    rng = np.random.default_rng(0)
    weights = large.get_weights()
    large.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in weights])
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield [unet.build(32, width=4, depth=2), large]
    keras.config.set_dtype_policy("float32")


def test_it_is_the_mean_also_after_it_was_kept(models, tmp_path):
    whole = ensemble.mean(models, 64)
    rng = np.random.default_rng(1)
    images = cv2.GaussianBlur(rng.random((64, 64, 4)), (0, 0), 3)
    images = np.float32(images.transpose(2, 0, 1))
    small = [cv2.resize(image, (32, 32)) for image in images]
    low = training.predict(models[0], np.stack(small))
    low = np.stack([cv2.resize(one, (64, 64)) for one in low])
    wanted = (low + training.predict(models[1], images)) / 2
    found = training.predict(whole, images)
    assert np.abs(found - wanted).max() < 0.02
    checkpoint.save(whole, tmp_path / "kept.keras", small=True)
    kept = checkpoint.load(tmp_path / "kept.keras")
    assert np.abs(training.predict(kept, images) - found).max() < 0.02
    assert {w.dtype for w in kept.weights} == {"float32"}
