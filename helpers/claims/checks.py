"""Textbook claims, each broken into checks that numbers decide, and the verdict on each.

`dice` is, throughout, a DataFrame with one row a case: `group` (of
near-duplicates), `area` (the lesion's share of the image), and one column for
each answer that was scored. An answer of several runs has a column for each,
"name s0", "name s1" for seeds 0 and 1; it counts with their mean.
"""

import itertools
import json

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from ..evaluation import bootstrap

RULE = (
    "A check passes if its whole 95 % interval lies beyond the bound, on the side that the "
    "claim needs. If all checks of a claim pass, it holds; if none does, it does not hold "
    "here; else it holds with limits."
)


CLAIMS = {
    1: "segmentation labels pixels, unlike classification",
    2: "a filter slides and takes dot products",
    3: "a fully connected layer classifies each pixel",
    4: "CNNs serve natural, medical and satellite images",
    5: "they recognise patterns at different scales",
    6: "they learn to ignore noise",
    7: "they segment very accurately",
    8: "they need much labelled data",
    9: "they cost much computation",
    10: "they are sensitive to hyperparameters",
}


def check(claim, asks, found, more_than=None, less_than=None):
    """Return one check as a dict; found: (value, low, high), one bound is given."""
    value, low, high = found
    above = more_than is not None
    return {
        "claim": claim,
        "asks": asks,
        "value": value,
        "low": low,
        "high": high,
        "needs": f"> {more_than:g}" if above else f"< {less_than:g}",
        "passed": bool(low > more_than if above else high < less_than),
    }


def verdict(passed):
    """Return the verdict on one claim by RULE; passed: whether each of its checks did."""
    if all(passed):
        return "holds"
    return "holds with limits" if any(passed) else "does not hold here"


def checks_of(claim, dice, cost, told):
    """Return the checks of one claim, a list of dicts as from `check`.

    cost: DataFrame of `trials.cost`. told: a dict with `classical` (columns of
    dice), `people` (as in `accuracy`), `counts` (as in `doubling`),
    `networks`, `images` and `epochs` (as in `expensive`), `factors` and
    `codes` (of `half_fraction`).

    Raises:
        KeyError: an answer that the claim needs has not been scored.
    """
    if claim == 7:
        return accuracy(dice, told["classical"], told["people"])
    if claim == 8:
        return need_of_data(
            dice, {int(k): n for k, n in told["counts"].items()}
        )
    if claim == 9:
        return expensive(
            cost, told["networks"], told["images"], told["epochs"]
        )
    if claim == 10:
        return sensitive(dice, told["factors"], np.array(told["codes"]))
    return FROM_DICE[claim](dice)


def read(folder):
    """Return (dice, cost, told) as `tools/claims.py` wrote them into a folder."""
    dice = pd.read_csv(folder / "claims_dice.csv")
    cost = pd.read_csv(folder / "claims_cost.csv")
    return dice, cost, json.loads((folder / "claims.json").read_text())


def readable(checks):
    """Return the checks (list of dicts) as a table to read, numbers as text."""
    return pd.DataFrame(
        {
            "asks": row["asks"],
            "value": short(row["value"]),
            "95 % interval": f"{short(row['low'])} to {short(row['high'])}",
            "needs": row["needs"],
            "passed": row["passed"],
        }
        for row in checks
    )


def short(value):
    """Return a number with three digits, and of a fraction three decimals at most."""
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return (
        f"{value:.3g}"
        if abs(value) >= 1
        else f"{value:.3f}".rstrip("0").rstrip(".")
    )


def verdicts(checks):
    """Return DataFrame[claim, says, passed, verdict], a row a claim; see RULE."""
    rows = [
        {
            "claim": claim,
            "says": CLAIMS[claim],
            "passed": f"{part['passed'].sum()} of {len(part)}",
            "verdict": verdict(part["passed"]),
        }
        for claim, part in checks.groupby("claim")
    ]
    return pd.DataFrame(rows)


def mean_of(dice, name):
    """Return the Dice of an answer, float (n,): the mean over its seeds, nan where none.

    Raises:
        KeyError: no column of that name.
    """
    own = [c for c in dice if name in (c, c.rpartition(" s")[0])]
    if not own:
        raise KeyError(f"there is no answer {name!r} among the scores")
    return dice[own].mean(axis=1)


def mean_interval(dice, values):
    """Return (mean, low, high) of a value a case, over the cases that have one."""
    known = values.notna()
    return bootstrap.interval(values[known], dice["group"][known])


def means(dice, names):
    """Return DataFrame[value, low, high] of some answers, indexed by their names."""
    found = [mean_interval(dice, mean_of(dice, name)) for name in names]
    return pd.DataFrame(
        found, columns=["value", "low", "high"], index=list(names)
    )


def by_size(dice):
    """Return DataFrame[value, low, high] of the column network by the lesions' quarters."""
    lesions = dice.dropna(subset="network")
    parts = [part for _, part in lesions.groupby(quarters(lesions))]
    table = pd.concat(means(part, ["network"]) for part in parts)
    table.index = [
        f"quarter {k}: {part['area'].median():.1%} of the image"
        for k, part in enumerate(parts, 1)
    ]
    return table


def curve(dice, counts):
    """Return DataFrame[images, value, low, high] of a learning curve, as `doubling`."""
    table = means(dice, [f"share-{share}" for share in counts])
    return table.assign(images=list(counts.values()))


def only_a_label(dice):
    """1. One label for an image says nothing of where: the best mask from it is poor."""
    found = mean_interval(dice, mean_of(dice, "label alone"))
    return [
        check(
            1, "Dice of the best mask that the label allows", found, None, 0.5
        )
    ]


def filters(gaps):
    """2. A convolution is a slid dot product; gaps: DataFrame[group, filter]."""
    found = mean_interval(gaps, gaps["filter"])
    return [
        check(
            2, "difference of slid filter and convolution", found, None, 1e-5
        )
    ]


def dense_layers(gaps):
    """3. A dense layer for each pixel; gaps: DataFrame[group, pixel, conv, dense]."""
    asks = {
        "pixel": "difference of 1x1 convolution and dense layer",
        "conv": "convolution: change when the image shifts",
        "dense": "fully connected: change when the image shifts",
    }
    return [
        check(3, text, mean_interval(gaps, gaps[name]), None, 0.01)
        for name, text in asks.items()
    ]


def other_images(dice):
    """4. The same method on other images; the same weights are another matter."""
    asks = {
        "toy": "Dice on toy aerial images, trained on such",
        "toy untrained": "Dice there with weights from ultrasound",
    }
    return [
        check(4, text, mean_interval(dice, mean_of(dice, name)), 0.5)
        for name, text in asks.items()
    ]


def quarters(dice):
    """Return the quarter of the lesions by size, 1 (smallest) to 4, for each case."""
    order = dice["area"].rank(method="first")
    return pd.qcut(order, 4, labels=False) + 1


def scales(dice):
    """5. Patterns of every size are found, and the coarse levels help."""
    lesions = dice[dice["network"].notna()]
    rows = np.column_stack([lesions["network"], quarters(lesions) == 1])
    small = bootstrap.interval(
        rows, lesions["group"], smallest_less_rest, 2000
    )
    deep = mean_of(dice, "share-100") - mean_of(dice, "depth-2")
    return [
        check(
            5,
            "Dice of the smallest quarter less that of the rest",
            small,
            -0.1,
        ),
        check(
            5,
            "Dice of all levels less that of the finest two",
            mean_interval(dice, deep),
            0,
        ),
    ]


def smallest_less_rest(rows):
    """Return the mean Dice where the flag in column 1 is set, less that elsewhere."""
    small = rows[:, 1] == 1
    if small.all() or not small.any():
        return np.nan
    return rows[small, 0].mean() - rows[~small, 0].mean()


def noise(dice):
    """6. Noise is ignored; or it is learned to be, from examples."""
    plain = mean_of(dice, "plain")
    kinds = ("speckle", "marks")
    lost = {kind: plain - mean_of(dice, f"plain {kind}") for kind in kinds}
    kept = {kind: plain - mean_of(dice, f"noisy {kind}") for kind in kinds}
    gain = sum(lost[kind] - kept[kind] for kind in kinds) / len(kinds)
    return [
        *(
            check(
                6,
                f"Dice lost to {k}",
                mean_interval(dice, lost[k]),
                None,
                0.05,
            )
            for k in kinds
        ),
        check(6, "Dice won by training on such", mean_interval(dice, gain), 0),
    ]


def accuracy(dice, classical, people):
    """7. More accurate than methods without learning, and as a person is.

    classical: their columns; people: the mean Dice of two outlines of one
    frame.
    """
    network = mean_of(dice, "network")
    best = max(classical, key=lambda name: mean_of(dice, name).mean())
    ahead = {
        best: mean_of(dice, best),
        "copy-nearest": mean_of(dice, "copy-nearest"),
    }
    return [
        *(
            check(
                7, f"Dice more than {k}", mean_interval(dice, network - v), 0
            )
            for k, v in ahead.items()
        ),
        check(
            7,
            "Dice, against two people's",
            mean_interval(dice, network),
            round(people, 2),
        ),
    ]


def share_of_groups(groups, percent, seed):
    """Return which cases belong to a share of the groups that a seed draws, bool (n,).

    A larger share with the same seed holds the smaller one; at least one group
    is drawn.
    """
    names = np.unique(np.asarray(groups, str))
    order = np.random.default_rng(seed).permutation(len(names))
    kept = names[order[: max(1, round(len(names) * percent / 100))]]
    return np.isin(np.asarray(groups, str), kept)


def power_law(n, error):
    """Return (a, b) of error = a n^-b by least squares (Hestness et al. 2017).

    n: numbers of training images, (k,); error: 1 - mean Dice at each, (k,).
    """
    return curve_fit(
        lambda n, a, b: a * n**-b, n, error, (1.0, 0.2), maxfev=5000
    )[0]


def doubling(dice, counts):
    """Return (gain, low, high): Dice that twice the data would add, by the power law.

    counts: {share of the groups in percent: number of training images}. The
    interval tells of the images that are scored, not of those that were drawn
    for training.
    """
    rows = np.column_stack(
        [mean_of(dice, f"share-{share}") for share in counts]
    )
    known, n = (
        ~np.isnan(rows).any(axis=1),
        np.array(list(counts.values()), float),
    )

    def gain(rows):
        a, b = power_law(n, 1 - rows.mean(axis=0))
        return a * n.max() ** -b * (1 - 2**-b)

    return bootstrap.interval(rows[known], dice["group"][known], gain, 1000)


def need_of_data(dice, counts):
    """8. Much labelled data is needed; counts as in `doubling`."""
    most, little = max(counts), sorted(counts)[(len(counts) - 1) // 3]
    lost = mean_of(dice, f"share-{most}") - mean_of(dice, f"share-{little}")
    asks = f"Dice lost with {little} % of the data"
    return [
        check(8, asks, mean_interval(dice, lost), 0.05),
        check(
            8,
            "Dice that twice the data would add",
            doubling(dice, counts),
            0.01,
        ),
    ]


def training_minutes(cost, images, epochs):
    """Return core minutes of a training, for each turn of a `trials.cost` table."""
    return cost["train_s"] * images * epochs / 60


def expensive(cost, networks, images, epochs):
    """9. It costs much: a training takes more than an hour of one core.

    cost: DataFrame of `trials.cost`; networks: the (width, size) that are
    asked.

    Raises:
        KeyError: one of them has not been measured.
    """
    found = []
    for width, size in networks:
        part = cost[(cost["width"] == width) & (cost["size"] == size)]
        if part.empty:
            raise KeyError(
                f"no cost of width {width} at {size} pixels was measured"
            )
        minutes = training_minutes(part, images, epochs)
        asks = f"core minutes of a training, width {width}, {size} pixels"
        found.append(
            check(9, asks, bootstrap.interval(minutes, range(len(part))), 60)
        )
    return found


def half_fraction(levels):
    """Return (settings, codes): half of all combinations of two levels a factor.

    levels: {factor: (one, other)}. settings: list of dicts; codes: -1 or 1,
    (n, factors). The last factor's code is the product of all others' (Box &
    Hunter 1961), so each factor's two levels meet those of every other equally
    often.
    """
    free = itertools.product((-1, 1), repeat=len(levels) - 1)
    codes = np.array([(*row, np.prod(row)) for row in free])
    settings = [
        {
            k: pair[int(code > 0)]
            for (k, pair), code in zip(levels.items(), row, strict=True)
        }
        for row in codes
    ]
    return settings, codes


def variance_shares(means, codes):
    """Return the share of the variance of each factor, of their interplay, of the seed.

    means: (settings, seeds), mean Dice of each run; codes: of `half_fraction`.
    Sums of squares of a balanced design with two levels (Fisher 1935); float
    (factors + 2,).
    """
    spread = means - means.mean()
    by_setting = spread.mean(axis=1)
    factors = means.size * (codes.T @ by_setting / len(codes)) ** 2
    seed = ((spread - by_setting[:, None]) ** 2).sum()
    total = (spread**2).sum()
    return np.array([*factors, total - factors.sum() - seed, seed]) / total


def design_means(rows, settings):
    """Return the mean Dice of each run, (settings, seeds), from rows (cases, runs)."""
    return rows.mean(axis=0).reshape(settings, -1)


def design_rows(dice, settings):
    """Return (the Dice of the design's runs, their groups): (cases, settings x seeds).

    Raises:
        KeyError: not every setting has been run with the same number of seeds.
    """
    runs_of = [
        [c for c in dice if c.startswith(f"design-{k} s")]
        for k in range(settings)
    ]
    if {len(names) for names in runs_of} != {len(runs_of[0]) or None}:
        raise KeyError("the design is not complete")
    names = [*itertools.chain(*runs_of)]
    runs = dice[[*names, "group"]].dropna()
    return runs[names].to_numpy(), runs["group"]


def shares_of_variance(dice, names, codes):
    """Return a DataFrame[of, value, low, high] of `variance_shares` with intervals."""
    rows, groups = design_rows(dice, len(codes))
    found = [
        bootstrap.interval(
            rows,
            groups,
            lambda r, k=k: variance_shares(design_means(r, len(codes)), codes)[
                k
            ],
            1000,
        )
        for k in range(len(names) + 2)
    ]
    table = pd.DataFrame(found, columns=["value", "low", "high"])
    return table.assign(of=[*names, "their interplay", "the seed"])


def sensitive(dice, names, codes):
    """10. The settings decide: they explain most of the spread, and it is not small."""
    rows, groups = design_rows(dice, len(codes))

    def together(rows):
        means = design_means(rows, len(codes))
        return variance_shares(means, codes)[: len(names)].sum()

    def effect(rows):  # of each factor: its better level less the other
        return (
            2
            * codes.T
            @ design_means(rows, len(codes)).mean(axis=1)
            / len(codes)
        )

    most = np.abs(effect(rows)).argmax()
    sign = np.sign(effect(rows)[most])
    one = bootstrap.interval(
        rows, groups, lambda r: sign * effect(r)[most], 1000
    )
    all_of_them = bootstrap.interval(rows, groups, together, 1000)
    return [
        check(10, "share of variance due to the settings", all_of_them, 0.5),
        check(10, f"Dice that {names[most]} decides", one, 0.05),
    ]


FROM_DICE = {
    1: only_a_label,
    2: filters,
    3: dense_layers,
    4: other_images,
    5: scales,
    6: noise,
}
