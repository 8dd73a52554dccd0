"""From the network's pixel probabilities to a lesion mask and what it says of an image.

Nothing here may read a reference mask: these are the rules that also hold for an image
that nobody has outlined.
"""

import cv2
import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import calibration, masks, scores

LABELS = ("normal", "benign", "malignant")
# How probabilities become a mask, where nothing was fitted.
RULE = {"threshold": 0.5, "minimum_area": 0.0, "image_threshold": 0.0}
THRESHOLDS = (0.5, 0.4, 0.6, 0.3, 0.7)  # that a rule may take; the first wins a tie
MINIMUM_AREAS = (0.0, 0.001, 0.002, 0.005, 0.01)  # share of the image
# Chosen as hints for a reader, not validated on patients.
UNSURE = (0.2, 0.8)  # a lesion probability between these is neither yes nor no
VAGUE = 0.65  # mean lesion probability inside an outline below this is vague
# What 624 of BUSI's 780 images span, rounded outwards.
BRIGHTNESS = (29, 170)  # mean grey value
CONTRAST = (27, 75)  # standard deviation of the grey values
SHAPE = (0.56, 2.06)  # width / height


def image_probabilities(classes):
    """Return {"normal", "benign", "malignant"}: probabilities that sum to 1.

    classes: (h, w, 3), background, benign and malignant of each pixel. The probability
    of any lesion is the Lehmer mean of the pixels' lesion probabilities, sum p^3 / sum
    p^2, as in the network's loss: near that of the most certain pixels, whatever the
    lesion's size. Benign and malignant share it as they share the pixels.
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


def lesion_mask(classes, box, threshold=0.5, minimum_area=0.0, image_threshold=0.0):
    """Return the predicted lesion mask at the image's original size, 2-D bool.

    classes: (size, size, 3); box: the `masks.Letterbox` of the image. The lesion
    probability, benign plus malignant, is restored first and cut at `threshold` then;
    8-connected parts smaller than `minimum_area` (share of the image) are dropped. The
    mask is empty where the image's probability of a lesion is below `image_threshold`.
    """
    if lesion_probability(classes) < image_threshold:
        return np.zeros((box.height, box.width), bool)
    mask = masks.restore(1 - classes[..., 0].astype(np.float32), box) > threshold
    return large_parts(mask, minimum_area)


def lesion_masks(cases, classes, rules):
    """Return the predicted mask of each held-out case at its original size, a list.

    cases: DataFrame with height, width and fold; classes: (n, size, size, 3), in the same
    order; rules: DataFrame indexed by fold with the columns of RULE, and perhaps others.
    """
    rule_of = rules[list(RULE)].to_dict("index")
    size = classes.shape[1]
    return [
        lesion_mask(
            p,
            masks.Letterbox.of(case.height, case.width, size),
            **rule_of[case.fold],
        )
        for case, p in zip(cases.itertuples(), classes, strict=True)
    ]


def restored(classes, height, width):
    """Return class probabilities at an image's original size, float32 (height, width, 3)."""
    box = masks.Letterbox.of(height, width, classes.shape[0])
    return masks.restore(classes.astype(np.float32), box)


def class_mask(mask, classes):
    """Return the class of each pixel, uint8, as `masks.target`: where marked, the likelier.

    mask: bool (h, w); classes: float (h, w, 3), as of `restored`.
    """
    return np.where(mask, 1 + (classes[..., 2] > classes[..., 1]), 0).astype(np.uint8)


def named(classes, mask):
    """Return the class that the lesion pixels get on the whole, or "nothing".

    classes: (size, size, 3); mask: of `lesion_mask`; if it is empty nothing was said.
    """
    inside = classes[..., 0] < 0.5
    if not (inside.any() and mask.any()):
        return "nothing"
    total = classes[inside].astype(np.float32).sum(axis=0)
    return masks.CLASSES[1 + int(total[2] > total[1])]


def large_parts(mask, minimum_area):
    """Return a mask without its 8-connected parts below a share of the image."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < minimum_area * mask.size
    small[0] = True  # the background
    return ~small[parts]


def fit_rule(classes, labels, sensitivity=0.95):
    """Return the rule for `lesion_mask` that suits some validation cases, a dict.

    classes: (n, size, size, 3); labels: (n, size, size), 0 is background. Only the cases
    with a lesion are asked: threshold and minimum_area are those of their highest mean
    Dice, image_threshold the highest that leaves `sensitivity` of them their mask. How
    many normal images it then leaves empty must be measured on other cases.

    Raises:
        ValueError: no case has a lesion.
    """
    ill = labels.any(axis=(1, 2))
    if not ill.any():
        raise ValueError("a rule needs validation cases with a lesion")
    lesion, truth = 1 - classes[ill][..., 0].astype(np.float32), labels[ill] > 0

    def mean_dice(rule):
        answers = [large_parts(p > rule[0], rule[1]) for p in lesion]
        return np.mean(list(map(scores.dice, truth, answers)))

    rules = [(cut, area) for area in MINIMUM_AREAS for cut in THRESHOLDS]
    threshold, minimum_area = max(rules, key=mean_dice)
    sure = list(map(lesion_probability, classes[ill]))
    return {
        "threshold": threshold,
        "minimum_area": minimum_area,
        "image_threshold": calibration.cut_for_sensitivity(
            sure, np.ones(len(sure)), sensitivity
        ),
    }


def quantities(classes):
    """Return what the network's answer says of a whole image, a dict of floats.

    classes: (size, size, 3). normal, benign, malignant: of `image_probabilities`. area
    (share of the square), solidity and circularity: of `masks.describe`, measured on the
    PREDICTED lesion, where the lesion probability is above one half. Without one its
    area is 0, and its shape that of a smooth spot, 1.
    """
    shape = masks.describe(classes[..., 0] < 0.5)
    return image_probabilities(classes) | {
        "area": shape["area_fraction"],
        "solidity": float(np.nan_to_num(shape["solidity"], nan=1)),
        "circularity": float(np.nan_to_num(shape["circularity"], nan=1)),
    }


def fitted_probabilities(validation, cases):
    """Return probabilities of LABELS that suit some validation cases, float (n, 3).

    validation, cases: DataFrames of `quantities`, the first with the column label, too. A
    multinomial logistic regression (scikit-learn) on five numbers: the logits of a
    lesion and of its being malignant, and the predicted lesion's area and shape. Its
    penalty (C = 0.3) was chosen by cross-validation within validation cases. Where these
    lack one of LABELS nothing can be fitted, and the network's own come back.
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


def doubts(classes, mask, probabilities):
    """Return why a person should look again, a list of short reasons, often empty.

    mask: 2-D bool at the original size; probabilities: of `image_probabilities`.
    """
    p = 1 - classes[..., 0].astype(np.float64)
    lesion = 1 - probabilities["normal"]
    parts = cv2.connectedComponents(mask.astype(np.uint8))[0] - 1
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    share = max(probabilities["benign"], probabilities["malignant"]) / max(lesion, 1e-6)
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


def unlike_training(image):
    """Return in what an image lies outside the range of BUSI's, a list like `doubts`.

    image: uint8 (h, w). A picture of something else may well lie inside of it.
    """
    measured = {
        "brightness unlike BUSI": (image.mean(), BRIGHTNESS),
        "contrast unlike BUSI": (image.std(), CONTRAST),
        "width to height unlike BUSI": (image.shape[1] / image.shape[0], SHAPE),
    }
    return [
        reason
        for reason, (value, (low, high)) in measured.items()
        if not low <= value <= high
    ]
