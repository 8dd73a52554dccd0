"""Checkers of the exercises: a right answer is called right, a wrong one gets a hint.

A checker takes the reader's answer (a number, a list or a function) and
returns one sentence on what is wrong, or "" if it is right. A new exercise is
one more of them.
"""

import math

import numpy as np


def check(checker, answer):
    """Print whether an answer is right, and if not, a hint; `...` is no answer yet.

    An answer that fails while it is tried is a wrong answer, never an error
    here.
    """
    if answer is ...:
        print(
            "No answer yet: put yours in place of the three dots and run this again."
        )
        return
    try:
        hint = checker(answer)
    except Exception as error:
        hint = f"your answer stops with {type(error).__name__}: {error}"
    print(f"Not yet: {hint}" if hint else "Right.")


# ---- notebook 0


def own_dice(function):
    """Wanted: a function of two bool masks (h, w) that returns their Dice score."""
    a, b = np.zeros((2, 6, 6), bool)
    a[1:4, 1:5] = b[2:5, 2:4] = True  # 12 and 6 pixels, 4 of them shared
    for one, two in ((a, a), (a, b), (b, a), (a, ~a)):
        shared, areas = (one & two).sum(), one.sum() + two.sum()
        answer = float(function(one, two))
        if np.isclose(answer, 2 * shared / areas):
            continue
        hint = "is it twice the shared area over the sum of both areas?"
        if np.isclose(answer, shared / (areas - shared)):
            hint = "that is the shared area over the joint one, another score: the IoU."
        return (
            f"for areas of {one.sum()} and {two.sum()} pixels that share {shared} it "
            f"returns {answer:.2f}: {hint}"
        )
    return ""


def inner_size(answer):
    """Wanted: (rows, columns) of an image of 470 x 560 in a square of 128 pixels."""
    rows, columns = answer
    if (rows, columns) == (128, 128):
        return "that would stretch the image: it is not square, so its copy is not."
    if max(rows, columns) > 128:
        return (
            f"{max(rows, columns):g} pixels do not fit into a square of 128."
        )
    if columns != 128:
        return "the longer side fills the square: how many columns are that?"
    if abs(rows - 470 * 128 / 560) > 0.5:
        return "the rows must shrink by the same factor as the columns, 128 / 560."
    return ""


# ---- notebook 1


def several_masks(function):
    """Wanted: a function of file names that counts the cases with several mask files."""
    one = ["benign (1).png", "benign (1)_mask.png"]
    two = [
        *(name.replace("1", "10") for name in one),
        "benign (10)_mask_1.png",
    ]
    other = [name.replace("benign", "malignant") for name in one]
    three = [*other, "malignant (1)_mask_1.png", "malignant (1)_mask_2.png"]
    for names, wanted, hint in (
        (one, 0, "one mask file is not several."),
        (one + other, 0, "these are two cases with one mask each."),
        (one + two, 1, "benign (10) has two masks."),
        (three, 1, "it is one case, however many masks it has."),
        (
            three[::-1] + one + two,
            2,
            "the order of the files must not matter.",
        ),
    ):
        if (answer := function(list(names))) != wanted:
            return f"for {', '.join(names)} it returns {answer}: {hint}"
    return ""


def count_groups(function):
    """Wanted: a function of n images and their pairs (i, j) that counts the groups."""
    for n, pairs, wanted, hint in (
        (3, [], 3, "an image without a copy is a group of its own."),
        (
            3,
            [(0, 1)],
            2,
            "two copies are one group, the third image is another.",
        ),
        (4, [(0, 1), (1, 2)], 2, "a copy of a copy is in the same group."),
        (3, [(0, 1), (1, 2), (0, 2)], 1, "the third pair joins nothing new."),
        (
            5,
            [(0, 1), (2, 3), (1, 3)],
            2,
            "the last pair makes one group of two.",
        ),
    ):
        if (answer := function(n, list(pairs))) != wanted:
            return f"for {n} images and the pairs {pairs} it returns {answer}: {hint}"
    return ""


# ---- notebook 2


def leaking_groups(function):
    """Wanted: a function of groups and folds that returns the groups in several folds."""
    for groups, folds, wanted, hint in (
        (
            "aab",
            [0, 0, 1],
            "",
            "a group may have many images, if its fold is one.",
        ),
        ("aba", [0, 0, 1], "a", "a has an image in fold 0 and one in fold 1."),
        ("abbcccd", [1, 0, 0, 2, 2, 0, 1], "c", "only c is in two folds."),
        ("abab", [0, 1, 2, 0], "ab", "both a and b are in two folds."),
    ):
        answer = set(function(list(groups), list(folds)))
        if answer != set(wanted):
            return (
                f"for the groups {list(groups)} in the folds {folds} it returns "
                f"{sorted(answer)}: {hint}"
            )
    return ""


def one_file_of_three(number):
    """Wanted: the Dice of one lesion with the union of three of its size, 1 / 2."""
    if np.isclose(number, 1 / 2):
        return ""
    if np.isclose(number, 1 / 3, atol=0.01):
        return "that is the share of the area (and the IoU). What does Dice divide by?"
    if not 0 <= number <= 1:
        return "give a number from 0 to 1."
    return (
        "let a lesion be 1: what is shared, and what is the sum of both areas?"
    )


# ---- notebook 3


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
        return f"its numbers sum to {weights.sum():g}, so it answers to plain brightness."
    if not np.allclose(weights.sum(axis=0), 0):
        return "it answers to an edge between left and right: let each column sum to 0."
    answers = (
        weights[1:].sum(),
        weights[2].sum(),
    )  # bright from row 1, or from row 2
    if min(answers) > 0:
        return ""
    return f"where dark lies above bright it answers {min(answers):g}."


# ---- notebook 4


def layer_parameters(number):
    """Wanted: the parameters of a 3x3 convolution, 16 to 32 channels, with a bias."""
    hints = {
        3 * 3 * 16 * 32 + 32: "",
        3
        * 3
        * 16
        * 32: "those are the weights. A bias is added for each filter.",
        3 * 3 * 32 + 32: "each filter reads all of the 16 channels, not one.",
        3 * 3 * 16
        + 1: "that is one filter. There is one for each channel that leaves.",
    }
    generic = "how many weights has one filter, how many filters are there, and biases?"
    return hints.get(number, generic)


def own_schedule(rate):
    """Wanted: a function of the step: up to 0.002 in 10 steps, a cosine to 0 at 100."""
    for step, wanted, hint in (
        (0, 0, "the run begins at 0."),
        (5, 0.001, "half of the way up, the rate is half of the highest."),
        (10, 0.002, "the warm-up ends at the highest rate."),
        (100, 0, "the run ends at 0."),
        (
            55,
            0.001,
            "half of the way down, the cosine is 0: half of the highest.",
        ),
        (
            40,
            0.0015,
            "a third of the way down a cosine is above a straight line.",
        ),
    ):
        answer = rate(step)
        if not math.isclose(answer, wanted, abs_tol=1e-6):
            return f"at step {step} it returns {answer:.5f}: {hint}"
    return ""


# ---- notebook 6


def data_to_halve(function):
    """Wanted: a function of b, how many times the data halve an error a n^-b."""
    for b, wanted in ((1, 2), (0.5, 4), (0.25, 16), (0.2, 32)):
        answer = function(b)
        if math.isclose(answer, wanted, rel_tol=1e-6):
            continue
        hint = "k times the data multiply the error by k ** -b: when is that 1 / 2?"
        if math.isclose(answer, 2**b):
            hint = f"{answer:.2f} ** -{b} is not 1 / 2. Which k has k ** -b = 1 / 2?"
        if math.isclose(answer, 0.5 ** (1 / b)):
            hint = "that is less data, not more: mind the sign of b."
        return f"for b = {b} it returns {answer:g}: {hint}"
    return ""


def rate_share(number):
    """Wanted: the share of variance of the rate in 0.60, 0.62 (low), 0.70, 0.72 (high)."""
    total, seeds = 2 * (0.06**2 + 0.04**2), 4 * 0.01**2
    if math.isclose(number, 1 - seeds / total, abs_tol=0.005):
        return ""
    if math.isclose(number, seeds / total, abs_tol=0.005):
        return "that is the share of the seeds. The rate has the rest."
    if math.isclose(number, 0.1, abs_tol=0.005):
        return "that is the effect of the rate, in Dice. Which share of the spread is it?"
    if not 0 <= number <= 1:
        return "a share lies between 0 and 1."
    return (
        "square each run's distance from the mean of all four, and add up. How much of "
        "that would be left if each run had the mean of its rate?"
    )


# ---- notebook 5


def own_calibration_error(function):
    """Wanted: a function of probabilities and truths, its gap over two bins at one half."""
    for told, true, wanted, hint in (
        ([0.9] * 10, [1] * 9 + [0], 0, "9 of 10 at 0.9 is as it should be."),
        (
            [0.9] * 10,
            [1] * 5 + [0] * 5,
            0.4,
            "half of them are true, not 0.9.",
        ),
        (
            [0.2] * 4,
            [1, 1, 0, 0],
            0.3,
            "a probability may be too low as well.",
        ),
        (
            [0.1] * 3 + [0.9],
            [0, 0, 0, 0],
            0.3,
            "three quarters of them are off by 0.1, a quarter by 0.9.",
        ),
        (
            [0.2, 0.4, 0.6, 1.0],
            [0, 1, 1, 0],
            0.25,
            "take means within a bin first.",
        ),
    ):
        answer = float(function(np.array(told), np.array(true)))
        if np.isnan(answer):
            hint = "leave out a bin that nothing falls into."
        if not np.isclose(answer, wanted):
            return f"for {told} and {true} it returns {answer:.2f}: {hint}"
    return ""


def cases_needed(n):
    """Wanted: the cases whose mean Dice is known to 0.02 either side, at an sd of 0.25."""
    if np.isclose(n, (1.96 * 0.25 / 0.02) ** 2, atol=1):
        return ""
    hints = {
        24.5: "that is the root of it.",
        12.5: "that is the root of it, and for one standard error, not 1.96.",
        156.25: "one standard error is not yet 95 %: take 1.96 of them.",
        2401: "0.02 is how far it may reach to either side, not its whole width.",
    }
    near = [hint for value, hint in hints.items() if abs(n - value) <= 1]
    return (
        near[0]
        if near
        else "1.96 * sd / sqrt(n) should be 0.02: solve it for n."
    )


# ---- notebook 7

# Probabilities of "malignant" that ten malignant and ten benign cases were
# given.
MALIGNANT = (0.92, 0.85, 0.77, 0.63, 0.58, 0.51, 0.44, 0.40, 0.33, 0.12)
BENIGN = (0.81, 0.66, 0.47, 0.36, 0.35, 0.28, 0.21, 0.15, 0.10, 0.05)


def cut_for_nine(cut):
    """Wanted: a cut that calls nine of MALIGNANT and the fewest possible of BENIGN."""
    found, false = (
        sum(p >= cut for p in given) for given in (MALIGNANT, BENIGN)
    )
    if found == 9 and false == 5:
        return ""
    if found < 9:
        return f"it calls {found} of the ten malignant cases: go lower."
    return f"it calls {found} malignant and {false} benign cases: is there a higher one?"


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
