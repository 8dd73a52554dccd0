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
# - split the cases by groups of near copies, and check that nothing crosses.
#
# **Takes** about a minute. **Needs** notebook 1. **Reads** `cases.csv`.
# **Writes** `arrays.npz`, `folds.csv`.
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
image_size: int = 128  # pixels a side; 256 takes four times as long
max_cases: int = 160  # about how many cases to keep; 0 means all
seed: int = 0  # another number, other folds

# %%
import numpy as np
import pandas as pd

from helpers import busi, figures, groups, masks, scores

step = here.step(
    "02_prepare_the_masks",
    profile,
    image_size=image_size,
    max_cases=max_cases,
    seed=seed,
)
found = step.read("01_explore_the_data", "cases.csv")
cases = busi.index(here.data.root).merge(
    found[["case", "group"]], on="case"
)
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
# ## A split that does not leak
#
# `groups.assign_folds` deals whole groups of near copies into five folds with nearly the
# same share of each class. The same cases and seed give the same folds on every
# machine. In the quick profile you keep only a part of the cases: again whole groups.

# %%
parts_of_data = round(len(cases) / max_cases) if max_cases else 1
if parts_of_data >= 2:
    keep = groups.assign_folds(cases, n_folds=parts_of_data, seed=seed) == 0
    cases = cases[keep].reset_index(drop=True)
cases["fold"] = groups.assign_folds(cases, n_folds=5, seed=seed)
pd.crosstab(cases["fold"], cases["label"])

# %% [markdown]
# Now the check that most public notebooks lack. No group may be in two folds:

# %%
folds_of_group = cases.groupby("group")["fold"].nunique()
print(
    f"groups in more than one fold: {(folds_of_group > 1).sum()} of {len(folds_of_group)}"
)
assert folds_of_group.max() == 1

# %% [markdown]
# And what would a careless split have done? Deal the images at random, as most public
# notebooks do, and count the test images that have a near copy in the training part.

# %%
rng = np.random.default_rng(seed)
careless = pd.Series(
    rng.permutation(np.arange(len(cases)) % 5), cases.index
)
copies = cases.groupby("group")["case"].transform("size") > 1
elsewhere = [
    (cases["group"].eq(g) & careless.ne(f)).any()
    for g, f in zip(cases["group"], careless, strict=True)
]
print(f"with a near copy somewhere: {copies.mean():.1%} of the images")
print(
    f"random split: {np.mean(elsewhere):.1%} of test images have a copy in training"
)
print("this split:   0.0 % by construction, checked above")

# %% [markdown]
# ## Build the arrays once
#
# All images and targets as two arrays, which the next notebooks read in a second.

# %%
images, labels = busi.load_arrays(cases, image_size)
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

# %%
step.save("arrays.npz", {"images": images, "labels": labels})
step.save("folds.csv", cases[["case", "label", "group", "fold"]])
step.finish()

# %% [markdown]
# **You have** merged masks, shrunk them and measured the cost, made the target, and
# split the cases without a leak. Next: `04_train_the_segmenter` trains on them.
