"""What a network sees and does, against cases worked out by hand."""

import keras
import numpy as np
import pytest

from helpers.model import explain, unet


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return unet.build(size=64, width=4, depth=3)


@pytest.fixture
def picture():
    """Noise, uint8 (64, 64)."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (64, 64)).astype(np.uint8)


def test_receptive_field_of_one_filter_is_its_squared_weights():
    start = keras.Input((9, 9, 1))
    convolution = keras.layers.Conv2D(1, 3, padding="same")
    model = keras.Model(start, convolution(start))
    before = [w.copy() for w in model.get_weights()]
    image = np.random.default_rng(0).random((9, 9), np.float32)
    wanted = np.zeros((9, 9))
    wanted[1:4, 5:8] = before[0][..., 0, 0] ** 2
    assert explain.gradient_energy(model, image, 2, 6) == pytest.approx(wanted)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_receptive_field_is_that_of_the_model_at_rest(network, picture):
    """Batch normalisation must use its kept means, dropout must be off."""
    image, step = picture.astype(np.float32) / 255, 1e-3
    logits = keras.Model(network.input, network.get_layer("logits").output)
    energy = explain.gradient_energy(logits, image, 16, 16)
    at = np.unravel_index(energy.argmax(), energy.shape)
    moved = np.stack([image] * 2)
    moved[(0, *at)] += step
    moved[(1, *at)] -= step
    outputs = np.array(logits(moved[..., None]))[:, 16, 16].astype(float)
    up, down = outputs.sum(axis=-1)
    slope = (up - down) / (2 * step)
    assert slope**2 == pytest.approx(energy[at], rel=0.05)


def test_occlusion_shows_what_a_prediction_rests_on():
    """The stand-in predicts lesion everywhere if one place is bright."""
    image = np.full((40, 48), 50, np.uint8)
    image[8:16, 24:32] = 250

    def predict(images):
        p = images[:, 8:16, 24:32].mean(axis=(1, 2)) / 250
        classes = np.zeros((*images.shape, 3))
        classes[..., 0] = 1 - p[:, None, None]
        classes[..., 1] = p[:, None, None]
        return classes

    inside = np.zeros(image.shape, bool)
    inside[20:30, 5:9] = True
    fall = explain.occlusion(predict, image, inside, patch=8, step=8)
    grey = round(image.mean())
    assert fall[8:16, 24:32] == pytest.approx(1 - grey / 250)
    fall[8:16, 24:32] = 0
    assert fall == pytest.approx(np.zeros(image.shape))
    blurred = explain.occlusion(predict, image, inside, patch=16, step=8)
    assert blurred[12, 28] > blurred[12, 20] > blurred[36, 28] == 0


def test_side_of_the_smallest_square():
    energy = np.zeros((8, 8))
    energy[4, 4], energy[2, 5] = 0.9, 0.1
    sides = [explain.side_holding(energy, share) for share in (0.9, 0.91, 1)]
    assert sides == [1, 5, 5]
    energy[0, 0] = 0.1
    assert explain.side_holding(energy, 1) == 8


def test_feature_maps_stage_by_stage_down_and_up(network, picture):
    stages = explain.feature_maps(network, picture, n=2)
    sides = [[len(maps) for maps in stage] for stage in stages]
    assert sides == [[32] * 2, [16] * 2, [8] * 2, [16] * 2, [32] * 2]
    for maps in stages:
        assert all(m.min() >= 0 and m.max() in (0, 1) for m in maps)
