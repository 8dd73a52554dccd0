"""Kinds of error and causes, each by a case that was made to have it."""

import numpy as np
import pandas as pd
import pytest

from helpers.evaluation import error_analysis, metrics

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
    rows = [metrics.case_scores(LESION, answer) for answer in ANSWERS.values()]
    assert error_analysis.kinds(pd.DataFrame(rows)).tolist() == list(ANSWERS)
    two = LESION | box(30, 60, 95, 125)
    row = metrics.case_scores(two, box(30, 60, 50, 125))
    assert error_analysis.kinds(pd.DataFrame([row], index=[7])).to_dict() == {
        7: "merged"
    }
    assert list(error_analysis.KINDS) == [
        *list(ANSWERS)[:3],
        "merged",
        *list(ANSWERS)[3:],
    ]


def tissue(lesion=60.0, below=None):
    grey = np.random.default_rng(0).normal(120, 15, SHAPE)
    grey[LESION] += lesion - 120
    if below is not None:
        grey[60:90, 50:90] = below
    return np.clip(grey, 0, 255).astype(np.uint8)


def test_contrast_is_measured_against_the_rim():
    dark, bright, none = (
        error_analysis.appearance(tissue(g), LESION)["contrast"]
        for g in (60, 180, 120)
    )
    assert dark == pytest.approx(60 / 15, rel=0.1)
    assert bright == pytest.approx(dark, rel=0.1) and none < 0.2
    flat = error_analysis.appearance(np.full(SHAPE, 9, np.uint8), LESION)
    assert np.isnan(flat["contrast"]) and flat["shadow"] == 1
    full = error_analysis.appearance(tissue(), np.ones(SHAPE, bool))
    assert np.isnan(full["contrast"]) and np.isnan(full["shadow"])


def test_a_shadow_is_dark_below_and_not_beside():
    assert error_analysis.appearance(tissue(below=40), LESION)[
        "shadow"
    ] == pytest.approx(40 / 120, rel=0.05)
    assert error_analysis.appearance(tissue(below=180), LESION)["shadow"] > 1.4
    at_the_bottom = box(80, 100, 50, 90)
    assert np.isnan(
        error_analysis.appearance(tissue(), at_the_bottom)["shadow"]
    )


def test_causes_by_the_written_rule():
    plain = error_analysis.appearance(tissue(), LESION)
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
    assert list(changes) == list(error_analysis.CAUSES)
    table = error_analysis.causes(
        pd.DataFrame([plain | c for c in changes.values()])
    )
    assert (table.to_numpy() == np.eye(len(changes), dtype=bool)).all()
    both = error_analysis.causes(
        pd.DataFrame([plain, plain | {"parts": 3, "glyphs": 5}])
    )
    assert both.apply(error_analysis.causes_as_text, axis=1).tolist() == [
        "no cause of the list",
        "several parts, drawn marks",
    ]
    assert (
        error_analysis.causes_as_text(both.loc[1], width=16)
        == "several parts,\ndrawn marks"
    )


def test_the_least_agreement_counts_from_both_sides():
    outlines = pd.DataFrame(
        {"a": ["x", "x"], "b": ["y", "z"], "dice": [0.9, 0.4]}
    )
    assert error_analysis.least_agreement(outlines).to_dict() == {
        "x": 0.4,
        "y": 0.9,
        "z": 0.4,
    }
    none = error_analysis.least_agreement(outlines[:0])
    assert pd.Series(["x"]).map(none).isna().all()
