# %% [markdown]
# # 5. Read the errors: which cases fail, and how sure are you?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/05_read_the_errors.ipynb)
#
# You will score the held-out predictions case by case, at the images' original size, and
# compare them with answers that need no learning at all. Then you will look at the best
# and the worst cases, because a mean hides both.
#
# **You will**
# - score each case and report lesion images and normal images apart,
# - give the mean an interval, and set trivial baselines beside it,
# - see the worst, the middle and the best cases, and count the kinds of error,
# - ask which cases fail more often, and count lesions instead of pixels,
# - check whether the probabilities can be believed, and whether they tell of a failure.
#
# **Takes** about a minute. **Needs** notebooks 2 and 4. **Reads** `arrays.npz`,
# `folds.csv`, `predictions.npz`, `rules.csv`. **Writes** `scores.csv`, `subgroups.csv`,
# `report.json`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
# Setup: the same cell opens every notebook.
import os
import subprocess
import sys
from pathlib import Path

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = REPO.split("/")[-1]
work = [Path("/kaggle/working"), Path("/content"), Path.cwd()]
clone = next(filter(Path.is_dir, work)) / name
folders = [Path.cwd(), *Path.cwd().parents, clone]
folders.append(Path("/content/drive/MyDrive") / name)
folders += Path("/kaggle/input").glob(f"**/{name}")

marker = "helpers/workspace.py"
if not any(os.path.exists(p / marker) for p in folders):
    # opened alone, as Colab does: fetch the repository once
    subprocess.run(["git", "clone", "-q", "--depth=1", REPO, clone])
    if not clone.is_dir() and clone.parent == work[1]:
        from google.colab import drive  # then it may lie in your Drive

        drive.mount("/content/drive")
found = (p for p in folders if os.path.exists(p / marker))
root = next(found, None)
assert root, f"{name} is neither here nor at {REPO}"
sys.path.insert(0, str(root))

from helpers import workspace

here = workspace.start()

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/

# %%
import numpy as np
import pandas as pd

from helpers import (
    busi,
    calibration,
    figures,
    findings,
    intervals,
    masks,
    scores,
)

step = here.step("05_read_the_errors", profile)
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")
predictions = step.read("04_train_the_segmenter", "predictions.npz")
rules = step.read("04_train_the_segmenter", "rules.csv")
size = predictions["probabilities"].shape[1]
cases = busi.index(here.data.root).merge(
    folds[["case", "group", "fold"]], on="case"
)
cases = cases.set_index("case").loc[predictions["case"]].reset_index()
print(f"{len(cases)} held-out cases of folds {sorted(set(cases['fold']))}")

# %% [markdown]
# ## From probabilities back to the original image
#
# The lesion probability of a pixel is that of benign plus that of malignant.
# `findings.lesion_mask` restores it to the original size first and only then asks
# whether it is above the cut. The cuts are those that notebook 4 chose for each fold on
# its validation part.


# %%
def predicted(case, probabilities, rule):
    """Return the predicted lesion mask at the image's original size, 2-D bool."""
    canvas = np.zeros((case.height, case.width), bool)
    _, box = masks.letterbox(canvas, size)
    return findings.lesion_mask(probabilities, box, **rule)


def all_predicted(rule_of):
    """Return the masks of all cases; rule_of: {fold: rule}."""
    found = zip(
        cases.itertuples(), predictions["probabilities"], strict=True
    )
    return [predicted(case, p, rule_of[case.fold]) for case, p in found]


references = [masks.merge(paths) for paths in cases["masks"]]
fitted = rules.set_index("fold").to_dict("index")
answers = all_predicted(fitted)

# %% [markdown]
# ## One row of scores for each case
#
# What is the score of an empty answer? The rule must be stated, or two people with the
# same answers will report different numbers:

# %%
print(scores.EMPTY_RULE)
rows = [
    scores.case_scores(r, a)
    for r, a in zip(references, answers, strict=True)
]
table = cases[["case", "label", "group", "fold"]].join(pd.DataFrame(rows))
table.head().round(3)

# %% [markdown]
# ## The mean, and how sure of it you are
#
# With few cases the mean depends on which cases you happened to have. The interval comes
# from a *bootstrap*: draw the groups again and again with replacement, and see how much
# the mean moves. Near copies are drawn together, because they are not separate evidence.

# %%
lesions = table[table["label"] != "normal"]
normals = table[table["label"] == "normal"]


def with_interval(part, column):
    """Return "mean [low, high]" of a column, by bootstrap over groups."""
    mean, low, high = intervals.interval(part[column], part["group"])
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


pd.DataFrame(
    [
        {
            "lesion images": name,
            "n": len(part),
            "Dice": with_interval(part, "dice"),
            "median Dice": round(part["dice"].median(), 3),
            "HD95 (pixels)": with_interval(part, "hd95"),
        }
        for name, part in [
            ("all", lesions),
            *lesions.groupby("label", sort=False),
        ]
    ]
)

# %% [markdown]
# Normal images have no lesion to find, so there is no overlap to score. What matters is
# whether the answer stays empty, and if not, how much of the image is marked in vain.

# %%
empty = normals["predicted_area"] == 0
area = normals["predicted_area"] / (
    cases.loc[normals.index, "height"] * cases.loc[normals.index, "width"]
)
print(f"normal images left empty: {empty.sum()} of {len(normals)}")
print(f"mean share of a normal image marked as lesion: {area.mean():.2%}")

# %% [markdown]
# Lesions and normals pull against each other: who marks less leaves more normal images
# empty, and misses more lesions. So never read one of these numbers without the other.
# Beside the fitted cuts, here is the plain cut at one half, with nothing fitted.

# %%
cuts = {
    "fitted": answers,
    "one half": all_predicted(dict.fromkeys(fitted, findings.RULE)),
}
trade = []
for name, given in cuts.items():
    marked = np.array([mask.any() for mask in given])
    dice = np.array(list(map(scores.dice, references, given)))
    trade.append(
        {
            "cut": name,
            "lesion Dice": dice[lesions.index].mean(),
            "lesions marked": marked[lesions.index].mean(),
            "normals left empty": 1 - marked[normals.index].mean(),
        }
    )
trade = pd.DataFrame(trade)
trade.round(3)

# %% [markdown]
# ## What would you get without learning anything?
#
# Three answers that never look at the held-out image: nothing anywhere; the average mask
# of the training cases; and, as a warning about a popular number, the pixel accuracy of
# "background everywhere".

# %%
held_out_folds = cases["fold"].unique()


def mean_shape(fold):
    """Return the pixels that are lesion in at least half of a fold's training masks."""
    training = (
        (folds["fold"] != fold) & (folds["label"] != "normal")
    ).to_numpy()
    share = (arrays["labels"][training] > 0).mean(axis=0)
    return share >= min(0.5, np.quantile(share, 0.95))


shape_of = {fold: mean_shape(fold) for fold in held_out_folds}


def shape_dice(i):
    """Return the Dice of the mean shape on case i, at the original size."""
    _, box = masks.letterbox(references[i], size)
    shape = masks.restore(shape_of[cases["fold"][i]], box)
    return scores.dice(references[i], shape)


baseline = np.array([shape_dice(i) for i in lesions.index])
accuracy = np.mean([1 - r.mean() for r in references])
all_background = [
    scores.dice(references[i], references[i] & False) for i in lesions.index
]
comparison = pd.DataFrame(
    {
        "answer": [
            "background everywhere",
            "mean shape",
            "the trained network",
        ],
        "mean lesion Dice": [
            np.mean(all_background),
            baseline.mean(),
            lesions["dice"].mean(),
        ],
    }
)
print(f"pixel accuracy of 'background everywhere': {accuracy:.1%}")
comparison.round(3)

# %% [markdown]
# ## The spread behind the mean
#
# Expect two heaps: lesions that were found and fit well, and lesions that were missed.

# %%
middle = lesions["dice"].median()
figures.show(
    figures.score_histogram(
        lesions, f"Held-out lesion images ({here.data.kind})"
    ),
    alt=f"Histogram of Dice by case; the median is {middle:.2f} and "
    f"{(lesions['dice'] < 0.1).sum()} of {len(lesions)} are below 0.1.",
)

# %% [markdown]
# ## Worst, middle and best
#
# Solid blue is the person, dashed orange the network.

# %%
order = lesions["dice"].sort_values().index
half = len(order) // 2
for name, chosen in {
    "worst": order[:4],
    "middle": order[half - 2 : half + 2],
    "best": order[-4:],
}.items():
    figures.show(
        figures.gallery(
            [busi.read_image(cases["image"][i]) for i in chosen],
            [
                f"{cases['case'][i]}\nDice {table['dice'][i]:.2f}"
                for i in chosen
            ],
            [references[i] for i in chosen],
            [answers[i] for i in chosen],
            heading=f"The {name} cases",
        ),
        alt=f"The {name} cases: "
        + ", ".join(
            f"{cases['case'][i]} Dice {table['dice'][i]:.2f}"
            for i in chosen
        ),
    )

# %% [markdown]
# ## Benign or malignant, pixel by pixel?
#
# So far a marked pixel was right wherever a lesion is. Now its class counts, too. For
# each class take the pixels that the person and the network both give it, over all
# images, and divide by those that either of them gives it. A lesion that is well outlined
# but named wrongly costs both classes. Large lesions have more pixels and weigh more, so
# this is no mean over cases.


# %%
def class_pixels(i):
    """Return the pixels that both, and that either, give each class on case i."""
    _, box = masks.letterbox(references[i], size)
    benign, malignant = (
        masks.restore(
            predictions["probabilities"][i, ..., k].astype(np.float32), box
        )
        for k in (1, 2)
    )
    told = np.where(answers[i], 1 + (malignant > benign), 0)
    truth = masks.target(references[i], cases["label"][i])
    return {
        f"{word}_{name}": int(pixels.sum())
        for k, name in enumerate(masks.CLASSES[1:], 1)
        for word, pixels in {
            "both": (told == k) & (truth == k),
            "either": (told == k) | (truth == k),
        }.items()
    }


table = table.join(pd.DataFrame(map(class_pixels, table.index)))
pixel_iou = {}
for name in masks.CLASSES[1:]:
    pixels = table[[f"both_{name}", f"either_{name}"]]
    found = intervals.interval(pixels, table["group"], intervals.ratio)
    pixel_iou[name] = dict(
        zip(("value", "low", "high"), found, strict=True)
    )
pd.DataFrame(pixel_iou).T.round(3)

# %% [markdown]
# ## Benign or malignant, image by image?
#
# Where the network marked something, which class did it give to most of it? This is not
# yet a diagnosis of the image; it only asks whether the pixels got the right name.


# %%
def named(probabilities, lesion):
    """Return the class that the marked pixels got on the whole, or "nothing"."""
    inside = probabilities[..., 0] < 0.5
    if not (inside.any() and lesion.any()):
        return "nothing"
    total = probabilities[inside].astype(np.float32).sum(axis=0)
    return masks.CLASSES[1 + int(total[2] > total[1])]


table["named"] = [
    named(p, a)
    for p, a in zip(predictions["probabilities"], answers, strict=True)
]
pd.crosstab(table["label"], table["named"])

# %% [markdown]
# ## What kind of error?
#
# A Dice of 0.4 does not say what went wrong. A written rule does, so that two people
# count the same. The first line that fits names the case: *missed*, nothing was marked;
# *elsewhere*, what was marked shares less than a tenth with the lesion; *too small* or
# *too large*, the marked area is off by more than 30 %; *ragged*, about the right size
# but a Dice below 0.8; *good*, all the rest.

# %%
kinds = {
    "missed": lesions["predicted_area"] == 0,
    "elsewhere": lesions["dice"] < 0.1,
    "too small": lesions["area_error"] < -0.3,
    "too large": lesions["area_error"] > 0.3,
    "ragged": lesions["dice"] < 0.8,
}
lesions = lesions.assign(
    kind=np.select(list(kinds.values()), list(kinds), default="good")
)
table["kind"] = lesions["kind"].reindex(table.index, fill_value="")
pd.crosstab(lesions["kind"], lesions["label"]).reindex(
    [*kinds, "good"], fill_value=0
)

# %% [markdown]
# ## Which cases fail more often?
#
# Split the lesion images by what is known of each, and give every part its own interval.
# Where two intervals overlap widely, these cases do not show a difference.

# %%
shape = pd.DataFrame([masks.describe(references[i]) for i in lesions.index])
shape.index = lesions.index
copies = folds["group"].value_counts()
quarter = pd.qcut(lesions["reference_area"].rank(method="first"), 4)
parts = {
    name: lesions["label"] == name for name in lesions["label"].unique()
}
for k, interval in enumerate(quarter.cat.categories, 1):
    parts[f"size, quarter {k} of 4"] = quarter == interval
parts |= {
    "touches the image's edge": shape["touches_border"],
    "does not touch it": ~shape["touches_border"],
    "several lesions": lesions["lesions"] > 1,
    "has a near copy in the set": lesions["group"].map(copies) > 1,
    "has none": lesions["group"].map(copies) == 1,
}

# %%
subgroups = []
for name, chosen in parts.items():
    part = lesions[chosen]
    found = intervals.interval(part["dice"], part["group"])
    subgroups.append(
        {
            "cases": name,
            "n": len(part),
            **dict(zip(("value", "low", "high"), found, strict=True)),
        }
    )
subgroups = pd.DataFrame(subgroups)
subgroups.round(3)

# %%
shown = subgroups.dropna().set_index("cases")
figures.show(
    figures.intervals(
        shown,
        lesions["dice"].mean(),
        "mean Dice, 95 % interval (dashed: all lesion images)",
        f"Mean Dice by kind of case ({here.data.kind})",
    ),
    alt="Mean Dice with its interval: "
    + "; ".join(f"{name} {v:.2f}" for name, v in shown["value"].items()),
)

# %% [markdown]
# ## Lesion by lesion
#
# A doctor counts lesions, not pixels. A lesion counts as found where one marked part
# overlaps it with an IoU of at least 0.1, or, more strictly, 0.5. A marked part that
# finds none is a false lesion, on normal images too.

# %%
print(scores.LESION_RULE)
by_lesion = []
for least in ("10", "50"):
    found = intervals.interval(
        table[[f"found_iou{least}", "lesions"]],
        table["group"],
        intervals.ratio,
    )
    false = intervals.interval(table[f"false_iou{least}"], table["group"])
    by_lesion.append(
        {
            "IoU, at least": int(least) / 100,
            "share of lesions found": found[0],
            "low": found[1],
            "high": found[2],
            "false lesions an image": false[0],
            "false, low": false[1],
            "false, high": false[2],
        }
    )
by_lesion = pd.DataFrame(by_lesion)
by_lesion.round(3)

# %% [markdown]
# ## Can you believe the probabilities?
#
# Of all pixels to which the network gives a lesion probability of about 0.7, about 70 %
# should be lesion. The *reliability diagram* compares the two. The *expected calibration
# error* (ECE) is the mean gap between them, weighted by how many pixels a bin holds.
#
# Most pixels are easy background, and they make any ECE look small. So lesion images get
# a row of their own, and so do the pixels that the network itself is not sure about.

# %%
order = folds.set_index("case").index.get_indexer(predictions["case"])
truth = arrays["labels"][order] > 0
lesion = 1 - predictions["probabilities"][..., 0].astype(np.float32)
ill = (cases["label"] != "normal").to_numpy()
unsure = (lesion > 0.1) & (lesion < 0.9)
chosen = {
    "all pixels": np.ones_like(truth),
    "of lesion images": np.broadcast_to(ill[:, None, None], truth.shape),
    "unsure ones (0.1 to 0.9)": unsure,
}
trust = pd.DataFrame(
    {
        "pixels": name,
        "share": where.mean(),
        "ECE": calibration.calibration_error(lesion[where], truth[where]),
        "mean probability": lesion[where].mean(),
        "share that is lesion": truth[where].mean(),
    }
    for name, where in chosen.items()
)
trust.round(4)

# %%
bins = calibration.reliability(lesion[ill], truth[ill], bins=10)
figures.show(
    figures.reliability(
        bins, f"Pixels of held-out lesion images ({here.data.kind})"
    ),
    alt="Reliability diagram: "
    + "; ".join(
        f"told {row.confidence:.2f}, true {row.accuracy:.2f}"
        for row in bins.itertuples()
    ),
)

# %% [markdown]
# ## Does the network know when it fails?
#
# Nobody can check every outline. It would help if the network were unsure where it is
# wrong. Take the mean lesion probability inside its outline as its *confidence*. Keep
# only the surest cases: does their Dice rise? The area under this curve (AURC) sums it
# up: lower is better. Beside it stand the same for a random order and for the best one.


# %%
def confidence(classes):
    """Return the mean lesion probability where it is above one half."""
    p = 1 - classes[..., 0].astype(np.float32)
    return float(p[p > 0.5].mean()) if (p > 0.5).any() else 0.0


sure = np.array(
    [confidence(predictions["probabilities"][i]) for i in lesions.index]
)
loss = 1 - lesions["dice"].to_numpy()
area, excess = calibration.aurc(sure, loss)
coverage, risk = calibration.risk_coverage(sure, loss)
half = risk[len(risk) // 2]
print(
    f"AURC {area:.3f} (random order {loss.mean():.3f}, best order {area - excess:.3f})"
)
print(
    f"mean Dice of all {1 - risk[-1]:.3f}, of the surer half {1 - half:.3f}"
)

# %%
figures.show(
    figures.risk_coverage(
        coverage, risk, f"Keep only the surest cases ({here.data.kind})"
    ),
    alt=f"Mean 1 - Dice of the surest cases: {half:.2f} for half of them, "
    f"{risk[-1]:.2f} for all.",
)

# %%
step.save("scores.csv", table)
step.save("subgroups.csv", subgroups)
mean, low, high = intervals.interval(lesions["dice"], lesions["group"])
step.save(
    "report.json",
    {
        "simulated": here.data.kind == "phantom",
        "held_out_cases": len(table),
        "folds": sorted(int(fold) for fold in held_out_folds),
        "lesion_dice": {
            "mean": mean,
            "low": low,
            "high": high,
            "n": len(lesions),
        },
        "lesion_dice_median": float(middle),
        "normals": {"n": len(normals), "left_empty": int(empty.sum())},
        "pixel_iou": pixel_iou,
        "cuts": trade.to_dict("records"),
        "mean_shape_dice": float(baseline.mean()),
        "kinds": lesions["kind"].value_counts().to_dict(),
        "by_lesion": by_lesion.to_dict("records"),
        "calibration": trust.to_dict("records"),
        "aurc": {"value": area, "random": loss.mean(), "excess": excess},
        "empty_rule": scores.EMPTY_RULE,
    },
)
step.finish()

# %% [markdown]
# **You have** scored every held-out case at its original size, reported lesions and
# normals apart with an interval, set trivial answers beside the network's, named the kinds
# of error, and asked whether its probabilities can be believed. A few held-out cases give a wide interval: only a run over all five
# folds on the real images (`profiles/gpu.yaml`) says how good the method is.
