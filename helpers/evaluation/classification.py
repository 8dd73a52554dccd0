"""From the network's pixel probabilities to a lesion mask and what it says of an image.

Nothing here may read a reference mask: these are the rules that also hold for
an image that nobody has outlined.
"""

import cv2
import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..data import masks

LABELS = ("normal", "benign", "malignant")
# Chosen as hints for a reader, not validated on patients.
UNSURE = (0.2, 0.8)  # a lesion probability between these is neither yes nor no
VAGUE = 0.65  # mean lesion probability inside an outline below this is vague
# What 624 of BUSI's 780 images span, rounded outwards.
BRIGHTNESS = (29, 170)  # mean grey value
CONTRAST = (27, 75)  # standard deviation of the grey values
SHAPE = (0.56, 2.06)  # width / height


def image_probabilities(classes):
    """Return {"normal", "benign", "malignant"}: probabilities that sum to 1.

    classes: (h, w, 3), background, benign and malignant of each pixel. The
    probability of any lesion is the Lehmer mean of the pixels' lesion
    probabilities, sum p^3 / sum p^2, as in the network's loss: near that of
    the most certain pixels, whatever the lesion's size. Benign and malignant
    share it as they share the pixels.
    """
    classes = classes.astype(np.float64)
    lesion = lesion_probability(classes)
    share = float(classes[..., 2].sum() / (classes[..., 1:].sum() + 1e-12))
    return {
        "normal": 1 - lesion,
        "benign": lesion * (1 - share),
        "malignant": lesion * share,
    }


def lesion_probability(classes):
    """Return the probability of any lesion in the image, as `image_probabilities`."""
    p = 1 - classes[..., 0].astype(np.float64)
    return float((p**3).sum() / ((p**2).sum() + 1e-3))


def image_features(classes):
    """Return what the network's answer says of a whole image, a dict of floats.

    classes: (size, size, 3). normal, benign, malignant: of
    `image_probabilities`. area (share of the square), solidity and
    circularity: of `masks.describe`, measured on the PREDICTED lesion, where
    the lesion probability is above one half. Without one its area is 0, and
    its shape that of a smooth spot, 1.
    """
    shape = masks.describe(classes[..., 0] < 0.5)
    return image_probabilities(classes) | {
        "area": shape["area_fraction"],
        "solidity": float(np.nan_to_num(shape["solidity"], nan=1)),
        "circularity": float(np.nan_to_num(shape["circularity"], nan=1)),
    }


def logistic_regression(validation, cases):
    """Return probabilities of LABELS that suit some validation cases, float (n, 3).

    validation, cases: DataFrames of `image_features`, the first with the
    column label, too. A multinomial logistic regression (scikit-learn) on five
    numbers: the logits of a lesion and of its being malignant, and the
    predicted lesion's area and shape. Its penalty (C = 0.3) was chosen by
    cross-validation within validation cases. Where these lack one of LABELS
    nothing can be fitted, and the network's own come back.
    """
    if set(validation["label"]) != set(LABELS):
        return cases[list(LABELS)].to_numpy(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    model.fit(_features(validation), validation["label"])
    order = [list(model.classes_).index(label) for label in LABELS]
    return model.predict_proba(_features(cases))[:, order]


def _features(cases):
    """Return the numbers that the regression sees, float (n, 5)."""
    lesion = (1 - cases["normal"]).clip(1e-3, 1 - 1e-3)
    share = cases["malignant"] / (cases["benign"] + cases["malignant"])
    columns = [
        logit(lesion),
        logit(share.clip(1e-3, 1 - 1e-3)),
        np.log(cases["area"] + 1e-3),
        cases["solidity"],
        cases["circularity"],
    ]
    return np.stack(columns, axis=1)


def review_reasons(classes, mask, probabilities):
    """Return why a person should look again, a list of short reasons, often empty.

    mask: 2-D bool at the original size; probabilities: of
    `image_probabilities`.
    """
    p = 1 - classes[..., 0].astype(np.float64)
    lesion = 1 - probabilities["normal"]
    parts = cv2.connectedComponents(mask.astype(np.uint8))[0] - 1
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    share = max(probabilities["benign"], probabilities["malignant"]) / max(
        lesion, 1e-6
    )
    inside = p[p > 0.5]
    reasons = {
        "unsure whether there is a lesion": UNSURE[0] < lesion < UNSURE[1],
        "unsure of its class": lesion >= UNSURE[1] and share < UNSURE[1],
        "vague outline": inside.size > 0 and inside.mean() < VAGUE,
        "touches the edge": edge.any(),
        "several parts": parts > 1,
        "outline and probability disagree": mask.any() != (lesion >= 0.5),
    }
    return [reason for reason, holds in reasons.items() if holds]


def out_of_range(image):
    """Return in what an image lies outside the range of BUSI's, a list like `review_reasons`.

    image: uint8 (h, w). A picture of something else may well lie inside of it.
    """
    measured = {
        "brightness unlike BUSI": (image.mean(), BRIGHTNESS),
        "contrast unlike BUSI": (image.std(), CONTRAST),
        "width to height unlike BUSI": (
            image.shape[1] / image.shape[0],
            SHAPE,
        ),
    }
    return [
        reason
        for reason, (value, (low, high)) in measured.items()
        if not low <= value <= high
    ]
