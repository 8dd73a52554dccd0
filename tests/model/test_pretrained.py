"""The pretrained network: its encoder, and normalisations taken in."""

import keras
import numpy as np
import pytest

from helpers.model import pretrained


@pytest.fixture(scope="module")
def normalised():
    """A small network whose normalisations have seen something."""
    keras.utils.set_random_seed(0)
    model = pretrained.build(64)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            values = [rng.uniform(0.5, 1.5, shape) for _ in range(4)]
            layer.set_weights(values)
    return model


def test_folding_changes_nothing_but_the_layers(normalised):
    folded = pretrained.folded(normalised)
    images = np.random.default_rng(1).random((2, 64, 64, 1), np.float32)
    before, after = (np.array(m(images)) for m in (normalised, folded))
    assert before.std() > 1e-3 and after == pytest.approx(before, abs=1e-4)
    names = {layer.name for layer in folded.layers}
    assert not any(name.endswith("_norm") for name in names)
    assert folded.count_params() < normalised.count_params()


def test_probabilities_and_scales(normalised):
    classes = np.array(normalised(np.zeros((1, 64, 64, 1), np.float32)))
    assert classes.shape == (1, 64, 64, 3)
    assert classes.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    image = keras.Input((64, 64, 1))
    maps = pretrained.encoder(image)
    assert [(m.shape[1], m.shape[3]) for m in maps] == [
        (32, 16),
        (16, 24),
        (8, 40),
        (4, 112),
        (2, 192),
    ]


def test_a_size_that_cannot_be_halved_five_times_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of 32, not 144"):
        pretrained.build(144)
