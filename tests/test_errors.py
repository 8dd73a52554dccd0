"""Kinds of error and causes, each by a case that was made to have it."""

import numpy as np
import pandas as pd
import pytest

from helpers import errors, scores

SHAPE = (100, 140)


def box(top, bottom, left, right):
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


LESION = box(30, 60, 50, 90)
ANSWERS = {
    "missed": LESION & False,
    "elsewhere": box(70, 95, 5, 30),
    "split": box(30, 60, 50, 69) | box(30, 60, 71, 90),
    "too small": box(30, 45, 50, 90),
    "leaks below": box(30, 80, 50, 90),
    "too large": box(10, 60, 50, 90),
    "ragged": box(36, 66, 58, 98),
    "good": box(31, 61, 51, 91),
}


def test_each_kind_of_error_gets_its_name():
    rows = [scores.case_scores(LESION, answer) for answer in ANSWERS.values()]
    assert errors.kinds(pd.DataFrame(rows)).tolist() == list(ANSWERS)
    two = LESION | box(30, 60, 95, 125)
    row = scores.case_scores(two, box(30, 60, 50, 125))
    assert errors.kinds(pd.DataFrame([row], index=[7])).to_dict() == {7: "merged"}
    assert list(errors.KINDS) == [*list(ANSWERS)[:3], "merged", *list(ANSWERS)[3:]]


def tissue(lesion=60.0, below=None):
    grey = np.random.default_rng(0).normal(120, 15, SHAPE)
    grey[LESION] += lesion - 120
    if below is not None:
        grey[60:90, 50:90] = below
    return np.clip(grey, 0, 255).astype(np.uint8)


def test_contrast_is_measured_against_the_rim():
    dark, bright, none = (
        errors.appearance(tissue(g), LESION)["contrast"] for g in (60, 180, 120)
    )
    assert dark == pytest.approx(60 / 15, rel=0.1)
    assert bright == pytest.approx(dark, rel=0.1) and none < 0.2
    flat = errors.appearance(np.full(SHAPE, 9, np.uint8), LESION)
    assert np.isnan(flat["contrast"]) and flat["shadow"] == 1
    full = errors.appearance(tissue(), np.ones(SHAPE, bool))
    assert np.isnan(full["contrast"]) and np.isnan(full["shadow"])


def test_a_shadow_is_dark_below_and_not_beside():
    assert errors.appearance(tissue(below=40), LESION)["shadow"] == pytest.approx(
        40 / 120, rel=0.05
    )
    assert errors.appearance(tissue(below=180), LESION)["shadow"] > 1.4
    at_the_bottom = box(80, 100, 50, 90)
    assert np.isnan(errors.appearance(tissue(), at_the_bottom)["shadow"])


def test_causes_by_the_written_rule():
    plain = errors.appearance(tissue(), LESION)
    plain |= {"glyphs": 0, "other_class": False, "outlines": np.nan}
    changes = {
        "low contrast": {"contrast": 0.4},
        "small": {"area_fraction": 0.01},
        "large": {"area_fraction": 0.3},
        "touches the edge": {"touches_border": True},
        "several parts": {"parts": 2},
        "shadow": {"shadow": 0.5},
        "drawn marks": {"glyphs": 2},
        "copy in another class": {"other_class": True},
        "outlined otherwise": {"outlines": 0.3},
    }
    assert list(changes) == list(errors.CAUSES)
    table = errors.causes(pd.DataFrame([plain | c for c in changes.values()]))
    assert (table.to_numpy() == np.eye(len(changes), dtype=bool)).all()
    both = errors.causes(pd.DataFrame([plain, plain | {"parts": 3, "glyphs": 5}]))
    assert both.apply(errors.in_words, axis=1).tolist() == [
        "no cause of the list",
        "several parts, drawn marks",
    ]
