"""Checkers of the exercises: a right answer is called right, a wrong one gets a hint.

A checker takes the reader's answer and returns one sentence on what is wrong, or "" if
it is right. A new exercise is one more such function.
"""

import numpy as np


def check(checker, answer):
    """Print whether an answer is right, and if not, a hint; `...` is no answer yet.

    An answer that fails while it is tried is a wrong answer, never an error here.
    """
    if answer is ...:
        print("No answer yet: put yours in place of the three dots and run this again.")
        return
    try:
        hint = checker(answer)
    except Exception as error:
        hint = f"your answer stops with {type(error).__name__}: {error}"
    print(f"Not yet: {hint}" if hint else "Right.")


def far_sight(strides):
    """Wanted: the order of strides 1, 1, 1, 2, 2, 2 of 3x3 filters that sees furthest."""
    if sorted(strides) != [1, 1, 1, 2, 2, 2]:
        return f"use three strides of 1 and three of 2, not {list(strides)}."
    pixels = 1
    for stride in reversed(strides):
        pixels = stride * pixels + 3 - stride
    if pixels == 63:
        return ""
    return (
        f"this one sees {pixels} pixels. A stride widens the steps of all layers after "
        "it: how many come after yours?"
    )


def edge_below(weights):
    """Wanted: a 3x3 filter, positive where dark lies above bright, else silent."""
    weights = np.asarray(weights, float)
    if weights.shape != (3, 3):
        return f"it takes 3 rows of 3 numbers, not shape {weights.shape}."
    if not np.isclose(weights.sum(), 0):
        return (
            f"its numbers sum to {weights.sum():g}, so it answers to plain brightness."
        )
    if not np.allclose(weights.sum(axis=0), 0):
        return "it answers to an edge between left and right: let each column sum to 0."
    answers = weights[1:].sum(), weights[2].sum()  # bright from row 1, or from row 2
    if min(answers) > 0:
        return ""
    return f"where dark lies above bright it answers {min(answers):g}."


# Probabilities of "malignant" that ten malignant and ten benign cases were given.
MALIGNANT = (0.92, 0.85, 0.77, 0.63, 0.58, 0.51, 0.44, 0.40, 0.33, 0.12)
BENIGN = (0.81, 0.66, 0.47, 0.36, 0.35, 0.28, 0.21, 0.15, 0.10, 0.05)


def cut_for_nine(cut):
    """Wanted: a cut that calls nine of MALIGNANT and the fewest possible of BENIGN."""
    found, false = (sum(p >= cut for p in given) for given in (MALIGNANT, BENIGN))
    if found == 9 and false == 5:
        return ""
    if found < 9:
        return f"it calls {found} of the ten malignant cases: go lower."
    return (
        f"it calls {found} malignant and {false} benign cases: is there a higher one?"
    )


def predictive_value(answer):
    """Wanted: a function (sensitivity, specificity, prevalence) -> share of the called."""
    for sensitivity, specificity, ill in ((0.9, 0.8, 0.3), (0.9, 0.8, 0.005)):
        found, false = sensitivity * ill, (1 - specificity) * (1 - ill)
        wanted, told = (
            found / (found + false),
            float(answer(sensitivity, specificity, ill)),
        )
        if np.isclose(told, found):
            return "that is the share of all people who are ill and called: divide it."
        if not np.isclose(told, wanted):
            return (
                f"for {sensitivity}, {specificity} and {ill} it gives {told:.3f}. Of 1000 "
                f"people {1000 * found:g} are ill and called, {1000 * false:g} well and "
                "called."
            )
    return ""
