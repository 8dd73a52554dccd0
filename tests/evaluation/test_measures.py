"""Scores of cases, and the table of measures with intervals made of them."""

import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, masks
from helpers.evaluation import calibration, measures, metrics, postprocessing


@pytest.fixture(scope="module")
def cases(phantom_root):
    """Three benign, three malignant and three normal cases, two scanners."""
    index = busi.index(phantom_root)
    some = index.groupby("label").head(3).reset_index(drop=True)
    some["group"] = some["case"]
    return some.assign(scanner=list("XXYXXYXXY"), patient=range(9))


@pytest.fixture(scope="module")
def classes(cases):
    """What a network would predict that is right but for one case."""
    images = np.zeros((len(cases), 64, 64, 3), np.float32)
    images[..., 0] = 1
    for i, case in enumerate(cases.itertuples()):
        if case.label == "normal" or i == 0:  # the first lesion is missed
            continue
        _, mask = busi.read_square(case, 64)
        kind = masks.CLASSES.index(case.label)
        images[i][mask] = 0.1
        images[i][mask, kind] = 0.8
    return images


@pytest.fixture(scope="module")
def scores(cases, classes):
    return measures.rule_scores(cases, classes, postprocessing.RULE)


def test_a_case_is_scored_at_its_original_size(cases, classes, scores):
    case = cases.iloc[1]
    reference = masks.merge(case["masks"])
    box = masks.Letterbox.of(*reference.shape, 64)
    mask = postprocessing.lesion_mask(classes[1], box)
    assert scores["dice"][1] == metrics.dice(reference, mask) > 0.7
    assert scores["area"][1] == mask.sum() and scores["patient"][1] == 1
    assert scores["dice"][0] == 0 and scores["area"][0] == 0


def test_the_table_says_what_the_cases_say(scores):
    table = measures.table(scores).set_index("measure")
    lesions = scores[scores["label"] != "normal"]
    assert table["value"]["dice"] == pytest.approx(lesions["dice"].mean())
    assert table["value"]["missed"] == pytest.approx(1 / 6)
    assert table["value"]["normals_empty"] == 1
    assert table["value"]["accuracy"] == pytest.approx(8 / 9)
    assert table.loc["dice", "n"] == 6 and table.loc["normals_empty", "n"] == 3
    rows = table.dropna()
    assert (rows["low"] <= rows["value"] + 1e-9).all()
    assert (rows["value"] <= rows["high"] + 1e-9).all()


def test_measures_of_classes_and_pixels_say_what_the_cases_say(scores):
    value = measures.table(scores).set_index("measure")["value"]
    lesions = scores[scores["label"] != "normal"]
    share = lesions["p_malignant"] / (1 - lesions["p_normal"]).clip(lower=1e-9)
    malignant = lesions["label"] == "malignant"
    expected = {
        "marked": 5 / 6,
        "auc_lesion": 16.5 / 18,  # the missed one ties with the normal ones
        "auc_malignant": 1,
        "auc_benign_malignant": 1,
        "accuracy_benign_malignant": 1,  # the missed one counts as benign
        "ece_pixels": np.abs(scores[measures.GAPS].mean()).sum(),
        "ece_malignant": calibration.calibration_error(share, malignant),
    }
    for k in ("benign", "malignant"):
        ends = scores[f"intersection_{k}"].sum(), scores[f"union_{k}"].sum()
        expected[f"iou_{k}"] = ends[0] / ends[1]
    assert value[list(expected)].to_dict() == pytest.approx(expected)


def test_measures_that_a_set_cannot_give_are_left_out(scores):
    lesions = scores[scores["label"] != "normal"]
    found = set(measures.table(lesions)["measure"])
    assert not found & {"normals_empty", "auc_lesion"}
    assert {"dice", "accuracy_benign_malignant"} <= found
    benign = scores[scores["label"] == "benign"]
    assert "auc_benign_malignant" not in set(measures.table(benign)["measure"])


def test_each_scanner_has_its_own_rows(scores):
    table = measures.by_part(scores, "scanner", ("dice", "missed"))
    assert table["part"].unique().tolist() == ["all", "X", "Y"]
    own = table.query("part == 'Y' and measure == 'dice'")["value"].item()
    part = scores[(scores["scanner"] == "Y") & (scores["label"] != "normal")]
    assert own == pytest.approx(part["dice"].mean())
    alone = measures.by_part(scores.drop(columns="scanner"), "scanner")
    assert set(alone["part"]) == {"all"}


def test_intervals_are_of_patients_not_of_images(scores):
    twice = pd.concat([scores, scores], ignore_index=True)
    tables = (measures.table(t, ("dice",)) for t in (scores, twice))
    one, other = (table.iloc[0] for table in tables)
    assert other["low"] == pytest.approx(one["low"])
    assert other["high"] == pytest.approx(one["high"])


def test_gaps_of_cases_add_up_to_the_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random((7, 400))
    truth = rng.random((7, 400)) < p**2
    rows = [calibration.gaps(*pair) for pair in zip(p, truth, strict=True)]
    whole = calibration.calibration_error(p, truth)
    assert calibration.error_of_gaps(rows) == pytest.approx(whole)
    assert whole > 0.05
