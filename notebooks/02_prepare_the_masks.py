# %% [markdown]
# # 2. Prepare the masks: what exactly is the target?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/02_prepare_the_masks.ipynb)
#
# You will turn mask files into the target that a network learns: one whole
# number for each pixel. Then you will split the cases into five *folds*, parts
# of about the same size (the quick profile enlarges one), so that no near copy
# of a training image is ever tested.
#
# **You will** be able to
# - merge the masks of a case and say what is lost otherwise,
# - shrink without stretching, and measure what the smaller size costs,
# - split the cases by groups of near copies, and measure how a careless split
#   leaks,
# - say how well two outlines of one frame agree, and what gives the class
#   away.
#
# **Takes** under a minute. **Needs** notebook 1. **Reads** `cases.csv`,
# `near_duplicates.csv`. **Writes** `arrays.npz`, `folds.csv`, and what was
# measured: `ceilings.csv`, `leaks.csv`, `outlines.csv`, `shortcuts.csv`,
# `conflicts.csv`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
import os  # Setup: the same cell opens every notebook.
import sys

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = os.path.basename(REPO)
homes = [".", "..", name, f"/content/drive/MyDrive/{name}"]
found = [h for h in homes if os.path.exists(f"{h}/tools/setup_env.py")]
fetch = f"git init -q {name} && cd {name} && rm -f .git/*.lock && git fetch "
fetch += f"-q --depth=1 {REPO} && git checkout -qf FETCH_HEAD"
if not found and os.system(fetch):
    try:
        __import__("google.colab.drive").colab.drive.mount("/content/drive")
        os.stat(f"{homes[-1]}/helpers")
    except Exception:
        sys.exit(f"{REPO} was not reached (see above), nor found in Drive.")
sys.path[:0] = map(os.path.abspath, found or homes[2:])
here = __import__("helpers").start()

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/
image_size: int = 128  # a side, a multiple of 32; 256: four times the time
max_cases: int = 180  # about how many cases the folds hold; 0: all
seed: int = 0  # another number, other folds

# %%
import numpy as np
import pandas as pd

from helpers import exercises, figures
from helpers.data import busi, masks
from helpers.evaluation import metrics

step = here.step("02_prepare_the_masks")

# %% [markdown]
# You take up what notebook 1 found: to which group of near copies each case
# belongs, how many marks are drawn on it, and how bright it is.

# %%
explored = step.read("01_explore_the_data", "cases.csv")
pairs = step.read("01_explore_the_data", "near_duplicates.csv")
known = ["case", "label", "height", "width", "group"]
known += ["glyphs", "brightness", "brightness_beside"]
cases = busi.with_files(explored[known], here.data.root)
if too_few := busi.too_few(cases):
    raise busi.DataError(too_few)
print(f"{len(cases)} cases in {cases['group'].nunique()} groups")

# %% [markdown]
# ## All masks of a case, merged
#
# A case may have several mask files, one for each lesion. The lesion area is
# their *union*: a pixel counts if it is white in any of the files. Normal
# images have an empty mask, and they stay in: a network that never sees one
# learns to find a lesion everywhere, even where there is none (a *false
# positive*). Here is the case with the most mask files: each alone, then all
# merged.

# %%
most = cases.loc[cases["masks"].map(len).idxmax()]
image, merged = busi.read_image(most["image"]), masks.merge(most["masks"])
parts = [masks.merge([path]) for path in most["masks"]]
titles = [f"mask file {i + 1}" for i in range(len(parts))] + ["merged"]

# %% tags=["hide-input"]
copies, name = [image] * len(titles), most["case"]
figure = figures.gallery(copies, titles, [*parts, merged], heading=name)
figures.show(
    figure,
    alt=f"{name}: each of its {len(parts)} masks alone, then all merged.",
)

# %% [markdown]
# It is easy to read `_mask.png` only. How much of the lesion is lost where
# there are more files? You score the first mask against the merged one by
# *Dice* (of notebook 0: twice the shared area over the sum of both areas, 0 to
# 1).

# %%
several = cases.loc[cases["masks"].map(len) > 1, "masks"]
all_and_first = [(masks.merge(p), masks.merge(p[:1])) for p in several]
first_only = [metrics.dice(*pair) for pair in all_and_first]
print(f"{len(several)} cases have several masks; Dice of the first alone:")
print(f"mean {np.mean(first_only):.2f}, worst {np.min(first_only):.2f}")

# %% [markdown]
# These are few cases. But a perfect network, scored against the first file
# alone, would reach no more than that on them.
#
# ## Shrink, and keep the way back
#
# `masks.letterbox` scales the longer side to `image_size` and pads the shorter
# one with black, so that nothing is stretched. It returns how it did that.
# `masks.restore` uses this to go back, so that scores are taken at the
# original size. Expect the last size below to be the first one again.

# %%
square, box = masks.letterbox(image, image_size)
restored = masks.restore(square, box)
print(f"{image.shape} -> {square.shape} -> {restored.shape} rows, columns")

# %% [markdown]
# Small squares train faster but lose detail. How much? Send each mask through
# a small square and back, and compare it with itself by the Dice score. This
# is about the best score that a mask of that size could reach: a *ceiling*.
# (Notebook 5 enlarges probabilities instead, which may do a little better.)


# %%
def there_and_back(mask, size):
    """Return the Dice of a mask with itself after a square of this size."""
    small, box = masks.letterbox(mask, size)
    return metrics.dice(mask, masks.restore(small, box))


# %% [markdown]
# **Predict, then run.** Of a usual image, a square of 32 pixels a side keeps
# fewer than one pixel in a hundred. What is the ceiling there: near 0.5, near
# 0.75, or above 0.85? The next cell tells.

# %%
sizes = 32, 64, 128, 256
with_lesion = cases.loc[cases["label"] != "normal", "masks"]
merged_masks = map(masks.merge, with_lesion)
dices = [[there_and_back(m, size) for size in sizes] for m in merged_masks]
ceiling = pd.DataFrame({"size": sizes, "mean_dice": np.mean(dices, axis=0)})
ceiling.round(4)

# %% [markdown]
# Read it downwards: where the Dice hardly rises any more, a larger square
# costs time and buys nothing for the mask. (The network may still see more of
# the texture in it.)
#
# ## The target: a class for every pixel
#
# 0 is background, 1 benign, 2 malignant. A pixel has one class only, so the
# numbers can be read as a picture. For the case above, count the pixels of
# each class:

# %%
small, _ = masks.letterbox(merged, image_size)
target = masks.target(small, most["label"])
counts = np.bincount(target.ravel(), minlength=3)
pd.DataFrame({"class": masks.CLASSES, "pixels": counts})

# %% [markdown]
# The class of a lesion pixel is that of the whole case: BUSI says for each
# image whether it is benign or malignant, not for each lesion.
#
# ## Build the arrays once
#
# All images and targets become two arrays: (cases, rows, columns) of whole
# numbers from 0 to 255 (`uint8`, one byte each). They take seconds to build,
# once: a cache knows them by the content of their files.

# %%
images, labels = busi.load_arrays(cases, image_size, cache=here.runs / "cache")
print(f"images {images.shape} {images.dtype}, {images.nbytes / 1e6:.0f} MB")
print(f"labels {labels.shape} {labels.dtype}, values {np.unique(labels)}")

# %% [markdown]
# This is what the network will see: one image of each class, with the target's
# outline.

# %%
first = cases.drop_duplicates("label")
rows, names = first.index, list(first["case"])

# %% tags=["hide-input"]
squares, outlined = images[rows], labels[rows] > 0
figures.show(
    figures.gallery(squares, names, outlined, heading="Images and targets"),
    alt="One square image of each class as the network sees it, with its "
    "outline.",
)

# %% [markdown]
# ## A split that does not leak
#
# To test on cases that had no part in training, you deal the cases into five
# folds. Four are for training, the fifth is the *test set*: it is *held out*.
# Each takes its turn, which is called *cross-validation*.
# `splits.assign_folds` deals whole groups of near copies, so that each fold
# gets nearly the same share of each class. The same cases and seed give the
# same folds on every machine. Expect the rows below to be alike. (In the quick
# profile only fold 0 takes its turn.)

# %%
from helpers.data import splits

cases["fold"] = splits.assign_folds(cases, n_folds=5, seed=seed)
pd.crosstab(cases["fold"], cases["label"])

# %% [markdown]
# Now check it. No group may be in two folds. If one were, `assert` would stop
# the notebook here:

# %%
folds_of_group = cases.groupby("group")["fold"].nunique()
crossing = (folds_of_group > 1).sum()
print(f"groups in more than one fold: {crossing} of {len(folds_of_group)}")
assert crossing == 0

# %% [markdown]
# ## What a careless split would have done
#
# The usual way is to deal the images at random. Count the held-out images
# that then have a near copy in training. And try a method that learns nothing
# at all: find the most alike training image and *copy its mask*. If copying
# scores better under the random split than under yours, the difference is the
# leak.
#
# A mean over some hundred cases depends on which cases these happen to be. So
# each Dice gets a *95 % interval* (a *confidence interval*), low to high: draw
# the groups again and again with replacement (a *bootstrap*), and see between
# which values 95 % of the means lie.

# %%
from helpers.evaluation import baselines, bootstrap, leakage

rng = np.random.default_rng(seed)
careless = rng.permutation(np.arange(len(cases)) % 5)
has_lesion = cases["label"] != "normal"
groups = cases["group"][has_lesion]
copied, rows = pd.DataFrame(), {}
for name, folds in {"random": careless, "by groups": cases["fold"]}.items():
    dice = baselines.copy_nearest(cases, images, labels, folds)
    copied[name] = dice[has_lesion]
    leaked = leakage.leaked(cases["group"], folds).mean()
    rows[name] = leaked, *bootstrap.interval(copied[name], groups)

# %%
columns = ["held out with a copy in training", "copy-nearest Dice"]
leaks = pd.DataFrame.from_dict(
    rows, "index", columns=[*columns, "low", "high"]
)
leaks = leaks.reset_index(names="split")
leaks.round(3)

# %% [markdown]
# *Held out with a copy in training* is a share of all cases, from 0 to 1. Both
# splits score the *same* cases, so do not compare the two intervals: take the
# difference case by case (a *paired* comparison), and give that an interval.

# %%
paired = copied["random"] - copied["by groups"]
gain, low, high = bootstrap.interval(paired, groups)
print(f"random minus by groups: {gain:+.3f} Dice ({low:+.3f} to {high:+.3f})")
print("a leak is shown" if low > 0 else "these cases show no leak")

# %% [markdown]
# A network that has seen the copy may do what copying does. So a score from a
# random split may be too good by a part of that difference.
#
# ## How well do two annotations agree?
#
# Where a frame with a lesion is in the set twice, its outline was drawn twice.
# You *register* one copy to the other (shift, scale and turn it until both
# pictures fit), leave out the pairs that do not fit closely enough, and
# compare the two outlines of each other pair. This is a yardstick: how far two
# annotations differ. (*Inter-observer agreement* is the word if two people
# drew them; here it is not recorded who did. It is no strict ceiling: a
# network that learns what many outlines have in common may agree with each of
# them better than they do with each other.)

# %%
outlines = leakage.outline_agreement(cases, pairs)
print(f"{len(outlines)} pairs of outlines, from {len(pairs)} pairs of images")
if here.data.kind == "phantom":
    print("Simulated: no person drew them, but a program, and far too alike.")

# %% tags=["hide-input"]
if len(outlines):
    middle, mean = outlines["dice"].median(), outlines["dice"].mean()
    figures.show(
        figures.histogram(outlines["dice"], "Dice", "One frame, two outlines"),
        alt="Histogram of the Dice of two outlines of one frame: mean "
        f"{mean:.2f}, median {middle:.2f}.",
    )

# %% [markdown]
# A Dice near 0 means that two outlines lie at different places of one picture.
# Look at the pairs that agree least; you see both outlines, each on its own
# copy.

# %% tags=["hide-input"]
by_name = cases.set_index("case", drop=False)
for a, b, _, agreement in outlines.sort_values("dice").values[:2]:
    heading = f"Two outlines, Dice {agreement:.2f}"
    figures.show(
        figures.cases(by_name.loc[[a, b]], heading, columns=2),
        alt=f"{a} and {b}, one frame with two outlines, Dice {agreement:.2f}.",
    )

# %% [markdown]
# ## Does something other than the tissue give the class away?
#
# You now ask whether malignant can be told from benign **without looking at
# the lesion's texture or place**: from the size of the picture, its brightness
# (with the lesion and its shadow, or beside them), the drawn marks, or the
# shape of the *reference outline*, the border of the ground truth. Three
# numbers describe its shape beside the area: *solidity*, the share of a rubber
# band around it that it fills (1 has no dents); *circularity*, 1 for a disc
# and less the more its border winds; and whether it is taller than wide.

# %%
described = [masks.describe(masks.merge(paths)) for paths in cases["masks"]]
features = cases.join(pd.DataFrame(described).drop(columns="box"))
table = features[features["label"] != "normal"].reset_index(drop=True)
is_malignant = table["label"] == "malignant"
shape = ["area_fraction", "solidity", "circularity", "taller_than_wide"]
shape_names = ["area", "solidity", "circularity", "taller than wide"]

# %%
given = {"picture size": ["height", "width"], "brightness": ["brightness"]}
given["brightness beside the lesion"] = ["brightness_beside"]
given["drawn marks"] = ["glyphs"]
for name, column in zip(shape_names, shape, strict=True):
    given[f"outline: {name}"] = [column]
given["outline: all of these"] = shape

# %% [markdown]
# A small model (a *random forest*: many yes-no trees that vote) sees one of
# these alone. It learns on four folds and predicts the fifth. Its score is the
# *AUC*: take one malignant and one benign case at random; how often does it
# find the malignant one more suspicious? 0.5 is chance, 1 is perfect. Expect
# the outline to say more than the rest.


# %%
def auc_of(columns):
    """Return the AUC of some columns alone, and its 95 % interval."""
    values, groups, folds = table[columns], table["group"], table["fold"]
    return leakage.shortcut_auc(values.fillna(0), is_malignant, groups, folds)


aucs = {name: auc_of(columns) for name, columns in given.items()}
shortcuts = pd.DataFrame(aucs, index=["value", "low", "high"]).T

# %% tags=["hide-input"]
unit, heading = "AUC, benign against malignant", "One feature alone"
figures.show(
    figures.intervals(shortcuts, 0.5, unit, heading),
    alt="AUC of each feature alone with its interval: "
    f"{shortcuts['value'].round(2).to_dict()}.",
)

# %% [markdown]
# What stands clearly above 0.5, the dashed line, is a hint that a network may
# take: a *shortcut*, as far as it has little to do with the lesion. An
# interval that includes 0.5 shows neither a hint nor that there is none: from
# one noisy column a forest learns the noise, too. What stands below it is
# none, even if its interval leaves 0.5 out. Where there is nothing to learn, a
# size that by chance is more often malignant in four folds is less often so in
# the fifth: the forest learns that accident, and is wrong a little more often
# than right. The interval draws the cases again but does not train again, so
# it does not contain this.

# %%
clear = shortcuts.index[shortcuts["low"] > 0.5]
beside = [name for name in clear if not name.startswith("outline")]
print("clearly above chance:", ", ".join(beside) or "none shown")
print("and of the outline:", len(clear) - len(beside), "of", len(shape) + 1)

# %% [markdown]
# An outline drawn by somebody who knew the class may carry the class in its
# shape. Is that biology or a habit of drawing? Frames that stand in **both**
# classes give a hint: the tissue is nearly the same, so what differs steadily
# between their outlines is habit. (The area is left out: where a copy is
# cropped, the same lesion is a larger share of the image. Simulated pairs show
# chance alone: one lesion, its outline redrawn at random.)

# %%
from helpers.data import duplicates

looks = features.set_index("case")[["label", *shape[1:3]]]
# benign comes first
frames = duplicates.label_conflicts(cases, pairs)[["a", "b"]]
frames = frames.join(looks.add_suffix(" benign"), on="a")
frames = frames.join(looks.add_suffix(" malignant"), on="b")
both = ["label benign", "label malignant"]
in_both = (frames[both] == ["benign", "malignant"]).all(axis=1)
conflicts = frames[in_both].drop(columns=both).round(4)
conflicts

# %%
frame = conflicts["a"].map(cases.set_index("case")["group"])
print(f"{len(conflicts)} pairs, of {frame.nunique()} frames apart")
for name in shape[1:3]:
    smaller = conflicts[f"{name} malignant"] < conflicts[f"{name} benign"]
    times = f"{smaller.sum()} of {len(smaller)}"
    print(f"{name}: smaller in the malignant outline in {times}")

# %% [markdown]
# If the malignant outline is the less solid one nearly every time, it may have
# been drawn to fit the diagnosis. So few frames prove nothing, but the rule
# that follows costs nothing: **no model in this series may read the reference
# mask, or anything measured on it, to tell the class.** A classifier that is
# given the reference outline at test time may be given part of the result.
#
# ## Keep what the next notebooks read
#
# In the quick profile only a part of the cases, about `max_cases`, is dealt
# into the five folds, again in whole groups. The others cost little, and make
# scores less a matter of luck: a quarter of them is kept for the choices that
# notebook 4 makes (fold -1), the rest joins fold 0, which is held out.

# %%
n_parts = 20
if 0 < max_cases < len(cases):
    part = splits.assign_folds(cases, n_folds=n_parts, seed=seed)
    learn = part < round(n_parts * max_cases / len(cases))
    dealt = splits.assign_folds(cases[learn], n_folds=5, seed=seed)
    quarters = splits.assign_folds(cases[~learn], n_folds=4, seed=seed)
    others = quarters.eq(0) * -1
    cases["fold"] = pd.concat([dealt, others]).loc[cases.index]
assert (cases.groupby("group")["fold"].nunique() == 1).all()
print(cases["fold"].value_counts().sort_index().to_string())

# %%
step.save("arrays.npz", {"images": images, "labels": labels})
step.save("folds.csv", cases[["case", "label", "group", "fold"]])
step.save("ceilings.csv", ceiling)
step.save("leaks.csv", leaks)
step.save("outlines.csv", outlines)
step.save("shortcuts.csv", shortcuts.reset_index(names="feature"))
step.save("conflicts.csv", conflicts)
step.finish()

# %% [markdown]
# **You have** merged masks, shrunk them and measured the cost, split the cases
# without a leak and measured the leak of a careless split, found how far two
# outlines agree, and what gives the class away. Next: `03_how_a_cnn_sees`
# shows how a network turns such an image into such a target, and
# `04_train_the_segmenter` trains one on these arrays.
#
# ## Check yourself
#
# <details><summary>1. Why are normal images kept, although their mask is empty?</summary>
#
# A network that always saw a lesion has learned that there always is one. Only
# normal images can teach it, and test, that "nothing" may be right.
#
# </details>
#
# <details><summary>2. What does a ceiling of 0.96 at 64 pixels mean for a network of that size?</summary>
#
# If it draws the mask of the small square without a fault, the mean Dice of
# that mask at the original size is near 0.96. The rest was lost by shrinking.
#
# </details>
#
# <details><summary>3. Why does copying the nearest mask tell of a leak, although it learns nothing?</summary>
#
# It can only score well where a training image is nearly the test image. If it
# scores better under one split than under another, that split has more copies
# across its folds.
#
# </details>
#
# <details><summary>4. Two annotations of one frame agree with a mean Dice of 0.8. A network reaches 0.95 against one of them. Are you glad?</summary>
#
# Not yet. A little more than 0.8 may be what outlines have in common, but 0.95
# is a lot. Look for a leak, or for a habit of drawing that it has learned.
#
# </details>
#
# <details><summary>5. Why must a classifier not read the reference outline?</summary>
#
# Who drew it may have known the class, and the shape may tell it. On a new
# patient there is no such outline.
#
# </details>
#
# ## Exercise 1: find the leak
#
# Write a function of two lists, the group and the fold of each image, that
# returns the groups that lie in more than one fold, as a list or a set. For
# the groups `["a", "b", "a"]` in the folds `[0, 0, 1]`, that is `["a"]`.

# %%
leaking = ...  # a function of two lists, groups and folds
exercises.check(exercises.leaking_groups, leaking)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def leaking(groups, folds):
#     seen = set(zip(groups, folds))  # each pair once
#     in_folds = [group for group, fold in seen]
#     return {group for group in in_folds if in_folds.count(group) > 1}
#
# exercises.check(exercises.leaking_groups, leaking)
# ```
#
# </details>
#
# ## Exercise 2: what one file of three can score
#
# An image shows three lesions of the same area, each in a mask file of its
# own. A network finds exactly the lesion of the first file. What is its Dice
# against the merged mask?

# %%
dice = ...  # a number from 0 to 1
exercises.check(exercises.one_file_of_three, dice)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# dice = 2 * 1 / (1 + 3)
# exercises.check(exercises.one_file_of_three, dice)
# ```
#
# With the area of one lesion as 1: 1 is shared, the network outlined 1, and
# the person outlined 3.
#
# </details>
#
# ## References
#
# - Breiman: Random forests. Machine Learning 45, 2001, doi
#   [10.1023/A:1010933404324](https://doi.org/10.1023/A:1010933404324)
# - Dice: Measures of the amount of ecologic association between species.
#   Ecology 26(3), 1945, doi [10.2307/1932409](https://doi.org/10.2307/1932409)
# - Efron: Bootstrap methods: another look at the jackknife. Ann. Statist.
#   7(1), 1979, doi
#   [10.1214/aos/1176344552](https://doi.org/10.1214/aos/1176344552)
# - Pawłowska, Karwat, Żołek: Letter to the editor on the BUSI data set. Data
#   in Brief 48, 2023, doi
#   [10.1016/j.dib.2023.109247](https://doi.org/10.1016/j.dib.2023.109247)
