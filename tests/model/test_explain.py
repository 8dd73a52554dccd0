"""What a network sees and does, against cases that can be worked out by hand."""

import keras
import numpy as np
import pytest

from helpers.model import explain, unet


@pytest.fixture(scope="module")
def unet():
    keras.utils.set_random_seed(0)
    return unet.build(size=64, width=4, depth=3)


def test_influence_of_one_filter_is_its_squared_weights():
    start = keras.Input((9, 9, 1))
    model = keras.Model(
        start, keras.layers.Conv2D(1, 3, padding="same")(start)
    )
    before = [w.copy() for w in model.get_weights()]
    image = np.random.default_rng(0).random((9, 9), np.float32)
    wanted = np.zeros((9, 9))
    wanted[1:4, 5:8] = before[0][..., 0, 0] ** 2
    assert explain.gradient_energy(model, image, 2, 6) == pytest.approx(wanted)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old == new).all()


def test_influence_is_that_of_the_model_at_rest(unet):
    """Batch normalisation must use its kept means, and dropout must be off."""
    image = np.random.default_rng(0).random((64, 64), np.float32)
    logits = keras.Model(unet.input, unet.get_layer("logits").output)
    energy = explain.gradient_energy(logits, image, 16, 16)
    y, x = np.unravel_index(energy.argmax(), energy.shape)
    moved, step = np.stack([image] * 3), 1e-3
    moved[1, y, x] += step
    moved[2, y, x] -= step
    _, up, down = (
        logits(moved[..., None]).numpy()[:, 16, 16].astype(float).sum(axis=-1)
    )
    assert ((up - down) / (2 * step)) ** 2 == pytest.approx(
        energy[y, x], rel=0.05
    )


def test_hiding_shows_what_an_answer_rests_on():
    """The stand-in says lesion, everywhere, as surely as one place is bright."""
    image = np.full((40, 48), 50, np.uint8)
    image[8:16, 24:32] = 250

    def predict(images):
        p = images[:, 8:16, 24:32].mean(axis=(1, 2)) / 250
        classes = np.zeros((*images.shape, 3))
        classes[..., 0], classes[..., 1] = (
            1 - p[:, None, None],
            p[:, None, None],
        )
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
    energy[4, 4] = 0.9
    energy[2, 5] = 0.1
    assert [
        explain.side_holding(energy, share) for share in (0.9, 0.91, 1)
    ] == [1, 5, 5]
    energy[0, 0] = 0.1
    assert explain.side_holding(energy, 1) == 8


def test_feature_maps_of_three_depths(unet):
    image = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    maps = explain.feature_maps(unet, image, n=2)
    assert [len(values) for values in maps.values()] == [32, 32, 16, 16, 8, 8]
    assert all(
        values.min() >= 0 and values.max() == 1 for values in maps.values()
    )


def test_work_by_hand(unet):
    table = explain.layer_costs(unet)
    assert table["parameters"].sum() == unet.count_params()
    first = table[table["kind"] == "Conv2D"].iloc[0]
    assert first["multiply_adds"] == 5 * 5 * 1 * 4 * 32 * 32
    logits = table.set_index("layer").loc["logits"]
    assert logits["multiply_adds"] == 4 * 3 * 32 * 32
    assert logits["parameters"] == 4 * 3 + 3
    dense = table[table["kind"] == "Dense"].iloc[0]
    assert dense["multiply_adds"] == 2 * 16 * 64 and dense["side"] == 1
    assert not table.loc[
        table["kind"] == "MaxPooling2D", "multiply_adds"
    ].any()


def test_a_slid_filter_is_a_convolution_and_not_its_mirror_image():
    image = np.random.default_rng(0).random((20, 24), np.float32)
    assert explain.filter_gap(image, explain.SOBEL) < 1e-5
    mirrored = keras.ops.conv(
        image[None, :, :, None], explain.SOBEL[::-1, :, None, None].copy()
    )
    plain = keras.ops.conv(
        image[None, :, :, None], explain.SOBEL[:, :, None, None]
    )
    assert np.abs(np.array(mirrored) - np.array(plain)).max() > 0.1


def test_the_last_layer_is_a_dense_layer_for_each_pixel(unet):
    image = (
        np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    )
    assert explain.pixel_gap(unet, image) < 1e-4


def test_a_convolution_moves_with_the_image_and_a_dense_layer_does_not():
    image = np.random.default_rng(0).random((16, 16), np.float32)
    convolution, dense = explain.two_layers(16)
    assert explain.shift_gap(convolution, image) < 1e-5
    assert explain.shift_gap(dense, image) > 0.3
