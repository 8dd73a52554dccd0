"""Textbook claims, each broken into checks that numbers decide, and verdicts.

`dice` is always a DataFrame with a row a case: `group` (of near-duplicates),
`area` (the lesion's share of the image), and a column for each method; one of
several runs has "name s0", "name s1" for seeds 0 and 1, and their mean counts.
"""

import json
import re

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from ..evaluation import bootstrap
from . import design

RULE = (
    "A check holds if its whole 95 % interval lies on the side of the bound "
    "that the claim needs. It does not hold if all of it lies on the other "
    "side. Else it is not shown; nor is it if its network learned too little: "
    "if it is not clearly better than one fixed shape for all lesions of a "
    "class. A claim holds, or does not hold, if all of its checks say so; it "
    "holds, or fails, in part if some do; else it is not shown. Most "
    "intervals draw the cases anew, and not the trainings: with another seed, "
    "a Dice moves by some hundredths more."
)
BY_HAND = (2, 3)  # claims that notebook 3 judges
GAPS = ("filter", "pixel", "conv", "dense")  # of layers: no sample of cases
SECOND = "a second outline"  # its Dice with a near copy's outline
HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "not shown"

CLAIMS = {
    1: "labels of pixels tell more than the label of an image",
    2: "a filter slides and takes dot products",
    3: "a fully connected layer classifies each pixel",
    4: "CNNs serve other kinds of images (here drawn land from above)",
    5: "they recognise patterns at different scales",
    6: "they learn to ignore noise",
    7: "they segment very accurately",
    8: "they need much labelled data",
    9: "they cost much computation",
    10: "they are sensitive to hyperparameters",
}


def read(folder):
    """Return (dice, cost, settings) as tools.research.claims wrote them."""
    dice = pd.read_csv(folder / "claims_dice.csv")
    cost = pd.read_csv(folder / "claims_cost.csv")
    return dice, cost, json.loads((folder / "claims.json").read_text())


def checks_of(claim, dice, cost, settings):
    """Return the checks of one claim, a list of dicts as from `check`.

    cost: DataFrame of the research tool's costs. settings: a dict with
    `classical` (columns of dice), `counts` (as in `doubling`), `networks`
    (pairs of width and size), `images` and `epochs` (of the training),
    `factors` and `codes` (as in `design`).
    KeyError: a method or a cost that the claim needs was not measured.
    """
    rows = [
        (asks, measured(dice, what), needs)
        for asks, (own, what, needs) in BY_CASE.items()
        if own == claim
    ]
    if claim in BY_SETTINGS:
        rows = BY_SETTINGS[claim](dice, cost, settings)
    found = [check(claim, *row) for row in rows]
    if all(better(dice, name) for name in NETWORKS.get(claim, ())):
        return found
    return [row | {"outcome": UNCLEAR} for row in found]


def check(claim, asks, interval, needs):
    """Return one check, a dict; needs: the side and the bound, as "> 0.5"."""
    value, low, high = interval
    side, bound = needs.split()
    above, below = low > float(bound), high < float(bound)
    yes, no = (above, below) if side == ">" else (below, above)
    outcome = HOLDS if yes else FAILS if no else UNCLEAR
    row = {"claim": claim, "asks": asks, "value": value, "low": low}
    return row | {"high": high, "needs": needs, "outcome": outcome}


def meanings(claim, checks):
    """Return a sentence for each check's outcome, where there is one."""
    keys = [(claim, k, check["outcome"]) for k, check in enumerate(checks)]
    return [MEANS[key] for key in keys if key in MEANS]


def better(dice, name):
    """Tell whether a method is better than the best fixed shape, by RULE."""
    fixed = "toy shape" if name == "toy" else "label alone"
    return measured(dice, f"{name} - {fixed}")[1] > 0


def verdict(outcomes):
    """Return the verdict by RULE; outcomes: of each check."""
    if len(set(outcomes)) == 1:
        return next(iter(outcomes))
    in_part = {HOLDS: "holds in part", FAILS: "fails in part"}
    return ", ".join(in_part[key] for key in in_part if key in set(outcomes))


def verdicts(checks):
    """Return a Series, the verdict of each claim; checks: list of dicts."""
    return pd.DataFrame(checks).groupby("claim")["outcome"].agg(verdict)


def readable(checks):
    """Return the checks (list of dicts) as a table, its numbers as text."""

    def short(value):
        if np.isnan(value):
            return "none"
        if value and abs(value) < 0.0005:
            return f"{value:.1e}"
        if abs(value) >= 1:
            return f"{value:.3g}"
        return f"{value:.3f}".rstrip("0").rstrip(".")

    table = pd.DataFrame(checks)
    text = table[["value", "low", "high"]].map(short)
    table["value"] = text["value"]
    # some have none: what was not sampled, or cannot be judged
    some = table["low"] < table["high"]
    interval = text["low"] + " to " + text["high"]
    table["95 % interval"] = interval.where(some, "")
    return table[["asks", "value", "95 % interval", "needs", "outcome"]]


# (claim, number of the check, outcome): what that means
MEANS = {
    (1, 0, HOLDS): "the class alone tells too little of where the lesion is",
    (1, 0, FAILS): "the class alone gives a good part of the mask",
    (4, 0, HOLDS): "the method carried over to other images",
    (4, 0, FAILS): "the method did not carry over to other images",
    (4, 1, HOLDS): "the weights carried over, too",
    (4, 1, FAILS): "the weights did not carry over",
    (5, 0, HOLDS): "small lesions do not fare much worse than the rest",
    (5, 0, FAILS): "small lesions fare clearly worse than the rest",
    (5, 1, HOLDS): "the levels that see far raise the Dice, as notebook 3 "
    "suggests",
    (5, 1, FAILS): "the levels that see far lower the Dice, in spite of "
    "notebook 3",
    (6, 0, HOLDS): "speckle that training did not show costs little",
    (6, 0, FAILS): "speckle that training did not show costs too much",
    (6, 1, HOLDS): "marks that training did not show cost little Dice",
    (6, 1, FAILS): "marks that training did not show cost too much Dice",
    (6, 2, HOLDS): "training on speckle wins some of that back",
    (6, 2, FAILS): "training on speckle made it worse",
    (6, 3, HOLDS): "training on marks wins some of that back",
    (6, 3, FAILS): "training on marks made it worse",
    (7, 2, HOLDS): "the network is closer to an outline than a second one is",
    (7, 2, FAILS): "the network is farther from an outline than a second is",
    (8, 0, HOLDS): "so little data costs more than the bound",
    (8, 0, FAILS): "so little data costs less than the bound",
    (8, 1, HOLDS): "twice the data would add more than that, by the law",
    (8, 1, FAILS): "twice the data would add less than that, by the law",
    (9, 0, HOLDS): "the smaller network trains for over an hour of a core",
    (9, 0, FAILS): "the smaller network trains for under an hour of a core",
    (9, 1, HOLDS): "the larger network trains for over an hour of a core",
    (9, 1, FAILS): "the larger network trains for under an hour of a core",
    (10, 1, HOLDS): "one setting alone decides more than the bound",
    (10, 1, FAILS): "no setting alone decides as much as the bound",
}
MEANS |= {
    (claim, k, UNCLEAR): f"it is open whether {text}"
    for (claim, k, outcome), text in MEANS.items()
    if outcome == HOLDS
}


# ---- scores of cases


def mean_of(dice, name):
    """Return the Dice of a method, float (n,), nan where it was not scored.

    The mean over its seeds; KeyError without such a column.
    """
    own = [c for c in dice if re.fullmatch(rf"{re.escape(name)}( s\d)?", c)]
    if not own:
        raise KeyError(f"{name!r} has not been scored")
    return dice[own].mean(axis=1)


def mean_interval(dice, values):
    """Return (mean, low, high) of a value a case, of the cases with one."""
    known = values.notna()
    return bootstrap.interval(values[known], dice["group"][known])


def measured(dice, what):
    """Return (value, low, high) of a method, "one - other", or what(dice).

    Of GAPS the largest value, without an interval.
    """
    if callable(what):
        return what(dice)
    if what in GAPS:
        return (dice[what].max(),) * 3
    name, minus, other = what.partition(" - ")
    subtracted = mean_of(dice, other) if minus else 0
    return mean_interval(dice, mean_of(dice, name) - subtracted)


def means(dice, names):
    """Return DataFrame[value, low, high] of the means of methods."""
    rows = [measured(dice, name) for name in names]
    return pd.DataFrame(rows, list(names), ["value", "low", "high"])


def share_of_groups(groups, percent, seed):
    """Return which cases belong to a random share of the groups, bool (n,).

    At least one group; a larger share of the same seed holds the smaller one.
    """
    groups = np.asarray(groups, str)
    names = np.unique(groups)
    order = np.random.default_rng(seed).permutation(len(names))
    chosen = names[order[: max(1, round(len(names) * percent / 100))]]
    return np.isin(groups, chosen)


# ---- claims 1 to 6


def small_minus_rest(dice):
    """Return the interval of the smallest quarter's Dice minus the rest's."""
    lesions = dice.dropna(subset="network")
    by_size = lesions["area"].rank(method="first")
    smallest = pd.qcut(by_size, 4, labels=False) == 0
    pair = lesions["network"], lesions["group"]
    return bootstrap.part_minus_rest(*pair, smallest)


# what is asked: (claim, what is measured, what it needs)
BY_CASE = {
    "Dice of the best mask that the label allows": (1, "label alone", "< 0.5"),
    "difference of slid filter and convolution": (2, "filter", "< 1e-05"),
    "difference of 1x1 convolution and dense layer": (3, "pixel", "< 0.01"),
    "convolution: change when the image shifts": (3, "conv", "< 0.01"),
    "fully connected: change when the image shifts": (3, "dense", "< 0.01"),
    "Dice on toy aerial images, trained on such": (4, "toy", "> 0.5"),
    "Dice there with weights from ultrasound": (4, "toy untrained", "> 0.5"),
    "Dice, smallest quarter minus the rest": (5, small_minus_rest, "> -0.1"),
    "Dice, all levels minus the finest two": (5, "share-100 - depth-2", "> 0"),
    "Dice lost to speckle": (6, "plain - plain speckle", "< 0.05"),
    "Dice lost to marks": (6, "plain - plain marks", "< 0.05"),
    "Dice won by seeing speckle": (6, "noisy speckle - plain speckle", "> 0"),
    "Dice won by seeing marks": (6, "noisy marks - plain marks", "> 0"),
}
# what must be better than a fixed shape before a claim is judged
NETWORKS = {4: ["toy"], 5: ["network", "share-100"], 6: ["plain"]}
NETWORKS |= {7: ["network"], 8: ["share-100"], 10: ["share-100"]}


# ---- claims 7 to 10: rows of what is asked, its interval, what it needs


def accuracy(dice, cost, settings):
    """7. More accurate than methods without learning, and a second outline.

    That, column SECOND, is known of some lesions, and not in miniature.
    """
    classical = settings["classical"]
    best = max(classical, key=lambda name: mean_of(dice, name).mean())
    others = [best, "copy-nearest", *dice.columns.intersection([SECOND])]
    return [
        (f"Dice more than {name}", measured(dice, f"network - {name}"), "> 0")
        for name in others
    ]


def need_of_data(dice, cost, settings):
    """8. A part of the data is too little, and more than all would help."""
    counts = {int(share): n for share, n in settings["counts"].items()}
    little = sorted(counts)[(len(counts) - 1) // 3]
    lost = measured(dice, f"share-{max(counts)} - share-{little}")
    if not better(dice, f"share-{little}"):
        lost = lost[0], np.nan, np.nan  # at the floor: a training that failed
    more = doubling(dice, counts)
    return [
        (f"Dice lost with {little} % of the data", lost, "> 0.05"),
        ("Dice that twice the data would add", more, "> 0.01"),
    ]


def doubling(dice, counts):
    """Return (gain, low, high): Dice that twice the data adds by `power_law`.

    counts: {share of the groups in percent: number of training images}. The
    bootstrap interval over the images scored, wider on both sides by how far
    the law misses the largest share if it is left out (`left_out`). All nan
    with fewer than four shares that are `better` than a fixed shape: no law
    can be fitted through what did not learn.
    """
    counts = {k: n for k, n in counts.items() if better(dice, f"share-{k}")}
    if len(counts) < 4:
        return np.nan, np.nan, np.nan
    rows = np.column_stack([mean_of(dice, f"share-{k}") for k in counts])
    known = ~np.isnan(rows).any(axis=1)
    rows, groups = rows[known], dice["group"][known]
    n = np.array(list(counts.values()), float)

    def gain(rows):
        a, b = power_law(n, 1 - rows.mean(axis=0))
        return a * n.max() ** -b * (1 - 2**-b)

    value, low, high = bootstrap.interval(rows, groups, gain)
    forecast, _ = left_out(n, rows.mean(axis=0))
    miss = abs(forecast - rows.mean(axis=0)[n.argmax()])
    return value, low - miss, high + miss


def left_out(n, dice):
    """Return (forecast, (a, b)): the largest n's Dice by a law of the others.

    n: numbers of training images, (k,); dice: the mean Dice at each, (k,).
    """
    n, dice = np.asarray(n, float), np.asarray(dice)
    others = n < n.max()
    a, b = power_law(n[others], 1 - dice[others])
    return 1 - a * n.max() ** -b, (a, b)


def power_law(n, error):
    """Return (a, b) of error = a n^-b by least squares (Hestness et al. 2017).

    n: numbers of training images, (k,); error: 1 - mean Dice at each, (k,).
    """
    how = {"p0": (1.0, 0.2), "maxfev": 5000}
    return curve_fit(lambda n, a, b: a * n**-b, n, error, **how)[0]


def expensive(dice, cost, settings):
    """9. It costs much: a training takes more than an hour of one core.

    In place of an interval: the least and the greatest turn that was timed.
    """
    rows = []
    for width, size in settings["networks"]:
        turns = cost[(cost["width"] == width) & (cost["size"] == size)]
        if turns.empty:
            raise KeyError(f"width {width} at {size} pixels was not measured")
        images = turns["train_s"] * settings["images"]
        minutes = images * settings["epochs"] / 60
        asks = f"core minutes of a training, width {width}, {size} pixels"
        # a few turns are no sample to draw from anew
        spread = minutes.mean(), minutes.min(), minutes.max()
        rows.append((asks, spread, "> 60"))
    return rows


def sensitive(dice, cost, settings):
    """10. The settings explain most of the spread, and it is not small.

    What is drawn anew for the intervals are trainings, not cases.
    """
    codes = np.array(settings["codes"])
    means = design.run_means(dice, len(codes))
    effects = design.effects(means, codes)
    largest = np.abs(effects).argmax()
    sign = np.sign(effects[largest])

    def of_factors(means):
        return design.variance_shares(means, codes)[:-2].sum()

    def of_largest(means):
        return sign * design.effects(means, codes)[largest]

    share = design.interval(means, of_factors)
    decided = design.interval(means, of_largest)
    name = settings["factors"][largest]
    return [
        ("share of variance due to the settings", share, "> 0.5"),
        (f"Dice that {name} decides", decided, "> 0.05"),
    ]


BY_SETTINGS = {7: accuracy, 8: need_of_data, 9: expensive, 10: sensitive}
