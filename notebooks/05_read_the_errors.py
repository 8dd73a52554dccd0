# %% [markdown]
# # 5. Read the errors: which cases fail, and how sure are you?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/05_read_the_errors.ipynb)
#
# You will score the held-out predictions case by case, at the images' original
# size, and compare them with predictions that need no learning at all. Then
# you will look at the best and the worst cases, because a mean hides both.
#
# **You will**
# - score each case, report lesion images and normal images apart, with
#   intervals,
# - compare two rules on the same cases, by a paired test,
# - set trivial predictions and a second outline beside the network's score,
# - name the kinds of error and their possible causes by written rules,
# - count lesions instead of pixels.
#
# **Takes** about a minute in the quick profile. **Needs** notebooks 1, 2
# and 4. **Reads** `cases.csv`, `arrays.npz`, `folds.csv`, `leaks.csv`,
# `outlines.csv`, `predictions.npz`, `rules.csv`. **Writes** `scores.csv`,
# `report.json`, and the longer tables below as CSV files.
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
from helpers.data import busi, masks

step = here.step("05_read_the_errors")
pd.set_option("display.max_colwidth", None)  # show rules in full
predictions = step.read("04_train_the_segmenter", "predictions.npz")
rules = step.read("04_train_the_segmenter", "rules.csv").set_index("fold")
explored = step.read("01_explore_the_data", "cases.csv").set_index("case")
folds = step.read("02_prepare_the_masks", "folds.csv").set_index("case")

# %% [markdown]
# Notebook 4 kept its predictions on the cases that it had held out: with one
# fold trained those of fold 0, with five every case. You bring the images, the
# outlines and the folds into the order of these predictions.

# %%
names, probabilities = predictions["case"], predictions["probabilities"]
cases = explored.loc[names].join(folds["fold"]).reset_index()
cases = busi.with_files(cases, here.data.root)
references = [masks.merge(paths) for paths in cases["masks"]]
has_lesion = (cases["label"] != "normal").to_numpy()
print(f"{len(cases)} held-out cases of folds {sorted(set(cases['fold']))}")

# %% [markdown]
# ## From probabilities back to the original image
#
# The lesion probability of a pixel is that of benign plus that of malignant.
# `postprocessing.lesion_mask` restores it to the original size and then asks
# whether it is above the *threshold*. Notebook 4 chose the thresholds for each
# fold on its validation part, so the cases that you score had no say in them.
# An image is *flagged* if anything is marked on it.

# %%
from helpers.evaluation import postprocessing

predicted = postprocessing.lesion_masks(cases, probabilities, rules)
n_flagged = sum(mask.any() for mask in predicted)
print(f"{n_flagged} of {len(predicted)} images are flagged")

# %% [markdown]
# ## One row of scores for each case
#
# *Dice* and *IoU* measure the area that a prediction shares with the *ground
# truth* (what counts as right: here the person's outline), from 0 (none) to 1
# (the same mask). Here is a case whose Dice lies near 0.8.

# %%
from helpers.evaluation import metrics

scores = pd.DataFrame(map(metrics.case_scores, references, predicted))
k = (scores["dice"][has_lesion] - 0.8).abs().idxmin()
title = f"{names[k]}: Dice {scores['dice'][k]:.2f}"
title += f", IoU {scores['iou'][k]:.2f} ({here.data.kind})"
image = busi.read_image(cases["image"][k])
figure = figures.overlap(image, references[k], predicted[k], title)
figures.show(figure, alt=f"Two outlines, and what they share. {title}.")

# %% [markdown]
# IoU is the green area over all that is coloured. Dice is twice the green area
# over the sum of both masks, which counts the green twice, too. So a Dice of
# 0.8 is an IoU of 0.67. Both rank two predictions of a case alike.
#
# What is the score of an empty prediction? The rule must be stated, or two
# people with the same predictions will report different numbers. Areas are in
# pixels. HD95, a distance between outlines, comes below; surface Dice is kept
# for the file only.

# %%
print(metrics.EMPTY_RULE)
table = cases[["case", "label", "group", "fold"]].join(scores)
lesions, normals = table[has_lesion], table[~has_lesion]
some = ["case", "dice", "iou", "reference_area", "predicted_area"]
table[some].head().round(3)

# %% [markdown]
# ## The mean, and how sure of it you are
#
# With few cases the mean depends on which cases you happened to have. The
# interval comes from a *bootstrap*: draw the groups again and again with
# replacement, and see how much the mean moves. Near copies are drawn together,
# because they are not separate evidence. `n` is the number of cases, `value`
# the mean Dice, and 95 % of the redrawn means lie from `low` to `high`: the
# *95 % interval*. Every table below with these columns is read like this.
#
# It answers: what if other cases had been held out? It does not answer: what
# if the network had been trained again? Here that is one training with one
# seed. Change `seed` in notebook 4, and see how far the mean moves.

# %%
from helpers.evaluation import bootstrap

classes = {"all lesion images": has_lesion}
classes |= {name: table["label"] == name for name in masks.CLASSES[1:]}
by_label = bootstrap.by_subgroup(table["dice"], table["group"], classes)
by_label.round(3)

# %% [markdown]
# HD95 asks for distance: how far apart do the two outlines lie, in all but the
# worst twentieth of their length? It is in pixels of the original image (BUSI
# gives no millimetres, so images of other scale cannot be compared). Where
# nothing is marked it counts as the image's diagonal, so a few lift the mean a
# lot: read the median, too.

# %%
print(
    f"median HD95 of the lesion images: {lesions['hd95'].median():.1f} pixels"
)
bootstrap.by_subgroup(table["hd95"], table["group"], classes).round(1)

# %% [markdown]
# On normal images there is no overlap to score. What matters is whether the
# prediction stays empty (a *true negative*: nothing there, nothing marked),
# and if not, how large the *false-positive area* is (marked, but no lesion).

# %%
empty = normals["predicted_area"] == 0
size = (cases["height"] * cases["width"])[normals.index]
false_positive = (normals["predicted_area"] / size).mean()
print(f"normal images correctly empty: {empty.sum()} of {len(normals)}")
if len(normals):
    print(f"mean false-positive area: {false_positive:.2%} of a normal image")

# %% [markdown]
# ### How many cases would you need?
#
# An interval narrows with the square root of the number of cases: four times
# as many cases, half the width. Check it: draw `n` groups of yours, and see
# how far the interval of their mean reaches to either side (`seen`). Beside it
# stands what the formula 1.96 · sd / √n expects, where sd is the *standard
# deviation*: roughly, how far a single case lies from the mean. `n` counts
# groups, and sizes above the number of yours are left out. With very few
# groups a bootstrap comes out too narrow.
#
# **Predict, then run.** How many lesion images does it take to know their mean
# Dice to 0.02 either side: about 50, about 150, or more than 400? The next
# cell tells.

# %%
sizes = (5, 10, 25, 50, 100, 200, 400)
power = bootstrap.interval_widths(lesions["dice"], lesions["group"], sizes)
_, low, high = by_label.loc["all lesion images", ["value", "low", "high"]]
needed = len(lesions) * ((high - low) / 2 / 0.02) ** 2
needed = int(np.ceil(needed))
print(f"a mean Dice known to 0.02 either side needs {needed} such cases")
power.round(3)

# %% [markdown]
# This extrapolates your own interval above: four times the cases halve it.
# The formula would ask for fewer where near copies are drawn together: they
# are not separate evidence. At 5 and 10 groups `seen` may lie far below it: a
# small draw often holds no missed lesion, and looks surer than it is. Believe
# no interval of ten cases.
#
# And two separate intervals cannot tell methods apart whose means differ by
# 0.02 on a hundred images. A *paired* comparison can do better: both meet the
# same cases, and the hard ones are hard for both.
#
# ### Two thresholds, case by case
#
# Lesions and normals pull against each other: who marks less leaves more
# normal images empty, and misses more lesions. So never read one of these
# numbers without the other. Beside the fitted thresholds, here is the plain
# threshold of one half, with nothing fitted.

# %%
half = rules.assign(**postprocessing.RULE)
plain = postprocessing.lesion_masks(cases, probabilities, half)
dice = table[["dice"]].set_axis(["fitted"], axis=1)
dice["one half"] = list(map(metrics.dice, references, plain))
flagged = pd.DataFrame({"fitted": table["predicted_area"] > 0})
flagged["one half"] = [mask.any() for mask in plain]

# %%
thresholds = pd.DataFrame({"lesion Dice": dice[has_lesion].mean()})
thresholds["lesions flagged"] = flagged[has_lesion].mean()
thresholds["normals correctly empty"] = 1 - flagged[~has_lesion].mean()
thresholds.round(3)

# %% [markdown]
# The fitted thresholds were not chosen for the Dice alone: notebook 4 also
# counted missed lesions and empty normal images. So they are kept even if they
# lower the Dice of lesion images. Know that price before you pay it: is a
# difference in Dice more than luck? If the two thresholds were alike, it would
# be chance which score stands under which. So the *permutation test* swaps
# the two in whole groups of near copies, at random, many times, to see what
# chance can do; p is the share of swaps with a difference as large as yours.
# Below 0.05 it is often called *significant*.

# %%
pair = dice["fitted"][has_lesion], dice["one half"][has_lesion]
gain, p = bootstrap.paired_test(*pair, lesions["group"])
print(f"fitted minus one half: {gain:+.4f} mean Dice, p = {p:.3f}")
change = f"the fitted thresholds {'lower' if gain < 0 else 'raise'} the Dice"
print(change if p < 0.05 else "these cases show no difference in Dice")

# %% [markdown]
# ## What would you get without learning anything?
#
# A score means little alone. Nothing anywhere, the *mean shape* of the
# training masks, and the mask of the *nearest* training image, copied, are
# predictions that learn nothing. The last one you measured in notebook 2,
# under this split and under a random one that leaks. The last row is how well
# two outlines of one frame agree. (Copies were measured on all folds and
# second outlines on near copies only, so compare these rows roughly; below,
# the network is scored on the same lesions as the second outlines.)

# %%
from helpers.evaluation import baselines, leakage

own = [references[i] for i in lesions.index]
labels = step.read("02_prepare_the_masks", "arrays.npz")["labels"]
shape_dice = baselines.mean_shape(own, lesions["fold"], labels, folds["fold"])
leaks = step.read("02_prepare_the_masks", "leaks.csv").set_index("split")
copied = leaks[["copy-nearest Dice", "low", "high"]].T
outlines = step.read("02_prepare_the_masks", "outlines.csv")
twice = explored.loc[outlines["a"], "group"]

# %%
intervals = {
    "background everywhere": (0, 0, 0),
    "mean shape": bootstrap.interval(shape_dice, lesions["group"]),
    "copy the nearest": copied["by groups"],
    "copy the nearest, leaky split": copied["random"],
    "the trained network": by_label.iloc[0, 1:],
    "another outline, same frame": bootstrap.interval(outlines["dice"], twice),
}
columns = ["value", "low", "high"]
comparison = pd.DataFrame(map(list, intervals.values()), intervals, columns)

# %%
mean = lesions["dice"].mean()
axis = "mean lesion Dice, 95 % interval (dashed: the network)"
title = f"Between nothing and a second outline ({here.data.kind})"
figures.show_intervals(comparison, mean, axis, title)
if here.data.kind == "phantom":
    print("A program drew both outlines; those of people agree less.")

# %% [markdown]
# On the lesions that are outlined twice, compare case by case:

# %%
second = lesions["case"].map(leakage.second_outlines(outlines)).dropna()
there = lesions.loc[second.index, "dice"].mean()
print(f"{len(second)} lesions are outlined twice: mean Dice of the network")
print(f"{there:.2f}, of the second outline {second.mean():.2f}")

# %% [markdown]
# One popular number is missing here, with reason. Most pixels are background,
# so a prediction that finds no lesion at all has a splendid *pixel accuracy*:

# %%
accuracy = np.mean([1 - r.mean() for r in references])
print(f"pixel accuracy of 'background everywhere': {accuracy:.1%}")

# %% [markdown]
# ## The spread behind the mean
#
# Expect two heaps: lesions that were found and fit well, and lesions that were
# missed. The *median* is the case in the middle: half of the cases score
# higher, half lower. Where it lies above the mean, a few very bad cases pull
# the mean down.

# %% tags=["hide-input"]
middle = lesions["dice"].median()
missed = lesions["dice"] < postprocessing.MISSED
low = f"{missed.sum()} of {len(lesions)} below {postprocessing.MISSED}"
title = f"Held-out lesion images ({here.data.kind})"
figure = figures.score_histogram(lesions, title)
alt = f"Histogram of Dice by case: median {middle:.2f}, {low}."
figures.show(figure, alt=alt)

# %% [markdown]
# ## Worst, middle and best
#
# What could make a case hard? These rules were written without the scores of
# this run, and anybody can apply them without knowing a score. Which one would
# you add?

# %%
from helpers.evaluation import error_analysis

pd.Series(error_analysis.CAUSES, name="the case has it, if").to_frame()

# %% [markdown]
# The *contrast* is the difference in brightness between the lesion and a rim
# around it, in units of how much either of them varies (their standard
# deviation). The last two rules rest on what notebooks 1 and 2 found.

# %%
which = cases[has_lesion]
looks = error_analysis.looks(which, own, explored, outlines)
causes = error_analysis.causes(looks)

# %% [markdown]
# Now look, at one of each group of near copies. Solid blue is the person,
# dashed orange the network. Under each Dice stand the causes that the rules
# name.


# %%
def show_cases(rows, heading):
    """Show lesion images with both outlines, their Dice and their causes."""
    why = causes.loc[rows].apply(error_analysis.causes_as_text, axis=1)
    case, dice = table["case"], table["dice"]
    titles = [f"{case[i]}, Dice {dice[i]:.2f}\n{why[i]}" for i in rows]
    shots = [busi.read_image(cases["image"][i]) for i in rows]
    both = [references[i] for i in rows], [predicted[i] for i in rows]
    figure = figures.gallery(shots, titles, *both, heading=heading)
    listed = "; ".join(titles).replace("\n", " ")
    figures.show(figure, alt=f"{heading}: {listed}.")


order = lesions.sort_values("dice").drop_duplicates("group").index
show_cases(order[:8], "The worst cases")

# %%
k = len(order) // 2
show_cases(order[k - 2 : k + 2], "Cases from the middle")
show_cases(order[-4:], "The best cases")

# %% [markdown]
# It is easy to find *something* striking about a bad case. So ask the other
# way round: do the cases that have it score lower on average? The dashed line
# is the mean of all lesion images, these included; so what is judged is the
# difference from the rest. Of nine causes one may stand out by chance, so the
# printed intervals are made wider (notebook 6 explains this *correction*), and
# those of fewer than ten cases are not judged. Where the whole interval lies
# below 0, that is an *association*, not yet a cause: small lesions may score
# low because the small ones are also the faint ones. For a cause you must
# change it and nothing else, as notebook 6 does.


# %%
def mean_of(parts, heading):
    """Show the mean Dice of parts of the lesion images, and return it."""
    means = bootstrap.by_subgroup(lesions["dice"], lesions["group"], parts)
    axis = "mean Dice, 95 % interval (dashed: all lesion images)"
    figures.show_intervals(means, mean, axis, f"{heading} ({here.data.kind})")
    return means


with_cause = dict(causes.items()) | {"none of these": ~causes.any(axis=1)}
by_cause = mean_of(with_cause, "Does it go with a lower score?")
judged = [name for name in causes if by_cause["n"][name] >= 10]
for name in judged:
    pair = lesions["dice"], lesions["group"]
    less = bootstrap.part_minus_rest(*pair, causes[name], len(judged))
    ends = "{:+.2f} ({:+.2f} to {:+.2f})".format(*less)
    print(f"{name}, minus the rest: {ends}")

# %% [markdown]
# ## Benign or malignant, pixel by pixel?
#
# Now the class of a marked pixel counts, too. For each class take the pixels
# that the person and the network both give it, over all images, and divide by
# those that either of them gives it: an IoU. A lesion that is well outlined
# but wrongly classified costs both classes, and a large one weighs more.

# %%
targets = map(masks.target, references, cases["label"])
full = postprocessing.restored(cases, probabilities)
classed = map(postprocessing.class_mask, predicted, full)
table = table.join(pd.DataFrame(map(metrics.class_pixels, targets, classed)))

# %%
pixel_iou = pd.DataFrame(index=["value", "low", "high"])
for name in masks.CLASSES[1:]:
    pixels = table[[f"intersection_{name}", f"union_{name}"]]
    iou = bootstrap.interval(pixels, table["group"], bootstrap.ratio)
    pixel_iou[name] = iou
pixel_iou.T.round(3)

# %% [markdown]
# ## Benign or malignant, image by image?
#
# The class of an image follows its mask: an image in which nothing is marked
# is normal, any other the likelier of benign and malignant, over all pixels.
# Rows are the cases' labels, columns the predicted classes, and each cell
# counts cases.

# %%
from helpers.evaluation import classification

of_images = map(classification.image_probabilities, probabilities)
marked = [mask.any() for mask in predicted]
table["class"] = list(map(classification.image_class, of_images, marked))
pd.crosstab(table["label"], table["class"])

# %% [markdown]
# ## What kind of error?
#
# A Dice of 0.4 does not say what went wrong. A written rule does, so that two
# people count the same. The first line that fits names the case.

# %%
pd.Series(error_analysis.KINDS, name="rule").to_frame()

# %% [markdown]
# *Spills below* stands apart because of how ultrasound works: behind a lesion
# it is often darker (a *shadow*) or brighter (*enhancement*), and a prediction
# may run down into that strip. Count the kinds that occur here.

# %%
table["kind"] = error_analysis.kinds(lesions)
table["kind"] = table["kind"].fillna("")  # a normal image has none
lesions = table[has_lesion]
kinds = pd.crosstab(lesions["kind"], lesions["label"])
kinds = kinds.reindex(list(error_analysis.KINDS), fill_value=0)
kinds[kinds.any(axis=1)]

# %% [markdown]
# ## Which cases fail more often?
#
# Split the lesion images by what is known of each. The parts hold different
# cases, so nothing can be paired, and how far two intervals overlap does not
# settle it: that takes the difference, as above. The first *quarter* has the
# smallest lesions. With so many parts one will stand out by chance: take it as
# a question for other data.

# %%
by_size = lesions["reference_area"].rank(method="first")
quarter = 1 + pd.qcut(by_size, 4, labels=False)
parts = {name: lesions["label"] == name for name in masks.CLASSES[1:]}
parts |= {f"size, quarter {k} of 4": quarter == k for k in (1, 2, 3, 4)}

# %%
copies = lesions["group"].map(folds["group"].value_counts())
either = {
    ("touches the image's edge", "does not touch it"): looks["touches_border"],
    ("several lesions", "one lesion"): lesions["lesions"] > 1,
    ("burned-in marks", "no marks found"): causes["drawn marks"],
    ("has a near copy in the set", "has none"): copies > 1,
    ("shows the armpit", "all others"): which["armpit"],
}
for (name, other), part in either.items():
    if part.any() and not part.all():  # else there is nothing to compare
        parts |= {name: part, other: ~part}
subgroups = mean_of(parts, "Mean Dice by kind of case")
subgroups.round(3)

# %% [markdown]
# ## Lesion by lesion
#
# A doctor counts lesions, not pixels. And a high Dice can hide a missed
# lesion, where a second one is small. A lesion counts as found where one
# marked part overlaps it with an IoU of at least 0.1, or, more strictly, 0.5.
# A marked part that finds none is a *false positive*, on normal images too. So
# under the stricter rule fewer are found and more are false.

# %%
print(metrics.LESION_RULE)
by_lesion = error_analysis.by_lesion(table)
by_lesion.round(3)

# %% [markdown]
# These are the numbers at one threshold. Ask for more certainty, and false
# positives go away, but so do true ones. The *FROC curve* shows the whole
# trade (the free-response ROC curve): take the parts of the plain mask, above
# one half; the mean probability inside a part is its confidence. Admit the
# surest part first, then the next; the curve ends when all are in. Read off
# how many lesions are found at 0.1 false positives an image:

# %%
from helpers.evaluation import calibration

full = postprocessing.restored(cases, probabilities)
lesion = (1 - p[..., 0] for p in full)
froc = calibration.froc(map(metrics.candidates, references, plain, lesion))
curve = froc["false_per_image"], froc["sensitivity"]

# %% tags=["hide-input"]
axes = "false positives per image", "share of lesions found"
title = f"FROC curve ({here.data.kind})"
figures.show_lines({"IoU at least 0.1": curve}, *axes, title)

# %%
rates = (0.1, 0.25, 0.5)  # beyond the curve: its last value
at_rate = {str(rate): curve[1][curve[0] <= rate].max() for rate in rates}
print(", ".join(f"{n:.2f} at {rate}" for rate, n in at_rate.items()))

# %% [markdown]
# ## Keep what you found
#
# The longer tables become files, and `report.json` holds what a report of this
# run may quote. Notebook 6 adds its own to it.

# %% tags=["hide-input"]
tables = {
    "thresholds": thresholds.reset_index(names="threshold"),
    "comparison": comparison.reset_index(names="answer"),
    "causes": by_cause.reset_index(names="cause"),
    "subgroups": subgroups.reset_index(names="cases"),
    "by_lesion": by_lesion,
    "power": power,
}
for name, content in tables.items():
    step.save(f"{name}.csv", content)

# %% tags=["hide-input"]
dice_of_all = by_label.rename(columns={"value": "mean"}).to_dict("records")[0]
left_empty = {"n": len(normals), "correctly_empty": int(empty.sum())}
report = {"simulated": here.data.kind == "phantom"}
report |= {"held_out_cases": len(table), "folds": sorted(set(table["fold"]))}
report |= {"lesion_dice": dice_of_all, "lesion_dice_median": float(middle)}
report |= {"normals": left_empty, "pixel_iou": pixel_iou.to_dict()}
report |= {"froc": at_rate, "empty_rule": metrics.EMPTY_RULE}
report |= {"thresholds_paired_test": {"difference": gain, "p": p}}
report |= {"mean_shape_dice": float(shape_dice.mean())}

# %% tags=["hide-input"]
report |= {name: part.to_dict("records") for name, part in tables.items()}
step.save("report.json", report)
step.save("scores.csv", table)
step.save("froc.csv", froc)
step.save("kinds.csv", kinds.reset_index())
step.finish()

# %% [markdown]
# **You have** scored every held-out case at its original size, reported
# lesions and normals apart with an interval, compared two rules case by case,
# set trivial predictions and a second outline beside the network, and named
# the kinds of error. Only a run over all five folds on the real images says
# how good the method is. Next: `06_trust_and_robustness` asks whether the
# probabilities can be believed, and what disturbs the network.
#
# ## Check yourself
#
# <details><summary>1. A table gives a mean Dice of 0.80 over all images, normal ones with an empty prediction counted as 1. What do you ask?</summary>
#
# How many normal images there were, and how many stayed empty. Each of those
# counts a full 1 in the mean, whatever happened to the lesions.
#
# </details>
#
# <details><summary>2. Two networks have a mean Dice of 0.74 and 0.76 on the same 100 images, and their intervals overlap. Are they alike?</summary>
#
# You cannot tell from that. Both met the same cases, so ask for the difference
# case by case, with its interval or a paired test.
#
# </details>
#
# <details><summary>3. Fitted thresholds lower the Dice of lesion images. Why may one keep them?</summary>
#
# Because it says nothing of normal images. If more of those stay empty, the
# price may be worth it. Whoever decides that says so before the test.
#
# </details>
#
# <details><summary>4. Small lesions score lower, and the interval says that this is no chance. Is being small the cause?</summary>
#
# It may be. Small lesions may also be the faint ones. An association is where
# the search for a cause begins.
#
# </details>
#
# <details><summary>5. A network finds every lesion, and marks four more spots on each image. What does the share of lesions found hide?</summary>
#
# The false positives, four an image. Read the two numbers together, as the
# FROC curve does.
#
# </details>
#
# ## Exercise 1: take the normal images out
#
# A paper reports a mean Dice of 0.76 over 100 images. Of these, 40 are normal:
# 36 were left empty and count 1, four were not and count 0. What is the mean
# Dice of the 60 lesion images?

# %%
lesion_mean = ...  # a number from 0 to 1
exercises.check(exercises.without_normals, lesion_mean)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# lesion_mean = (0.76 * 100 - 36) / 60
# exercises.check(exercises.without_normals, lesion_mean)
# ```
#
# About 0.67: the normal images lent the mean almost a tenth.
#
# </details>
#
# ## Exercise 2: your own rule, on images that you have not seen
#
# A rule turns probabilities into a mask: `postprocessing.RULE` takes all above
# one half, notebook 4 fitted three numbers. Now you write one: a function of
# the class probabilities of an image (rows, columns, 3: background, benign,
# malignant) that returns True for each pixel that you mark. It is tried on the
# small network of `models/`, with new images, simulated on the spot: eight
# normal, eight benign, eight malignant. What counts is the utility of notebook
# 4: the mean lesion Dice, less the share of lesions missed, plus half the
# share of normal images left empty. Beat the plain threshold of one half. Can
# you also beat the rule that was fitted to this network on real images?

# %%
from helpers.model import unseen

my_rule = ...  # a function of probabilities (rows, columns, 3)
exercises.check(unseen.own_rule, my_rule)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def my_rule(classes):
#     lesion = 1 - classes[..., 0]
#     mask = lesion > 0.5
#     sure = mask.any() and lesion[mask].mean() > 0.7
#     return mask & sure
#
# exercises.check(unseen.own_rule, my_rule)
# ```
#
# One of many: it marks nothing at all where the network is not sure of what it
# would mark. So more normal images stay empty, and few lesions are lost. But
# these are 24 images, the same each time. Who tries ten rules on them and
# keeps the best has fitted that rule to them, and its score here is no longer
# that of new images. Decide first, then run it once.
#
# </details>
#
# ## References
#
# - Bunch, Hamilton, Sanderson, Simmons: A free response approach to the
#   measurement and characterization of radiographic-observer performance.
#   Proc. SPIE 127, 1977, doi
#   [10.1117/12.955926](https://doi.org/10.1117/12.955926)
# - Maier-Hein et al.: Metrics reloaded. Nature Methods 21, 2024, doi
#   [10.1038/s41592-023-02151-z](https://doi.org/10.1038/s41592-023-02151-z)
# - Phipson, Smyth: Permutation p-values should never be zero. Stat. Appl.
#   Genet. Mol. Biol. 9(1), 2010, doi
#   [10.2202/1544-6115.1585](https://doi.org/10.2202/1544-6115.1585)
