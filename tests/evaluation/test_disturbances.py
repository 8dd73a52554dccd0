"""Disturbances: none at strength 0, more with more of it, and each does what it says."""

import cv2
import numpy as np
import pytest

from helpers.data import marks
from helpers.evaluation import robustness

ALL = [
    robustness.gain,
    robustness.blur,
    robustness.speckle,
    robustness.downsample,
    robustness.shadow,
    robustness.marks,
]
LEVELS = {
    "gain": (3, 9),
    "blur": (1, 4),
    "downsample": (2, 8),
    "marks": (1, 6),
}
each = pytest.mark.parametrize("change", ALL, ids=lambda f: f.__name__)


def picture(height=150, width=210):
    rng = np.random.default_rng(0)
    return rng.integers(60, 180, (height, width)).astype(np.uint8)


def rng():
    return np.random.default_rng(1)


@each
def test_nothing_at_strength_zero_and_the_image_is_left_alone(change):
    image = picture()
    before = image.copy()
    assert (change(image, 0, rng()) == before).all()
    changed = change(image, 1.5, rng())
    assert changed.dtype == np.uint8 and changed.shape == image.shape
    assert (image == before).all() and (changed != before).any()


@each
def test_the_same_generator_gives_the_same_image_and_more_changes_more(change):
    image = picture()
    few, many = (
        change(image, level, rng())
        for level in LEVELS.get(change.__name__, (0.3, 0.9))
    )
    again = change(image, LEVELS.get(change.__name__, (0.3, 0.9))[0], rng())
    assert (few == again).all()
    change_of = [np.abs(x.astype(int) - image).mean() for x in (few, many)]
    assert 0 < change_of[0] < change_of[1]


@each
@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 5)), np.zeros((4, 5, 3), np.uint8)]
)
def test_other_images_are_refused(change, wrong):
    with pytest.raises(ValueError, match=r"uint8 \(h, w\)"):
        change(wrong, 1, rng())


def test_gain_shifts_the_grey_and_clips():
    image = np.array([[0, 100, 250]], np.uint8)
    assert robustness.gain(image, 6).tolist() == [
        [26, 126, 255]
    ]  # 25.5 is rounded up
    assert robustness.gain(image, -6).tolist() == [[0, 74, 224]]


def test_blur_spreads_one_pixel_by_its_standard_deviation():
    image = np.zeros((41, 41), np.uint8)
    image[20, 20] = 255
    soft = robustness.blur(image, 1.5).astype(float)
    away = np.arange(41) - 20
    assert (soft.sum(axis=0) * away**2).sum() / soft.sum() == pytest.approx(
        1.5**2, rel=0.15
    )


def test_speckle_keeps_the_mean_and_has_a_grain():
    image = np.full((200, 240), 60, np.uint8)
    grain = robustness.speckle(image, 1, rng()).astype(float)
    assert grain.mean() == pytest.approx(60, rel=0.02)
    assert grain.mean() / grain.std() == pytest.approx(
        1.913, rel=0.1
    )  # Rayleigh
    next_row, next_column = (
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in ((grain[1:], grain[:-1]), (grain[:, 1:], grain[:, :-1]))
    )
    assert 0.5 < next_row < next_column  # wider across the beam
    half = robustness.speckle(image, 0.5, rng()).std()
    assert half == pytest.approx(grain.std() / 2, rel=0.05)


def test_downsampling_keeps_what_is_smooth_and_loses_what_is_fine():
    smooth = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (90, 1))
    stripes = np.tile(np.array([0, 255], np.uint8), (90, 60))
    kept = robustness.downsample(smooth, 4).astype(int)
    assert np.abs(kept - smooth)[:, 4:-4].max() <= 1
    assert np.ptp(robustness.downsample(stripes, 4)) <= 1


def test_a_shadow_is_a_dark_sector_below_the_skin():
    image = np.full((200, 300), 100, np.uint8)
    dark = robustness.shadow(image, 1, rng())
    assert (dark[:5] == 100).all() and dark[-1].min() == 0
    width = [(row < 50).sum() for row in (dark[60], dark[-1])]
    assert 0.1 * 300 < width[0] < width[1] < 0.4 * 300
    columns = np.flatnonzero(dark[-1] < 50)
    assert (np.diff(columns) == 1).all()
    assert robustness.shadow(image, 0.5, rng()).min() == 50


def test_marks_are_bright_few_and_found_by_the_audit(tmp_path):
    image = np.full((400, 500), 40, np.uint8)
    drawn = robustness.marks(image, 2, rng())
    changed = drawn != image
    assert 0.002 < changed.mean() < 0.05 and drawn[changed].max() == 235
    path = tmp_path / "marked.png"
    path.write_bytes(cv2.imencode(".png", drawn)[1])
    assert marks.count(path) >= 4
