# %% [markdown]
# # 1. Explore the data: what is in it, and what is wrong with it?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/01_explore_the_data.ipynb)
#
# You will look at the data before you train anything on it. BUSI (Al-Dhabyani
# et al. 2020) is a folder of breast ultrasound images in three classes, with
# masks drawn by people. Like every real data set it has faults, and some of
# them make wrong results look good.
#
# **You will** be able to
# - check the files and count the cases of each class,
# - describe images and lesions by size, place and brightness,
# - find marks drawn onto images, and say why they are a hazard,
# - find cases with several masks, near copies, and frames that stand in two
#   classes.
#
# **Takes** about a minute. **Needs** nothing. **Reads** the images. **Writes**
# `cases.csv`, `near_duplicates.csv`.
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

# %%
import numpy as np
import pandas as pd

from helpers import exercises, figures
from helpers.data import busi, duplicates, marks, masks

step = here.step("01_explore_the_data")

# %% [markdown]
# ## Are the files what they should be?
#
# `busi.examine` opens every file, and returns the usable cases and what is
# wrong: missing masks, broken pictures, masks of another size than their
# image. Cases with an *error* are left out, cases with a *warning* are kept.
# Each row names the file and says what to do; no row, no problem.

# %%
cases, problems = busi.examine(here.data.root)
print(problems["severity"].value_counts().to_dict() or "no problems found")
problems

# %% [markdown]
# ## How many cases?
#
# A *case* is one image with its masks. BUSI names it by its class and a
# number, such as `benign (1)`.

# %% tags=["hide-input"]
counts = cases["label"].value_counts()
figure = figures.counts(counts, f"{len(cases)} cases ({here.data.kind})")
figures.show(figure, alt=f"Bar chart of cases by class: {counts.to_dict()}.")

# %% [markdown]
# The classes are not balanced. A program that predicts the commonest class
# every time is already right at this share of the images, the *base rate* of
# that class, without looking:

# %%
commonest = counts.iloc[0] / len(cases)
print(f"always '{counts.index[0]}': right at {commonest:.0%}")

# %% [markdown]
# ## Look at some of each
#
# The blue line is the outline of the ground truth. Look for skin at the top,
# for grey *speckle* (grain) everywhere, and for what lies below a lesion:
# often brighter below a benign one (*enhancement*) and darker below a
# malignant one (*shadow*; narrow dark bands below its sides alone are *edge
# shadows*, which smooth benign lesions often have). Neither proves a class:
# some cancers are bright below. Appendix A1 shows where these come from.

# %% tags=["hide-input"]
for label in counts.index:
    some = cases[cases["label"] == label].iloc[:4]
    names = ", ".join(some["case"])
    figures.show(
        figures.cases(some, label),
        alt=f"Four {label} images, any lesion outlined: {names}.",
    )

# %% [markdown]
# ## How large are the images?
#
# A network learns from several images at once, and these must have one size.
# If theirs differ, something must be shrunk or padded, and that must be undone
# before scoring. Each dot below is an image. A cloud of dots means many sizes;
# a dense spot means one scanner's export. Where one class has sizes of its
# own, the size alone gives the class away: notebook 2 measures how much, for
# benign against malignant.

# %% tags=["hide-input"]
wide, high = cases["width"], cases["height"]
figures.show(
    figures.sizes(cases, "Every image, one dot a case"),
    alt=f"Widths from {wide.min()} to {wide.max()} pixels, heights from "
    f"{high.min()} to {high.max()}.",
)

# %% [markdown]
# ## How large are the lesions?
#
# `masks.merge` joins all masks of a case, and `masks.describe` measures the
# result. The *area fraction* is the share of the image that is lesion, from 0
# to 1. Expect the malignant ones to be larger.

# %%
described = [masks.describe(masks.merge(paths)) for paths in cases["masks"]]
shapes = pd.DataFrame(described)
cases = cases.join(shapes[["area_fraction", "taller_than_wide", "parts"]])
lesions = cases[cases["label"] != "normal"]
middle = lesions.groupby("label", sort=False)["area_fraction"].median()

# %% tags=["hide-input"]
unit, heading = "share of the image", "Lesion area by class"
figure = figures.by_class(lesions, "area_fraction", unit, heading)
figures.show(
    figure,
    alt="Median share of the image that is lesion, by class: "
    f"{middle.round(3).to_dict()}.",
)

# %% [markdown]
# The black bar is the *median*: half of the cases lie below it. Beside the
# area (no sign of cancer: it depends on how deep the image reaches), there is
# a sign that doctors use: malignant lesions are more often *taller than wide*.
# Do the classes differ in it here? The last column is the share of the cases.

# %%
lesions.groupby("label", sort=False).agg(
    cases=("case", "size"),
    median_area_fraction=("area_fraction", "median"),
    taller_than_wide=("taller_than_wide", "mean"),
).round(3)

# %% [markdown]
# The classes differ, but their dots overlap widely. So neither sign tells the
# class of a single case.
#
# ## Where do the lesions lie?
#
# You put all masks of a class on top of each other, on squares of 64 pixels.
# Where the colour is bright, many lesions lie. Expect the middle from left to
# right, and a little above it: whoever takes the picture holds the *probe*,
# the part that sends and hears the sound, over the lesion, and lesions lie at
# some depths more than at others. So a program can be right by guessing that
# place, without looking.

# %%
squares, targets = busi.load_arrays(cases, 64, cache=here.runs / "cache")
share = {}
for label in middle.index:
    rows = (cases["label"] == label).to_numpy()
    share[label] = (targets[rows] > 0).mean(axis=0)
top = max(map(np.max, share.values()))

# %% tags=["hide-input"]
figures.show(
    figures.heat(
        share, "Where lesions lie", "share of cases", (0, top), width=3.2
    ),
    alt="Heat maps of lesion place by class; both are brightest near the "
    f"middle, up to {top:.0%} of the cases.",
)

# %% [markdown]
# ## How bright are the images?
#
# The operator of the scanner sets the *gain*: how strongly echoes are
# amplified before they are drawn. So brightness says much about the machine.
# But the lesion and its shadow are part of the picture, too, and may darken
# it. Take the mean over what is not black, so that the black borders do not
# count.

# %%
content = np.where(squares > 0, squares, np.nan)
cases["brightness"] = np.nanmean(content, axis=(1, 2))
bright = cases.groupby("label", sort=False)["brightness"].median()

# %% tags=["hide-input"]
unit = "mean grey level, 0 to 255"
figure = figures.by_class(cases, "brightness", unit, "Brightness")
figures.show(
    figure,
    alt="Mean grey level of each image by class; medians "
    f"{bright.round().to_dict()}.",
)

# %% [markdown]
# Where the medians differ, is it the lesion or the rest? Leave out all columns
# that hold lesion, from top to bottom, and with them most of its shadow.

# %%
columns = np.broadcast_to((targets > 0).any(1, keepdims=True), squares.shape)
beside = np.ma.array(squares, mask=columns | (squares == 0)).mean(axis=(1, 2))
cases["brightness_beside"] = beside.filled(np.nan)
kinds_of = ["brightness", "brightness_beside"]
medians = cases.groupby("label")[kinds_of].median().reindex(busi.LABELS).T
gaps = (medians["benign"] - medians["malignant"]).to_numpy()
said = f"{gaps[0]:.1f} grey levels, {gaps[1]:.1f} beside the lesion"
print("benign minus malignant:", said)
medians.round(1)

# %% [markdown]
# What remains beside the lesion may be a hint at the class that has little to
# do with it: notebook 2 asks whether it is more than chance. In notebook 4 you
# change the brightness of training images at random, so that the network
# learns not to rely on it.
#
# ## Marks drawn onto the image
#
# *Callipers* (the crosses that measure a lesion), letters and body marks are
# drawn by the person at the scanner, often because there is something to
# measure. If they are commoner in one class, a network can learn the mark
# instead of the lesion: a *shortcut*. It scores well here and fails elsewhere.
#
# `marks.count` counts what looks drawn; a *glyph* is one letter, digit or
# cross. It is a rough counter: on simulated images, whose marks are known, it
# flags about two thirds of the marked images and hardly any other.

# %%
cases["glyphs"] = busi.in_threads(marks.count, cases["image"])
cases["marked"] = cases["glyphs"] >= marks.SURE
print(f"{cases['marked'].mean():.0%} of the images seem marked; by class:")
cases.groupby("label", sort=False)["marked"].agg(["sum", "mean"]).round(3)

# %%
most = cases.sort_values("glyphs", ascending=False).iloc[:4]
pictures = [busi.read_image(path) for path in most["image"]]
titles = [f"{c.case}, {c.glyphs} glyphs" for c in most.itertuples()]

# %% tags=["hide-input"]
heading = "The four images with the most marks"
figures.show(
    figures.gallery(pictures, titles, heading=heading),
    alt="Four images with many drawn marks: " + ", ".join(most["case"]),
)

# %% [markdown]
# Compare the shares in the column *mean* above. The further they are apart,
# the better the shortcut works. (A normal image has nothing to measure; its
# marks are letters.)
#
# Some images show the armpit, with its lymph nodes. Of a few the person at the
# scanner wrote so: AXILLA. `burned_text.shows_armpit` finds that word, and
# only it, by comparing it with letters drawn like the scanner's. Such images
# stay in, but notebook 5 reports them apart.

# %%
from helpers.data import burned_text


def shows_armpit(path):
    """Return whether the image of a file is labelled as the armpit."""
    return burned_text.shows_armpit(busi.read_image(path))


cases["armpit"] = busi.in_threads(shows_armpit, cases["image"])
print(f"{cases['armpit'].sum()} images say AXILLA (simulated ones never)")

# %% [markdown]
# ## Several masks for one image
#
# Some images show more than one lesion and come with a mask file for each.
# Code that reads only the first file takes the other lesions for background.

# %%
several = cases[cases["masks"].map(len) > 1]
print(f"{len(several)} of {len(cases)} cases have more than one mask file")
for name, paths in several[["case", "masks"]].head(8).values:
    first, merged = masks.merge(paths[:1]), masks.merge(paths)
    lost = 1 - first.sum() / merged.sum()
    print(f"{name}: {len(paths)} files; the first alone loses {lost:.0%}")

# %% [markdown]
# Some masks also hold *dust*: specks of a few pixels that nobody meant to
# draw. They do not change an area much, but they count as lesions of their
# own. Nothing is removed silently in this series; here is how many masks hold
# specks under 20 pixels. (Simulated masks have none.)

# %%
all_merged = map(masks.merge, lesions["masks"])
specks = [masks.parts(m)[1] - masks.parts(m, 20)[1] for m in all_merged]
print(
    f"{np.count_nonzero(specks)} of {len(specks)} masks, {sum(specks)} specks"
)

# %% [markdown]
# ## Images that are nearly copies of each other
#
# The same *frame*, one still of the scanner, can be in the set twice: cropped
# differently, scaled, mirrored, or with measuring marks drawn on it. If one
# copy is used for training and the other for testing, the test asks for
# something that the network has already seen. That is called *data leakage*,
# or a *leak*.
#
# `duplicates.near_duplicates` compares a short fingerprint of every image with
# every other's. It lays those that are most alike over each other and takes 1
# minus the correlation of their grey values, evened out, as the *distance*: 0
# is the same picture, 1 has nothing in common. On the real BUSI images, copies
# end at 0.03, other frames of the same lesion begin at 0.1, and strangers at
# 0.61 (looked at one by one, `results/near_duplicates*` has them).
# `duplicates.LIMIT` lies just below these: to keep a lesion's other frames
# together costs little, and a leak costs more. Images that are linked by pairs
# up to it form a *group*.
#
# **Predict, then run.** How many of the images are linked to another: about
# one in a hundred, one in ten, or more than one in four? The next cell tells.

# %%
compared = duplicates.near_duplicates(cases, limit=1)
pairs = compared[compared["distance"] <= duplicates.LIMIT]
cases["group"] = duplicates.assign_groups(cases, pairs)
group_sizes = cases["group"].value_counts()
copied = cases["group"].map(group_sizes) > 1
share_copied = f"{copied.mean():.0%} of the images are linked to another"
print(f"{len(pairs)} pairs up to {duplicates.LIMIT}; {share_copied}")
print(f"{len(cases)} images form {len(group_sizes)} groups")

# %% [markdown]
# Before you believe it, look where it is hardest: at the two least alike pairs
# that are kept together, and at the two most alike that are not. The speckle
# tells what a pair is: copies share it, grain for grain. Two frames of one
# lesion do not, once the probe was tilted, pressed, or moved across the plane
# of the picture: it meets other scatterers. (Moved within that plane, the
# grain moves along with the tissue.) Do you agree with all four? (Simulated
# sets hold copies and strangers only, so there all four are easy.)

# %% tags=["hide-input"]
by_name = cases.set_index("case", drop=False)
around = slice(max(0, len(pairs) - 2), len(pairs) + 2)
for a, b, distance in compared[["a", "b", "distance"]].values[around]:
    verdict = "kept together" if distance <= duplicates.LIMIT else "not"
    heading = f"distance {distance:.2f}: {verdict}"
    figures.show(
        figures.cases(by_name.loc[[a, b]], heading, columns=2),
        alt=f"{a} beside {b}, {heading}.",
    )

# %% [markdown]
# The same frame, or the same lesion, can even stand in two classes. At least
# one of the two labels is then wrong, and no network can be right about both.
# Each row is such a pair:

# %%
conflicts = duplicates.label_conflicts(cases, pairs)
conflicts[["a", "b", "distance"]].round(4)

# %% [markdown]
# Groups hold copies of a frame and few other frames of the same lesion. They
# are **not patients**: the set has no patient numbers, so two frames of one
# woman can still lie on two sides of a split. That is a limit of this data set
# which no code can lift.
#
# ## What others found, and what you found
#
# Pawłowska, Karwat and Żołek (2023) went through all 780 images by eye and
# with a search for transformed copies. Their counts, as relayed by a later
# data card, stand beside yours. You may have fewer images, and simulated ones
# have their own numbers, so compare shares and not counts. (They counted
# lesions in two classes; you count pairs.)

# %%
what = ["images in duplicates", "in two classes", "marked images"]
faults = pd.DataFrame({"published, of 780": [235, 8, 295]}, index=what)
faults["found here"] = copied.sum(), len(conflicts), cases["marked"].sum()
faults["published share"] = faults["published, of 780"] / 780
faults[f"share of {len(cases)}"] = faults["found here"] / len(cases)
faults.round(3)

# %% [markdown]
# ## Keep what you found
#
# The next notebook splits the cases so that all copies of a frame stay
# together. It needs the groups, the number of glyphs and the brightness; the
# paths differ from machine to machine and are left out.

# %%
n_masks = cases["masks"].map(len)
table = cases.drop(columns=["image", "masks"]).assign(n_masks=n_masks)
step.save("cases.csv", table)
step.save("near_duplicates.csv", pairs)
step.finish()

# %% [markdown]
# **You have** checked the files, counted and seen the classes, measured sizes,
# brightness and lesions, and found marks, several-mask cases, near copies and
# frames in two classes. Next: `02_prepare_the_masks` makes the target that the
# network learns, and a split that does not leak.
#
# ## Check yourself
#
# <details><summary>1. Why look at the share of the commonest class before you train a classifier?</summary>
#
# Because predicting it every time costs nothing. An accuracy below or near
# that share alone shows no skill.
#
# </details>
#
# <details><summary>2. Callipers are on most malignant images and on few normal ones. What can go wrong?</summary>
#
# A network can learn "calliper" instead of "lesion". It scores well on this
# set and fails on images that nobody has measured yet, which are those it is
# meant for.
#
# </details>
#
# <details><summary>3. A case has two mask files. What does code learn that reads the first only?</summary>
#
# That the second lesion is background. It is punished for finding it.
#
# </details>
#
# <details><summary>4. How do speckle patterns tell a copy from a second frame of the same lesion?</summary>
#
# A copy has the same speckle. Before a second frame the probe has mostly been
# tilted, pressed or moved across the picture's plane, and the speckle is
# another.
#
# </details>
#
# <details><summary>5. You never part the copies of a frame. Can one patient still have an image to learn from and one to be tested on?</summary>
#
# Yes. Groups hold near copies, not patients, and the set does not say who is
# who.
#
# </details>
#
# ## Exercise 1: cases with several masks
#
# Write a function of a list of file names that returns how many *cases* have
# more than one mask file. `benign (3)` has the masks `benign (3)_mask.png`,
# and, if there are more, `benign (3)_mask_1.png`, `benign (3)_mask_2.png`.

# %%
count_several = ...  # a function of a list of file names
exercises.check(exercises.several_masks, count_several)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def count_several(names):
#     case_of_mask = [n.split("_mask")[0] for n in names if "_mask" in n]
#     return sum(case_of_mask.count(case) > 1 for case in set(case_of_mask))
#
# exercises.check(exercises.several_masks, count_several)
# ```
#
# </details>
#
# ## Exercise 2: from pairs to groups
#
# A search found which images are copies of each other. Write a function of the
# number of images `n` and a list of pairs `(i, j)` of their numbers, 0 to
# `n - 1`, that returns how many groups there are. An image without a copy is a
# group of its own, and the copy of a copy belongs to the group.

# %%
count_groups = ...  # a function of n and a list of pairs
exercises.check(exercises.count_groups, count_groups)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def count_groups(n, pairs):
#     group = list(range(n))  # at first, each image is its own group
#     for i, j in pairs:
#         old, new = group[i], group[j]
#         group = [new if g == old else g for g in group]
#     return len(set(group))
#
# exercises.check(exercises.count_groups, count_groups)
# ```
#
# `n - len(pairs)` is right only as long as no pair joins what was joined
# already.
#
# </details>
#
# ## References
#
# - Al-Dhabyani, Gomaa, Khaled, Fahmy: Dataset of breast ultrasound images.
#   Data in Brief 28, 2020, doi
#   [10.1016/j.dib.2019.104863](https://doi.org/10.1016/j.dib.2019.104863)
# - Pawłowska, Karwat, Żołek: Letter to the editor on the dataset above. Data
#   in Brief 48, 2023, doi
#   [10.1016/j.dib.2023.109247](https://doi.org/10.1016/j.dib.2023.109247)
