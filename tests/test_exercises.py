"""Each checker: the right answer passes, typical wrong ones get the hint that fits."""

import re

import numpy as np
import pytest
from conftest import ROOT

from helpers import exercises


def growing(windows, steps, start=1, own_first=False, stride=True):
    """The right function, and with other settings the usual mistakes."""
    field, jump = start, 1
    for window, step in zip(windows, steps, strict=True):
        jump *= step if own_first and stride else 1
        field += (window - 1) * jump
        jump *= step if stride and not own_first else 1
    return field


SOBEL = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


def test_right_answers_pass():
    assert exercises.receptive_field(growing) == ""
    for weights in (SOBEL, SOBEL.tolist(), SOBEL / 8, np.sign(SOBEL)):
        assert exercises.edge_below(weights) == ""


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda w, s: growing(w, s, stride=False), "as if each step were 1"),
        (lambda w, s: growing(w, s, start=0), "one too few"),
        (
            lambda w, s: growing(w, s, own_first=True),
            "own step counts for the layers after",
        ),
        (lambda w, s: int(np.prod(w)), "and it is 5"),
        (lambda w, s: None, "returns nothing"),
        (lambda w, s: ..., "returns nothing"),
        (10, "the function itself"),
    ],
)
def test_wrong_receptive_fields_get_a_hint(wrong, hint):
    assert hint in exercises.receptive_field(wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (SOBEL.T, "between left and right"),
        (-SOBEL, "turn the signs"),
        (np.ones((3, 3)) / 9, "plain brightness"),
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], "between left and right"),
        (SOBEL + 0.1, "plain brightness"),
        (np.zeros((3, 3)), "silent"),
        ([-1, 0, 1], "3 rows of 3 numbers"),
    ],
)
def test_wrong_filters_get_a_hint(wrong, hint):
    assert hint in exercises.edge_below(wrong)


def test_check_says_right_not_yet_or_no_answer_and_never_stops(capsys):
    exercises.check(exercises.edge_below, SOBEL)
    exercises.check(exercises.edge_below, -SOBEL)
    exercises.check(exercises.edge_below, ...)
    exercises.check(exercises.receptive_field, lambda: 3)
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
    assert tried >= 2
    assert capsys.readouterr().out.splitlines() == ["Right."] * tried
