"""Masks: read in every mode, merged, resized with an exact way back, and described."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.data import masks


def disc(height, width, y, x, radius):
    yy, xx = np.mgrid[:height, :width]
    return (yy - y) ** 2 + (xx - x) ** 2 <= radius**2


def write(path, picture):
    path.write_bytes(cv2.imencode(".png", picture)[1])
    return path


def test_masks_of_every_mode_are_read_alike(tmp_path):
    mask = disc(40, 50, 20, 25, 9)
    grey = mask.astype(np.uint8) * 255
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    rgba = np.dstack(
        [rgb, np.full_like(grey, 255)]
    )  # alpha is full everywhere
    for name, picture in {"l": grey, "rgb": rgb, "rgba": rgba}.items():
        assert np.array_equal(
            masks.read_mask(write(tmp_path / name, picture)), mask
        )
    bilevel = [cv2.IMWRITE_PNG_BILEVEL, 1]
    (tmp_path / "1").write_bytes(cv2.imencode(".png", grey, bilevel)[1])
    assert np.array_equal(masks.read_mask(tmp_path / "1"), mask)


def test_several_masks_are_united(tmp_path):
    parts = [disc(40, 50, 20, 12, 8), disc(40, 50, 20, 36, 6)]
    paths = [
        write(tmp_path / str(i), p.astype(np.uint8) * 255)
        for i, p in enumerate(parts)
    ]
    assert np.array_equal(masks.merge(paths), parts[0] | parts[1])


def test_masks_that_cannot_be_merged_are_refused(tmp_path):
    small, large = (
        write(tmp_path / str(n), np.zeros((n, n), np.uint8)) for n in (4, 5)
    )
    with pytest.raises(ValueError, match="different sizes"):
        masks.merge([small, large])
    with pytest.raises(ValueError, match="at least one"):
        masks.merge([])
    for content in (b"not a picture", b""):
        (tmp_path / "text").write_bytes(content)
        with pytest.raises(ValueError, match="not a readable picture"):
            masks.merge([tmp_path / "text"])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(200, 700),
    st.integers(200, 700),
    st.sampled_from([64, 128, 256]),
)
def test_there_and_back_keeps_size_and_place(height, width, size):
    lesion = disc(
        height, width, height * 0.45, width * 0.6, min(height, width) * 0.25
    )
    square, box = masks.letterbox(lesion, size)
    back = masks.restore(square, box)
    assert square.shape == (size, size) and back.shape == lesion.shape
    shift = np.argwhere(back).mean(axis=0) - np.argwhere(lesion).mean(axis=0)
    # less than half a pixel of the small square, in pixels of the original
    assert np.abs(shift).max() < 0.5 * max(1, max(height, width) / size)
    overlap = 2 * (back & lesion).sum() / (back.sum() + lesion.sum())
    assert overlap > 0.9


def centre(weights):
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(y * weights).sum(), (x * weights).sum()]) / weights.sum()


@pytest.mark.parametrize(
    "shape", [(300, 480), (471, 562), (90, 120), (128, 128)]
)
def test_probabilities_and_labels_come_back_without_a_shift(shape):
    """Half a pixel of the small square would be 1.9 pixels of a 480-pixel image."""
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
    classes = np.random.default_rng(0).random((64, 64, 3))
    _, box = masks.letterbox(np.zeros((90, 120), bool), 64)
    full = masks.restore(classes, box)
    assert masks.restore(classes.astype(np.float16), box) == pytest.approx(
        full, abs=1e-3
    )
    answer = classes.argmax(axis=-1)
    for dtype in (np.uint8, np.int64):
        restored = masks.restore(answer.astype(dtype), box)
        assert restored.shape == (90, 120) and restored.dtype == dtype
        assert set(np.unique(restored)) == {0, 1, 2}


def test_a_mask_of_its_own_size_is_not_changed():
    lesion = np.random.default_rng(0).random((64, 64)) > 0.5
    square, box = masks.letterbox(lesion, 64)
    assert np.array_equal(square, lesion)
    assert np.array_equal(masks.restore(square, box), lesion)


@settings(max_examples=30, deadline=None)
@given(st.integers(300, 700), st.floats(4, 40), st.sampled_from([64, 128]))
def test_shrinking_keeps_the_area_of_a_lesion(side, radius, size):
    lesion = disc(side, side, side / 2, side / 2, max(radius, 2 * side / size))
    square, _ = masks.letterbox(lesion, size)
    assert square.mean() == pytest.approx(lesion.mean(), rel=0.25)


def test_cleaning_changes_nothing_unless_asked():
    noise = np.random.default_rng(0).random((60, 60)) > 0.6
    same, changes = masks.clean(noise)
    assert np.array_equal(same, noise) and set(changes.values()) == {0}


def test_specks_and_holes_are_counted():
    lesion = disc(60, 80, 30, 40, 15)
    spoilt = lesion.copy()
    spoilt[5, 5] = spoilt[0, 70] = True  # two specks
    spoilt[30, 40] = spoilt[25:27, 38] = False  # two holes
    cleaned, changes = masks.clean(spoilt, min_area=4, fill_holes=True)
    assert np.array_equal(cleaned, lesion)
    assert changes == {
        "specks": 2,
        "speck_pixels": 2,
        "holes": 2,
        "hole_pixels": 3,
    }
    kept, changes = masks.clean(spoilt, min_area=4)
    assert kept.sum() == spoilt.sum() - 2 and changes["holes"] == 0


def test_a_bay_at_the_border_is_no_hole_and_a_speck_in_a_hole_goes():
    mask = np.ones((20, 20), bool)
    mask[:5, 8:12] = False  # a bay
    mask[10:15, 10:15] = False  # a hole
    mask[12, 12] = True  # and a speck in it
    cleaned, changes = masks.clean(mask, min_area=2, fill_holes=True)
    assert changes == {
        "specks": 1,
        "speck_pixels": 1,
        "holes": 1,
        "hole_pixels": 25,
    }
    assert not cleaned[:5, 8:12].any() and cleaned[5:].all()


def test_the_background_is_no_speck():
    full, changes = masks.clean(
        np.ones((9, 9), bool), min_area=5, fill_holes=True
    )
    assert full.all() and set(changes.values()) == {0}


def test_a_mask_may_be_cleaned_away_but_not_silently():
    speck = np.zeros((9, 9), bool)
    speck[4, 4] = True
    cleaned, changes = masks.clean(speck, min_area=2, fill_holes=True)
    assert (
        not cleaned.any() and changes["specks"] == 1 and changes["holes"] == 0
    )


def test_letterbox_does_not_stretch_and_centres():
    square, box = masks.letterbox(np.full((100, 200), 90, np.uint8), 64)
    assert (box.inner_height, box.inner_width, box.top, box.left) == (
        32,
        64,
        16,
        0,
    )
    assert (square[16:48] == 90).all() and (square[:16] == 0).all()


def test_probabilities_come_back_with_their_channels():
    _, box = masks.letterbox(np.zeros((90, 120), np.uint8), 64)
    classes = (
        np.random.default_rng(0)
        .dirichlet([1, 1, 1], (64, 64))
        .astype(np.float32)
    )
    full = masks.restore(classes, box)
    assert full.shape == (90, 120, 3)
    assert full.sum(axis=-1) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="square of 64"):
        masks.restore(classes[:32, :32], box)


def test_target_gives_each_pixel_its_class():
    lesion = disc(20, 20, 10, 10, 4)
    for label, value in (("benign", 1), ("malignant", 2)):
        assert set(np.unique(masks.target(lesion, label)[lesion])) == {value}
        assert not masks.target(lesion, label)[~lesion].any()
    assert not masks.target(lesion, "normal").any()


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
    assert (
        masks.describe(both)["parts"] == 2
        and masks.describe(both)["solidity"] < 0.8
    )
    assert masks.describe(disc(60, 60, 0, 30, 9))["touches_border"]


def test_description_of_an_empty_mask_is_empty():
    found = masks.describe(np.zeros((5, 5), bool))
    assert found["area_fraction"] == 0 and found["parts"] == 0
    assert np.isnan(found["solidity"]) and np.isnan(found["circularity"])


def test_an_empty_mask_and_a_single_pixel_have_no_shape():
    found = masks.describe(np.zeros((20, 20), bool))
    assert (
        found["area_fraction"] == 0
        and found["box"] is None
        and found["parts"] == 0
    )
    assert np.isnan(found["solidity"]) and np.isnan(found["circularity"])
    pixel = np.zeros((20, 20), bool)
    pixel[3, 4] = True
    found = masks.describe(pixel)
    assert found["box"] == (3, 4, 4, 5) and np.isnan(found["solidity"])


def test_real_masks_come_back_from_a_square_of_256(busi_root):
    paths = sorted((busi_root / "malignant").glob("*_mask.png"))[:20]
    for mask in map(masks.read_mask, paths):
        back = masks.restore(*masks.letterbox(mask, 256))
        assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.97
