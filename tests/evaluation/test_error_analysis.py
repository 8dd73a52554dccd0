"""Kinds of error and causes, each by a case that was made to have it."""

import cv2
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
PREDICTIONS = {
    "nothing marked": LESION & False,
    "elsewhere": box(70, 95, 5, 30),
    "split": box(30, 60, 50, 69) | box(30, 60, 71, 90),
    "merged": box(30, 60, 50, 125),
    "too small": box(30, 45, 50, 90),
    "spills below": box(30, 80, 50, 90),
    "too large": box(10, 60, 50, 90),
    "ragged": box(36, 66, 58, 98),
    "good": box(31, 61, 51, 91),
}


@pytest.mark.parametrize("kind", error_analysis.KINDS)
def test_each_kind_of_error_gets_its_name(kind):
    second = box(30, 60, 95, 125) if kind == "merged" else False
    row = metrics.case_scores(LESION | second, PREDICTIONS[kind])
    table = pd.DataFrame([row], index=[7])
    assert error_analysis.kinds(table).to_dict() == {7: kind}


def test_the_first_kind_that_fits_names_the_case():
    assert list(error_analysis.KINDS) == list(PREDICTIONS)
    row = metrics.case_scores(LESION, PREDICTIONS["spills below"])
    changes = {"area_error": -0.5, "merged": 1, "split": 1, "dice": 0.05}
    rows = [row]
    for name, value in (changes | {"predicted_area": 0}).items():
        rows.append(rows[-1] | {name: value})
    found = error_analysis.kinds(pd.DataFrame(rows)).tolist()
    assert found[::-1] == list(PREDICTIONS)[:6]


def appearance(lesion=60.0, below=None, reference=LESION):
    """Return that of tissue of mean 120 and standard deviation 15."""
    grey = np.random.default_rng(0).normal(120, 15, SHAPE)
    grey[LESION] += lesion - 120
    if below is not None:
        grey[60:90, 50:90] = below
    image = np.clip(grey, 0, 255).astype(np.uint8)
    return error_analysis.appearance(image, reference)


def test_contrast_is_measured_against_the_rim():
    dark, bright, none = (appearance(g)["contrast"] for g in (60, 180, 120))
    assert dark == pytest.approx(60 / 15, rel=0.1)
    assert bright == pytest.approx(dark, rel=0.1) and none < 0.2
    flat = error_analysis.appearance(np.full(SHAPE, 9, np.uint8), LESION)
    assert np.isnan(flat["contrast"]) and flat["shadow"] == 1
    full = appearance(reference=np.ones(SHAPE, bool))
    assert np.isnan(full["contrast"]) and np.isnan(full["shadow"])


def test_a_shadow_is_dark_below_and_not_beside():
    shadow = appearance(below=40)["shadow"]
    assert shadow == pytest.approx(40 / 120, rel=0.05)
    assert appearance(below=180)["shadow"] > 1.4
    assert np.isnan(appearance(reference=box(80, 100, 50, 90))["shadow"])


PLAIN = {"glyphs": 0, "other_class": False, "outlines": np.nan}
CHANGES = {
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


def test_causes_by_the_written_rule():
    assert list(CHANGES) == list(error_analysis.CAUSES)
    plain = appearance() | PLAIN
    rows = [plain | change for change in CHANGES.values()]
    table = error_analysis.causes(pd.DataFrame(rows))
    assert (table.to_numpy() == np.eye(len(CHANGES), dtype=bool)).all()


@pytest.mark.parametrize(
    "change, width, text",
    [
        ({}, 26, "no cause of the list"),
        ({"parts": 3, "glyphs": 5}, 26, "several parts, drawn marks"),
        ({"parts": 3, "glyphs": 5}, 16, "several parts,\ndrawn marks"),
    ],
)
def test_causes_as_text(change, width, text):
    row = appearance() | PLAIN | change
    causes = error_analysis.causes(pd.DataFrame([row])).loc[0]
    assert error_analysis.causes_as_text(causes, width) == text


def test_lesions_are_counted_over_all_images():
    two = box(30, 60, 95, 125)
    pairs = [(LESION | two, LESION), (LESION & False, two)]
    scores = pd.DataFrame([metrics.case_scores(*pair) for pair in pairs])
    table = error_analysis.by_lesion(scores.assign(group=["a", "b"]))
    assert table["share of lesions found"].tolist() == [0.5, 0.5]
    assert table["false positives per image"].tolist() == [0.5, 0.5]


def test_looks_are_what_causes_reads(tmp_path):
    path = tmp_path / "lesion.png"
    cv2.imwrite(str(path), np.where(LESION, 60, 120).astype(np.uint8))
    case = {"case": "x", "image": path, "group": "x", "glyphs": 0}
    cases = pd.DataFrame([case], index=[3])
    explored = pd.DataFrame({"group": "x", "label": ["benign", "malignant"]})
    outlines = pd.DataFrame({"a": ["x"], "b": ["y"], "dice": [0.4]})
    looks = error_analysis.looks(cases, [LESION], explored, outlines)
    found = error_analysis.causes(looks).loc[3]
    assert found["copy in another class"] and found["outlined otherwise"]
    assert not found["low contrast"] and not found["drawn marks"]
