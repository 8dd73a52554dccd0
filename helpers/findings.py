"""From the network's pixel probabilities to a lesion mask and what it says of an image.

Nothing here may read a reference mask: these are the rules that also hold for an image
that nobody has outlined.
"""

import cv2
import numpy as np

from . import masks

# Chosen as hints for a reader, not validated on patients.
UNSURE = (0.2, 0.8)  # a lesion probability between these is neither yes nor no
VAGUE = 0.65  # mean lesion probability inside an outline below this is vague
# From the lowest to the highest of 624 of BUSI's 780 images.
BRIGHTNESS = (29.9, 169.7)  # mean grey value
CONTRAST = (27.5, 74.7)  # standard deviation of the grey values
SHAPE = (0.57, 2.06)  # width / height


def image_probabilities(classes):
    """Return {"normal", "benign", "malignant"}: probabilities that sum to 1.

    classes: (h, w, 3), background, benign and malignant of each pixel. The probability
    of any lesion is the Lehmer mean of the pixels' lesion probabilities, sum p^3 / sum
    p^2, as in the network's loss: near that of the most certain pixels, whatever the
    lesion's size. Benign and malignant share it as they share the pixels.
    """
    classes = classes.astype(np.float64)
    p = 1 - classes[..., 0]
    lesion = float((p**3).sum() / ((p**2).sum() + 1e-3))
    share = float(classes[..., 2].sum() / (classes[..., 1:].sum() + 1e-12))
    return {
        "normal": 1 - lesion,
        "benign": lesion * (1 - share),
        "malignant": lesion * share,
    }


def lesion_mask(classes, box, threshold=0.5, minimum_area=0.0):
    """Return the predicted lesion mask at the image's original size, 2-D bool.

    classes: (size, size, 3); box: the `masks.Letterbox` of the image. The lesion
    probability, benign plus malignant, is restored first and cut at `threshold` then;
    8-connected parts smaller than `minimum_area` (share of the image) are dropped.
    """
    mask = masks.restore(1 - classes[..., 0].astype(np.float32), box) > threshold
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < minimum_area * mask.size
    small[0] = True  # the background
    return ~small[parts]


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
