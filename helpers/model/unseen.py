"""Score a reader's own rule on simulated images that nobody has seen.

The last exercise of notebook 5: it has one checker, as `helpers.exercises`
describes them, which needs the small model and the rule that was fitted to it.
"""

import functools
import json

import numpy as np
import pandas as pd

from ..data import masks
from ..data.phantom import physics
from ..evaluation import metrics, postprocessing
from ..files import ROOT

EACH, SEED = 8, 20_270  # images of a class; no other phantom has this seed


def own_rule(rule):
    """Wanted: a function, probabilities (h, w, 3) -> mask, above one half's.

    Prints the scores of this rule, of the fitted one and of the threshold of
    one half, on `exam`. What counts is the utility of notebook 4.
    """
    probabilities, lesions = exam()
    own = []
    for classes, lesion in zip(probabilities, lesions, strict=True):
        mask = np.asarray(rule(classes.copy()))
        if mask.dtype != bool or mask.shape != lesion.shape:
            return (
                f"give True or False for each pixel, shape {lesion.shape}, "
                f"not {mask.dtype} of shape {mask.shape}."
            )
        own.append(mask)
    predicted = {"yours": own}
    others = {"fitted": fitted(), "one half": postprocessing.RULE}
    for name, numbers in others.items():
        how = functools.partial(postprocessing.lesion_mask, **numbers)
        box = masks.Letterbox.of(*lesions[0].shape, len(lesions[0]))
        predicted[name] = [how(classes, box) for classes in probabilities]
    rows = {name: scored(lesions, own) for name, own in predicted.items()}
    scores = pd.DataFrame(rows)
    print(scores.T.round(2).to_string())
    return hint(scores["yours"], scores["one half"])


def hint(yours, half):
    """Return what is wrong with a rule; yours, half: of `scored`."""
    if yours["utility"] > half["utility"]:
        return ""
    if yours["lesion Dice"] == 0:
        return "nothing of any lesion is marked."
    if yours["lesion Dice"] < half["lesion Dice"] / 2:
        return (
            "it misses most of the lesions. That of a pixel is 1 minus the "
            "first of its three probabilities."
        )
    if yours["left empty"] <= half["left empty"]:
        return (
            "no more normal images stay empty than at one half. What differs "
            "where a spot is false: its size, its probabilities?"
        )
    return "one half alone is worth as much: it costs too many lesions."


def scored(lesions, predicted):
    """Return lesion Dice, missed, left empty and utility of masks, a dict."""
    has_lesion = np.array([lesion.any() for lesion in lesions])
    marked = np.array([mask.any() for mask in predicted]) * 1.0
    dice = np.array(list(map(metrics.dice, lesions, predicted)))
    # a mask that is not empty counts as marked, however sure it is
    found = postprocessing.outcome(has_lesion, marked, dice, 0.5)
    names = {"dice": "lesion Dice", "empty": "left empty"}
    kept = ("dice", "missed", "empty", "utility")
    return {names.get(name, name): float(found[name]) for name in kept}


def fitted():
    """Return the rule that was fitted to the small model, a dict."""
    card = json.loads((ROOT / "models" / "small.json").read_text())
    return {name: card[name] for name in postprocessing.RULE}


@functools.cache
def exam():
    """Return the small model's probabilities and the lesions, per image.

    (n, size, size, 3) and bool (n, size, size), of EACH images of each class,
    simulated here; the first call takes some seconds.
    """
    from . import checkpoint, training  # seconds, and needed here only

    model = checkpoint.load(ROOT / "models" / "small.keras")
    size, images, lesions = model.input_shape[1], [], []
    for number in range(EACH * len(physics.LABELS)):
        label = physics.LABELS[number % len(physics.LABELS)]
        rng = np.random.default_rng((SEED, number))
        frame = physics.simulate(label, rng)
        lesion = np.any(frame.masks or [frame.image < 0], axis=0)
        images.append(masks.letterbox(frame.image, size)[0])
        lesions.append(masks.letterbox(lesion, size)[0])
    # the mean with the mirror image, as the rule was fitted
    classes = training.predict(model, np.stack(images), flip=True)
    return classes, np.stack(lesions)
