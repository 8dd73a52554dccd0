"""Each checker: the right answer passes, typical wrong ones get the hint that fits."""

import itertools
import math
import re

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from helpers import exercises
from helpers.data import masks
from helpers.evaluation import bootstrap, calibration, metrics

SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda a, b: (a & b).sum() / (a | b).sum(), "the IoU"),
        (
            lambda a, b: (a & b).sum() / (a.sum() + b.sum()),
            "twice the shared area",
        ),
        (lambda a, b: 2 * (a & b).sum() / (2 * a.sum()), "of 12 and 6 pixels"),
        (lambda a, b: (a == b).mean(), "of 12 and 6 pixels"),
        (lambda a, b: 1.0, "of 12 and 6 pixels"),
    ],
)
def test_own_dice(wrong, hint):
    assert (
        exercises.own_dice(dice) == ""
        and exercises.own_dice(metrics.dice) == ""
    )
    assert hint in exercises.own_dice(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ((128, 128), "stretch"),
        ((128, 152), "do not fit"),
        ((470, 560), "do not fit"),
        ((128, 107), "longer side"),
        ((105, 126), "longer side"),
        ((106, 128), "same factor"),
        ((120, 128), "same factor"),
    ],
)
def test_inner_size(wrong, hint):
    _, box = masks.letterbox(np.ones((470, 560), np.uint8), 128)
    assert exercises.inner_size((box.inner_height, box.inner_width)) == ""
    assert hint in exercises.inner_size(wrong)


def cases_with_masks(names, least):
    """Count the cases with at least so many mask files."""
    masks = [name.split("_mask")[0] for name in names if "_mask" in name]
    return sum(masks.count(case) >= least for case in set(masks))


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            lambda names: cases_with_masks(names, 1),
            "one mask file is not several",
        ),
        (
            lambda names: sum("_mask_" in name for name in names),
            "however many",
        ),
        (
            lambda names: cases_with_masks(
                [n.split(" ")[1] for n in names], 2
            ),
            "two cases with one mask each",
        ),
        (
            lambda names: sum(
                a.endswith("_mask.png") and b.endswith("_mask_1.png")
                for a, b in itertools.pairwise(names)
            ),
            "order of the files",
        ),
        (lambda names: 0, "has two masks"),
    ],
)
def test_several_masks(wrong, hint):
    assert (
        exercises.several_masks(lambda names: cases_with_masks(names, 2)) == ""
    )
    assert hint in exercises.several_masks(wrong)


def components(n, pairs):
    links = coo_array(
        (np.ones(len(pairs)), np.array(pairs).reshape(-1, 2).T), (n, n)
    )
    return connected_components(links, directed=False)[0]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda n, pairs: n, "two copies are one group"),
        (lambda n, pairs: len(pairs), "a group of its own"),
        (lambda n, pairs: n - len(pairs), "joins nothing new"),
        (
            lambda n, pairs: n - len({i for i, _ in pairs}) - (n == 5),
            "makes one group",
        ),
        (lambda n, pairs: max(n - len(pairs), n - 1), "a copy of a copy"),
    ],
)
def test_count_groups(wrong, hint):
    assert exercises.count_groups(components) == ""
    assert hint in exercises.count_groups(wrong)


def leaking(groups, folds):
    folds_of = pd.Series(folds).groupby(pd.Series(groups)).nunique()
    return set(folds_of.index[folds_of > 1])


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (
            lambda groups, folds: [g for g in groups if groups.count(g) > 1],
            "many images",
        ),
        (lambda groups, folds: [], "a has an image in fold 0"),
        (
            lambda groups, folds: list(leaking(groups, folds))[:1],
            "both a and b",
        ),
        (lambda groups, folds: set(groups), "many images"),
    ],
)
def test_leaking_groups(wrong, hint):
    assert exercises.leaking_groups(leaking) == ""
    assert exercises.leaking_groups(lambda *both: sorted(leaking(*both))) == ""
    assert hint in exercises.leaking_groups(wrong)


def test_one_file_of_three():
    merged, first = np.array([[1, 1, 1], [1, 0, 0]], bool)[:, None]
    assert exercises.one_file_of_three(metrics.dice(merged, first)) == ""
    for wrong, hint in (
        (1 / 3, "IoU"),
        (0.33, "IoU"),
        (50, "0 to 1"),
        (1, "shared"),
    ):
        assert hint in exercises.one_file_of_three(wrong)


def test_one_order_of_strides_sees_furthest():
    orders = set(itertools.permutations([1, 1, 1, 2, 2, 2]))
    assert {o for o in orders if not exercises.far_sight(o)} == {
        (2, 2, 2, 1, 1, 1)
    }
    assert "sees 21 pixels" in exercises.far_sight([1, 1, 1, 2, 2, 2])
    assert "three strides" in exercises.far_sight([2, 2, 2, 2, 2, 2])


@pytest.mark.parametrize(
    "right", [SOBEL, SOBEL.tolist(), SOBEL / 8, np.sign(SOBEL)]
)
def test_edge_filters_pass(right):
    assert exercises.edge_below(right) == ""


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (SOBEL.T, "between left and right"),
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "between left and right"),
        (-SOBEL, "where dark lies above bright it answers -4"),
        (np.zeros((3, 3)), "it answers 0"),
        (np.ones((3, 3)) / 9, "plain brightness"),
        ([-1, 0, 1], "3 rows of 3 numbers"),
    ],
)
def test_wrong_filters_get_a_hint(wrong, hint):
    assert hint in exercises.edge_below(wrong)


def test_layer_parameters():
    layer = keras.layers.Conv2D(32, 3)
    layer.build((None, None, None, 16))
    assert exercises.layer_parameters(layer.count_params()) == ""
    for wrong, hint in (
        (4608, "A bias"), (320, "all of the 16"), (145, "one filter"), (512, "how many"),
    ):  # fmt: skip
        assert hint in exercises.layer_parameters(wrong)


def warmed(step, top=0.002):
    return top * min(step / 10, (1 + math.cos(math.pi * (step - 10) / 90)) / 2)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda step: 0.002, "begins at 0"),
        (
            lambda step: 0.002 * min(step / 10, (100 - step) / 90),
            "above a straight",
        ),
        (lambda step: warmed(step, 0.02), "half of the highest"),
        (lambda step: 0.002 * min(step / 10, 1), "ends at 0"),
        (
            lambda step: (
                0.002
                * min(step / 10, (1 + math.cos(math.pi * step / 100)) / 2)
            ),
            "warm-up ends",
        ),
    ],
)
def test_own_schedule(wrong, hint):
    keras_own = keras.optimizers.schedules.CosineDecay(
        0.0, 90, warmup_target=0.002, warmup_steps=10
    )
    assert exercises.own_schedule(lambda step: float(keras_own(step))) == ""
    assert hint in exercises.own_schedule(wrong)


def test_one_gap_between_the_cases_holds_the_cut_for_nine():
    cuts = np.arange(0, 1, 0.005).round(3)
    right = [cut for cut in cuts if not exercises.cut_for_nine(cut)]
    assert right[0] > 0.28 and right[-1] == 0.33
    assert "go lower" in exercises.cut_for_nine(0.34)
    assert "9 malignant and 6 benign" in exercises.cut_for_nine(0.28)
    assert "10 malignant" in exercises.cut_for_nine(0)


def test_predictive_value_needs_those_who_are_called_in_vain():
    def right(sensitivity, specificity, ill):
        called = sensitivity * ill + (1 - specificity) * (1 - ill)
        return sensitivity * ill / called

    assert exercises.predictive_value(right) == ""
    assert "divide" in exercises.predictive_value(lambda s, t, p: s * p)
    assert "270 are ill" in exercises.predictive_value(lambda s, t, p: s)
    # right at one prevalence only
    assert "0.005" in exercises.predictive_value(
        lambda s, t, p: right(s, t, 0.3)
    )


def two_bins(
    told, true, gap=lambda told, true: abs(told.mean() - true.mean())
):
    """Return the gap over the bins below and above one half, weighted by their cases."""
    parts = [part for part in (told > 0.5, told <= 0.5) if part.any()]
    return sum(part.mean() * gap(told[part], true[part]) for part in parts)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda told, true: abs(told.mean() - true.mean()), "0.6, 1.0] and"),
        (lambda told, true: np.abs(told - true).mean(), "9 of 10"),
        (lambda told, true: ((told > 0.5) == true).mean(), "9 of 10"),
        (
            lambda told, true: two_bins(
                told, true, lambda a, b: a.mean() - b.mean()
            ),
            "low",
        ),
        (
            lambda told, true: np.mean([told[told < 0.5].mean()]),
            "nothing falls into",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Mean of empty", "ignore:invalid value")
def test_own_calibration_error(wrong, hint):
    assert exercises.own_calibration_error(two_bins) == ""
    assert (
        exercises.own_calibration_error(
            lambda told, true: calibration.calibration_error(
                told, true, bins=2
            )
        )
        == ""
    )
    assert hint in exercises.own_calibration_error(wrong)


def test_cases_needed_are_those_of_the_half_width():
    right = [n for n in range(500, 700) if not exercises.cases_needed(n)]
    assert right == [600, 601]
    assert bootstrap.half_width(600.25, 0.25) == pytest.approx(0.02)
    assert "root" in exercises.cases_needed(24.5)
    assert "whole width" in exercises.cases_needed(2401)
    assert "1.96 of them" in exercises.cases_needed(156)
    assert "solve" in exercises.cases_needed(50)


def test_check_says_right_not_yet_or_no_answer_and_never_stops(capsys):
    exercises.check(exercises.edge_below, SOBEL)
    exercises.check(exercises.edge_below, -SOBEL)
    exercises.check(exercises.edge_below, ...)
    exercises.check(exercises.far_sight, 3)
    exercises.check(exercises.edge_below, "a word")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Right." and said[1].startswith("Not yet: where dark")
    assert said[2].startswith("No answer yet")
    assert "TypeError" in said[3] and "ValueError" in said[4]


def test_the_solutions_in_the_notebooks_pass_their_checkers(capsys):
    tried = 0
    for source in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"):
        text = re.sub(r"^# ?", "", source.read_text(), flags=re.MULTILINE)
        for solution in re.findall(
            r"<summary>Solution.*?```python\n(.*?)```", text, re.S
        ):
            exec(solution, {"exercises": exercises, "np": np})
            tried += 1
    assert tried >= 10
    assert capsys.readouterr().out.splitlines() == ["Right."] * tried


def test_data_to_halve_an_error():
    assert exercises.data_to_halve(lambda b: 2 ** (1 / b)) == ""
    for wrong, hint in (
        (lambda b: 2, "for b = 0.5 it returns 2"),
        (lambda b: 2**b, "Which k has"),
        (lambda b: 0.5 ** (1 / b), "mind the sign"),
        (lambda b: 2 / b, "when is that 1 / 2"),
    ):
        assert hint in exercises.data_to_halve(wrong)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (0.01 / 0.0104, ""),
        (0.96, ""),
        (0.0004 / 0.0104, "share of the seeds"),
        (0.1, "effect of the rate"),
        (96, "between 0 and 1"),
        (0.5, "square each run"),
    ],
)
def test_share_of_the_learning_rate(number, hint):
    told = exercises.rate_share(number)
    assert hint in told and bool(told) == bool(hint)
