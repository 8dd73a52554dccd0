"""Masks: read, merged, resized with a way back, and described."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from helpers.data import masks
from helpers.evaluation.metrics import dice


def disc(height, width, y, x, radius):
    yy, xx = np.mgrid[:height, :width]
    return (yy - y) ** 2 + (xx - x) ** 2 <= radius**2


def write(path, picture, *options):
    path.write_bytes(cv2.imencode(".png", np.uint8(picture), options)[1])
    return path


def random_mask(share, shape=(60, 60), seed=0):
    return np.random.default_rng(seed).random(shape) < share


def test_masks_of_every_mode_are_read_alike_and_united(tmp_path):
    mask = disc(40, 50, 20, 25, 9)
    grey = mask.astype(np.uint8) * 255
    rgb = np.dstack([grey] * 3)
    rgba = np.dstack([rgb, np.full_like(grey, 255)])  # alpha is full
    for picture in (grey, rgb, rgba):
        found = masks.read_mask(write(tmp_path / "mask", picture))
        assert np.array_equal(found, mask)
    bilevel = write(tmp_path / "1", grey, cv2.IMWRITE_PNG_BILEVEL, 1)
    assert np.array_equal(masks.read_mask(bilevel), mask)
    other = disc(40, 50, 20, 36, 6)
    paths = bilevel, write(tmp_path / "2", other * 255)
    assert np.array_equal(masks.merge(paths), mask | other)


def test_masks_that_cannot_be_merged_are_refused(tmp_path):
    paths = [write(tmp_path / str(n), np.zeros((n, n))) for n in (4, 5)]
    with pytest.raises(ValueError, match="different sizes"):
        masks.merge(paths)
    with pytest.raises(ValueError, match="at least one"):
        masks.merge([])
    for content in (b"not a picture", b""):
        (tmp_path / "text").write_bytes(content)
        with pytest.raises(ValueError, match="not a readable picture"):
            masks.merge([tmp_path / "text"])


SIDES, SIZES = st.integers(200, 700), st.sampled_from([64, 128, 256])


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIZES)
def test_there_and_back_keeps_size_and_place(height, width, size):
    radius = min(height, width) * 0.25
    lesion = disc(height, width, height * 0.45, width * 0.6, radius)
    square, box = masks.letterbox(lesion, size)
    back = masks.restore(square, box)
    assert square.shape == (size, size) and back.shape == lesion.shape
    shift = np.argwhere(back).mean(axis=0) - np.argwhere(lesion).mean(axis=0)
    # less than half a pixel of the small square, in pixels of the original
    assert np.abs(shift).max() < 0.5 * max(1, max(height, width) / size)
    assert dice(back, lesion) > 0.9


def centre(weights):
    y, x = np.indices(weights.shape)
    return np.array([(y * weights).sum(), (x * weights).sum()]) / weights.sum()


SHAPES = (300, 480), (471, 562), (90, 120), (128, 128)


@pytest.mark.parametrize("shape", SHAPES)
def test_probabilities_and_labels_come_back_without_a_shift(shape):
    """Half a pixel of the square would be 1.9 pixels of a 480-pixel image."""
    height, width = shape
    lesion = disc(height, width, height * 0.45, width * 0.6, min(shape) * 0.3)
    soft, box = masks.letterbox(lesion.astype(np.uint8) * 255, 128)
    back = masks.restore(soft / np.float32(255), box)
    assert np.abs(centre(back) - centre(lesion)).max() < 0.1
    labels, _ = masks.letterbox(lesion, 128)
    back = masks.restore(masks.target(labels, "malignant"), box)
    assert back.shape == shape and set(np.unique(back)) == {0, 2}
    assert np.abs(centre(back) - centre(lesion)).max() < 0.3


def test_every_type_a_network_gives_can_be_restored():
    rng = np.random.default_rng(0)
    classes = rng.dirichlet([1, 1, 1], (64, 64)).astype(np.float32)
    _, box = masks.letterbox(np.zeros((90, 120), bool), 64)
    full = masks.restore(classes, box)
    assert full.shape == (90, 120, 3)
    assert full.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    half = masks.restore(classes.astype(np.float16), box)
    assert half == pytest.approx(full, abs=1e-3)
    for dtype in (np.uint8, np.int64):
        restored = masks.restore(classes.argmax(axis=-1).astype(dtype), box)
        assert restored.shape == (90, 120) and restored.dtype == dtype
        assert set(np.unique(restored)) == {0, 1, 2}
    with pytest.raises(ValueError, match="square of 64"):
        masks.restore(classes[:32, :32], box)


def test_a_mask_of_its_own_size_is_not_changed():
    lesion = random_mask(0.5, (64, 64))
    square, box = masks.letterbox(lesion, 64)
    assert np.array_equal(square, lesion)
    assert np.array_equal(masks.restore(square, box), lesion)


def test_letterbox_does_not_stretch_but_centres():
    square, box = masks.letterbox(np.full((100, 200), 90, np.uint8), 64)
    inner = box.inner_height, box.inner_width, box.top, box.left
    assert inner == (32, 64, 16, 0)
    assert (square[16:48] == 90).all() and (square[:16] == 0).all()


def flooded(mask):
    """The parts of a mask by flooding from each first pixel, row by row."""
    found, left = [], mask.copy()
    while left.any():
        part = np.zeros_like(mask)
        part[np.unravel_index(left.argmax(), mask.shape)] = True
        part = binary_dilation(part, np.ones((3, 3)), -1, mask=mask)
        found.append(part)
        left &= ~part
    return found


SEEDS, SHARES = st.integers(0, 10**6), st.floats(0, 0.6)


@settings(max_examples=40, deadline=None)
@given(SEEDS, SHARES, st.sampled_from([0, 2, 3.5, 99]))
def test_parts_are_those_found_by_flooding(seed, share, min_pixels):
    mask = random_mask(share, (11, 17), seed)
    numbered, n = masks.parts(mask, min_pixels)
    expected = [part for part in flooded(mask) if part.sum() >= min_pixels]
    assert n == len(expected) == numbered.max()
    for number, part in enumerate(expected, 1):
        assert np.array_equal(numbered == number, part)
    assert not numbered[~mask].any()


def test_description_of_known_shapes():
    tall = np.zeros((60, 40), bool)
    tall[10:50, 15:25] = True
    found = masks.describe(tall)
    assert found["area_fraction"] == pytest.approx(400 / 2400)
    assert found["box"] == (10, 15, 50, 25) and found["taller_than_wide"]
    assert found["parts"] == 1 and not found["touches_border"]
    assert found["solidity"] == pytest.approx(1)
    assert masks.describe(disc(90, 90, 45, 45, 30))["circularity"] > 0.85
    both = disc(60, 60, 15, 15, 9) | disc(60, 60, 45, 45, 9)
    found = masks.describe(both)
    assert found["parts"] == 2 and found["solidity"] < 0.8
    for y, x in ((0, 30), (59, 30), (30, 0), (30, 59)):
        assert masks.describe(disc(60, 60, y, x, 9))["touches_border"]


def test_an_empty_mask_and_a_single_pixel_have_no_shape():
    empty = masks.describe(np.zeros((20, 20), bool))
    assert empty["area_fraction"] == 0 and empty["box"] is None
    assert empty["parts"] == 0
    pixel = masks.describe(disc(20, 20, 3, 4, 0))
    assert pixel["box"] == (3, 4, 4, 5) and empty.keys() == pixel.keys()
    for found in (empty, pixel):
        assert np.isnan(found["solidity"]) and np.isnan(found["circularity"])
