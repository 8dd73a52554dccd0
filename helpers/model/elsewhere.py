"""What notebook 9 does again and again: score a network at some place."""

import itertools

import pandas as pd

from ..data import busi, layouts, splits
from ..data.phantom import dataset, physics
from ..evaluation import bootstrap, measures, postprocessing
from . import checkpoint, training, unet

SIZE, WIDTH = 128, 16  # of the stand-in


def scored(model, rule, cases, cache):
    """Return `measures.rule_scores` of a network and a rule, a DataFrame.

    cases: as of `layouts.DataSet.cases`; cache: a folder for their arrays. The
    prediction is the mean over an image and its mirror image.
    """
    images, _ = busi.load_arrays(cases, model.input_shape[1], cache)
    classes = training.predict(model, images, flip=True)
    return measures.rule_scores(cases, classes, rule)


def drawn(folder, counts, seed, scanner=physics.USUAL):
    """Return the cases that a simulated scanner draws, kept in a folder.

    counts: of benign, malignant and normal images.
    """
    root = dataset.write_dataset(folder, *counts, seed, scanner)
    return layouts.find(root).cases


def stand_in(start, folder, seed):
    """Return (path of a network, its home, its rule) where none was trained.

    start: its weights, which have seen simulated images of the usual scanner
    only. home: new ones of 45 benign, 35 malignant, 20 normal, in folds.
    """
    home = drawn(folder, (45, 35, 20), seed)
    model = checkpoint.start_from(unet.build(SIZE, width=WIDTH), start)
    path = folder / "network.keras"
    checkpoint.save(model, path)
    home["fold"] = splits.assign_folds(home)
    return path, home, dict(postprocessing.RULE)


def compared(found, bases):
    """Return DataFrame[Dice, empty, gain, p, by place], a row a repair.

    found: {(repair, place): `scored`}; bases: {repair: the one that it is
    compared with}. Dice: mean of the lesions, empty: share of the normal
    images; gain and p: of the Dice, paired by case and swapped by group.
    """
    rows = {}
    for repair, base in bases.items():
        row = {}
        for place in dict.fromkeys(place for _, place in found):
            one, other = found[repair, place], found[base, place]
            lesion = one["label"] != "normal"
            pair = one["dice"][lesion], other["dice"][lesion]
            test = bootstrap.paired_test(*pair, one["group"][lesion])
            row[f"Dice {place}"] = pair[0].mean()
            row[f"empty {place}"] = (one["area"] == 0)[~lesion].mean()
            row |= {f"gain {place}": test[0], f"p {place}": test[1]}
        rows[repair] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def cost_of_steps(scores, order):
    """Return DataFrame[cost, p]: the mean Dice lost from scanner to scanner.

    scores: of the same breasts on several scanners (column scanner); order:
    their names. p: `bootstrap.paired_test`.
    """
    lesions = scores[scores["label"] != "normal"]
    parts = dict(list(lesions.set_index("case").groupby("scanner")))
    groups, rows = parts[order[0]]["group"], {}
    for before, after in itertools.pairwise(order):
        pair = (parts[name]["dice"][groups.index] for name in (before, after))
        rows[after] = bootstrap.paired_test(*pair, groups)
    columns = ["cost", "p"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
