# %% [markdown]
# # 5. Read the errors: which cases fail, and how sure are you?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/05_read_the_errors.ipynb)
#
# You will score the held-out predictions case by case, at the images' original
# size, and compare them with predictions that need no learning at all. Then
# you will look at the best and the worst cases, because a mean hides both, and
# ask what the network rests its predictions on.
#
# **You will**
# - score each case, report lesion images and normal images apart, with
#   intervals,
# - set trivial predictions and the agreement of two people beside the
#   network's score,
# - name the kinds of error and their likely causes by written rules, and count
#   lesions,
# - check whether the probabilities can be believed, and whether they tell of a
#   failure,
# - hide, paint over and disturb images, and see what happens to the
#   prediction.
#
# **Takes** about a minute in the quick profile. **Needs** notebooks 1, 2
# and 4. **Reads** `cases.csv`, `arrays.npz`, `folds.csv`, `leaks.csv`,
# `outlines.csv`, `predictions.npz`, `rules.csv`, `model.keras`. **Writes**
# `scores.csv`, `report.json`, and every table below as a CSV file.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
import importlib  # Setup: the same cell opens every notebook.
import os
import sys

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = os.path.basename(REPO)
homes = [".", "..", name, f"/content/drive/MyDrive/{name}"]
found = [h for h in homes if os.path.exists(f"{h}/helpers/workspace.py")]
if not found and os.system(f"git clone -q --depth=1 {REPO}"):
    importlib.import_module("google.colab.drive").mount("/content/drive")
sys.path[:0] = map(os.path.abspath, found or homes[2:])
here = importlib.import_module("helpers.workspace").start()

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
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv").set_index("case")

# %% [markdown]
# Notebook 4 kept its predictions on the cases that it had held out. You bring
# the images, the outlines and the folds into the order of these predictions,
# so that row `i` is the same case everywhere. With one fold trained these are
# a fifth of the cases; with five, all.

# %%
names, probabilities = predictions["case"], predictions["probabilities"]
cases = busi.index(here.data.root).set_index("case").loc[names]
cases = cases.join(folds[["group", "fold"]])
cases = cases.join(explored[["glyphs", "armpit"]]).reset_index()
references = [masks.merge(paths) for paths in cases["masks"]]
has_lesion = (cases["label"] != "normal").to_numpy()
print(f"{len(cases)} held-out cases of folds {sorted(set(cases['fold']))}")

# %% [markdown]
# ## From probabilities back to the original image
#
# The lesion probability of a pixel is that of benign plus that of malignant.
# `postprocessing.lesion_mask` restores it to the original size first and only
# then asks whether it is above the *threshold*, from where on a pixel counts
# as lesion. The thresholds are those that notebook 4 chose for each fold on
# its validation part, so the cases that you score had no say in them. An image
# is *flagged* if anything is marked on it.

# %%
from helpers.evaluation import postprocessing

predicted = postprocessing.lesion_masks(cases, probabilities, rules)
n_flagged = sum(mask.any() for mask in predicted)
print(f"{n_flagged} of {len(predicted)} images are flagged")

# %% [markdown]
# ## One row of scores for each case
#
# What is the score of an empty prediction? The rule must be stated, or two
# people with the same predictions will report different numbers. This is ours;
# it also stands in the file that you write at the end. *Dice* and *IoU*
# measure the area that a prediction shares with the *ground truth* (what
# counts as right: here the person's outline), from 0 (none) to 1 (the same
# mask). A row has more columns than the few that are shown: each is explained
# where it is used. `NaN` means that the case has no such value.

# %%
from helpers.evaluation import metrics

print(metrics.EMPTY_RULE)
scores = pd.DataFrame(map(metrics.case_scores, references, predicted))
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
# *95 % interval*. Every table below with these columns is read like this. Is
# it wide? Then these cases do not tell you much.

# %%
from helpers.evaluation import bootstrap

classes = {"all lesion images": has_lesion}
classes |= {name: table["label"] == name for name in masks.CLASSES[1:]}
by_label = bootstrap.by_subgroup(table["dice"], table["group"], classes)
by_label.round(3)

# %% [markdown]
# Dice asks for shared area. HD95 asks for distance: how far apart do the two
# outlines lie, in all but the worst twentieth of their length? It is in pixels
# of the original image, and lower is better. A missed lesion counts as the
# image's diagonal, so a few of them lift the mean a lot.

# %%
bootstrap.by_subgroup(table["hd95"], table["group"], classes).round(1)

# %% [markdown]
# Normal images have no lesion to find, so there is no overlap to score. What
# matters is whether the prediction stays empty (a *true negative*: nothing
# there, nothing marked), and if not, how large the *false-positive area* is
# (marked, but no lesion).

# %%
empty = normals["predicted_area"] == 0
size = (cases["height"] * cases["width"])[normals.index]
false_positive = (normals["predicted_area"] / size).mean()
print(f"normal images correctly empty: {empty.sum()} of {len(normals)}")
print(f"mean false-positive area: {false_positive:.2%} of a normal image")

# %% [markdown]
# ### How many cases would you need?
#
# An interval narrows with the square root of the number of cases: four times
# as many cases, half the width. Check it: draw so many groups from yours, and
# see how far the interval of their mean reaches to either side (`seen`).
# Beside it stands what the formula 1.96 · sd / √n expects. Here sd is the
# *standard deviation*: roughly, how far a single case lies from the mean. Both
# columns are in units of Dice, and `n` counts the groups drawn, so a small
# data set has few rows. It knows nothing of groups: where these are of uneven
# size, `seen` is the larger one.

# %%
sizes = (10, 25, 50, 100, 200, 400)
power = bootstrap.interval_widths(lesions["dice"], lesions["group"], sizes)
power.round(3)

# %%
spread = lesions["dice"].std()
needed = int(np.ceil((bootstrap.Z * spread / 0.02) ** 2))
print(f"a mean Dice known to 0.02 either side needs {needed} such cases")

# %% [markdown]
# So when two methods are compared on a hundred images, and their means differ
# by 0.02, two separate intervals cannot tell them apart. A *paired* comparison
# can do better, because both meet the same cases, and the hard ones are hard
# for both.
#
# ### Two thresholds, case by case
#
# Lesions and normals pull against each other: who marks less leaves more
# normal images empty, and misses more lesions. So never read one of these
# numbers without the other. Beside the fitted thresholds, here is the plain
# threshold of one half, with nothing fitted. The last two columns are shares
# of the images, from 0 to 1.

# %%
half = rules.assign(**postprocessing.RULE)
plain = postprocessing.lesion_masks(cases, probabilities, half)
flagged, dice = pd.DataFrame(), pd.DataFrame()
for name, found in {"fitted": predicted, "one half": plain}.items():
    flagged[name] = [mask.any() for mask in found]
    dice[name] = list(map(metrics.dice, references, found))

# %%
thresholds = pd.DataFrame({"lesion Dice": dice[has_lesion].mean()})
thresholds["lesions flagged"] = flagged[has_lesion].mean()
thresholds["normals correctly empty"] = 1 - flagged[~has_lesion].mean()
thresholds.round(3)

# %% [markdown]
# Did fitting change the Dice of lesion images, or is the difference luck? If
# the two thresholds were alike, swapping their scores in a whole group of near
# copies would change nothing. The *permutation test* swaps at random, many
# times; p is the share of swaps with a difference as large as the one you
# have. Below 0.05 it is often called *significant*: hard to put down to luck.
# A negative difference means that the fitted thresholds have the lower Dice.
# Before you call that a loss, look at the normal images in the table above:
# they are what the thresholds were to protect.

# %%
pair = dice["fitted"][has_lesion], dice["one half"][has_lesion]
gain, p = bootstrap.paired_test(*pair, lesions["group"])
paired = {"difference": gain, "p": p}
print(f"fitted minus one half: {gain:+.4f} mean Dice, p = {p:.3f}")

# %% [markdown]
# ## What would you get without learning anything?
#
# A score means little alone. Nothing anywhere, the *mean shape* of the
# training masks, and the mask of the *nearest* training image, copied, are
# predictions that learn nothing. The last one you measured in notebook 2,
# under this split and under a random one: there it profits from near copies,
# and so would a network. And at the top stands how well two outlines of one
# frame agree: the *label-noise ceiling*. Expect the network between them. (On
# simulated images no second person drew anything: there the top is a
# program's, and far too high.)

# %%
from helpers.evaluation import baselines

own = [references[i] for i in lesions.index]
images, labels = arrays["images"], arrays["labels"]
shape_dice = baselines.mean_shape(own, lesions["fold"], labels, folds["fold"])
leaks = step.read("02_prepare_the_masks", "leaks.csv").set_index("split")
copied = leaks[["copy-nearest Dice", "low", "high"]]
outlines = step.read("02_prepare_the_masks", "outlines.csv")
twice = explored.loc[outlines["a"], "group"]

# %%
intervals = {
    "background everywhere": (0, 0, 0),
    "mean shape": bootstrap.interval(shape_dice, lesions["group"]),
    "copy the nearest": copied.loc["by groups"],
    "copy the nearest, leaky split": copied.loc["random"],
    "the trained network": by_label.iloc[0, 1:],
    "another outline, same frame": bootstrap.interval(outlines["dice"], twice),
}
comparison = pd.DataFrame(map(list, intervals.values()), intervals)
comparison.columns = ["value", "low", "high"]

# %%
mean = lesions["dice"].mean()
axis = "mean lesion Dice, 95 % interval (dashed: the network)"
title = f"Between nothing and a second outline ({here.data.kind})"
figures.show_intervals(comparison, mean, axis, title)

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

# %%
middle = lesions["dice"].median()
low = f"{(lesions['dice'] < 0.1).sum()} of {len(lesions)} below 0.1"
title = f"Held-out lesion images ({here.data.kind})"
figure = figures.score_histogram(lesions, title)
alt = f"Histogram of Dice by case: median {middle:.2f}, {low}."
figures.show(figure, alt=alt)

# %% [markdown]
# ## Worst, middle and best
#
# Before you look, write down what could make a case hard.
# `error_analysis.CAUSES` does: each line is a rule that anybody can apply to a
# case and its outline, without knowing its score.

# %%
from helpers.evaluation import error_analysis

pd.Series(error_analysis.CAUSES, name="the case has it, if").to_frame()

# %% [markdown]
# The *contrast* is the difference in brightness between the lesion and a rim
# around it, in units of how much either of them varies (their standard
# deviation). Two rules come from notebooks 1 and 2: does a near copy stand
# under another class, and was a copy of the frame outlined elsewhere?

# %%
shots = [busi.read_image(cases["image"][i]) for i in lesions.index]
looks = pd.DataFrame(map(error_analysis.appearance, shots, own), lesions.index)
labels_of = explored.groupby("group")["label"].nunique()
looks["glyphs"] = cases["glyphs"]
looks["other_class"] = lesions["group"].map(labels_of) > 1
agreement = error_analysis.least_agreement(outlines)
looks["outlines"] = lesions["case"].map(agreement)
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
# way round: do all cases that have the cause score lower? A cause whose
# interval lies left of the line deserves the name. Where it straddles the
# line, these cases do not show that it matters. A row of `NaN` means that no
# case has this cause.


# %%
def mean_of(parts, heading):
    """Show the mean Dice of parts of the lesion images, and return it."""
    means = bootstrap.by_subgroup(lesions["dice"], lesions["group"], parts)
    axis = "mean Dice, 95 % interval (dashed: all lesion images)"
    figures.show_intervals(means, mean, axis, f"{heading} ({here.data.kind})")
    return means


with_cause = dict(causes.items()) | {"none of these": ~causes.any(axis=1)}
by_cause = mean_of(with_cause, "Does the cause go with a lower score?")
by_cause.round(3)

# %% [markdown]
# A bad case without any cause is the interesting one: nothing that you thought
# of explains it. And a good case with causes says that the rules do not decide
# alone. How many are there of each?

# %%
bad = lesions["dice"] < 0.5
for name, part in {"below": bad, "at least": ~bad}.items():
    share = causes[part].any(axis=1).mean()
    print(f"Dice {name} 0.5: {part.sum()} cases, {share:.0%} with a cause")

# %% [markdown]
# ## Benign or malignant, pixel by pixel?
#
# So far a marked pixel was right wherever a lesion is. Now its class counts,
# too. For each class take the pixels that the person and the network both give
# it, over all images, and divide by those that either of them gives it. A
# lesion that is well outlined but wrongly classified costs both classes. Large
# lesions have more pixels and weigh more, so this is no mean over cases. Each
# `value` is an IoU, from 0 to 1.


# %%
def class_pixels(i):
    """Return the intersection and union of each class on case i, in pixels."""
    shape, label = references[i].shape, cases["label"][i]
    full = postprocessing.restore_probabilities(probabilities[i], *shape)
    prediction = postprocessing.class_mask(predicted[i], full)
    ground_truth = masks.target(references[i], label)
    return metrics.class_pixels(ground_truth, prediction)


table = table.join(pd.DataFrame(map(class_pixels, table.index)))

# %%
pixel_iou = {}
for name in masks.CLASSES[1:]:
    pixels = table[[f"intersection_{name}", f"union_{name}"]]
    iou = bootstrap.interval(pixels, table["group"], bootstrap.ratio)
    pixel_iou[name] = dict(zip(["value", "low", "high"], iou, strict=True))
pd.DataFrame(pixel_iou).T.round(3)

# %% [markdown]
# ## Benign or malignant, image by image?
#
# Where the network marked something, which class did it give to most of it?
# This is not yet a diagnosis of the image, which notebook 7 asks for; it only
# asks whether the pixels got the right class. Rows are the cases' labels,
# columns the predicted classes, and each cell counts cases.

# %%
majority = map(postprocessing.majority_class, probabilities, predicted)
table["majority_class"] = list(majority)
pd.crosstab(table["label"], table["majority_class"])

# %% [markdown]
# ## What kind of error?
#
# A Dice of 0.4 does not say what went wrong. A written rule does, so that two
# people count the same. The first line that fits names the case. Then each
# kind is counted.

# %%
pd.Series(error_analysis.KINDS, name="rule").to_frame()

# %% [markdown]
# *Spills into the shadow* stands apart because of how ultrasound works: behind
# a lesion it is often darker, and a prediction that runs down into this shadow
# takes it for lesion.

# %%
named = error_analysis.kinds(lesions)
table["kind"] = named.reindex(table.index, fill_value="")
kinds = pd.crosstab(table["kind"][has_lesion], table["label"][has_lesion])
kinds = kinds.reindex(list(error_analysis.KINDS), fill_value=0)
kinds

# %% [markdown]
# Two errors can come on top of any of these: the lesion was found but got the
# wrong class, and something else was marked as well, where no lesion is.

# %%
hit = table[has_lesion & (table["dice"] >= 0.1)]
beside = {
    "found": len(hit),
    "wrong_class": int((hit["majority_class"] != hit["label"]).sum()),
    "false_lesion_beside": int((hit["false_iou10"] > 0).sum()),
}
beside

# %% [markdown]
# ## Which cases fail more often?
#
# Split the lesion images by what is known of each, and give every part its own
# interval. Where two intervals overlap widely, these cases do not show a
# difference. A *quarter* holds a fourth of the lesions; the first has the
# smallest. And with so many parts one will stand out by chance: take it as a
# question for other data.

# %%
by_size = lesions["reference_area"].rank(method="first")
quarters = [f"size, quarter {k} of 4" for k in (1, 2, 3, 4)]
quarter = pd.qcut(by_size, 4, labels=quarters)
parts = {name: lesions["label"] == name for name in masks.CLASSES[1:]}
parts |= {name: quarter == name for name in quarters}

# %%
copies = lesions["group"].map(folds["group"].value_counts())
parts |= {
    "touches the image's edge": looks["touches_border"],
    "does not touch it": ~looks["touches_border"],
    "several lesions": lesions["lesions"] > 1,
    "burned-in marks": causes["drawn marks"],
    "no marks found": ~causes["drawn marks"],
    "has a near copy in the set": copies > 1,
    "has none": copies == 1,
    "shows the armpit": cases["armpit"][has_lesion],
    "all others": ~cases["armpit"][has_lesion],
}
subgroups = mean_of(parts, "Mean Dice by kind of case")
subgroups.round(3)

# %% [markdown]
# ## Lesion by lesion
#
# A doctor counts lesions, not pixels. A lesion counts as found where one
# marked part overlaps it with an IoU of at least 0.1, or, more strictly, 0.5.
# A marked part that finds none is a *false positive*, on normal images too. So
# under the stricter rule fewer are found and more are false. *False positives
# per image* is their mean number over all images.

# %%
print(metrics.LESION_RULE)
lines = []
for least in ("10", "50"):
    counts = table[[f"found_iou{least}", "lesions"]]
    found_share = bootstrap.interval(counts, table["group"], bootstrap.ratio)
    false = bootstrap.interval(table[f"false_iou{least}"], table["group"])
    lines.append([int(least) / 100, *found_share, *false])

# %%
columns = ["IoU, at least", "share of lesions found", "low", "high"]
columns += ["false positives per image"]
columns += ["false positives, low", "false positives, high"]
by_lesion = pd.DataFrame(lines, columns=columns)
by_lesion.round(3)

# %% [markdown]
# These are the numbers at one threshold. Ask for more certainty, and false
# positives go away, but so do true ones. The *FROC curve* shows the whole
# trade: each marked part has the mean probability inside it as its confidence,
# and you keep the parts above a threshold that you lower step by step. It
# starts from the plain threshold of one half.

# %%
from helpers.evaluation import calibration

shapes = (mask.shape for mask in references)
pairs = zip(probabilities, shapes, strict=True)
restored = (postprocessing.restore_probabilities(p, *s) for p, s in pairs)
full = [1 - p[..., 0] for p in restored]
spots = list(map(metrics.candidates, references, plain, full))
froc = calibration.froc(spots)

# %%
curve = froc["false_per_image"], froc["sensitivity"]
axes = "false positives per image", "share of lesions found"
title = f"FROC curve ({here.data.kind})"
figures.show_lines({"IoU at least 0.1": curve}, *axes, title)

# %%
rates = (0.1, 0.25, 0.5)
at_rate = {str(rate): curve[1][curve[0] <= rate].max() for rate in rates}
for rate, share in at_rate.items():
    print(f"at {rate} false positives per image {share:.2f} of all are found")

# %% [markdown]
# ## Can you believe the probabilities?
#
# Of all pixels to which the network gives a lesion probability of about 0.7,
# about 70 % should be lesion. The *expected calibration error* (ECE) is the
# mean gap between the two, weighted by how many pixels have such a
# probability. The *Brier score* is the mean squared distance of the
# probability from the ground truth, 0 or 1.
#
# Most pixels are easy background, and they make any ECE look small. So lesion
# images get a row of their own, and so do the pixels that the network itself
# is not sure about.

# %%
at = folds.index.get_indexer(names)
ground_truth = labels[at] > 0
lesion = 1 - probabilities[..., 0].astype(np.float32)
everywhere = np.ones_like(ground_truth)
pixel_sets = {
    "all pixels": everywhere,
    "of lesion images": everywhere & has_lesion[:, None, None],
    "unsure ones (0.1 to 0.9)": (lesion > 0.1) & (lesion < 0.9),
}

# %%
chosen = pixel_sets.values()
errors = [calibration.summary(lesion[w], ground_truth[w]) for w in chosen]
by_pixels = pd.DataFrame(errors)
by_pixels.insert(0, "pixels", list(pixel_sets))
by_pixels.insert(1, "share", [w.mean() for w in chosen])
by_pixels.round(4)

# %% [markdown]
# Networks are often too sure of themselves. One number can correct part of
# that. *Temperature scaling* divides all *logits* (the network's raw numbers,
# before they become probabilities) by a *temperature* above 1, and every
# probability moves towards one half. But the Dice part of the loss rewards
# marking a little too much, and that error has a direction. So a second fit,
# *Platt scaling*, also adds a shift. Notebook 4 fitted both, for each fold on
# its validation part alone. Compare the ECE and the Brier score of the three
# rows: lower is better. Expect most from the second fit: where probabilities
# are too high rather than too far from one half, a temperature alone may even
# do harm.

# %%
fits = rules.loc[cases["fold"]]
parameters = ["temperature", "platt_temperature", "platt_shift"]
fitted = [fits[name].to_numpy()[:, None, None] for name in parameters]
temperature, *platt = fitted
versions = {
    "uncalibrated": lesion,
    "temperature-scaled": calibration.rescale(lesion, temperature),
    "Platt-scaled": calibration.rescale(lesion, *platt),
}

# %%
errors = [calibration.summary(v, ground_truth) for v in versions.values()]
recalibrated = pd.DataFrame(errors)
recalibrated.insert(0, "probabilities", list(versions))
recalibrated.round(4)

# %% [markdown]
# The *reliability diagram* shows where the gap lies. A curve below the
# diagonal says "lesion" more often than it is true.

# %%
curves = {"as it should be": ([0, 1], [0, 1])}
true = ground_truth[has_lesion]
for name, version in versions.items():
    bins = calibration.reliability(version[has_lesion], true, bins=10)
    curves[name] = bins["confidence"], bins["accuracy"]
axes = "lesion probability", "share that is lesion"
title = f"Pixels of held-out lesion images ({here.data.kind})"
figures.show_lines(curves, *axes, title)

# %% [markdown]
# A temperature changes no mask at the threshold of one half: one half stays
# one half. A shift does, and the thresholds of this notebook were fitted
# without it. So the masks stay as they are; the recalibrated probabilities are
# for whoever reads them as such.
#
# ## Does the network know when it fails?
#
# Nobody can check every outline. It would help if the network were unsure
# where it is wrong. Take the mean lesion probability inside its outline as its
# *confidence*. Keep only the surest cases: does their Dice rise? Turn it round
# and take 1 - Dice as the *loss* of a case. Keep the surest case, then the two
# surest, and so on, and note the mean loss each time. The mean of all these is
# the *AURC* (area under the risk-coverage curve): lower is better. `random` is
# what a random order would give.

# %%
from helpers.evaluation import classification

loss = 1 - lesions["dice"].to_numpy()
confidence = list(map(classification.mean_inside, lesion[has_lesion]))
area, excess = calibration.aurc(confidence, loss)
aurc = {"value": area, "random": float(loss.mean()), "excess": excess}
print({name: round(value, 3) for name, value in aurc.items()})
kept = 1 - calibration.risk_coverage(confidence, loss)[1]
surer = kept[len(kept) // 2]
print(f"mean Dice {kept[-1]:.3f}, of the surer half {surer:.3f}")

# %% [markdown]
# `excess` is what the best possible order (by the true Dice) would still save:
# near 0, the confidence sorts the cases about as well as it can. Compare
# `value` with `random`, too: if it is no lower, the network does not know when
# it fails.
#
# ### Ask the same network five times
#
# Another idea: where several predictions for one case *disagree*, they cannot
# all be right. You have one network for each fold, so you ask it about five
# views of each case: as it is, mirrored, darker, brighter, and smaller. Each
# prediction is moved back to its place. Together they are a *test-time
# augmentation ensemble*.
#
# **From here on** you use the saved model, that of the last fold trained, and
# the cases that this fold held out. They are fewer, so the intervals are
# wider.

# %%
from helpers.evaluation import uncertainty
from helpers.model import checkpoint, training

model = checkpoint.load(step.read("04_train_the_segmenter", "model.keras"))
last = int(predictions["fold"][-1])
mine = np.flatnonzero(has_lesion & (cases["fold"] == last))
print(f"fold {last}: {len(mine)} held-out lesion images")


def predict(images):
    """Return the network's class probabilities of images (n, size, size)."""
    return training.predict(model, images)


views = uncertainty.tta_probabilities(predict, images[at[mine]])

# %% [markdown]
# `agreement` is the mean Dice between two of the five predictions, the usual
# baseline. The others look at the mean of the five: its mean probability
# inside the outline (`mean inside`), its *entropy* there (how undecided it is:
# 0 where it is certain, largest at one half; turned round, so that higher is
# surer), its highest probability. `single view` is the mean inside of the
# first prediction alone. Where nothing was marked there is nothing to be sure
# of, and all but the highest are 0. Which order puts the failures last? Each
# `value` is an AURC, and gets an interval.

# %%
confidences = uncertainty.confidences(views)
loss_there = 1 - table["dice"][mine].to_numpy()
groups = table["group"][mine]
orders = uncertainty.rank(confidences, loss_there, groups)
orders.round(3)

# %%
ranked = {
    "agreement": confidences["agreement"],
    "mean inside": confidences["mean inside"],
    "random order": np.ones(len(loss_there)),
    "best order": -loss_there,
}
coverage = {}
for name, by in ranked.items():
    coverage[name] = calibration.risk_coverage(by, loss_there)
axes = "share of cases kept", "mean of 1 - Dice"
title = f"Keep only the surest cases (fold {last}, {here.data.kind})"
figures.show_lines(coverage, *axes, title)

# %% [markdown]
# Read the curves from the left. One that stays low keeps good cases first.
# Where the intervals of two orders overlap, the simpler one will do. And note
# what no order can see: a lesion that all five views mark at the same wrong
# place looks like agreement.
#
# ## What does it look at?
#
# Paint a square of the image grey and ask again. If the probability falls, the
# network rested on what you hid. Slide the square over the whole image, and
# the falls make a map. What falls is the mean lesion probability inside the
# network's own outline; a fall of 0.1 is from 0.8 to 0.7, say. You look at
# three held-out cases where something was marked: the worst, the middle and
# the best. Expect the largest fall inside the lesion; a large one elsewhere is
# a hint that the network uses something else. Look for it in the worst case
# first.

# %%
from helpers.model import explain

seen = [i for i in mine if (lesion[i] > 0.5).any()]
seen = sorted(seen, key=lambda i: table["dice"][i])
seen = [seen[0], seen[len(seen) // 2], seen[-1]] if seen else []
titles = [f"{names[i]}, Dice {table['dice'][i]:.2f}" for i in seen]
inside = [lesion[i] > 0.5 for i in seen]
squares = zip(images[at[seen]], inside, strict=True)
falls = [explain.occlusion(predict, image, m) for image, m in squares]

# %% [markdown]
# First what the network saw, with the person's outline solid and its own
# dashed. Then the maps, with its own outline. Where is the largest fall:
# inside or outside of it?

# %%
if seen:
    shown = images[at[seen]], titles, ground_truth[seen], inside
    alt = f"Three cases with both outlines: {', '.join(titles)}."
    figures.show(figures.gallery(*shown, columns=3), alt=alt)

# %%
what = "fall of the lesion probability"
if seen:
    maps = dict(zip(titles, falls, strict=True))
    largest = [fall.argmax() for fall in falls]
    hits = sum(m.flat[k] for m, k in zip(inside, largest, strict=True))
    alt = f"Three maps of the {what} where a square is hidden; the largest "
    alt += f"fall lies inside the network's outline in {hits}."
    figure = figures.heat(maps, what, "fall", outlines=inside, columns=3)
    figures.show(figure, alt=alt)

# %% [markdown]
# A map of this kind is a sketch. A square cannot hide a shadow or a texture
# that is everywhere, and grey paint is itself a thing that the network has
# never seen.
#
# ### Would it predict the same without the marks?
#
# Callipers sit at a lesion's rim and text tells the side. A network could
# learn from them where a lesion is, and which lesions a doctor found worth
# measuring. So paint the marks over, and ask again. And the other way round:
# burn marks into images that have none. `robustness.HeldOut` holds the network
# and the cases, and compares its predictions before and after a change, case
# by case.

# %%
from helpers.data import marks
from helpers.evaluation import robustness

side, inputs = images.shape[1], (cases, references, rules)
held_out = robustness.HeldOut(predict, side, *inputs)
rng = np.random.default_rng(0)
drawn = cases["glyphs"] >= marks.SURE
here_last = cases["fold"] == last


def without(image):
    return marks.inpaint(image)[0]


def with_two(image):
    return robustness.marks(image, 2, rng)


# %%
changes = {
    "lesion, marks painted over": (without, has_lesion & drawn),
    "lesion, marks added": (with_two, has_lesion & ~drawn),
    "normal, marks added": (with_two, ~has_lesion & ~drawn),
}
effects = []
for name, (change, which) in changes.items():
    rows = np.flatnonzero(which & here_last)
    if len(rows):
        effect = held_out.subset(rows).compare(change)
        effects.append(effect.assign(change=name))

# %% [markdown]
# On normal images the Dice is 1 if the prediction stays empty, else 0, as the
# rule above says. `lesion probability` is one number for the whole image: how
# sure the network is that there is a lesion at all. `before` is the mean
# without the change, `difference` is after minus before, and `p` is that of
# the permutation test.

# %%
by_change = pd.concat(effects, ignore_index=True)
by_change.insert(0, "change", by_change.pop("change"))
by_change.round(3)

# %% [markdown]
# A p below 0.05 is a sign that marks move the prediction; a p above it says
# that these cases do not show it. How large the difference is matters more:
# compare it with the intervals above. What the painting misses, such as dotted
# lines, stays in the image.
#
# ## What if the image were worse?
#
# Another scanner has another gain; an export blurs and shrinks; another breast
# gives other speckle and shadows. You disturb the held-out lesion images more
# and more, and watch the mean Dice. The outline stays the same, so any fall is
# the network's. Lengths are in pixels of the original image. Expect little
# from gain, which the training varied, and from blur and shrinking, as the
# network sees a much smaller square anyway. Speckle and shadow are another
# matter: the training never added any. Simulated images need not follow this:
# see which of the five does the most harm here. Gain is in *decibels* (dB): a
# step of 15 adds a quarter of the way from black to white everywhere.

# %%
worse = held_out.subset(mine).degrade()
title = f"Fold {last}, with 95 % intervals ({here.data.kind})"
figures.show_disturbed(worse, title)

# %% [markdown]
# The bands are wide, because they are over few cases. But all strengths have
# the *same* cases, so the difference from the undisturbed image is known
# better than either value. Here it is for the worst point of each disturbance.
# `value` is the mean Dice there. A p of 0.000 is not zero: it is below 0.0005.
# But each point is the worst of several, picked after the fact, so its p is a
# little too small.

# %%
lowest = worse.loc[worse.groupby("disturbance")["value"].idxmin()]
some = ["disturbance", "unit", "strength", "value", "difference", "p"]
lowest[some].round(3)

# %% [markdown]
# ## Keep what you found
#
# Every table becomes a file. `report.json` holds what a report of this run may
# quote, each figure under a plain name.

# %%
tables = {
    "thresholds": thresholds.reset_index(names="threshold"),
    "comparison": comparison.reset_index(names="answer"),
    "causes": by_cause.reset_index(names="cause"),
    "subgroups": subgroups.reset_index(names="cases"),
    "by_lesion": by_lesion,
    "calibration": by_pixels,
    "calibration_scaled": recalibrated,
    "uncertainty": orders.reset_index(names="confidence"),
    "marks": by_change,
    "robustness": worse,
    "power": power,
}

# %%
for name, content in tables.items():
    step.save(f"{name}.csv", content)

# %% [markdown]
# The report gets the same tables, and beside them the few figures that come
# alone.

# %%
n, *bounds = by_label.iloc[0]
mean_dice = dict(zip(["mean", "low", "high"], bounds, strict=True))
report = {
    "simulated": here.data.kind == "phantom",
    "held_out_cases": len(table),
    "folds": sorted(map(int, set(cases["fold"]))),
    "lesion_dice": {**mean_dice, "n": int(n)},
    "lesion_dice_median": float(middle),
    "normals": {"n": len(normals), "correctly_empty": int(empty.sum())},
    "pixel_iou": pixel_iou,
    "mean_shape_dice": float(shape_dice.mean()),
    "kinds": table["kind"][has_lesion].value_counts().to_dict(),
    "found": beside,
    "froc": at_rate,
    "aurc": aurc,
    "thresholds_paired_test": paired,
    "cases_for_half_width_of_0.02": needed,
    "one_fold": {"fold": last, "lesion_images": len(mine)},
    "empty_rule": metrics.EMPTY_RULE,
}

# %%
report |= {name: part.to_dict("records") for name, part in tables.items()}
step.save("report.json", report)
step.save("scores.csv", table)
step.save("froc.csv", froc)
step.save("kinds.csv", kinds.reset_index())
step.finish()

# %% [markdown]
# **You have** scored every held-out case at its original size, reported
# lesions and normals apart with an interval, set trivial predictions and a
# second person beside the network, named the kinds of error and tested their
# causes, recalibrated the probabilities, and asked what the network looks at
# and what it can bear. A few held-out cases give a wide interval: only a run
# over all five folds on the real images (`profiles/gpu.yaml`) says how good
# the method is. Next: `08_benefits_and_challenges` measures what textbooks
# claim of such networks, and `07_from_pixels_to_findings` asks what one may
# say about a whole image.
#
# ## Check yourself
#
# <details><summary>1. A table gives a mean Dice of 0.80 over all images, normal ones with an empty prediction counted as 1. What do you ask?</summary>
#
# How many normal images there were, and how many stayed empty. Each of them
# lifts the mean by a full 1, whatever happened to the lesions. Ask for the two
# numbers apart.
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
# <details><summary>3. A temperature was fitted on the held-out cases, and the ECE fell to a third. Why is that no result?</summary>
#
# The cases that should judge it have chosen it. Fit on the validation part,
# and measure on cases that had no say.
#
# </details>
#
# <details><summary>4. Five views of one image give five equal predictions. Is the outline right?</summary>
#
# Not for certain. Views of one network share its habits: a shadow that it
# takes for a lesion is marked five times, at the same place, in full
# agreement.
#
# </details>
#
# <details><summary>5. In the worst cases you notice callipers in nearly every image. What do you do before you call them the cause?</summary>
#
# Count them in the good cases as well, and paint them over to see whether the
# prediction changes. What is common everywhere explains nothing.
#
# </details>
#
# ## Exercise 1: a calibration error of two bins
#
# Write a function of two arrays, the probabilities and the ground truth (0 or
# 1). It returns the expected calibration error over two bins: up to one half,
# and above.

# %%
error_of_two = ...  # a function of two arrays: probabilities, and 0 or 1
exercises.check(exercises.own_calibration_error, error_of_two)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def error_of_two(p, ground_truth):
#     total = 0
#     for part in (p <= 0.5, p > 0.5):
#         if part.any():
#             gap = abs(p[part].mean() - ground_truth[part].mean())
#             total += part.mean() * gap  # weighted by the share of the cases
#     return total
#
# exercises.check(exercises.own_calibration_error, error_of_two)
# ```
#
# </details>
#
# ## Exercise 2: how many cases?
#
# The Dice of your cases has a standard deviation of 0.25. How many independent
# cases do you need, so that the 95 % interval of the mean reaches 0.02 to
# either side?

# %%
cases_needed = ...  # a number
exercises.check(exercises.cases_needed, cases_needed)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# cases_needed = (1.96 * 0.25 / 0.02) ** 2
# exercises.check(exercises.cases_needed, cases_needed)
# ```
#
# About 600. That is more than all lesion images of most public sets, once
# their near copies count once.
#
# </details>
#
# ## References
#
# - Bunch, Hamilton, Sanderson, Simmons: A free response approach to the
#   measurement and characterization of radiographic-observer performance.
#   Proc. SPIE 127, 1977, doi
#   [10.1117/12.955926](https://doi.org/10.1117/12.955926)
# - Geifman, El-Yaniv: Selective classification for deep neural networks.
#   NeurIPS 2017, doi
#   [10.48550/arXiv.1705.08500](https://doi.org/10.48550/arXiv.1705.08500)
# - Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks.
#   ICML 2017, doi
#   [10.48550/arXiv.1706.04599](https://doi.org/10.48550/arXiv.1706.04599)
# - Maier-Hein et al.: Metrics reloaded. Nature Methods 21, 2024, doi
#   [10.1038/s41592-023-02151-z](https://doi.org/10.1038/s41592-023-02151-z)
# - Phipson, Smyth: Permutation p-values should never be zero. Stat. Appl.
#   Genet. Mol. Biol. 9(1), 2010, doi
#   [10.2202/1544-6115.1585](https://doi.org/10.2202/1544-6115.1585)
# - Platt: Probabilistic outputs for support vector machines. Advances in Large
#   Margin Classifiers, MIT Press 1999 (no DOI).
# - Roy, Conjeti, Navab, Wachinger: Bayesian QuickNAT. NeuroImage 195, 2019,
#   doi
#   [10.1016/j.neuroimage.2019.03.042](https://doi.org/10.1016/j.neuroimage.2019.03.042)
# - Zeiler, Fergus: Visualizing and understanding convolutional networks. ECCV
#   2014, doi
#   [10.1007/978-3-319-10590-1_53](https://doi.org/10.1007/978-3-319-10590-1_53)
