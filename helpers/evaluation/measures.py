"""Scores of each case, and the table of measures with intervals made of them.

What is reported of held-out folds and of other hospitals is computed here.
"""

import numpy as np
import pandas as pd

from ..data import masks
from . import bootstrap, calibration, classification, metrics, postprocessing

BINS = 15  # of the calibration errors
GAPS = [f"gap_{k}" for k in range(BINS)]
KEPT = ["case", "label", "group", "fold", "patient", "scanner"]
# What a reader sees; "higher" or "lower" is better.
NAMES = {
    "dice": ("lesion Dice", "higher"),
    "missed": ("lesions missed (Dice below 0.1)", "lower"),
    "marked": ("lesion images with anything marked", "higher"),
    "normals_empty": ("normal images left empty", "higher"),
    "accuracy": ("class of the image right, of three", "higher"),
    "accuracy_benign_malignant": ("benign or malignant right", "higher"),
    "auc_lesion": ("AUC, any lesion", "higher"),
    "auc_malignant": ("AUC, malignant against all others", "higher"),
    "auc_benign_malignant": ("AUC, malignant against benign", "higher"),
    "iou_benign": ("pixel IoU, benign", "higher"),
    "iou_malignant": ("pixel IoU, malignant", "higher"),
    "ece_pixels": ("calibration error, pixels", "lower"),
    "ece_malignant": ("calibration error, malignant or benign", "lower"),
}


def of_case(case, classes, rules):
    """Return the scores of a case, one dict for each rule {name: rule}.

    case: a row of an index; classes: (size, size, 3). All is scored at the
    image's original size, but for the calibration of pixels (GAPS), which is
    that of the network's square.
    """
    reference = masks.merge(case.masks)
    target = masks.target(reference, case.label)
    box = masks.Letterbox.of(*reference.shape, len(classes))
    full = masks.restore(classes.astype(np.float32), box)
    p = classification.image_probabilities(classes)
    square, _ = masks.letterbox(reference, len(classes))
    gaps = calibration.gaps(1 - classes[..., 0].astype(float), square, BINS)
    known = {k: getattr(case, k) for k in KEPT if hasattr(case, k)}
    known |= {f"p_{label}": value for label, value in p.items()}
    known |= dict(zip(GAPS, gaps, strict=True))
    rows = []
    for name, rule in rules.items():
        mask = postprocessing.lesion_mask(classes, box, **rule)
        found = postprocessing.class_mask(mask, full)
        rows.append(
            known
            | {
                "rule": name,
                "dice": metrics.dice(reference, mask),
                "area": int(mask.sum()),
                "class": classification.image_class(p, mask.any()),
                **metrics.class_pixels(target, found),
            }
        )
    return rows


def quantities(scores):
    """Return {measure: (rows, values, statistic)} of `of_case` rows.

    rows: bool (n,), the cases that it is about; values: (n,) or (n, k), and
    statistic, as `bootstrap.interval` takes them.
    """
    lesion = (scores["label"] != "normal").to_numpy()
    malignant = (scores["label"] == "malignant").to_numpy()
    everyone = np.ones(len(scores), bool)
    p = scores[[f"p_{label}" for label in classification.LABELS]]
    share = p["p_malignant"] / (1 - p["p_normal"]).clip(lower=1e-9)
    pairs = {
        "auc_lesion": (everyone, lesion, 1 - p["p_normal"]),
        "auc_malignant": (everyone, malignant, p["p_malignant"]),
        "auc_benign_malignant": (lesion, malignant, share),
    }
    found = {
        "dice": (lesion, scores["dice"], None),
        "missed": (lesion, scores["dice"] < postprocessing.MISSED, None),
        "marked": (lesion, scores["area"] > 0, None),
        "normals_empty": (~lesion, scores["area"] == 0, None),
        "accuracy": (everyone, scores["class"] == scores["label"], None),
    }
    is_right = (share > 0.5) == malignant
    found["accuracy_benign_malignant"] = lesion, is_right, None
    for name, (rows, truth, score) in pairs.items():
        found[name] = rows, np.stack([truth, score], axis=1), bootstrap.auc
    for name in ("benign", "malignant"):
        columns = scores[[f"intersection_{name}", f"union_{name}"]]
        found[f"iou_{name}"] = everyone, columns, bootstrap.ratio
    pairs = zip(share, malignant, strict=True)
    gaps = [calibration.gaps(*pair, BINS) for pair in pairs]
    found["ece_pixels"] = everyone, scores[GAPS], calibration.error_of_gaps
    found["ece_malignant"] = lesion, gaps, calibration.error_of_gaps
    return found


def table(scores, which=tuple(NAMES)):
    """Return DataFrame[measure, n, value, low, high, groups] of such rows.

    95 % intervals by bootstrap over the column group. Calibration errors have
    none (nan): cases drawn anew err more than the cases themselves. A measure
    without cases (normal images of a set that has none), or that cannot be
    computed (an AUC of one class), is left out.
    """
    rows, found = [], quantities(scores)
    for name in which:
        part, values, statistic = found[name]
        how = {name: part}, statistic
        row = bootstrap.by_subgroup(values, scores["group"], *how)
        rows.append(row.assign(groups=scores["group"][part].nunique()))
    whole = pd.concat(rows).rename_axis("measure").reset_index()
    biased = whole["measure"].str.startswith("ece")
    whole.loc[biased, ["low", "high"]] = np.nan
    return whole[whole["value"].notna()].reset_index(drop=True)


def by_part(scores, column, which=tuple(NAMES)):
    """Return `table` of all cases and of each value of a column.

    DataFrame[part, measure, n, value, low, high]; part: "all" or the value.
    """
    parts = {"all": scores}
    if column in scores:
        parts |= dict(list(scores.groupby(column)))
    tables = {str(name): table(part, which) for name, part in parts.items()}
    whole = pd.concat(tables, names=["part"]).reset_index("part")
    return whole.reset_index(drop=True)


def rule_scores(cases, classes, rule):
    """Return DataFrame of `of_case` for all cases by one rule, in order."""
    pairs = zip(cases.itertuples(), classes, strict=True)
    rows = [of_case(case, one, {"": rule})[0] for case, one in pairs]
    return pd.DataFrame(rows).drop(columns="rule")
