# %% [markdown]
# # 2. Prepare the masks: what exactly is the target?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/02_prepare_the_masks.ipynb)
#
# You will turn mask files into the target that a network learns: one whole number for
# each pixel. Then you will split the cases into five folds in which no near copy of a
# training image is ever tested.
#
# **You will**
# - merge the masks of a case and see what is lost otherwise,
# - shrink without stretching, and measure what the smaller size costs,
# - split the cases by groups of near copies, and measure how a careless split leaks,
# - learn how well two outlines of one frame agree, and what gives the class away.
#
# **Takes** about two minutes. **Needs** notebook 1. **Reads** `cases.csv`,
# `near_duplicates.csv`. **Writes** `arrays.npz`, `folds.csv`, and what was measured:
# `ceilings.csv`, `leaks.csv`, `outlines.csv`, `giveaways.csv`, `conflicts.csv`.
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
image_size: int = 128  # pixels a side; 256 takes four times as long
max_cases: int = 160  # about how many cases to keep; 0 means all
seed: int = 0  # another number, other folds

# %%
import numpy as np
import pandas as pd

from helpers import (
    audit,
    busi,
    figures,
    groups,
    intervals,
    masks,
    scores,
)

step = here.step(
    "02_prepare_the_masks",
    profile,
    image_size=image_size,
    max_cases=max_cases,
    seed=seed,
)
found = step.read("01_explore_the_data", "cases.csv")
pairs = step.read("01_explore_the_data", "near_duplicates.csv")
known = found[["case", "group", "glyphs", "brightness"]]
cases = busi.index(here.data.root).merge(known, on="case")
print(f"{len(cases)} cases in {cases['group'].nunique()} groups")

# %% [markdown]
# ## All masks of a case, merged
#
# A case may have several mask files, one for each lesion. The lesion area is their
# *union*: a pixel counts if any of the files marks it. Normal images have an empty mask,
# and they stay in: a network that never sees one learns to find a lesion everywhere.

# %%
most = cases.loc[cases["masks"].map(len).idxmax()]
parts = [masks.merge([path]) for path in most["masks"]]
image = busi.read_image(most["image"])
figures.show(
    figures.gallery(
        [image] * (len(parts) + 1),
        [f"mask file {i + 1}" for i in range(len(parts))] + ["merged"],
        [*parts, masks.merge(most["masks"])],
        heading=most["case"],
    ),
    alt=f"{most['case']}: each of its {len(parts)} masks alone, then all merged.",
)

# %% [markdown]
# Many public notebooks read `_mask.png` only. How much of the lesion do they lose where
# there are more files? You score the first mask against the merged one.

# %%
several = cases[cases["masks"].map(len) > 1]
first_only = [
    scores.dice(masks.merge(paths), masks.merge(paths[:1]))
    for paths in several["masks"]
]
print(f"{len(several)} cases have several masks")
print(f"mean Dice of the first mask alone: {np.mean(first_only):.2f}")
print(f"worst: {np.min(first_only):.2f}")

# %% [markdown]
# ## Shrink, and keep the way back
#
# `masks.letterbox` scales the longer side to `image_size` and pads the shorter one with
# black, so that nothing is stretched. It returns how it did that. `masks.restore` uses
# this to go back, so that scores are taken at the original size.

# %%
square, box = masks.letterbox(image, image_size)
print(
    f"{image.shape} -> {square.shape}, and back: {masks.restore(square, box).shape}"
)

# %% [markdown]
# Small squares train faster but lose detail. How much? Send each mask through a small
# square and back, and compare it with itself by the Dice score. This is the best score
# that *any* network could reach at that size.


# %%
def there_and_back(mask, size):
    """Return the Dice of a mask with itself after a square of this size."""
    small, way = masks.letterbox(mask, size)
    return scores.dice(mask, masks.restore(small, way))


lesions = [
    masks.merge(paths)
    for paths in cases.query("label != 'normal'")["masks"]
]
ceiling = pd.DataFrame(
    [
        {
            "size": size,
            "mean_dice": np.mean(
                [there_and_back(m, size) for m in lesions]
            ),
        }
        for size in (32, 64, 128, 256)
    ]
)
ceiling.round(4)

# %% [markdown]
# ## The target: a class for every pixel
#
# 0 is background, 1 benign, 2 malignant. A pixel has one class only, so the numbers can
# be read as a picture.

# %%
lesion = masks.letterbox(masks.merge(most["masks"]), image_size)[0]
target = masks.target(lesion, most["label"])
values, pixels = np.unique(target, return_counts=True)
pd.DataFrame(
    {"class": [masks.CLASSES[v] for v in values], "pixels": pixels}
)

# %% [markdown]
# ## Build the arrays once
#
# All images and targets become two arrays. They take seconds to build, once: a cache
# knows them by the content of their files.

# %%
images, labels = busi.load_arrays(
    cases, image_size, cache=here.runs / "cache"
)
print(
    f"images {images.shape} {images.dtype}, labels {labels.shape} {labels.dtype}"
)
some = [
    int(np.flatnonzero(cases["label"] == c)[0])
    for c in cases["label"].unique()
]
figures.show(
    figures.gallery(
        [images[i] for i in some],
        [cases["case"][i] for i in some],
        [labels[i] > 0 for i in some],
        heading="What the network will see, with the target's outline",
    ),
    alt="One square image of each class as the network sees it, with its outline.",
)

# %% [markdown]
# ## A split that does not leak
#
# `groups.assign_folds` deals whole groups of near copies into five folds with nearly the
# same share of each class. The same cases and seed give the same folds on every
# machine.

# %%
cases["fold"] = groups.assign_folds(cases, n_folds=5, seed=seed)
pd.crosstab(cases["fold"], cases["label"])

# %% [markdown]
# Now the check that most public notebooks lack. No group may be in two folds:

# %%
folds_of_group = cases.groupby("group")["fold"].nunique()
crossing = (folds_of_group > 1).sum()
print(f"groups in more than one fold: {crossing} of {len(folds_of_group)}")
assert crossing == 0

# %% [markdown]
# ## What a careless split would have done
#
# Most public notebooks deal the images at random. Count the held-out images that then
# have a near copy in training. And try an answer that learns nothing at all: find the
# most alike training image and *copy its mask*. If copying scores better under the
# random split than under yours, the difference is the leak.

# %%
rng = np.random.default_rng(seed)
careless = rng.permutation(np.arange(len(cases)) % 5)
lesion = (cases["label"] != "normal").to_numpy()
rows = []
for name, folds in {"random": careless, "by groups": cases["fold"]}.items():
    dice = audit.copy_nearest(cases, images, labels, folds)[lesion]
    mean, low, high = intervals.interval(dice, cases["group"][lesion])
    leak = audit.leaked(cases["group"], folds).mean()
    rows.append(
        {
            "split": name,
            "held out with a copy in training": leak,
            "copy-nearest Dice": mean,
            "low": low,
            "high": high,
        }
    )
leaks = pd.DataFrame(rows)
leaks.round(3)

# %% [markdown]
# A network that has seen the copy can do at least what copying does. So a score from a
# random split is too good by an unknown part of that difference.
#
# ## How well do two people agree?
#
# Where a frame is in the set twice, its outline was drawn twice. You register one copy
# to the other and compare the two outlines. No network can be expected to agree with a
# person better than a person does: this is the *label-noise ceiling*.

# %%
outlines = audit.outline_agreement(cases, pairs)
print(f"{len(outlines)} frames with two outlines")
if len(outlines):
    figures.show(
        figures.histogram(
            outlines["dice"],
            "Dice of two outlines",
            "One frame, two outlines",
        ),
        alt=f"Histogram of the Dice of two outlines of one frame: mean "
        f"{outlines['dice'].mean():.2f}, median {outlines['dice'].median():.2f}.",
    )
outlines["dice"].describe().round(3).to_frame().T

# %% [markdown]
# A Dice near 0 means that two people marked different places in one picture. Look at
# the pairs that agree least; you see both outlines, each on its own copy.

# %%
by_name = cases.set_index("case")
for pair in outlines.sort_values("dice").head(2).itertuples():
    two = by_name.loc[[pair.a, pair.b]]
    figures.show(
        figures.gallery(
            [busi.read_image(path) for path in two["image"]],
            [pair.a, pair.b],
            [masks.merge(paths) for paths in two["masks"]],
            columns=2,
            heading=f"Two outlines, Dice {pair.dice:.2f}",
        ),
        alt=f"{pair.a} and {pair.b}, one frame with two outlines, Dice {pair.dice:.2f}.",
    )

# %% [markdown]
# ## Does something other than the tissue give the class away?
#
# You now ask whether malignant can be told from benign **without looking at the
# tissue**: from the size of the picture, its brightness, the drawn marks, or the shape
# of the *reference outline*. A small model (a random forest) sees one thing alone and
# answers out of fold. 0.5 is a coin, 1 is perfect.

# %%
described = [masks.describe(masks.merge(paths)) for paths in cases["masks"]]
shapes = pd.DataFrame(described).drop(columns="box")
table = cases.join(shapes)[lesion].reset_index(drop=True)
given = {
    "picture size": ["height", "width"],
    "brightness": ["brightness"],
    "drawn marks": ["glyphs"],
    "outline: area": ["area_fraction"],
    "outline: solidity": ["solidity"],
    "outline: circularity": ["circularity"],
    "outline: taller than wide": ["taller_than_wide"],
    "outline: all of these": [
        "area_fraction",
        "solidity",
        "circularity",
        "taller_than_wide",
    ],
}
malignant = table["label"] == "malignant"
giveaways = pd.DataFrame(
    {
        name: audit.auc_alone(
            table[columns].fillna(0),
            malignant,
            table["group"],
            table["fold"],
        )
        for name, columns in given.items()
    },
    index=["value", "low", "high"],
).T

# %%
figures.show(
    figures.intervals(
        giveaways, 0.5, "AUC, benign against malignant", "One thing alone"
    ),
    alt=f"AUC of each thing alone with its interval: {giveaways['value'].round(2).to_dict()}.",
)
giveaways.round(3)

# %% [markdown]
# Two lessons. What stands clearly above 0.5 and has nothing to do with tissue, such as
# the size of the picture, is a shortcut that a network may take. And an outline drawn by
# somebody who knew the class carries the class in its shape. Is that biology or a habit
# of drawing? Frames that stand in **both** classes can tell: the tissue is the same, so
# any difference between their two outlines is habit.

# %%
features = cases.join(shapes).set_index("case")
rows = []
for pair in groups.label_conflicts(cases, pairs).itertuples():
    two = {
        features.loc[c, "label"]: features.loc[c] for c in (pair.a, pair.b)
    }
    if set(two) == {"benign", "malignant"}:
        rows.append(
            {
                "a": pair.a,
                "b": pair.b,
                **{
                    f"{name} {label}": round(float(two[label][name]), 4)
                    for name in ("area_fraction", "solidity", "circularity")
                    for label in ("benign", "malignant")
                },
            }
        )
conflicts = pd.DataFrame(rows)
conflicts

# %%
for name in ("area_fraction", "solidity", "circularity"):
    if len(conflicts):
        less = conflicts[f"{name} malignant"] < conflicts[f"{name} benign"]
        print(
            f"{name}: smaller in the malignant outline in {less.sum()} of {len(less)}"
        )

# %% [markdown]
# If the malignant outline of the same frame is the less solid one nearly every time, the
# outline was drawn to fit the diagnosis. With so few frames this is a hint and no proof,
# but the rule that follows costs nothing: **no model in this series may read the
# reference mask, or anything measured on it, to tell the class.** A classifier that is
# given the reference outline at test time is told part of the answer.
#
# ## Keep what the next notebooks read
#
# In the quick profile you keep only a part of the cases: again whole groups.

# %%
parts_of_data = round(len(cases) / max_cases) if max_cases else 1
keep = np.arange(len(cases))
if parts_of_data >= 2:
    parts = groups.assign_folds(cases, n_folds=parts_of_data, seed=seed)
    keep = np.flatnonzero(parts == 0)
kept = cases.iloc[keep].reset_index(drop=True)
kept["fold"] = groups.assign_folds(kept, n_folds=5, seed=seed)
print(
    f"{len(kept)} of {len(cases)} cases are kept for training and testing"
)

# %%
step.save("arrays.npz", {"images": images[keep], "labels": labels[keep]})
step.save("folds.csv", kept[["case", "label", "group", "fold"]])
step.save("ceilings.csv", ceiling)
step.save("leaks.csv", leaks)
step.save("outlines.csv", outlines)
step.save("giveaways.csv", giveaways.reset_index(names="alone"))
step.save("conflicts.csv", conflicts)
step.finish()

# %% [markdown]
# **You have** merged masks, shrunk them and measured the cost, split the cases without a
# leak and measured the leak of a careless split, found how far two people agree, and
# what gives the class away. Next: `04_train_the_segmenter` trains on these arrays.
