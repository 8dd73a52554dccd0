"""The scores against brute force and SciPy, their properties, empty masks."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import cdist

from helpers.data import masks
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


def slowly(a, b, tolerance):
    """Return (dice, iou, hd95, surface dice) with nothing clever."""
    both, one, two = (a & b).sum(), a.sum(), b.sum()
    if not one or not two:
        same = float(one == two)
        return same, same, 0.0 if same else np.hypot(*a.shape), same
    edges = (mask & ~ndimage.binary_erosion(mask) for mask in (a, b))
    apart = cdist(*map(np.argwhere, edges))
    to_b, to_a = apart.min(axis=1), apart.min(axis=0)
    near = np.mean(np.concatenate([to_b, to_a]) <= tolerance)
    far = max(np.percentile(to_b, 95), np.percentile(to_a, 95))
    return 2 * both / (one + two), both / (one + two - both), far, near


def fast(a, b, tolerance):
    overlap = metrics.dice(a, b), metrics.iou(a, b)
    near = metrics.surface_dice(a, b, tolerance)
    return *overlap, metrics.hd95(a, b), near


@settings(max_examples=200, deadline=None)
@given(PAIRS, st.sampled_from([0, 1, 2**0.5, 2, 3.5, np.inf]))
def test_scores_equal_brute_force_in_either_order(pair, tolerance):
    expected = pytest.approx(slowly(*pair, tolerance), abs=1e-9)
    assert fast(*pair, tolerance) == fast(*pair[::-1], tolerance) == expected
    assert fast(pair[0], pair[0], 0) == (1, 1, 0, 1)
    dice, iou, far, near = fast(*pair, tolerance)
    assert 0 <= iou <= dice <= 1 and 0 <= near <= 1
    assert dice == pytest.approx(2 * iou / (1 + iou))
    assert 0 <= far <= np.hypot(*pair[0].shape) + 1e-9
    assert all(type(score) is float for score in (dice, iou, far, near))
    row, names = metrics.case_scores(*pair), ["dice", "iou", "hd95"]
    found = [row[name] for name in [*names, "surface_dice_2px"]]
    assert found == pytest.approx(slowly(*pair, 2), abs=1e-9)
    area, other = (int(mask.sum()) for mask in pair)
    if area:
        assert row["area_error"] == pytest.approx((other - area) / area)


LESION = box(SHAPE, 1, 6, 2, 7)
COUNTS = [f"{k}_iou{t}" for t in (10, 50) for k in ("found", "false")]
COLUMNS = ["area_error", "lesions"]
DIAGONAL = np.hypot(*SHAPE)
NONE = np.nan


@pytest.mark.parametrize(
    "a, b, scores, columns",
    [
        (LESION, EMPTY, (0, 0, DIAGONAL, 0), (-1, 1, 0, 0, 0, 0)),
        (EMPTY, LESION, (0, 0, DIAGONAL, 0), (NONE, 0, 0, 1, 0, 1)),
        (EMPTY, EMPTY, (1, 1, 0, 1), (NONE, 0, 0, 0, 0, 0)),
    ],
)
def test_empty_masks_follow_the_stated_rule(a, b, scores, columns):
    assert fast(a, b, 2) == pytest.approx(scores)
    row = metrics.case_scores(a, b)
    json.dumps(row)  # plain numbers
    found = [row[name] for name in COLUMNS + COUNTS]
    assert found == pytest.approx(columns, nan_ok=True)


SCORES = ["dice", "iou", "hd95", "surface_dice", "share_below", "case_scores"]


@pytest.mark.parametrize(
    "one, two, dtype",
    [
        ((3, 3), (3, 4), bool),
        ((3, 3), (3, 3), np.uint8),
        ((1, 3, 3), (1, 3, 3), bool),
        (3, 3, bool),
    ],
)
@pytest.mark.parametrize("name", SCORES)
def test_masks_of_another_kind_are_refused(name, one, two, dtype):
    with pytest.raises(ValueError, match="two 2-D bool masks"):
        getattr(metrics, name)(np.zeros(one, dtype), np.zeros(two, bool))


def parts_of(mask):
    """Return the parts of SPECK pixels or more, sets of points."""
    parts, n = masks.parts(mask, metrics.SPECK)
    return [set(map(tuple, np.argwhere(parts == k + 1))) for k in range(n)]


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(bool, (25, 22)), hnp.arrays(bool, (25, 22)))
def test_overlaps_of_lesions_equal_brute_force(a, b):
    one, two = parts_of(a), parts_of(b)
    expected = sorted(len(p & q) / len(p | q) for p in one for q in two)
    found = metrics.overlaps(a, b)
    assert found.shape == (len(one), len(two))
    assert sorted(found.ravel()) == pytest.approx(expected)


SIDES = st.tuples(*[st.integers(0, 4)] * 2)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(float, SIDES, elements=st.floats(0, 1)))
def test_matching_finds_the_most_pairs_then_the_best(overlap):
    n, m = overlap.shape

    def pairs(order):
        both = (range(n), order) if n <= m else (order, range(m))
        found = zip(*both, strict=True)
        return [(i, j) for i, j in found if overlap[i, j] >= 0.1]

    def worth(order):
        return len(pairs(order)), sum(overlap[i, j] for i, j in pairs(order))

    orders = list(itertools.permutations(range(max(n, m)), min(n, m)))
    found = metrics.matched(overlap, 0.1)
    assert found.shape == (m,)
    chosen = set(np.flatnonzero(found))
    own = [worth(o) for o in orders if {j for _, j in pairs(o)} == chosen]
    assert max(own) == pytest.approx(max(map(worth, orders)))


WIDE = (60, 90)
ONE, TWO = box(WIDE, 5, 25, 5, 25), box(WIDE, 5, 25, 40, 60)
HALVES = box(WIDE, 5, 14, 5, 25) | box(WIDE, 16, 25, 5, 25)
OVER = box(WIDE, 5, 25, 5, 60)


SPECK, FAR = box(WIDE, 50, 51, 1, 4), box(WIDE, 40, 50, 70, 80)
# Their lower part has an IoU of 0.2, and of 0.05.
CRUMB = ONE & ~box(WIDE, 20, 21, 5, 25)
LESS = ONE & ~box(WIDE, 23, 24, 5, 25)


@pytest.mark.parametrize(
    "a, b, expected",
    [
        (ONE, HALVES, (1, 1, 1, 0, 2, 1, 0)),
        (HALVES, ONE, (2, 1, 0, 0, 1, 0, 1)),
        (ONE | TWO | SPECK, OVER, (2, 1, 0, 0, 1, 0, 1)),
        (ONE | TWO | SPECK, HALVES | FAR, (2, 1, 2, 0, 3, 1, 0)),
        (ONE | TWO, ONE | TWO, (2, 2, 0, 2, 0, 0, 0)),
        (ONE, CRUMB, (1, 1, 1, 1, 1, 1, 0)),
        (ONE, LESS, (1, 1, 1, 1, 1, 0, 0)),
        (ONE, ONE & ~ONE, (1, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_lesions_are_matched_one_to_one_split_and_merged(a, b, expected):
    row, names = metrics.case_scores(a, b), ["lesions", *COUNTS]
    assert [row[k] for k in [*names, "split", "merged"]] == list(expected)


def test_the_fraction_of_false_positives_below_the_lesion():
    lesion = box((40, 40), 10, 20, 10, 20)
    ends = (10, 30, 20), (0, 20, 20), (10, 30, 30), (10, 20, 20)
    predictions = [box((40, 40), y, y1, 10, x1) for y, y1, x1 in ends]
    found = [metrics.share_below(lesion, mask) for mask in predictions]
    assert found == pytest.approx([1, 0, 1 / 3, np.nan], nan_ok=True)


def test_pixels_of_each_class_are_counted_by_hand():
    ground_truth = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)
    prediction = np.array([[1, 1, 2], [0, 2, 0]], np.uint8)
    benign = {"intersection_benign": 1, "union_benign": 3}
    malignant = {"intersection_malignant": 1, "union_malignant": 2}
    found = metrics.class_pixels(ground_truth, prediction)
    assert found == benign | malignant


def test_candidates_carry_their_mean_probability():
    shape = (40, 40)
    one, two = box(shape, 0, 10, 0, 10), box(shape, 20, 30, 20, 30)
    probability = np.where(one, 0.9, np.where(two, 0.6, 0.2))
    probability[0, :10] = 0.8
    confidence, found, n = metrics.candidates(one, one | two, probability)
    assert confidence == pytest.approx([0.89, 0.6]) and n == 1
    assert found.tolist() == [True, False]
    confidence, found, n = metrics.candidates(one, one & ~one, probability)
    assert (len(confidence), len(found), n) == (0, 0, 1)
