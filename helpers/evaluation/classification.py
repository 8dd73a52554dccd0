"""What pixel probabilities say of a whole image.

No reference mask is read: these rules also hold for an image that nobody has
outlined.
"""

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..data import masks
from .pooling import lehmer_mean

LABELS = ("normal", "benign", "malignant")
# Hints for a reader, not validated on patients: a lesion probability between
# the first two is undecided, an outline with a lower mean is vague.
UNSURE = (0.2, 0.8)
VAGUE = 0.65
# The range of 624 of BUSI's 780 images, rounded outwards: mean and standard
# deviation of the grey values, and width / height.
BRIGHTNESS = (29, 170)
CONTRAST = (27, 75)
ASPECT_RATIO = (0.56, 2.06)


def image_probabilities(classes):
    """Return {"normal", "benign", "malignant"}: probabilities that sum to 1.

    classes: (h, w, 3), background, benign and malignant of each pixel. Benign
    and malignant share the `lesion_probability` as they share the pixels.
    """
    classes = classes.astype(np.float64)
    lesion = lesion_probability(classes)
    total = classes[..., 1:].sum() + 1e-12
    malignant = float(classes[..., 2].sum() / total)
    return {
        "normal": 1 - lesion,
        "benign": lesion * (1 - malignant),
        "malignant": lesion * malignant,
    }


def lesion_probability(classes):
    """Return the probability of any lesion in the image, a float.

    classes: (h, w, 3). The `lehmer_mean` of the pixels' lesion probabilities,
    as in the network's loss, whatever the lesion's size.
    """
    return float(lehmer_mean(1 - classes[..., 0].astype(np.float64)))


def mean_inside(p):
    """Return the mean of the probabilities above one half, 0 without any."""
    return float(p[p > 0.5].mean()) if (p > 0.5).any() else 0.0


def image_features(classes):
    """Return what a prediction says of a whole image, a dict of floats.

    classes: (size, size, 3). normal, benign, malignant: of
    `image_probabilities`. area (fraction of the square), solidity and
    circularity: of `masks.describe`, of the PREDICTED lesion (probability
    above one half). Without one: area 0, and the shape of a smooth spot, 1.
    """
    shape = masks.describe(classes[..., 0] < 0.5)
    return image_probabilities(classes) | {
        "area": shape["area_fraction"],
        "solidity": float(np.nan_to_num(shape["solidity"], nan=1)),
        "circularity": float(np.nan_to_num(shape["circularity"], nan=1)),
    }


def logistic_regression(validation, cases):
    """Return probabilities of LABELS fitted to validation cases, float (n, 3).

    validation, cases: DataFrames of `image_features`, the first with the
    column label, too. The five predictors are the logits of a lesion and of
    its being malignant, the predicted lesion's log area and its shape. The
    penalty (C = 0.3) was chosen by cross-validation within validation cases.
    Where these lack one of LABELS the network's own probabilities come back.
    """
    if set(validation["label"]) != set(LABELS):
        return cases[list(LABELS)].to_numpy(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    model.fit(_predictors(validation), validation["label"])
    order = [list(model.classes_).index(label) for label in LABELS]
    return model.predict_proba(_predictors(cases))[:, order]


def _predictors(cases):
    """Return the numbers that the regression sees, float (n, 5)."""
    lesion = 1 - cases["normal"]
    malignant = cases["malignant"] / (cases["benign"] + cases["malignant"])
    columns = [
        logit(lesion.clip(1e-3, 1 - 1e-3)),
        logit(malignant.clip(1e-3, 1 - 1e-3)),
        np.log(cases["area"] + 1e-3),
        cases["solidity"],
        cases["circularity"],
    ]
    return np.stack(columns, axis=1)


def review_reasons(classes, mask, probabilities):
    """Return why a person should look again, a list of str, often empty.

    classes: (size, size, 3); mask: bool (h, w) at the original size;
    probabilities: of `image_probabilities`.
    """
    lesion = 1 - probabilities["normal"]
    likelier = max(probabilities["benign"], probabilities["malignant"])
    inside = mean_inside(1 - classes[..., 0].astype(np.float64))
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    reasons = {
        "unsure whether there is a lesion": UNSURE[0] < lesion < UNSURE[1],
        "unsure of its class": lesion >= UNSURE[1]
        and likelier / max(lesion, 1e-6) < UNSURE[1],
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
    measured = {
        "brightness unlike BUSI": (image.mean(), BRIGHTNESS),
        "contrast unlike BUSI": (image.std(), CONTRAST),
        "width to height unlike BUSI": (width / height, ASPECT_RATIO),
    }
    return [
        reason
        for reason, (value, (low, high)) in measured.items()
        if not low <= value <= high
    ]
