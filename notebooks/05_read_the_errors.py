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
# - see the worst, the middle and the best cases.
#
# **Takes** about a minute. **Needs** notebooks 2 and 4. **Reads** `arrays.npz`,
# `folds.csv`, `predictions.npz`, `rules.csv`. **Writes** `scores.csv`, `report.json`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
# Setup: the same cell opens every notebook.
import subprocess
import sys
from pathlib import Path

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = REPO.split("/")[-1]
clone = (
    Path("/content" if Path("/content").is_dir() else ".").resolve() / name
)
drive = Path("/content/drive/MyDrive") / name
folders = [Path.cwd(), *Path.cwd().parents, drive, clone]
root = next(
    (p for p in folders if (p / "helpers/workspace.py").exists()), None
)
if root is None:  # opened alone, as Colab does: fetch the repository once
    root = clone
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", REPO, root], check=True
    )
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
# ## Benign or malignant?
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

# %%
step.save("scores.csv", table)
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
        "cuts": trade.to_dict("records"),
        "mean_shape_dice": float(baseline.mean()),
        "empty_rule": scores.EMPTY_RULE,
    },
)
step.finish()

# %% [markdown]
# **You have** scored every held-out case at its original size, reported lesions and
# normals apart with an interval, set trivial answers beside the network's, and seen
# where it fails. A few held-out cases give a wide interval: only a run over all five
# folds on the real images (`profiles/gpu.yaml`) says how good the method is.
