"""Each checker: the right answer passes, typical wrong ones get the hint that fits."""

import itertools
import re

import numpy as np
import pytest
from conftest import ROOT

from helpers import exercises

SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


def test_one_order_of_strides_sees_furthest():
    orders = set(itertools.permutations([1, 1, 1, 2, 2, 2]))
    assert {o for o in orders if not exercises.far_sight(o)} == {(2, 2, 2, 1, 1, 1)}
    assert "sees 21 pixels" in exercises.far_sight([1, 1, 1, 2, 2, 2])
    assert "three strides" in exercises.far_sight([2, 2, 2, 2, 2, 2])


@pytest.mark.parametrize("right", [SOBEL, SOBEL.tolist(), SOBEL / 8, np.sign(SOBEL)])
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
    assert "0.005" in exercises.predictive_value(lambda s, t, p: right(s, t, 0.3))


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
            exec(solution, {"exercises": exercises})
            tried += 1
    assert tried >= 2
    assert capsys.readouterr().out.splitlines() == ["Right."] * tried
