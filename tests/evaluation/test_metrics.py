"""The scores against brute force and SciPy, their properties, and empty masks."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from helpers.evaluation import metrics

SHAPE = (9, 11)
MASKS = hnp.arrays(bool, SHAPE)
EMPTY = np.zeros(SHAPE, bool)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
PAIRS = SHAPES.flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


def box(shape, top, bottom, left, right):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def awkward(shape):
    """Return masks that have broken a score somewhere, all of one shape."""
    height, width = shape
    empty, full = np.zeros(shape, bool), np.ones(shape, bool)
    checks = np.indices(shape).sum(axis=0) % 2 == 0  # diagonal neighbours only
    ring = full & ~box(shape, 1, height - 1, 1, width - 1)
    corners = [
        box(shape, 0, 1, 0, 1),
        box(shape, height - 1, height, width - 1, width),
    ]
    middle = box(
        shape, height // 3, 2 * height // 3 + 1, width // 3, width // 2 + 1
    )
    edge = box(shape, 0, height // 2 + 1, 0, width)
    return [
        empty,
        full,
        checks,
        ~checks,
        ring,
        *corners,
        sum(corners) > 0,
        middle,
        edge,
    ]


def outline(mask):
    """Return the boundary pixels of a mask, one neighbour at a time."""
    height, width = mask.shape
    points = []
    for y, x in np.argwhere(mask):
        beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        if not all(
            0 <= i < height and 0 <= j < width and mask[i, j]
            for i, j in beside
        ):
            points.append((y, x))
    return points


def distances(a, b):
    """Return all distances from outline a to outline b and back, point by point."""
    one, two = outline(a), outline(b)
    return [
        [
            min(((y - v) ** 2 + (x - u) ** 2) ** 0.5 for v, u in there)
            for y, x in here
        ]
        for here, there in ((one, two), (two, one))
    ]


def percentile(values, share=0.95):
    """Return a percentile, linear between neighbours (NumPy's default)."""
    values, place = sorted(values), share * (len(values) - 1)
    low, high = (
        values[int(place)],
        values[min(int(place) + 1, len(values) - 1)],
    )
    return low + (high - low) * (place - int(place))


def slowly(a, b, tolerance):
    """Return (dice, iou, hd95, surface dice) with loops and nothing clever."""
    both = sum(p and q for p, q in zip(a.ravel(), b.ravel(), strict=True))
    one, two = sum(a.ravel()), sum(b.ravel())
    if not one or not two:
        same = float(one == two)
        return (
            same,
            same,
            0.0 if same else sum(n * n for n in a.shape) ** 0.5,
            same,
        )
    to_b, to_a = distances(a, b)
    near = sum(d <= tolerance for d in to_b + to_a) / len(to_b + to_a)
    far = max(percentile(to_b), percentile(to_a))
    return 2 * both / (one + two), both / (one + two - both), far, near


def fast(a, b, tolerance):
    near = metrics.surface_dice(a, b, tolerance)
    return metrics.dice(a, b), metrics.iou(a, b), metrics.hd95(a, b), near


@settings(max_examples=200, deadline=None)
@given(PAIRS, st.sampled_from([0, 1, 2**0.5, 2, 3.5]))
def test_scores_equal_brute_force(pair, tolerance):
    assert fast(*pair, tolerance) == pytest.approx(
        slowly(*pair, tolerance), abs=1e-9
    )


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 7), (6, 1), (2, 2), (3, 3), (9, 12)]
)
def test_scores_of_awkward_masks_equal_brute_force(shape):
    for a, b in itertools.product(awkward(shape), repeat=2):
        expected = slowly(a, b, 1)
        assert fast(a, b, 1) == pytest.approx(expected, abs=1e-9)
        row = metrics.case_scores(a, b)
        names = ("dice", "iou", "hd95")
        assert [row[n] for n in names] == pytest.approx(expected[:3], abs=1e-9)
        assert row["surface_dice_2px"] == pytest.approx(slowly(a, b, 2)[3])


def by_distance_transform(a, b, tolerance):
    """Return (hd95, surface dice) from SciPy's distance transform of the whole image."""
    cross = ndimage.generate_binary_structure(2, 1)
    edges = [m & ~ndimage.binary_erosion(m, cross) for m in (a, b)]
    to_b, to_a = (
        ndimage.distance_transform_edt(~there)[here]
        for here, there in (edges, edges[::-1])
    )
    near = np.mean(np.concatenate([to_b, to_a]) <= tolerance)
    return max(np.percentile(to_b, 95), np.percentile(to_a, 95)), near


def test_three_hundred_masks_equal_scipys_distance_transform():
    rng, shape = np.random.default_rng(0), (90, 120)
    odd = [mask for mask in awkward(shape) if mask.any()]
    pairs = list(itertools.product(odd, repeat=2))
    while len(pairs) < 300:
        soft = ndimage.gaussian_filter(rng.normal(size=(2, *shape)), (0, 6, 6))
        a, b = soft > rng.uniform(
            -0.05, 0.12
        )  # from half of the image to a few spots
        pairs += [(a, b)] if a.any() and b.any() else []
    for a, b in pairs:
        found = metrics.hd95(a, b), metrics.surface_dice(a, b, 2.5)
        assert found == pytest.approx(
            by_distance_transform(a, b, 2.5), abs=1e-9
        )


@settings(max_examples=100, deadline=None)
@given(PAIRS)
def test_scores_are_symmetric_and_bounded(pair):
    a, b = pair
    assert fast(a, b, 1) == pytest.approx(fast(b, a, 1))
    assert fast(a, a, 0) == (1, 1, 0, 1)
    dice, iou, far, near = fast(a, b, 1)
    assert 0 <= iou <= dice <= 1 and 0 <= near <= 1
    assert dice == pytest.approx(2 * iou / (1 + iou))
    assert 0 <= far <= np.hypot(*a.shape) + 1e-9
    assert all(type(score) is float for score in (dice, iou, far, near))


@settings(max_examples=50, deadline=None)
@given(MASKS, MASKS, st.integers(1, 5), st.integers(1, 5))
def test_moving_both_masks_changes_nothing(a, b, down, right):
    if not (
        a.any() and b.any()
    ):  # then HD95 is the diagonal of the larger image
        return
    around = [(1, 6), (1, 6)]
    moved = [np.roll(np.pad(m, around), (down, right), (0, 1)) for m in (a, b)]
    row, there = metrics.case_scores(a, b), metrics.case_scores(*moved)
    assert there == pytest.approx(row, nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(MASKS, MASKS)
def test_surface_dice_grows_with_the_tolerance_up_to_one(a, b):
    near = [metrics.surface_dice(a, b, t) for t in (0, 1, 2, 5, 20, np.inf)]
    assert near == sorted(near)
    assert near[-1] == float(a.any() == b.any())


def test_a_lesion_that_is_cut_by_the_image_has_a_closed_boundary():
    assert len(outline(np.ones((4, 5), bool))) == 14
    assert metrics.border(np.ones((4, 5), bool)).sum() == 14


def test_each_direction_has_its_own_percentile():
    reference, prediction = (
        box((60, 60), 0, 40, 0, 40),
        box((60, 60), 0, 40, 0, 40),
    )
    prediction[59, 55:] = (
        True  # few points far away: 3 % of all, 5 of 161 of one
    )
    prediction[57, 50:] = True
    to_b, to_a = metrics.border_distances(reference, prediction)
    assert metrics.hd95(reference, prediction) == np.percentile(to_a, 95) > 20
    assert np.percentile(np.concatenate([to_b, to_a]), 95) == 0


def test_empty_masks_follow_the_stated_rule():
    lesion = box(SHAPE, 1, 6, 2, 7)
    for a, b in ((lesion, EMPTY), (EMPTY, lesion)):
        assert fast(a, b, 2) == pytest.approx((0, 0, np.hypot(*SHAPE), 0))
    assert fast(EMPTY, EMPTY, 2) == (1, 1, 0, 1)

    def row(a, b):
        row = metrics.case_scores(a, b)
        relative = [
            row[n]
            for n in ("hd95_relative", "area_error", "surface_dice_relative")
        ]
        counts = [row[n] for n in ("lesions", "found_iou10", "false_iou10")]
        return [*relative, *counts, row["found_iou50"], row["false_iou50"]]

    json.dumps(metrics.case_scores(lesion, EMPTY))  # plain numbers
    far = np.hypot(*SHAPE) / np.sqrt(4 * 25 / np.pi)
    nan = np.nan
    assert row(lesion, EMPTY) == pytest.approx([far, -1, 0, 1, 0, 0, 0, 0])
    assert row(EMPTY, lesion) == pytest.approx(
        [nan, nan, 0, 0, 0, 1, 0, 1], nan_ok=True
    )
    assert row(EMPTY, EMPTY) == pytest.approx(
        [nan, nan, 1, 0, 0, 0, 0, 0], nan_ok=True
    )


def test_area_error_and_relative_tolerance():
    reference, prediction = (
        box((80, 80), 0, 40, 0, 50),
        box((80, 80), 0, 40, 0, 40),
    )
    row = metrics.case_scores(reference, prediction)
    assert row["area_error"] == pytest.approx(-0.2)
    assert row["area_error_absolute"] == pytest.approx(0.2)
    assert row["hd95_relative"] == pytest.approx(
        10 / np.sqrt(4 * 2000 / np.pi)
    )
    assert metrics.relative_tolerance(2000) == pytest.approx(
        0.05 * 50.46, abs=0.01
    )
    assert metrics.relative_tolerance(20) == 1
    expected = metrics.surface_dice(
        reference, prediction, metrics.relative_tolerance(2000)
    )
    assert row["surface_dice_relative"] == expected


@pytest.mark.parametrize(
    "a, b",
    [
        (np.zeros((3, 3), bool), np.zeros((3, 4), bool)),
        (np.zeros((3, 3), np.uint8), np.zeros((3, 3), bool)),
        (np.zeros((1, 3, 3), bool), np.zeros((1, 3, 3), bool)),
        (np.zeros(3, bool), np.zeros(3, bool)),
    ],
)
@pytest.mark.parametrize(
    "score",
    [
        metrics.dice,
        metrics.iou,
        metrics.hd95,
        lambda a, b: metrics.surface_dice(a, b, 2),
        metrics.case_scores,
    ],
)
def test_masks_of_another_kind_are_refused(score, a, b):
    with pytest.raises(ValueError, match="two 2-D bool masks"):
        score(a, b)


@pytest.mark.parametrize("tolerance", [-1, np.nan])
def test_a_tolerance_below_zero_is_refused(tolerance):
    with pytest.raises(ValueError, match="0 or more pixels"):
        metrics.surface_dice(EMPTY, EMPTY, tolerance)


def parts_of(mask):
    """Return the 8-connected parts of at least SPECK pixels, sets of points."""
    left, parts = {tuple(p) for p in np.argwhere(mask)}, []
    while left:
        part = [left.pop()]
        for y, x in part:  # grows while it is walked
            near = {
                (y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)
            } & left
            left -= near
            part += near
        parts.append(set(part))
    return [part for part in parts if len(part) >= metrics.SPECK]


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(bool, (25, 22)), hnp.arrays(bool, (25, 22)))
def test_overlaps_of_lesions_equal_brute_force(a, b):
    one, two = parts_of(a), parts_of(b)
    expected = sorted(len(p & q) / len(p | q) for p in one for q in two)
    found = metrics.overlaps(a, b)
    assert found.shape == (len(one), len(two))
    assert sorted(found.ravel()) == pytest.approx(expected)


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        float, st.tuples(*[st.integers(0, 4)] * 2), elements=st.floats(0, 1)
    )
)
def test_matching_finds_the_most_pairs_then_the_best(overlap):
    def worth(pairs):
        ok = [overlap[i, j] for i, j in pairs if overlap[i, j] >= 0.1]
        return len(ok), sum(ok)

    n, m = overlap.shape
    short, long = sorted((range(n), range(m)), key=len)
    pairings = (
        zip(short, p, strict=True)
        for p in itertools.permutations(long, len(short))
    )
    best = max(
        worth(p if n <= m else [(j, i) for i, j in p]) for p in pairings
    )
    assert metrics.matched(overlap, 0.1).sum() == best[0]
    assert metrics.matched(overlap, 0.1).shape == (m,)


def test_lesions_are_counted_one_to_one():
    shape = (60, 90)
    reference = box(shape, 5, 25, 5, 25) | box(shape, 5, 25, 40, 60)
    reference |= box(shape, 50, 51, 1, 4)  # a speck of a careless hand
    merged = box(
        shape, 5, 25, 5, 60
    )  # one answer over both: finds one of the two
    row = metrics.case_scores(reference, merged)
    assert (row["lesions"], row["found_iou10"], row["found_iou50"]) == (
        2,
        1,
        0,
    )
    halves = box(shape, 5, 14, 5, 25) | box(shape, 16, 25, 5, 25)
    row = metrics.case_scores(reference, halves | box(shape, 40, 50, 70, 80))
    assert (row["found_iou10"], row["false_iou10"]) == (1, 2)
    assert (row["found_iou50"], row["false_iou50"]) == (0, 3)


def test_split_and_merged_lesions_are_counted():
    shape = (60, 90)
    one, two = box(shape, 5, 25, 5, 25), box(shape, 5, 25, 40, 60)
    halves = box(shape, 5, 14, 5, 25) | box(shape, 16, 25, 5, 25)
    over = box(shape, 5, 25, 5, 60)

    def counted(a, b):
        row = metrics.case_scores(a, b)
        return row["split"], row["merged"]

    assert counted(one, halves) == (1, 0) and counted(halves, one) == (0, 1)
    assert counted(one | two, over) == (0, 1) and counted(
        one | two, one | two
    ) == (0, 0)
    crumb = one & ~box(shape, 20, 21, 5, 25)  # its lower part: an IoU of 0.2
    assert counted(one, crumb) == (1, 0)
    assert counted(one, one & ~box(shape, 23, 24, 5, 25)) == (
        0,
        0,
    )  # a part of 0.05
    assert counted(one, one & ~one) == (0, 0)


def test_what_is_marked_below_the_lesion():
    shape = (40, 40)
    lesion = box(shape, 10, 20, 10, 20)
    assert metrics.share_below(lesion, box(shape, 10, 30, 10, 20)) == 1
    assert metrics.share_below(lesion, box(shape, 0, 20, 10, 20)) == 0
    assert metrics.share_below(
        lesion, box(shape, 10, 30, 10, 30)
    ) == pytest.approx(1 / 3)
    assert np.isnan(metrics.share_below(lesion, lesion))


def test_pixels_of_each_class_are_counted_by_hand():
    truth = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)
    told = np.array([[1, 1, 2], [0, 2, 0]], np.uint8)
    assert metrics.class_pixels(truth, told) == {
        "both_benign": 1,
        "either_benign": 3,
        "both_malignant": 1,
        "either_malignant": 2,
    }


def test_lesions_that_touch_at_a_corner_are_one():
    mask = box(SHAPE, 0, 5, 0, 5) | box(SHAPE, 5, 9, 5, 10)
    assert metrics.lesions(mask)[1] == 1


def test_candidates_carry_their_mean_probability():
    shape = (40, 40)
    one, two = box(shape, 0, 10, 0, 10), box(shape, 20, 30, 20, 30)
    probability = np.where(one, 0.9, np.where(two, 0.6, 0.2))
    probability[0, :10] = 0.8
    confidence, found, n = metrics.candidates(one, one | two, probability)
    assert confidence == pytest.approx([0.89, 0.6]) and found.tolist() == [
        True,
        False,
    ]
    assert n == 1
    confidence, found, n = metrics.candidates(one, one & ~one, probability)
    assert (len(confidence), len(found), n) == (0, 0, 1)
