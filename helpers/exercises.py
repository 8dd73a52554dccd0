"""Checkers of the exercises: a right answer is called right, a wrong one gets a hint.

An exercise is a function that takes the reader's answer and returns a hint, one sentence
on what is wrong, or "" if the answer is right. A new exercise is one more such function.
"""

import numpy as np


def check(exercise, answer):
    """Print whether an answer to an exercise is right, and if not, a hint.

    exercise: a function of this module; answer: what it asks for, or `...` for none yet.
    An answer that fails while it is tried is a wrong answer, never an error here.
    """
    if answer is ...:
        print("No answer yet: put yours in place of the three dots and run this again.")
        return
    try:
        hint = exercise(answer)
    except Exception as error:
        hint = f"your answer stops with {type(error).__name__}: {error}"
    print(f"Not yet: {hint}" if hint else "Right.")


def receptive_field(answer):
    """Wanted: a function of (windows, steps), first layer first, to a number of pixels."""
    if not callable(answer):
        return "give the function itself, without brackets and arguments."
    stacks = [((3,), (1,)), ((3, 3), (1, 1)), ((3, 3), (2, 1)), ((5, 3, 2), (2, 1, 2))]
    for windows, steps in stacks:
        given, right, jump = answer(windows, steps), 1, 1
        for window, step in zip(windows, steps, strict=True):
            right += (window - 1) * jump
            jump *= step
        if given is None or given is ...:
            return "your function returns nothing: end it with return and the number."
        if given == right:
            continue
        if given == right - 1:
            return (
                "one too few: before any layer, a pixel sees itself, so start from 1."
            )
        if given == 1 + sum(windows) - len(windows):
            return (
                f"for windows {windows} in steps {steps} you say {given}, as if each step "
                "were 1. After a step of 2, two neighbours lie two pixels apart."
            )
        return (
            f"for windows {windows} in steps {steps} you say {given}, and it is {right}. "
            "A layer's own step counts for the layers after it, not for itself."
        )
    return ""


def edge_below(answer):
    """Wanted: a 3 x 3 filter, positive where dark lies above bright, else silent."""
    weights = np.asarray(answer, float)
    if weights.shape != (3, 3):
        return (
            f"a filter of 3 rows of 3 numbers is asked for, not shape {weights.shape}."
        )
    if not np.isclose(weights.sum(), 0):
        return (
            f"its numbers sum to {weights.sum():g}, so it answers to plain brightness, "
            "where there is no edge. They must sum to 0."
        )
    if not np.allclose(weights.sum(axis=0), 0):
        return (
            "it answers to an edge between left and right too: make each column sum to 0 "
            "(perhaps your rows and columns have changed places)."
        )
    edges = [weights[1:].sum(), weights[2:].sum()]  # bright from row 1, or from row 2
    if min(edges) < 0:
        return (
            f"where dark lies above bright it answers {min(edges):g}: turn the signs. "
            "The filter is laid on the image as it is, not mirrored."
        )
    return "" if min(edges) > 0 else "it is silent at the edge that it should find."
