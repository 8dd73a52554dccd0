# %% [markdown]
# # 1. Explore the data: what is in it, and what is wrong with it?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/01_explore_the_data.ipynb)
#
# You will look at the data before you train anything on it. BUSI (Al-Dhabyani et al.
# 2020, [doi:10.1016/j.dib.2019.104863](https://doi.org/10.1016/j.dib.2019.104863)) is a
# folder of breast ultrasound images in three classes, with masks drawn by people. Like
# every real data set it has faults, and some of them make wrong results look good.
#
# **You will**
# - check the files and count the cases of each class,
# - look at images with their outlines, at sizes and brightness, and at lesions' size and place,
# - find marks drawn onto images, and learn why they are a hazard,
# - find cases with several masks, near copies, and frames that stand in two classes.
#
# **Takes** about a minute. **Needs** nothing. **Reads** the images.
# **Writes** `cases.csv`, `near_duplicates.csv`.
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

from helpers import audit, busi, figures, groups, masks

step = here.step("01_explore_the_data", profile)

# %% [markdown]
# ## Are the files what they should be?
#
# `busi.check` opens every file and lists what is wrong: missing masks, broken pictures,
# masks of another size than their image. Cases with an *error* are left out, cases with
# a *warning* are kept.

# %%
problems = busi.check(here.data.root)
print(problems["severity"].value_counts().to_dict() or "no problems found")
problems

# %% [markdown]
# ## How many cases?

# %%
cases = busi.index(here.data.root)
counts = cases["label"].value_counts()
figures.show(
    figures.counts(counts, f"{len(cases)} cases ({here.data.kind})"),
    alt=f"Bar chart of cases by class: {counts.to_dict()}.",
)

# %% [markdown]
# The classes are not balanced. A program that answers the commonest class every time is
# already right at this share of the images, without looking:

# %%
print(
    f"always '{counts.index[0]}': right at {counts.iloc[0] / len(cases):.0%}"
)

# %% [markdown]
# ## Look at some of each
#
# The blue line is the outline that a person drew. Look for skin at the top, for grey
# *speckle* everywhere, and for what lies below a lesion: often brighter below a benign
# one (*enhancement*) and darker below a malignant one (*shadow*).

# %%
for label in counts.index:
    some = cases[cases["label"] == label].iloc[:4]
    figures.show(
        figures.gallery(
            [busi.read_image(path) for path in some["image"]],
            list(some["case"]),
            [masks.merge(paths) for paths in some["masks"]],
            heading=label,
        ),
        alt=f"Four {label} images, lesions outlined: {', '.join(some['case'])}.",
    )

# %% [markdown]
# ## How large are the images?
#
# A network reads images of one size. If the sizes differ, something must be shrunk or
# padded, and that must be undone before scoring.

# %%
figures.show(
    figures.sizes(cases, "Every image, one dot a case"),
    alt=f"Widths from {cases['width'].min()} to {cases['width'].max()} pixels, heights "
    f"from {cases['height'].min()} to {cases['height'].max()}.",
)

# %% [markdown]
# ## How large are the lesions?
#
# You measure the share of the image that the merged mask covers.

# %%
shapes = pd.DataFrame(
    [masks.describe(masks.merge(paths)) for paths in cases["masks"]]
)
cases = cases.join(shapes[["area_fraction", "taller_than_wide", "parts"]])
lesions = cases[cases["label"] != "normal"]
middle = lesions.groupby("label", sort=False)["area_fraction"].median()
figures.show(
    figures.by_class(
        lesions,
        "area_fraction",
        "share of the image",
        "Lesion area by class",
    ),
    alt=f"Median share of the image that is lesion, by class: {middle.round(3).to_dict()}.",
)

# %% [markdown]
# Malignant lesions tend to be larger and more often *taller than wide*, which is one of
# the signs that radiologists use. How much do the classes differ here?

# %%
lesions.groupby("label", sort=False).agg(
    cases=("case", "size"),
    median_area_fraction=("area_fraction", "median"),
    taller_than_wide=("taller_than_wide", "mean"),
).round(3)

# %% [markdown]
# ## Where do the lesions lie?
#
# You put all masks of a class on top of each other. Where the colour is bright, many
# lesions lie. Expect the middle: whoever takes the picture points the probe at the
# lesion. So a program can be right by guessing the middle, without looking.

# %%
squares, targets = busi.load_arrays(cases, 64, cache=here.runs / "cache")
share = {
    label: (targets[(cases["label"] == label).to_numpy()] > 0).mean(axis=0)
    for label in ("benign", "malignant")
}
figures.show(
    figures.places(list(share.values()), list(share), "Where lesions lie"),
    alt="Heat maps of lesion place by class; both are brightest near the middle, up to "
    f"{max(s.max() for s in share.values()):.0%} of the cases.",
)

# %% [markdown]
# ## How bright are the images?
#
# The operator of the scanner sets the gain. Brightness therefore says much about the
# machine and little about the tissue, and it should not tell the classes apart.

# %%
content = squares.astype(float).sum(axis=(1, 2)) / (squares > 0).sum(
    axis=(1, 2)
)
cases["brightness"] = content
figures.show(
    figures.by_class(
        cases, "brightness", "mean grey level, 0 to 255", "Brightness"
    ),
    alt="Mean grey level of each image by class; medians "
    f"{cases.groupby('label')['brightness'].median().round().to_dict()}.",
)

# %% [markdown]
# ## Marks drawn onto the image
#
# Callipers, letters and body marks are drawn by the person at the scanner, often because
# there is something to measure. If they are commoner in one class, a network can learn
# the mark instead of the lesion: a *shortcut*. It scores well here and fails elsewhere.
# `audit.glyphs` counts what looks drawn. It is a rough counter: on simulated images,
# whose marks are known, it finds about two thirds of the marked images and marks hardly
# any other.

# %%
cases["glyphs"] = [audit.glyphs(path) for path in cases["image"]]
cases["marked"] = cases["glyphs"] >= 2
print(f"{cases['marked'].mean():.0%} of the images seem marked; by class:")
cases.groupby("label", sort=False)["marked"].agg(["sum", "mean"]).round(3)

# %%
most = cases.sort_values("glyphs", ascending=False).iloc[:4]
figures.show(
    figures.gallery(
        [busi.read_image(path) for path in most["image"]],
        [f"{c.case}, {c.glyphs} glyphs" for c in most.itertuples()],
        heading="The four images with the most marks",
    ),
    alt="Four images with many drawn marks: " + ", ".join(most["case"]),
)

# %% [markdown]
# ## Several masks for one image
#
# Some images show more than one lesion and come with a mask file for each. Code that
# reads only the first file calls the other lesions background.

# %%
several = cases[cases["masks"].map(len) > 1]
print(f"{len(several)} of {len(cases)} cases have more than one mask file")
for case in several.itertuples():
    first, merged = masks.merge(case.masks[:1]), masks.merge(case.masks)
    lost = 1 - first.sum() / merged.sum()
    print(
        f"{case.case}: {len(case.masks)} files; the first alone loses {lost:.0%}"
    )

# %% [markdown]
# Some masks also hold *dust*: specks of a few pixels that nobody meant to draw. They do
# not change an area much, but they count as lesions of their own. Nothing is removed
# silently in this series; here is what removing specks under 20 pixels would change.

# %%
cleaned = [
    masks.clean(masks.merge(paths), min_area=20)
    for paths in lesions["masks"]
]
changes = pd.DataFrame([change for _, change in cleaned])
changes.gt(0).sum().rename("masks that would change").to_frame()

# %% [markdown]
# ## Images that are nearly copies of each other
#
# The same frame can be in the set twice: cropped differently, scaled, mirrored, or with
# measuring marks drawn on it. If one copy is used for training and the other for
# testing, the test asks for something that the network has already seen. That is called
# a *leak*. `groups.near_duplicates` compares every image with every other.

# %%
pairs = groups.near_duplicates(cases)
cases["group"] = groups.assign_groups(cases, pairs)
group_sizes = cases["group"].value_counts()
in_groups = cases["group"].map(group_sizes) > 1
print(
    f"{len(pairs)} pairs; {in_groups.mean():.0%} of the images have a near copy"
)
print(f"{len(cases)} images form {len(group_sizes)} groups")

# %%
by_name = cases.set_index("case")
for pair in pairs.sort_values("distance").head(4).itertuples():
    two = by_name.loc[[pair.a, pair.b]]
    figures.show(
        figures.gallery(
            [busi.read_image(path) for path in two["image"]],
            [pair.a, pair.b],
            [masks.merge(paths) for paths in two["masks"]],
            columns=2,
            heading=f"distance {pair.distance:.3f}",
        ),
        alt=f"{pair.a} beside {pair.b}, found to be nearly the same image.",
    )

# %% [markdown]
# The same frame can even stand in two classes. At least one of the two labels is then
# wrong, and no network can be right about both.

# %%
conflicts = groups.label_conflicts(cases, pairs)
conflicts[["a", "b", "distance"]].round(4)

# %% [markdown]
# Groups hold copies of a frame and few other frames of the same lesion. They are **not
# patients**: the set has no patient numbers, so two frames of one woman can still lie on
# two sides of a split. That is a limit of this data set which no code can lift.
#
# ## What others found, and what you found
#
# Pawłowska, Karwat and Żołek (2023,
# [doi:10.1016/j.dib.2023.109247](https://doi.org/10.1016/j.dib.2023.109247)) went through
# all 780 images by eye and with a search for transformed copies. Their counts, as
# relayed by a later data card, stand beside yours. You may have fewer images, and
# simulated ones have their own numbers, so compare shares and not counts.

# %%
found_here = [in_groups.sum(), len(conflicts), cases["marked"].sum()]
pd.DataFrame(
    {
        "what": [
            "images in duplicates",
            "in two classes (published: lesions, here: pairs)",
            "marked images",
        ],
        "published, of 780": [235, 8, 295],
        "found here": found_here,
        f"share of {len(cases)}": np.round(
            np.array(found_here) / len(cases), 3
        ),
    }
)

# %% [markdown]
# ## Keep what you found
#
# The next notebook splits the cases so that all copies of a frame stay together.

# %%
table = cases.drop(columns=["image", "masks"]).assign(
    n_masks=cases["masks"].map(len)
)
step.save("cases.csv", table)
step.save("near_duplicates.csv", pairs)
step.finish()

# %% [markdown]
# **You have** checked the files, counted and seen the classes, measured sizes,
# brightness and lesions, and found marks, several-mask cases, near copies and frames in
# two classes. Next: `02_prepare_the_masks`
# makes the target that the network learns, and a split that does not leak.
