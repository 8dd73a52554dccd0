"""What pixel probabilities say of an image; no reference mask is read."""

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..data import masks
from .pooling import lehmer_mean

LABELS = ("normal", "benign", "malignant")
# Hints for a reader, not validated on patients.
UNSURE = (0.2, 0.8)  # an undecided probability
VAGUE = 0.65  # a mean inside the outline below this is vague
# The range of 624 of BUSI's 780 images, rounded outwards.
BRIGHTNESS = (29, 170)  # mean grey
CONTRAST = (27, 75)  # standard deviation of the grey
ASPECT_RATIO = (0.56, 2.06)  # width / height


def image_probabilities(classes):
    """Return {"normal", "benign", "malignant"}: probabilities that sum to 1.

    classes: (h, w, 3), background, benign and malignant. The last two share
    the `lesion_probability` as they share the pixels.
    """
    classes = classes.astype(np.float64)
    lesion = lesion_probability(classes)
    total = classes[..., 1:].sum() + 1e-12
    malignant = float(classes[..., 2].sum() / total)
    shares = 1 - lesion, lesion * (1 - malignant), lesion * malignant
    return dict(zip(LABELS, shares, strict=True))


def image_class(probabilities, marked):
    """Return the class of the image, one of LABELS; it follows the mask.

    probabilities: of `image_probabilities`; marked: whether the image's mask,
    of `postprocessing.lesion_mask`, has any pixel. Without one it is normal.
    """
    if not marked:
        return "normal"
    return max(LABELS[1:], key=probabilities.get)


def lesion_probability(classes):
    """Return the probability of any lesion, a float; classes: (h, w, 3)."""
    return float(lehmer_mean(1 - classes[..., 0].astype(np.float64)))


def mean_inside(p):
    """Return the mean of the probabilities above one half, 0 without any."""
    return float(p[p > 0.5].mean()) if (p > 0.5).any() else 0.0


def image_features(classes):
    """Return what a prediction says of a whole image, a dict of floats.

    classes: (size, size, 3). The `image_probabilities`, and of the PREDICTED
    lesion (above one half): area (fraction of the square), solidity and
    circularity. Without one: area 0, and the shape of a smooth spot, 1.
    """
    shape = masks.describe(classes[..., 0] < 0.5)
    return image_probabilities(classes) | {
        "area": shape["area_fraction"],
        "solidity": float(np.nan_to_num(shape["solidity"], nan=1)),
        "circularity": float(np.nan_to_num(shape["circularity"], nan=1)),
    }


def questions(cases):
    """Return {question: (ground truth, bool (n,); its probability, (n,))}.

    cases: DataFrame of `image_features` and label.
    """
    label = cases["label"].to_numpy()
    return {
        "any lesion": (label != "normal", 1 - cases["normal"].to_numpy()),
        "malignant": (label == "malignant", cases["malignant"].to_numpy()),
    }


def logistic_regression(validation, cases):
    """Return probabilities of LABELS fitted to validation cases, float (n, 3).

    validation, cases: DataFrames of `image_features`, the first with a column
    label. C was chosen by cross-validation within validation cases. Where they
    lack one of LABELS the network's own probabilities come back.
    """
    if set(validation["label"]) != set(LABELS):
        return cases[list(LABELS)].to_numpy(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    model.fit(_predictors(validation), validation["label"])
    order = [list(model.classes_).index(label) for label in LABELS]
    return model.predict_proba(_predictors(cases))[:, order]


def by_fold(fit, validation, cases):
    """Return DataFrame[LABELS]: fit(validation cases, cases) of each fold.

    fit: as `logistic_regression`; both tables have a column fold.
    """
    fitted = pd.DataFrame(0.0, cases.index, list(LABELS))
    for fold, part in cases.groupby("fold"):
        own = validation[validation["fold"] == fold]
        fitted.loc[part.index] = fit(own, part)
    return fitted


def _predictors(cases):
    """Return logits, log area and shape, float (n, 5)."""
    lesion = 1 - cases["normal"]
    # 0 of 0 where the network is sure that there is no lesion
    either = (cases["benign"] + cases["malignant"]).clip(lower=1e-12)
    malignant = cases["malignant"] / either
    logits = [logit(p.clip(1e-3, 1 - 1e-3)) for p in (lesion, malignant)]
    area = np.log(cases["area"] + 1e-3)
    shape = area, cases["solidity"], cases["circularity"]
    return np.stack([*logits, *shape], axis=1)


def review_reasons(classes, mask, probabilities):
    """Return why a person should look again, a list of str, often empty.

    classes: (size, size, 3); mask: bool (h, w) at the original size;
    probabilities: of `image_probabilities`.
    """
    lesion = 1 - probabilities["normal"]
    likelier = max(probabilities["benign"], probabilities["malignant"])
    inside = mean_inside(1 - classes[..., 0].astype(np.float64))
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    low, high = UNSURE
    reasons = {
        "unsure whether there is a lesion": low < lesion < high,
        "unsure of its class": lesion >= high and likelier / lesion < high,
        "vague outline": 0 < inside < VAGUE,
        "touches the edge": edge.any(),
        "several parts": masks.parts(mask)[1] > 1,
        "outline and probability disagree": mask.any() != (lesion >= 0.5),
    }
    return [reason for reason, holds in reasons.items() if holds]


def out_of_range(image):
    """Return in what an image is unlike BUSI's, a list of str, often empty.

    image: uint8 (h, w). A picture of something else may well lie in the range.
    """
    height, width = image.shape
    measured = [
        ("brightness", image.mean(), *BRIGHTNESS),
        ("contrast", image.std(), *CONTRAST),
        ("width to height", width / height, *ASPECT_RATIO),
    ]
    outside = (name for name, x, low, high in measured if not low <= x <= high)
    return [f"{name} unlike BUSI" for name in outside]
