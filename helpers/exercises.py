"""Checkers of the exercises: right is called right, wrong gets a hint.

A checker takes the reader's solution (a number, a list or a function) and
returns one sentence on what is wrong, or "" if it is right. A new exercise is
one more of them.
"""

import math
import re

import numpy as np


def check(checker, solution):
    """Print whether a solution is right, and if not, a hint.

    `...` is no solution yet. One that fails while it is tried is a wrong
    solution, never an error here.
    """
    if solution is ...:
        print(
            "No answer yet: put yours in place of the three dots and run this "
            "again."
        )
        return
    try:
        hint = checker(solution)
    except Exception as error:
        hint = f"your answer stops with {type(error).__name__}: {error}"
    print(f"Not yet: {hint}" if hint else "Right.")


def as_number(answer):
    """Return a number as a float: 4640, 4640.0, "4640", "4,640" are the same.

    ValueError: it is none.
    """
    thousands = r"\s*[1-9]\d{0,2}(,\d{3})+(\.\d*)?\s*"
    if isinstance(answer, str) and re.fullmatch(thousands, answer):
        answer = answer.replace(",", "")
    try:
        return float(answer)
    except (TypeError, ValueError):
        raise ValueError(f"{answer!r} is not a number") from None


def _nearest(answer, hints, otherwise):
    """Return the hint of the value that a number is within 0.01 of."""
    number = as_number(answer)
    near = (hints[x] for x in hints if abs(number - x) < 0.01)
    return next(near, otherwise)


# ---- notebook 0


def own_dice(function):
    """Wanted: the Dice score, a function of two bool masks (h, w)."""
    a, b = np.zeros((2, 6, 6), bool)
    a[1:4, 1:5] = b[2:5, 2:4] = True  # 12 and 6 pixels, 4 of them shared
    for one, two in ((a, a), (a, b), (b, a), (a, ~a)):
        shared, areas = (one & two).sum(), one.sum() + two.sum()
        value = float(function(one, two))
        if np.isclose(value, 2 * shared / areas):
            continue
        hint = "is it twice the shared area over the sum of both areas?"
        if np.isclose(value, shared / (areas - shared)):
            hint = "that is the shared area over the joint one: the IoU."
        return (
            f"for areas of {one.sum()} and {two.sum()} pixels that share "
            f"{shared} it returns {value:.2f}: {hint}"
        )
    return ""


def inner_size(size):
    """Wanted: (rows, columns) of a 470 x 560 image in a square of 128."""
    rows, columns = map(as_number, size)
    if (rows, columns) == (128, 128):
        return "that would stretch the image: its copy is not square either."
    if max(rows, columns) > 128:
        pixels = f"{max(rows, columns):g} pixels"
        return f"{pixels} do not fit into a square of 128."
    if columns != 128:
        return "the longer side fills the square: how many columns are that?"
    if abs(rows - 470 * 128 / 560) > 0.5:
        return "the rows shrink by the same factor as the columns, 128 / 560."
    return ""


# ---- notebook 1


def several_masks(function):
    """Wanted: the cases with several mask files, a function of file names."""
    one = ["benign (1).png", "benign (1)_mask.png"]
    two = [name.replace("1", "10") for name in one]
    two.append("benign (10)_mask_1.png")
    other = [name.replace("benign", "malignant") for name in one]
    three = [f"malignant (1)_mask_{k}.png" for k in (1, 2)]
    three = [*other, *three]
    for names, wanted, hint in (
        (one, 0, "one mask file is not several."),
        (one + other, 0, "these are two cases with one mask each."),
        (one + two, 1, "benign (10) has two masks."),
        (three, 1, "it is one case, however many masks it has."),
        (three[::-1] + one + two, 2, "the order of the files must not count."),
    ):
        if (value := function(list(names))) != wanted:
            return f"for {', '.join(names)} it returns {value}: {hint}"
    return ""


def count_groups(function):
    """Wanted: the groups, a function of n images and their pairs (i, j)."""
    for n, pairs, wanted, hint in (
        (3, [], 3, "an image without a copy is a group of its own."),
        (3, [(0, 1)], 2, "two copies are one group, the third another."),
        (4, [(0, 1), (1, 2)], 2, "a copy of a copy is in the same group."),
        (3, [(0, 1), (1, 2), (0, 2)], 1, "the third pair joins nothing new."),
        (5, [(0, 1), (2, 3), (1, 3)], 2, "the last makes one group of two."),
    ):
        if (value := function(n, list(pairs))) != wanted:
            given = f"{n} images and the pairs {pairs}"
            return f"for {given} it returns {value}: {hint}"
    return ""


# ---- notebook 2


def leaking_groups(function):
    """Wanted: the groups in several folds, a function of groups and folds."""
    for groups, folds, wanted, hint in (
        ("aab", [0, 0, 1], "", "a group may have many images in one fold."),
        ("aba", [0, 0, 1], "a", "a has an image in fold 0 and one in fold 1."),
        ("abbcccd", [1, 0, 0, 2, 2, 0, 1], "c", "only c is in two folds."),
        ("abab", [0, 1, 2, 0], "ab", "both a and b are in two folds."),
    ):
        value = set(function(list(groups), list(folds)))
        if value != set(wanted):
            given = f"the groups {list(groups)} in the folds {folds}"
            return f"for {given} it returns {sorted(value)}: {hint}"
    return ""


def one_file_of_three(number):
    """Wanted: the Dice of one lesion with the union of three of its size."""
    number = as_number(number)
    if np.isclose(number, 1 / 2):
        return ""
    if np.isclose(number, 1 / 3, atol=0.01):
        return "that is the share of the area (and the IoU), not yet the Dice."
    if not 0 <= number <= 1:
        return "give a number from 0 to 1."
    return "let a lesion be 1: what is shared, and what is the sum of both?"


# ---- notebook 3


def receptive_field_order(strides):
    """Wanted: strides 1, 1, 1, 2, 2, 2 of 3x3 filters that see furthest."""
    strides = list(map(as_number, strides))
    if sorted(strides) != [1, 1, 1, 2, 2, 2]:
        given = ", ".join(f"{stride:g}" for stride in strides)
        return f"use three strides of 1 and three of 2, not {given}."
    pixels = 1
    for stride in reversed(strides):
        pixels = stride * pixels + 3 - stride
    if pixels == 63:
        return ""
    return (
        f"this one sees {pixels:g} pixels. A stride widens the steps of all "
        "layers after it: how many come after yours?"
    )


# Parameters of notebook 3's decoder, of the levels that are tried here.
WITH_SKIPS = 127_104


def without_skips(decoder):
    """Wanted: notebook 3's decoder, but it reads the deepest level alone."""
    import keras  # seconds, and needed here only

    levels = [keras.Input((32 >> k, 32 >> k, 8 << k)) for k in range(4)]
    made = decoder(list(levels))
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        return "return two things: the finest maps and the deepest ones."
    likes = levels[0], levels[-1]
    ends = zip(("finest", "deepest"), made, likes, strict=True)
    for name, maps, like in ends:
        if maps.shape != like.shape:
            got, wanted = maps.shape[1:], like.shape[1:]
            return f"its {name} maps are {got}; {wanted} are wanted."
    # older Keras refuses inputs that lead nowhere
    same = [keras.layers.Identity()(level) for level in levels]
    network = keras.Model(levels, [*made, *same])
    rng = np.random.default_rng(0)
    inputs = [rng.random((1, *x.shape[1:]), np.float32) for x in levels]
    blank = [*map(np.zeros_like, inputs[:-1]), inputs[-1]]
    pairs = list(zip(network(inputs), network(blank), strict=True))[:2]
    if not all(np.allclose(seen, unseen) for seen, unseen in pairs):
        return (
            "its maps still hang on a finer level: lay nothing beside the "
            "enlarged ones, and add nothing to them."
        )
    counts = f"{network.count_params():,} parameters, {WITH_SKIPS:,} with them"
    print(f"Your decoder on levels of 8 to 64 channels: {counts}")
    return ""


# ---- notebook 4


def layer_parameters(number):
    """Wanted: those of a 3x3 convolution from 16 to 32 channels, with bias."""
    weights = 3 * 3 * 16 * 32
    hints = {
        weights + 32: "",
        weights: "those are the weights. A bias is added for each filter.",
        3 * 3 * 32 + 32: "each filter reads all of the 16 channels, not one.",
        3 * 3 * 16 + 1: "that is one filter. There is one for each channel "
        "that leaves.",
    }
    question = "how many filters are there, and weights and biases in each?"
    return _nearest(number, hints, question)


def lesions_only(function):
    """Wanted: which images show a lesion, a function of labels (n, h, w)."""
    labels = np.zeros((5, 8, 6), np.uint8)
    labels[0, 2:5, 1:4], labels[2, 3:, 2:], labels[4, 7, 5] = 1, 2, 1
    kept = np.asarray(function(labels.copy()))
    if kept.dtype != bool or kept.shape != (5,):
        return (
            "give True or False for each of 5 images, not "
            f"{kept.dtype} of shape {kept.shape}."
        )
    if kept[[1, 3]].all():
        return "it keeps the normal images: their labels are 0 everywhere."
    shown = {0: "benign", 2: "malignant", 4: "of one pixel, in a corner"}
    for i, lesion in shown.items():
        if not kept[i]:
            return f"it drops an image with a lesion: {lesion}."
    return "it keeps one of two normal images." if kept[[1, 3]].any() else ""


# ---- notebook 5


def without_normals(number):
    """Wanted: the mean Dice of 60 lesion images; 36 of 40 normals count 1."""
    hints = {
        (76 - 36) / 60: "",
        0.76: "that is the mean over all images, normal ones too.",
        (76 - 40) / 60: "four of the normal images were marked: they count 0.",
        (76 - 36) / 100: "divide by the number of lesion images.",
    }
    return _nearest(number, hints, "what do all 100 images add up to?")


# ---- notebook 6


def own_calibration_error(function):
    """Wanted: the ECE in two bins, up to one half and above it."""
    for given, true, wanted, hint in (
        ([0.9] * 10, [1] * 9 + [0], 0, "9 of 10 at 0.9 is as it should be."),
        ([0.9] * 10, [1] * 5 + [0] * 5, 0.4, "half are true, not 0.9."),
        ([0.2] * 4, [1, 1, 0, 0], 0.3, "a probability may be too low, too."),
        ([0.1] * 3 + [0.9], [0] * 4, 0.3, "a quarter of them are off by 0.9."),
        ([0.2, 0.4, 0.6, 1.0], [0, 1, 1, 0], 0.25, "take means within a bin."),
    ):
        value = float(function(np.array(given), np.array(true)))
        if np.isnan(value):
            hint = "leave out a bin that nothing falls into."
        if not np.isclose(value, wanted):
            return f"for {given} and {true} it returns {value:.2f}: {hint}"
    return ""


def own_shadow(function):
    """Wanted: an image with a random shadow, from uint8 (h, w) and an rng."""
    image = np.random.default_rng(0).integers(60, 240, (96, 128), np.uint8)
    made = []
    for seed in range(4):
        given = image.copy()
        shaded = function(given, np.random.default_rng(seed))
        if (given != image).any():
            return "it changes the image that it is given: copy that first."
        made.append(np.asarray(shaded))
        if made[-1].dtype != np.uint8 or made[-1].shape != image.shape:
            got = f"{made[-1].dtype} of shape {made[-1].shape}"
            return f"give uint8 of shape {image.shape}, not {got}."
        taken = image.astype(int) - made[-1]
        if taken.min() < 0:
            return "some pixels are brighter than before."
        dark = taken.mean(axis=0) >= 5  # of each column
        if not dark.any() or dark.mean() > 0.6:
            share = f"{dark.mean():.0%} of the columns"
            return f"it darkens {share}: some must, and some must not."
        if taken[0].any():
            return "begin below the skin: leave the top row as it is."
        if not (taken[-1, dark] > 0).all():
            return "a shadow reaches down to the lowest row."
    if all((one == made[0]).all() for one in made):
        return "it falls at the same place each time: ask the generator."
    return ""


# ---- notebook 7

# Probabilities of "malignant" of ten malignant and ten benign cases.
MALIGNANT = (0.92, 0.85, 0.77, 0.63, 0.58, 0.51, 0.44, 0.40, 0.33, 0.12)
BENIGN = (0.81, 0.66, 0.47, 0.36, 0.35, 0.28, 0.21, 0.15, 0.10, 0.05)


def threshold_for_nine(threshold):
    """Wanted: one that flags nine of MALIGNANT and the fewest of BENIGN."""
    threshold = as_number(threshold)
    true = sum(p >= threshold for p in MALIGNANT)
    false = sum(p >= threshold for p in BENIGN)
    if true == 9 and false == 5:
        return ""
    if true < 9:
        return f"it flags {true} of the ten malignant cases: go lower."
    flagged = f"{true} malignant and {false} benign cases"
    return f"it flags {flagged}: is there a higher one?"


def predictive_value(function):
    """Wanted: a function (sensitivity, specificity, prevalence) -> PPV."""
    for given in ((0.9, 0.8, 0.3), (0.9, 0.8, 0.005)):
        sensitivity, specificity, prevalence = given
        true = sensitivity * prevalence
        false = (1 - specificity) * (1 - prevalence)
        value = float(function(*given))
        if np.isclose(value, true):
            return "that is the share of true positives among all: divide it."
        if not np.isclose(value, true / (true + false)):
            return (
                f"for {given} it gives {value:.3f}. Of 1000 people "
                f"{1000 * true:g} are true positives and {1000 * false:g} "
                "false positives."
            )
    return ""


# ---- notebook 8


def data_to_halve(function):
    """Wanted: how many times the data halve an error a n^-b, from b."""
    for b, wanted in ((1, 2), (0.5, 4), (0.25, 16), (0.2, 32)):
        value = function(b)
        if math.isclose(value, wanted, rel_tol=1e-6):
            continue
        hint = "k times data leave k ** -b of the error: when is that 1 / 2?"
        if math.isclose(value, 2**b):
            hint = f"{value:.2f} ** -{b} is not 1 / 2. Which k ** -{b} is?"
        if math.isclose(value, 0.5 ** (1 / b)):
            hint = "that is less data, not more: mind the sign of b."
        return f"for b = {b} it returns {value:g}: {hint}"
    return ""


def share_of_groups(function):
    """Wanted: which images to keep, a function of their groups and a share."""
    groups = np.repeat([f"g{k}" for k in range(20)], [1, 1, 2, 6] * 5)
    for share in (0.5, 0.1, 1.0):
        kept = np.asarray(function(groups.copy(), share))
        if kept.dtype != bool or kept.shape != groups.shape:
            return (
                f"give True or False for each of {len(groups)} images, not "
                f"{kept.dtype} of shape {kept.shape}."
            )
        some, rest = set(groups[kept]), set(groups[~kept])
        if some & rest:
            return f"{min(some & rest)} is kept in part: keep whole groups."
        if len(some) != round(20 * share):
            found = f"of 20 groups it keeps {len(some)}"
            return f"for a share of {share:g}, {found}: count groups."
    return ""


# ---- notebook 9


def mean_of_patients(function):
    """Wanted: the mean Dice over patients, a function of Dice and patient."""
    for dice, patients, wanted, hint in (
        ([0.8, 0.6], "ab", 0.7, "each has one image here."),
        (
            [0.9, 0.9, 0.9, 0.1],
            "aaab",
            0.5,
            "a has three images and one vote.",
        ),
        ([1.0, 0.0, 0.5, 0.0], "baba", 0.375, "a's images may stand apart."),
    ):
        patients = list(patients)
        value = float(function(np.array(dice), np.array(patients)))
        if not math.isclose(value, wanted, abs_tol=1e-6):
            given = f"{dice} of the patients {patients}"
            return f"for {given} it returns {value:.3f}: {hint}"
    return ""


def own_knobs(function):
    """Wanted: an image of random gain and contrast, from uint8 and an rng."""
    image = np.tile(np.arange(60, 200, dtype=np.uint8), (40, 1))
    made = []
    for seed in range(12):
        given = image.copy()
        out = np.asarray(function(given, np.random.default_rng(seed)))
        if (given != image).any():
            return "it changes the image that it is given: copy that first."
        if out.dtype != np.uint8 or out.shape != image.shape:
            got = f"{out.dtype} of shape {out.shape}"
            return f"give uint8 of shape {image.shape}, not {got}."
        if (np.diff(out.astype(int), axis=1) < 0).any():
            return (
                "a brighter pixel became the darker one: clip to 0 and 255 "
                "before you make it uint8."
            )
        made.append(out)
    brighter = np.array([out.mean() for out in made]) > image.mean()
    if brighter.all() or not brighter.any():
        return "in twelve tries it is always brighter, or never: do both."
    spread = np.array([np.ptp(out[0].astype(int)) for out in made])
    more = spread > np.ptp(image)
    if more.all() or not more.any():
        return "in twelve tries the contrast never rises, or never falls."
    return ""


# ---- appendix A1


def depth_of_echo(function):
    """Wanted: the depth in cm, from the microseconds until an echo is back."""
    for delay, wanted in ((13, 1.001), (0, 0), (65, 5.005)):
        value = float(function(delay))
        if math.isclose(value, wanted, abs_tol=0.005):
            continue
        hint = "the way is speed times time, in centimetres."
        if math.isclose(value, 2 * wanted, abs_tol=0.01):
            hint = "that is the way there and back."
        return f"for {delay} microseconds it returns {value:g} cm: {hint}"
    return ""


def looks_for_a_tenth(number):
    """Wanted: how many looks leave a tenth of the grain of one."""
    hints = {
        100: "",
        10: "10 looks leave 32 %: the grain falls with their root.",
        20: "20 looks leave 22 %: the grain falls with their root.",
    }
    return _nearest(number, hints, "solve 1 / sqrt(N) = 1 / 10 for N.")
