"""Disturbances do what they say, and what they do to scores is measured."""

import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, masks
from helpers.evaluation import classification, postprocessing, robustness

CHANGES = robustness.DISTURBANCES
each = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
STRENGTHS = {"gain": (3, 9), "blur": (1, 4)}
STRENGTHS |= {"downsample": (2, 8), "marks": (1, 6)}


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    return rng.integers(60, 180, (150, 210)).astype(np.uint8)


def rng():
    return np.random.default_rng(1)


@each
def test_nothing_at_strength_zero_and_the_image_is_left_alone(change, image):
    before = image.copy()
    _, (first, *_) = robustness.LEVELS.get(change.__name__, (None, [0]))
    for none in (0, first):
        assert (change(image, none, rng()) == before).all()
    changed = change(image, 1.5, rng())
    assert changed.dtype == np.uint8 and changed.shape == image.shape
    assert (image == before).all() and (changed != before).any()


@each
def test_more_changes_more_and_the_same_generator_the_same(change, image):
    few, many = STRENGTHS.get(change.__name__, (0.3, 0.9))
    first, more, again = (change(image, s, rng()) for s in (few, many, few))
    assert (first == again).all()
    changed = np.abs(np.int16([first, more]) - image).mean(axis=(1, 2))
    assert 0 < changed[0] < changed[1]


@each
def test_other_images_are_refused(change):
    for wrong in (np.zeros((4, 5)), np.zeros((4, 5, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"uint8 \(h, w\)"):
            change(wrong, 1, rng())


def test_gain_shifts_the_grey_and_clips():
    image = np.array([[0, 100, 250]], np.uint8)
    # 25.5 is rounded up.
    assert robustness.gain(image, 6).tolist() == [[26, 126, 255]]
    assert robustness.gain(image, -6).tolist() == [[0, 74, 224]]


def test_blur_spreads_one_pixel_by_its_standard_deviation():
    image = np.zeros((41, 41), np.uint8)
    image[20, 20] = 255
    soft = robustness.blur(image, 1.5).astype(float)
    variance = np.average((np.arange(41) - 20) ** 2, weights=soft.sum(axis=0))
    assert variance == pytest.approx(1.5**2, rel=0.15)


def test_speckle_keeps_the_mean_and_has_a_grain():
    image = np.full((200, 240), 60, np.uint8)
    grain = robustness.speckle(image, 1, rng()).astype(float)
    assert grain.mean() == pytest.approx(60, rel=0.02)
    # Rayleigh
    assert grain.mean() / grain.std() == pytest.approx(1.913, rel=0.1)
    pairs = (grain[1:], grain[:-1]), (grain[:, 1:], grain[:, :-1])
    row, column = (np.corrcoef(*map(np.ravel, pair))[0, 1] for pair in pairs)
    assert 0.5 < row < column  # wider across the beam
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
    middle, bottom = (np.flatnonzero(dark[row] < 50) for row in (60, -1))
    assert 0.1 * 300 < len(middle) < len(bottom) < 0.4 * 300
    assert (np.diff(bottom) == 1).all()
    assert robustness.shadow(image, 0.5, rng()).min() == 50


def test_marks_are_bright_and_few():
    image = np.full((400, 500), 40, np.uint8)
    drawn = robustness.marks(image, 2, rng())
    changed = drawn != image
    assert 0.002 < changed.mean() < 0.05 and drawn[changed].max() == 235


def bright(squares):
    """Stand in for a network: the brighter a pixel, the likelier a lesion."""
    p = squares.astype(np.float32) / 255
    return np.stack([1 - p, p / 2, p / 2], axis=-1)


@pytest.fixture(scope="module")
def held_out(phantom_root):
    cases = busi.index(phantom_root)[:20:2].reset_index(drop=True)
    cases["group"], cases["fold"] = np.arange(10) // 2, 3
    rules = pd.DataFrame(postprocessing.RULE, index=[3])
    references = [masks.merge(paths) for paths in cases["masks"]]
    return robustness.HeldOut(bright, 64, cases, references, rules)


def test_scores_are_those_of_the_rule_at_the_original_size(held_out):
    table = held_out.subset([2, 0]).score()
    for row, i in zip(table.to_numpy(), (2, 0), strict=True):
        image = busi.read_image(held_out.cases["image"][i])
        square, box = masks.letterbox(image, 64)
        classes, reference = bright(square), held_out.references[i]
        mask = postprocessing.lesion_mask(classes, box)
        dice = 2 * (mask & reference).sum() / (mask.sum() + reference.sum())
        lesion = classification.lesion_probability(classes)
        assert row == pytest.approx([dice, lesion])


def test_a_change_is_compared_with_the_image_as_it_is(held_out):
    same = held_out.compare(lambda image: image)
    assert (same["difference"] == 0).all() and (same["p"] == 1).all()
    darker = held_out.compare(lambda image: image // 2).set_index("score")
    assert (darker["n"] == 10).all()
    lesion = darker.loc["lesion probability"]
    before = held_out.score()["lesion probability"].mean()
    assert lesion["before"] == pytest.approx(before)
    assert lesion["difference"] < -0.3 * before and lesion["p"] < 0.15


def test_every_disturbance_starts_from_the_undisturbed_score(held_out):
    levels = {"gain": ("decibels", (0, -8, 8)), "shadow": ("share", (0, 0.9))}
    some = held_out.subset(range(6))
    table = some.degrade(levels)
    assert table["strength"].tolist() == [0, -8, 8, 0, 0.9]
    start = table[table["strength"] == 0]
    assert start["value"].nunique() == 1 and (start["difference"] == 0).all()
    brighter = some.score(lambda image: robustness.gain(image, 8))
    mean, before = brighter["Dice"].mean(), start["value"].iloc[0]
    found = table.loc[2, ["value", "difference"]].tolist()
    assert found == pytest.approx([mean, mean - before])
    assert (table["low"] <= table["value"]).all()
    assert table.equals(some.degrade(levels))  # the same random numbers
