"""Checkers: a right solution passes, a typical wrong one gets its hint."""

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


def several(names, least=2):
    """Count the cases with at least so many mask files."""
    cases = [name.split("_mask")[0] for name in names if "_mask" in name]
    return sum(cases.count(case) >= least for case in set(cases))


def components(n, pairs):
    ends = np.array(pairs, int).reshape(-1, 2).T
    links = coo_array((np.ones(len(pairs)), ends), (n, n))
    return connected_components(links, directed=False)[0]


def leaking(groups, folds):
    folds_of = pd.Series(folds).groupby(pd.Series(groups)).nunique()
    return set(folds_of.index[folds_of > 1])


def warmed(step, top=0.002):
    return top * min(step / 10, (1 + math.cos(math.pi * (step - 10) / 90)) / 2)


def as_keras(step):
    options = {"warmup_target": 0.002, "warmup_steps": 10}
    decay = keras.optimizers.schedules.CosineDecay(0.0, 90, **options)
    return float(decay(step))


def predictive(sensitivity, specificity, prevalence):
    true = sensitivity * prevalence
    return true / (true + (1 - specificity) * (1 - prevalence))


def two_bins(p, true, gap=lambda p, true: abs(p.mean() - true.mean())):
    """Return the gap over the bins at one half, weighted by their cases."""
    parts = [part for part in (p > 0.5, p <= 0.5) if part.any()]
    return sum(part.mean() * gap(p[part], true[part]) for part in parts)


def letterboxed():
    _, box = masks.letterbox(np.ones((470, 560), np.uint8), 128)
    return box.inner_height, box.inner_width


def parameters():
    layer = keras.layers.Conv2D(32, 3)
    layer.build((None, None, None, 16))
    return layer.count_params()


MERGED, FIRST = np.array([[1, 1, 1], [1, 0, 0]], bool)[:, None]
RIGHT = {
    "own_dice": [dice, metrics.dice],
    "inner_size": [letterboxed()],
    "several_masks": [several],
    "count_groups": [components],
    "leaking_groups": [leaking, lambda *both: sorted(leaking(*both))],
    "one_file_of_three": [metrics.dice(MERGED, FIRST)],
    "edge_below": [SOBEL, SOBEL.tolist(), SOBEL / 8, np.sign(SOBEL)],
    "layer_parameters": [parameters()],
    "own_schedule": [warmed, as_keras],
    "without_normals": [2 / 3, 0.67],
    "at_temperature_two": [calibration.rescale(0.9, 2), 0.75],
    "own_calibration_error": [
        two_bins,
        lambda p, true: calibration.calibration_error(p, true, bins=2),
    ],
    "data_to_halve": [lambda b: 2 ** (1 / b)],
    "rate_share": [0.01 / 0.0104, 0.96],
    "predictive_value": [predictive],
    "depth_of_echo": [lambda delay: delay * 0.154 / 2],
    "looks_for_a_quarter": [16],
}
WRONG = {
    "own_dice": [
        (lambda a, b: (a & b).sum() / (a | b).sum(), "the IoU"),
        (lambda a, b: dice(a, b) / 2, "twice the shared area"),
        (lambda a, b: (a & b).sum() / a.sum(), "of 12 and 6 pixels"),
        (lambda a, b: (a == b).mean(), "of 12 and 6 pixels"),
        (lambda a, b: 1.0, "of 12 and 6 pixels"),
    ],
    "inner_size": [
        ((128, 128), "stretch"),
        ((128, 152), "do not fit"),
        ((470, 560), "do not fit"),
        ((128, 107), "longer side"),
        ((105, 126), "longer side"),
        ((106, 128), "same factor"),
        ((120, 128), "same factor"),
    ],
    "several_masks": [
        (lambda names: several(names, 1), "one mask file is not several"),
        (lambda names: sum("_mask_" in n for n in names), "however many"),
        (lambda names: several([n.split(" ")[1] for n in names]), "two cases"),
        (
            lambda names: sum(
                a.endswith("_mask.png") and b.endswith("_mask_1.png")
                for a, b in itertools.pairwise(names)
            ),
            "order of the files",
        ),
        (lambda names: 0, "has two masks"),
    ],
    "count_groups": [
        (lambda n, pairs: n, "two copies are one group"),
        (lambda n, pairs: len(pairs), "a group of its own"),
        (lambda n, pairs: n - len(pairs), "joins nothing new"),
        (
            lambda n, pairs: n - len({i for i, _ in pairs}) - (n == 5),
            "makes one group",
        ),
        (lambda n, pairs: max(n - len(pairs), n - 1), "a copy of a copy"),
    ],
    "leaking_groups": [
        (lambda g, folds: [x for x in g if g.count(x) > 1], "many images"),
        (lambda groups, folds: [], "a has an image in fold 0"),
        (lambda *both: list(leaking(*both))[:1], "both a and b"),
        (lambda groups, folds: set(groups), "many images"),
    ],
    "one_file_of_three": [
        (1 / 3, "IoU"),
        (0.33, "IoU"),
        (50, "0 to 1"),
        (1, "shared"),
    ],
    "receptive_field_order": [
        ([1, 1, 1, 2, 2, 2], "sees 21 pixels"),
        ([2, 2, 2, 2, 2, 2], "three strides"),
    ],
    "depth_of_echo": [
        (lambda delay: delay * 0.154, "there and back"),
        (lambda delay: delay * 1540, "in centimetres"),
    ],
    "looks_for_a_quarter": [(4, "a half"), (2, "71 %"), (8, "solve")],
    "edge_below": [
        (SOBEL.T, "between left and right"),
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "between left and right"),
        (-SOBEL, "where dark lies above bright its response is -4"),
        (np.zeros((3, 3)), "its response is 0"),
        (np.ones((3, 3)) / 9, "plain brightness"),
        ([-1, 0, 1], "3 rows of 3 numbers"),
    ],
    "layer_parameters": [
        (4608, "A bias"),
        (320, "all of the 16"),
        (145, "one filter"),
        (512, "how many"),
    ],
    "own_schedule": [
        (lambda step: 0.002, "begins at 0"),
        (lambda s: 0.002 * min(s / 10, (100 - s) / 90), "above a straight"),
        (lambda step: warmed(step, 0.02), "half of the highest"),
        (lambda step: 0.002 * min(step / 10, 1), "ends at 0"),
        (lambda s: min(2e-4 * s, warmed(10 + 0.9 * s)), "warm-up ends"),
    ],
    "own_calibration_error": [
        (lambda p, true: abs(p.mean() - true.mean()), "0.6, 1.0] and"),
        (lambda p, true: np.abs(p - true).mean(), "9 of 10"),
        (lambda p, true: ((p > 0.5) == true).mean(), "9 of 10"),
        (
            lambda *both: two_bins(*both, lambda a, b: a.mean() - b.mean()),
            "low",
        ),
        (lambda p, true: p[p < 0.5].mean(), "nothing falls into"),
    ],
    "without_normals": [
        (0.76, "normal ones too"),
        (0.6, "they count 0"),
        (0.4, "number of lesion images"),
        (0.9, "add up to"),
    ],
    "at_temperature_two": [
        (0.45, "divides the logit"),
        (calibration.rescale(0.9, 0.5), "less sure"),
        (1.0986, "a probability again"),
        (0.5, "their root"),
    ],
    "cases_needed": [
        (24.5, "root"),
        (2401, "whole width"),
        (156, "1.96 of them"),
        (50, "solve"),
    ],
    "data_to_halve": [
        (lambda b: 2, "for b = 0.5 it returns 2"),
        (lambda b: 2**b, "Which k"),
        (lambda b: 0.5 ** (1 / b), "mind the sign"),
        (lambda b: 2 / b, "when is that 1 / 2"),
    ],
    "rate_share": [
        (0.0004 / 0.0104, "share of the seeds"),
        (0.1, "effect of the rate"),
        (96, "between 0 and 1"),
        (0.5, "square each run"),
    ],
    "threshold_for_nine": [
        (0.34, "go lower"),
        (0.28, "9 malignant and 6 benign"),
        (0, "10 malignant"),
    ],
    "predictive_value": [
        (lambda s, t, p: s * p, "divide"),
        (lambda s, t, p: s, "270 are true positives"),
        # right at one prevalence only
        (lambda s, t, p: predictive(s, t, 0.3), "0.005"),
    ],
}


def flat(table):
    return [(name, one) for name, many in table.items() for one in many]


@pytest.mark.parametrize(("name", "right"), flat(RIGHT))
def test_a_right_solution_passes(name, right):
    assert getattr(exercises, name)(right) == ""


@pytest.mark.parametrize(("name", "wrong"), flat(WRONG))
@pytest.mark.filterwarnings("ignore:Mean of empty", "ignore:invalid value")
def test_a_wrong_solution_gets_the_hint_that_fits(name, wrong):
    solution, hint = wrong
    assert hint in getattr(exercises, name)(solution)


def test_one_order_of_strides_sees_furthest():
    checker = exercises.receptive_field_order
    orders = set(itertools.permutations([1, 1, 1, 2, 2, 2]))
    right = [order for order in orders if not checker(order)]
    assert right == [(2, 2, 2, 1, 1, 1)]


def test_one_gap_between_the_cases_holds_the_threshold_for_nine():
    thresholds = np.arange(0, 1, 0.005).round(3)
    right = [t for t in thresholds if not exercises.threshold_for_nine(t)]
    assert right[0] > 0.28 and right[-1] == 0.33


def test_cases_needed_are_those_of_the_half_width():
    right = [n for n in range(500, 700) if not exercises.cases_needed(n)]
    assert right == [600, 601]
    assert bootstrap.half_width(600.25, 0.25) == pytest.approx(0.02)


def test_check_says_right_not_yet_or_no_answer_and_never_stops(capsys):
    for solution in (SOBEL, -SOBEL, ..., "a word"):
        exercises.check(exercises.edge_below, solution)
    exercises.check(exercises.receptive_field_order, 3)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Right." and said[1].startswith("Not yet: where dark")
    assert said[2].startswith("No answer yet")
    assert "ValueError" in said[3] and "TypeError" in said[4]


def test_the_solutions_in_the_notebooks_pass_their_checkers(capsys):
    tried, fenced = 0, r"<summary>Solution.*?```python\n(.*?)```"
    for source in (ROOT / "notebooks").glob("[0-9A][0-9]_*.py"):
        text = re.sub(r"^# ?", "", source.read_text(), flags=re.MULTILINE)
        for solution in re.findall(fenced, text, re.DOTALL):
            exec(solution, {"exercises": exercises, "np": np})
            tried += 1
    assert tried >= 10
    assert capsys.readouterr().out.splitlines() == ["Right."] * tried
