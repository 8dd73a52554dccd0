"""Checkers: a right solution passes, a typical wrong one gets its hint."""

import itertools
import re

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from keras import layers

from helpers import exercises
from helpers.claims import checks
from helpers.evaluation import calibration, metrics, robustness
from helpers.model import unet, unseen


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def several(names, least=2):
    """Count the cases with at least so many mask files."""
    cases = [name.split("_mask")[0] for name in names if "_mask" in name]
    return sum(cases.count(case) >= least for case in set(cases))


def leaking(groups, folds):
    folds_of = pd.Series(folds).groupby(pd.Series(groups)).nunique()
    return set(folds_of.index[folds_of > 1])


def blind(levels, join=lambda x, skip: x, upsample=layers.UpSampling2D):
    """The decoder of notebook 3, with another way to use a skip or none."""
    x = deepest = unet.block(levels[-1], levels[-1].shape[-1])
    for skip in levels[-2::-1]:
        x = join(upsample()(x), skip)
        x = unet.block(x, skip.shape[-1])
    return x, deepest


def added(x, skip):
    return layers.Add()([layers.Conv2D(skip.shape[-1], 1)(x), skip])


def knobs(image, rng, contrast=(0.6, 1.6), shift=(-40, 40), clip=True):
    """Return an image of another contrast and brightness."""
    grey = (image.astype(float) - 128) * rng.uniform(*contrast) + 128
    grey = np.rint(grey + rng.uniform(*shift))
    return (np.clip(grey, 0, 255) if clip else grey % 256).astype(np.uint8)


def band(image, rng, top=10, bottom=None, width=30, factor=0.5):
    """Return an image with a dark band of columns at a random place."""
    image, left = image.copy(), rng.integers(image.shape[1] - width)
    part = np.s_[top:bottom, left : left + width]
    image[part] = image[part] * factor
    return image


def in_place(image, rng):
    image[10:, :20] //= 2
    return image


def some_groups(groups, share, number=round):
    names = np.unique(groups)
    return np.isin(groups, names[: number(share * len(names))])


def predictive(sensitivity, specificity, prevalence):
    true = sensitivity * prevalence
    return true / (true + (1 - specificity) * (1 - prevalence))


def two_bins(p, true, gap=lambda p, true: abs(p.mean() - true.mean())):
    """Return the gap over the bins at one half, weighted by their cases."""
    parts = [part for part in (p > 0.5, p <= 0.5) if part.any()]
    return sum(part.mean() * gap(p[part], true[part]) for part in parts)


# Beside the solutions in the notebooks, which are tried below.
RIGHT = {
    "own_dice": [metrics.dice],
    "leaking_groups": [lambda *both: sorted(leaking(*both))],
    "lesions_only": [lambda labels: [bool(one.max()) for one in labels]],
    "own_shadow": [lambda image, rng: robustness.shadow(image, 0.6, rng)],
    "own_calibration_error": [
        lambda p, true: calibration.calibration_error(p, true, bins=2)
    ],
    "share_of_groups": [
        lambda groups, share: checks.share_of_groups(groups, 100 * share, 0)
    ],
}
WRONG = {
    "own_dice": [
        (lambda a, b: (a & b).sum() / (a | b).sum(), "the IoU"),
        (lambda a, b: dice(a, b) / 2, "twice the shared area"),
        (lambda a, b: 1.0, "of 12 and 6 pixels"),
    ],
    "inner_size": [
        ((128, 128), "stretch"),
        ((128, 152), "do not fit"),
        ((128, 107), "longer side"),
        ((106, 128), "same factor"),
    ],
    "several_masks": [
        (lambda names: several(names, 1), "one mask file is not several"),
        (lambda names: sum("_mask_" in n for n in names), "however many"),
        (lambda names: several([n.split(" ")[1] for n in names]), "two cases"),
        (
            lambda names: sum(
                a.endswith("_mask.png") and b.endswith("_mask_1.png")
                for a, b in itertools.pairwise(names)
            ),
            "order of the files",
        ),
        (lambda names: 0, "has two masks"),
    ],
    "count_groups": [
        (lambda n, pairs: n, "two copies are one group"),
        (lambda n, pairs: len(pairs), "a group of its own"),
        (lambda n, pairs: n - len(pairs), "joins nothing new"),
        (
            lambda n, pairs: n - len({i for i, _ in pairs}) - (n == 5),
            "makes one group",
        ),
        (lambda n, pairs: max(n - len(pairs), n - 1), "a copy of a copy"),
    ],
    "leaking_groups": [
        (lambda g, folds: [x for x in g if g.count(x) > 1], "many images"),
        (lambda groups, folds: [], "a has an image in fold 0"),
        (lambda *both: list(leaking(*both))[:1], "both a and b"),
    ],
    "one_file_of_three": [(0.33, "IoU"), (50, "0 to 1"), (1, "shared")],
    "receptive_field_order": [
        ([2, 2, 2, 2, 2, 2], "three strides"),
        ("212121", "sees 43 pixels"),
    ],
    "depth_of_echo": [
        (lambda delay: delay * 0.154, "there and back"),
        (lambda delay: delay * 1540, "in centimetres"),
    ],
    "looks_for_a_tenth": [(10, "32 %"), (20, "22 %"), (50, "solve")],
    "without_skips": [
        (unet.decoder, "still hang on a finer level"),
        (lambda levels: blind(levels, added), "add nothing"),
        (lambda levels: blind(levels)[0], "two things"),
        (lambda levels: blind(levels)[::-1], "its finest maps are (4, 4, 64)"),
        (
            lambda levels: blind(levels, upsample=layers.Identity),
            "(32, 32, 8) are wanted",
        ),
    ],
    "layer_parameters": [
        (4608, "A bias"),
        (320, "all of the 16"),
        (145, "one filter"),
        (512, "how many"),
    ],
    "lesions_only": [
        (lambda labels: np.ones(5, bool), "the normal images"),
        (lambda labels: labels.any(axis=(1, 2)) | [0, 1, 0, 0, 0] > 0, "two"),
        (lambda labels: (labels == 1).any(axis=(1, 2)), "malignant"),
        (lambda labels: (labels == 2).any(axis=(1, 2)), "benign"),
        (lambda labels: labels.sum(axis=(1, 2)) > 1, "one pixel"),
        (lambda labels: labels > 0, "bool of shape (5, 8, 6)"),
        (lambda labels: np.ones(5, int), "int64 of shape (5,)"),
    ],
    "own_calibration_error": [
        (lambda p, true: abs(p.mean() - true.mean()), "0.6, 1.0] and"),
        (lambda p, true: np.abs(p - true).mean(), "9 of 10"),
        (lambda *two: two_bins(*two, lambda a, b: a.mean() - b.mean()), "low"),
        (lambda p, true: p[p < 0.5].mean(), "nothing falls into"),
    ],
    "without_normals": [
        (0.76, "normal ones too"),
        (0.6, "they count 0"),
        (0.4, "number of lesion images"),
        (0.9, "add up to"),
    ],
    "own_shadow": [
        (in_place, "copy that first"),
        (lambda image, rng: image / 2, "not float64"),
        (lambda image, rng: image[:, :64], "of shape (96, 64)"),
        (lambda image, rng: image + np.uint8(90), "brighter"),
        (lambda image, rng: image.copy(), "darkens 0% of the columns"),
        (lambda image, rng: band(image, rng, width=127), "darkens 99%"),
        (lambda image, rng: band(image, rng, top=0), "below the skin"),
        (lambda image, rng: band(image, rng, bottom=50), "the lowest row"),
        (
            lambda image, rng: band(image, np.random.default_rng(0)),
            "same place each time",
        ),
    ],
    "data_to_halve": [
        (lambda b: 2, "for b = 0.5 it returns 2"),
        (lambda b: 2**b, "Which k"),
        (lambda b: 0.5 ** (1 / b), "mind the sign"),
        (lambda b: 2 / b, "when is that 1 / 2"),
    ],
    "share_of_groups": [
        (lambda groups, share: np.unique(groups)[:10], "each of 50 images"),
        (lambda groups, share: np.arange(50) < 50 * share, "kept in part"),
        (lambda groups, share: groups < "g", "of 20 groups it keeps 0"),
        (lambda groups, share: some_groups(groups, 0.5), "share of 0.1"),
    ],
    "threshold_for_nine": [(0.34, "go lower"), (0.28, "9 malignant and 6 b")],
    "predictive_value": [
        (lambda s, t, p: s * p, "divide"),
        (lambda s, t, p: s, "270 are true positives"),
        # right at one prevalence only
        (lambda s, t, p: predictive(s, t, 0.3), "0.005"),
    ],
    "mean_of_patients": [
        (lambda d, p: d.mean(), "a has three images"),
        (lambda d, p: np.mean([d[0], d[-1]]), "may stand apart"),
    ],
    "own_knobs": [
        (lambda x, rng: x, "always brighter, or never"),
        (lambda x, rng: knobs(x, rng, (1, 1)), "contrast never"),
        (lambda x, rng: knobs(x, rng, clip=False), "clip to 0 and 255"),
        (lambda x, rng: knobs(x, rng).astype(float), "give uint8"),
        (lambda x, rng: x.__iadd__(1), "copy that first"),
    ],
}


def flat(table):
    return [(name, one) for name, many in table.items() for one in many]


@pytest.mark.parametrize(("name", "right"), flat(RIGHT))
def test_a_right_solution_passes(name, right):
    assert getattr(exercises, name)(right) == ""


@pytest.mark.parametrize(("name", "wrong"), flat(WRONG))
@pytest.mark.filterwarnings("ignore:Mean of empty", "ignore:invalid value")
def test_a_wrong_solution_gets_the_hint_that_fits(name, wrong):
    solution, hint = wrong
    assert hint in getattr(exercises, name)(solution)


def test_one_order_of_strides_sees_furthest():
    checker = exercises.receptive_field_order
    orders = set(itertools.permutations([1, 1, 1, 2, 2, 2]))
    right = [order for order in orders if not checker(order)]
    assert right == [(2, 2, 2, 1, 1, 1)]


def test_one_gap_between_the_cases_holds_the_threshold_for_nine():
    thresholds = np.arange(0, 1, 0.005).round(3)
    right = [t for t in thresholds if not exercises.threshold_for_nine(t)]
    assert right[0] > 0.28 and right[-1] == 0.33


@pytest.mark.parametrize("text", ["4640", " 4,640 ", "4,640.0"])
def test_a_number_given_as_text_counts(text):
    assert exercises.as_number(text) == 4640


@pytest.mark.parametrize("text", ["0,75", "46,40", "many", "4,640,1", None])
def test_what_is_no_number_is_said_to_be_none(text):
    with pytest.raises(ValueError, match="is not a number"):
        exercises.as_number(text)


def test_the_count_with_skips_is_that_of_the_lessons_decoder():
    levels = [keras.Input((32 >> k, 32 >> k, 8 << k)) for k in range(4)]
    whole = keras.Model(levels, unet.decoder(levels))
    assert whole.count_params() == exercises.WITH_SKIPS


def above(cut, at=0.5):
    """Return a rule: parts above `at`, if their mean is above `cut`."""

    def rule(classes):
        p = 1 - classes[..., 0]
        mask = p > at
        return mask & (p[mask].mean() > cut if mask.any() else False)

    return rule


WRONG_RULES = {
    "not float32": lambda classes: classes,
    "no more normal images": above(0),
    "1 minus the first": lambda classes: classes[..., 0] > 0.5,
    "nothing of any lesion": lambda classes: classes[..., 0] < 0,
    "costs too many lesions": above(0.92),
}


@pytest.mark.parametrize(("hint", "rule"), WRONG_RULES.items())
def test_a_rule_that_gains_nothing_gets_a_hint(hint, rule):
    assert hint in unseen.own_rule(rule)


def test_a_better_rule_passes_beside_the_fitted_one(capsys):
    assert unseen.own_rule(above(0.7)) == ""
    said = capsys.readouterr().out
    rows = {line[:8].strip(): line.split() for line in said.splitlines()[1:]}
    assert set(rows) == {"yours", "fitted", "one half"}
    assert "lesion Dice" in said and "left empty" in said
    assert float(rows["yours"][-1]) > float(rows["one half"][-1]) + 0.05


def test_the_exam_is_new_and_has_as_many_images_of_each_class():
    probabilities, lesions = unseen.exam()
    has_lesion = lesions.any(axis=(1, 2))
    assert has_lesion.sum() == 2 * unseen.EACH == 2 * (~has_lesion).sum()
    assert np.allclose(probabilities.sum(axis=-1), 1, atol=1e-4)


def test_check_says_right_not_yet_or_no_answer_and_never_stops(capsys):
    for solution in (0.5, 1 / 3, ..., "a word"):
        exercises.check(exercises.one_file_of_three, solution)
    exercises.check(exercises.receptive_field_order, 3)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Right." and said[1].startswith("Not yet: that is the")
    assert said[2].startswith("No answer yet")
    assert "'a word' is not a number" in said[3] and "TypeError" in said[4]


def test_the_solutions_in_the_notebooks_pass_their_checkers(capsys):
    known = {"np": np, "layers": layers, "block": unet.block}
    known |= {"exercises": exercises, "unseen": unseen}
    tried, fenced = 0, r"<summary>Solution.*?```python\n(.*?)```"
    for source in (ROOT / "notebooks").glob("[0-9A][0-9]_*.py"):
        text = re.sub(r"^# ?", "", source.read_text(), flags=re.MULTILINE)
        for solution in re.findall(fenced, text, re.DOTALL):
            exec(solution, known.copy())
            tried += 1
        for more in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            compile(more, source.name, "exec")  # too long to run here
    assert tried >= 10
    said = capsys.readouterr().out.splitlines()
    assert said.count("Right.") == tried
    assert not [line for line in said if line.startswith("N")]
