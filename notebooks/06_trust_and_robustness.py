# %% [markdown]
# # 6. Trust and robustness: can you believe it, and what disturbs it?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/06_trust_and_robustness.ipynb)
#
# A mask tells where the lesion is, and the probabilities behind it tell how
# sure the network is. You will check whether they can be believed, whether
# they warn of a failure, what the network looks at, and how much worse an
# image may get before the mask breaks.
#
# **You will**
# - compare probabilities with what comes true, and recalibrate them,
# - rank the cases by confidence, and see whether the failures come last,
# - hide parts of an image to see what a prediction rests on,
# - paint drawn marks over, and burn new ones in,
# - disturb images more and more, and measure what is lost.
#
# **Takes** one to three minutes in the quick profile. **Needs** notebooks 1,
# 2, 4 and 5. **Reads** `cases.csv`, `arrays.npz`, `folds.csv`,
# `predictions.npz`, `rules.csv`, `model.keras`, `scores.csv`, `report.json`.
# **Writes** `report.json`, and every table below as a CSV file.
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

step = here.step("06_trust_and_robustness")
scores = step.read("05_read_the_errors", "scores.csv")
predictions = step.read("04_train_the_segmenter", "predictions.npz")
rules = step.read("04_train_the_segmenter", "rules.csv").set_index("fold")
explored = step.read("01_explore_the_data", "cases.csv").set_index("case")
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv").set_index("case")

# %% [markdown]
# Notebook 5 wrote one row of scores for each held-out case, in the order of
# the predictions. You bring the images and the ground truth into this order,
# too: row `i` is the same case everywhere.

# %%
names, dice, group = scores["case"], scores["dice"], scores["group"]
has_lesion = (scores["label"] != "normal").to_numpy()
at = folds.index.get_indexer(names)
images, ground_truth = arrays["images"][at], arrays["labels"][at] > 0
lesion = 1 - predictions["probabilities"][..., 0].astype(np.float32)
print(f"{len(scores)} held-out cases, {has_lesion.sum()} with a lesion")

# %% [markdown]
# ## Can you believe the probabilities?
#
# Of all pixels to which the network gives a lesion probability of about 0.7,
# about 70 % should be lesion. Sort the pixels by their probability into 15
# equal ranges, the *bins*, and take in each the mean probability and the share
# that is lesion. The *expected calibration error* (ECE) is the mean of the
# gaps between these two, each weighted by its number of pixels. The *Brier
# score* is the mean squared distance of the probability from the ground truth,
# 0 or 1.
#
# Most pixels are easy background, and the square's black border counts as
# such, too: they make any ECE look small. So lesion images get a row of their
# own, and so do the pixels that the network itself is not sure about.

# %%
from helpers.evaluation import calibration

everywhere = np.ones_like(ground_truth)
pixel_sets = {
    "all pixels": everywhere,
    "of lesion images": everywhere & has_lesion[:, None, None],
    "unsure ones (0.1 to 0.9)": (lesion > 0.1) & (lesion < 0.9),
}

# %%
pixel_sets = {k: w for k, w in pixel_sets.items() if w.any()}
chosen = pixel_sets.values()
errors = [calibration.summary(lesion[w], ground_truth[w]) for w in chosen]
by_pixels = pd.DataFrame(errors)
by_pixels.insert(0, "pixels", list(pixel_sets))
by_pixels.insert(1, "share", [w.mean() for w in chosen])
by_pixels.round(4)

# %% [markdown]
# Networks are often too sure of themselves. One number can correct part of
# that. *Temperature scaling* turns each lesion probability p back into a
# *logit*, log(p / (1 - p)), and divides it by a *temperature*: above 1 every
# probability moves towards one half, below 1 away from it. But marking a
# little too much is an error with a direction. So a second fit, *Platt
# scaling*, also adds a shift. Notebook 4 fitted both, for each fold on its
# validation part alone. Where probabilities are too high, the second fit
# should help more; where they are only too far from one half, the first is
# enough (the shift is then near 0). A lower ECE and Brier score are better.

# %%
fits = rules.loc[scores["fold"]]
parameters = ["temperature", "platt_temperature", "platt_shift"]
fitted = [fits[name].to_numpy()[:, None, None] for name in parameters]
temperature, *platt = fitted

# %%
versions = {
    "uncalibrated": lesion,
    "temperature-scaled": calibration.rescale(lesion, temperature),
    "Platt-scaled": calibration.rescale(lesion, *platt),
}

# %%
errors = [calibration.summary(v, ground_truth) for v in versions.values()]
recalibrated = pd.DataFrame(errors)
recalibrated.insert(0, "probabilities", list(versions))
print(rules[parameters].mean().round(2).rename("mean of the folds"))
recalibrated.round(4)

# %% [markdown]
# The *reliability diagram* shows where the gap lies. A curve below the
# diagonal says "lesion" more often than it is true. One that lies above it on
# the left and below it on the right is too far from one half at both ends:
# that is what a temperature above 1 repairs.

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
# The curves have many pixels, but pixels of one image are alike: with few
# images even a smooth curve is uncertain. A temperature changes no mask at the
# threshold of one half: one half stays one half. A shift does, and the
# thresholds were fitted without it. So the masks stay as they are; the
# recalibrated probabilities are for whoever reads them as such.
#
# ## Does the network know when it fails?
#
# Nobody can check every outline. It would help if the network were unsure
# where it is wrong. Take the mean of its lesion probabilities above one half
# as its *confidence*. Keep only the surest cases: does their Dice rise? Turn
# it round and take 1 - Dice as the *loss* of a case. Keep the surest case,
# then the two surest, and so on, and note the mean loss each time. The mean of
# all these is the *AURC* (area under the risk-coverage curve): lower is
# better. `random` is what a random order would give, and `excess` what the
# best possible order (by the true Dice) would still save. (To predict the sure
# cases only is called *selective prediction*.)

# %%
from helpers.evaluation import classification

loss = 1 - dice[has_lesion].to_numpy()
confidence = list(map(classification.mean_inside, lesion[has_lesion]))
area, excess = calibration.aurc(confidence, loss)
aurc = {"value": area, "random": float(loss.mean()), "excess": excess}
print({name: round(value, 3) for name, value in aurc.items()})

# %%
kept = 1 - calibration.risk_coverage(confidence, loss)[1]
surer = kept[len(kept) // 2]
print(f"mean Dice {kept[-1]:.3f}, of the surer half {surer:.3f}")
saved = 1 - excess / (aurc["random"] - area + excess or 1)
print(f"of what the best order could save, this one saves {saved:.0%}")

# %% [markdown]
# Near 100 %, the confidence sorts the cases about as well as it can. At 0 % or
# below, the network does not know when it fails. But a part of that is easy:
# where nothing is marked on a lesion image, the Dice is 0, and the confidence
# often, too (it is 0 where no pixel is above one half). So ask again without
# these.

# %%
marked = (scores["predicted_area"] > 0).to_numpy()[has_lesion]
of_marked = calibration.aurc(np.array(confidence)[marked], loss[marked])
gained = loss[marked].mean() - of_marked[0]
part = gained / (gained + of_marked[1] or 1)
print(f"marked ones only: AURC {of_marked[0]:.3f}, {part:.0%} saved")

# %% [markdown]
# ### Ask the same network five times
#
# Another idea: where several predictions for one case *disagree*, they cannot
# all be right. You have one model for each fold, so you ask it about five
# views of each case: as it is, mirrored, darker, brighter, and smaller. Each
# prediction is moved back to its place. Together they are a *test-time
# augmentation ensemble*.
#
# **From here on** you use the saved model, that of the last fold trained, and
# the cases that this fold held out. With several folds they are fewer than
# above, so the intervals are wider.

# %%
from helpers.evaluation import bootstrap, uncertainty
from helpers.model import checkpoint, training

model = checkpoint.load(step.read("04_train_the_segmenter", "model.keras"))
last = int(predictions["fold"][-1])
mine = np.flatnonzero(has_lesion & (scores["fold"] == last))
print(f"fold {last}: {len(mine)} held-out lesion images")


# %%
def once(images):
    """Return the network's class probabilities of images (n, size, size)."""
    return training.predict(model, images)


views = uncertainty.tta_probabilities(once, images[mine])

# %% [markdown]
# `agreement` is the mean Dice between two of the five predictions, the usual
# baseline. The others look at the mean of the five: its mean probability
# inside the outline (`mean inside`), its *entropy* there (how undecided it is:
# 0 where it is certain, largest at one half; turned round, so that higher is
# surer), its highest probability. `single view` is the mean inside of the
# first prediction alone. Where no pixel is above one half there is nothing to
# be sure of, and all but the highest are 0. The loss that they should foretell
# is still that of notebook 5's mask, by the fitted rule. Each `value` is an
# AURC.

# %%
confidences = uncertainty.confidences(views)
loss_there = 1 - dice[mine].to_numpy()
orders = uncertainty.rank(confidences, loss_there, group[mine])
orders.round(3)

# %% [markdown]
# Are five views worth five times the work? Compare like with like: the mean
# inside, of five views and of one. Both rank the same cases, so do not compare
# their intervals: take the difference of the two AURCs, case for case, and
# give *that* an interval.


# %%
def difference(rows):
    """Return the AURC of the second column minus that of the first."""
    first, second, loss = rows.T
    return calibration.aurc(second, loss)[0] - calibration.aurc(first, loss)[0]


# %%
pair = confidences["mean inside"], confidences["single view"]
rows = np.stack([*pair, loss_there], axis=1)
saves = bootstrap.interval(rows, group[mine], difference)
print("five views save {:+.3f} of AURC ({:+.3f} to {:+.3f})".format(*saves))
none = "no gain is shown, for five times the work"
print("so five views rank them better" if saves[1] > 0 else none)

# %%
by = {"agreement": confidences["agreement"]}
by |= {"five views": pair[0], "single view": pair[1]}
by |= {"random order": np.ones(len(mine)), "best order": -loss_there}
coverage = {k: calibration.risk_coverage(v, loss_there) for k, v in by.items()}
axes = "share of cases kept", "mean of 1 - Dice"
title = f"Keep only the surest cases (fold {last}, {here.data.kind})"
figures.show_lines(coverage, *axes, title)

# %% [markdown]
# Read the curves from the left, where they rest on few cases. One that stays
# low keeps good cases first. And note what no order can see: a lesion that all
# five views mark at the same wrong place looks like agreement.
#
# ## What does it look at?
#
# Paint a square of the image grey and ask again. If the probability falls, the
# network rested on what you hid. Slide the square over the whole image, and
# the falls make a map. What falls is the mean lesion probability inside the
# network's own outline; a fall of 0.1 is from 0.8 to 0.7, say. You look at
# three held-out cases where something was marked: the worst, the middle and
# the best. As in notebooks 4 and 5, a prediction is the mean over the image
# and its mirror image, and outlines are drawn at the fold's fitted threshold.
# Expect the largest fall inside that outline (in the worst case it is not the
# lesion's); a large one elsewhere, at the skin, say, is a hint that the
# network uses something else.


# %%
def predict(images):
    """Return what `once` does, of the image and its mirror image: the mean."""
    return training.predict(model, images, flip=True)


# %%
from helpers.model import explain

threshold = rules.loc[last, "threshold"]
seen = [i for i in mine if scores["predicted_area"][i] > 0]
seen = sorted(seen, key=lambda i: dice[i])
seen = [seen[0], seen[len(seen) // 2], seen[-1]] if seen else []
titles = [f"{names[i]}, Dice {dice[i]:.2f}" for i in seen]
inside = [lesion[i] > threshold for i in seen]
squares = zip(images[seen], inside, strict=True)
falls = [explain.occlusion(predict, image, m) for image, m in squares]

# %% [markdown]
# First what the network saw, with the person's outline solid and its own
# dashed. Then the maps, with its own outline.

# %% tags=["hide-input"]
if seen:
    shown = images[seen], titles, ground_truth[seen], inside
    alt = f"Three cases with both outlines: {', '.join(titles)}."
    figures.show(figures.gallery(*shown, columns=3), alt=alt)

# %%
what = "fall of the lesion probability"
hits = {
    name: sum(m.flat[f.argmax()] for m, f in zip(part, falls, strict=True))
    for name, part in (("network", inside), ("person", ground_truth[seen]))
}
where = " and ".join(
    f"in the {k}'s outline {n} times" for k, n in hits.items()
)
where = f"of {len(seen)} cases, the largest fall lies {where}"
if seen:
    maps = dict(zip(titles, falls, strict=True))
    top = max(np.abs(fall).max() for fall in falls)
    style = {"scale": (-top, top), "predictions": inside, "columns": 3}
    figure = figures.heat(maps, what, "fall", **style)
    figures.show(figure, alt=f"Maps of the {what}; {where}.")
print(where)
print("largest falls:", ", ".join(f"{fall.max():.2f}" for fall in falls))

# %% [markdown]
# A largest fall of 0.02 says that no single square matters: the network sees
# the lesion around it. A map of this kind is a sketch. A square cannot hide a
# shadow or a texture that is everywhere, and grey paint is itself a thing that
# the network has never seen.
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

cases = explored.loc[names].join(folds["fold"]).reset_index()
cases = busi.with_files(cases, here.data.root)
references = [masks.merge(paths) for paths in cases["masks"]]
inputs = cases, references, rules
held_out = robustness.HeldOut(predict, images.shape[1], *inputs)


# %%
def without(image):
    return marks.inpaint(image)[0]


def with_two(image):
    return robustness.marks(image, 2, rng)


rng = np.random.default_rng(0)
drawn = (explored.loc[names, "glyphs"] >= marks.SURE).to_numpy()
changes = {
    "lesion, marks painted over": (without, has_lesion & drawn),
    "lesion, marks added": (with_two, has_lesion & ~drawn),
    "normal, marks added": (with_two, ~has_lesion & ~drawn),
}
effects = []
for name, (change, which) in changes.items():
    rows = np.flatnonzero(which & (scores["fold"] == last))
    if len(rows):
        effect = held_out.subset(rows).compare(change)
        effects.append(effect.assign(change=name))

# %% [markdown]
# Of normal images not the Dice is asked, but whether they are *left empty* (1
# if so, 0 if not). `lesion probability` is one number for the whole image: how
# sure the network is that there is a lesion at all. `before` is the mean
# without the change, `difference` is after minus before, and `p` is that of
# the permutation test.
#
# Who makes many tests finds a p below 0.05 sooner or later, even where nothing
# is. So ask for more: with k tests, a p counts below 0.05 / k (*Bonferroni's
# correction*).

# %%
by_change = pd.concat(effects, ignore_index=True)
by_change.insert(0, "change", by_change.pop("change"))
no_lesion = by_change["change"].str.startswith("normal")
by_change["score"] = by_change["score"].mask(
    no_lesion & (by_change["score"] == "Dice"), "left empty"
)
least = 0.05 / len(by_change)
clear = by_change.loc[by_change["p"] < least, ["change", "score"]]
found = "; ".join(map(": ".join, clear.to_numpy())) or "none"
print(f"{len(by_change)} tests, so p must be below {least:.4f}: {found}")
by_change.round(4)

# %% [markdown]
# If marks raise the lesion probability of normal images, the network may have
# taken notebook 1's shortcut, "somebody measured here". Or they are merely
# bright and new: add something as bright that no doctor draws, and compare.
#
# A change that is not listed may still be real. With few cases no p can be
# small: five can be swapped in 32 ways, so it is never below 2/32, however
# large the difference. Look at its size first. And what the painting misses,
# such as dotted lines, stays in the image.
#
# ## What if the image were worse?
#
# Another scanner has another gain; an export blurs and shrinks; another breast
# gives other speckle and shadows. You disturb up to 40 held-out lesion images
# more and more, and watch the mean Dice. The outline stays the same, so any
# fall is the network's. Lengths are in pixels of the original image. Expect
# little from blur and shrinking while they are finer than a pixel of the
# network's square (some four of the original), and from gain: in training,
# too, images became brighter and darker, by up to some 15 dB (their mean).
# Gain is in *decibels* (dB): 60 dB go from black to white here, so 15 add a
# quarter of that everywhere. (Speckle and shadow multiply the greys, as usual
# in such tests; in decibels, which greys show, they would be added.)
#
# **Predict, then run.** Which of gain, speckle and shadow costs this network
# most at its greatest strength? The next cell tells.

# %% tags=["hide-input"]
some = mine[:: -(-len(mine) // 40)]
worse = held_out.subset(some).degrade()
title = f"Fold {last}, with 95 % intervals ({here.data.kind})"
figures.show_disturbed(worse, title)

# %% [markdown]
# All strengths have the *same* cases, so the difference from the undisturbed
# image is known better than either value. Here it is for the worst point of
# each disturbance. `value` is the mean Dice there. Each was picked from all
# tested strengths, so count these as tests, too.

# %%
n_tests = (worse["difference"] != 0).sum()
lowest = worse.loc[worse.groupby("disturbance")["value"].idxmin()]
clear = lowest["disturbance"][lowest["p"] < 0.05 / max(n_tests, 1)]
print(f"{n_tests} tests; a fall is clear for:", ", ".join(clear) or "none")
some = ["disturbance", "unit", "strength", "value", "difference", "p"]
lowest[some].round(4)

# %% [markdown]
# Was your expectation met? Where the gain costs little, augmentation may be
# the reason. To know, one would have to train without it: exercise 2 does so
# for shadows. What the gain clips to white is lost for any network.
#
# ## Keep what you found
#
# Every table becomes a file, and the report of notebook 5 gets them, too.

# %% tags=["hide-input"]
tables = {
    "calibration": by_pixels,
    "calibration_scaled": recalibrated,
    "uncertainty": orders.reset_index(names="confidence"),
    "marks": by_change,
    "robustness": worse,
}
for name, content in tables.items():
    step.save(f"{name}.csv", content)

# %%
report = step.read("05_read_the_errors", "report.json") | {"aurc": aurc}
report |= {"one_fold": {"fold": last, "lesion_images": len(mine)}}
report |= {name: part.to_dict("records") for name, part in tables.items()}
step.save("report.json", report)
step.finish()

# %% [markdown]
# **You have** compared probabilities with what came true and recalibrated
# them, seen whether they warn of a failure, looked at what a prediction rests
# on, and measured what marks and worse images do to it. Next:
# `07_from_pixels_to_findings` asks what one may say about a whole image.
#
# ## Check yourself
#
# <details><summary>1. A temperature was fitted on the held-out cases, and the ECE fell to a third. Why is that no result?</summary>
#
# The cases that should judge it have chosen it. Fit on the validation part,
# and measure on cases that had no say.
#
# </details>
#
# <details><summary>2. The ECE over all pixels is 0.004. Are the probabilities at a lesion's rim reliable?</summary>
#
# That does not say. Nearly all pixels are easy background and hide the rest.
# Ask for the pixels that the network is unsure about.
#
# </details>
#
# <details><summary>3. Five views of one image give five equal predictions. Is the outline right?</summary>
#
# Not for certain. Views of one network share its habits: a shadow that it
# takes for a lesion is marked five times, at the same place, in full
# agreement.
#
# </details>
#
# <details><summary>4. In the worst cases you notice callipers in nearly every image. What do you do before you call them the cause?</summary>
#
# Count them in the good cases as well, and paint them over to see whether the
# prediction changes. What is common everywhere explains nothing.
#
# </details>
#
# <details><summary>5. Twenty disturbances are tried, and one has p = 0.03. What do you report?</summary>
#
# All twenty. One p below 0.05 in twenty is what chance alone gives. Ask for p
# below 0.05 / 20, or test that one again on other cases.
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
# ## Exercise 2: teach it shadows
#
# A network may bear what it has met in training. Write a function of an image
# (`uint8`, rows and columns) and a generator of random numbers that returns
# the image with a shadow: some columns, at a random place, are darker from
# some row below the top down to the lowest.

# %%
add_shadow = ...  # a function of an image and rng
exercises.check(exercises.own_shadow, add_shadow)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def add_shadow(image, rng):
#     image, (rows, columns) = image.copy(), image.shape
#     top = rng.integers(rows // 8, rows // 2)
#     left = rng.integers(columns * 3 // 4)
#     band = np.s_[top:, left : left + columns // 5]
#     image[band] = image[band] * rng.uniform(0.1, 0.9)
#     return image
#
# exercises.check(exercises.own_shadow, add_shadow)
# ```
#
# Now train twice for a short while, without shadows and with them, and try
# both networks on held-out lesions, as they are and in another kind of shadow.
#
# ```python
# from helpers.claims import trials
# from helpers.evaluation import metrics
# from helpers.files import ROOT
#
# rest = np.flatnonzero(folds["fold"] != last)
# learn = arrays["images"][rest], arrays["labels"][rest]
# how = {"start": ROOT / "models/start_16.npz", "learning_rate": 1e-3}
# few = mine[:: -(-len(mine) // 40)]
# rngs = map(np.random.default_rng, range(len(few)))
# shaded = [robustness.shadow(images[i], 0.9, next(rngs)) for i in few]
# tests = {"as they are": images[few], "in shadow": np.stack(shaded)}
# for met, disturb in {"no shadow": None, "shadows": add_shadow}.items():
#     network = trials.trained(*learn, steps=50, disturb=disturb, **how)
#     for kind, pictures in tests.items():
#         found = training.predict(network, pictures)[..., 0] < 0.5
#         each = map(metrics.dice, ground_truth[few], found)
#         print(f"met {met}, lesions {kind}: Dice {np.mean(list(each)):.2f}")
# ```
#
# It takes about half a minute. Read each network's two numbers together: how
# much does it lose in the shadow, and what did the shadows cost on images as
# they are? Your shadows have straight sides and the tested ones do not, so it
# cannot have learned those by heart. With one seed each, a small difference
# may be luck.
#
# </details>
#
# ## References
#
# - Dunn: Multiple comparisons among means. J. Am. Stat. Assoc. 56, 1961, doi
#   [10.1080/01621459.1961.10482090](https://doi.org/10.1080/01621459.1961.10482090)
# - Geifman, Uziel, El-Yaniv: Bias-reduced uncertainty estimation for deep
#   neural classifiers (AURC). ICLR 2019, doi
#   [10.48550/arXiv.1805.08206](https://doi.org/10.48550/arXiv.1805.08206)
# - Geifman, El-Yaniv: Selective classification for deep neural networks.
#   NeurIPS 2017, doi
#   [10.48550/arXiv.1705.08500](https://doi.org/10.48550/arXiv.1705.08500)
# - Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks.
#   ICML 2017, doi
#   [10.48550/arXiv.1706.04599](https://doi.org/10.48550/arXiv.1706.04599)
# - Platt: Probabilistic outputs for support vector machines. Advances in Large
#   Margin Classifiers, MIT Press 1999 (no DOI).
# - Roy, Conjeti, Navab, Wachinger: Bayesian QuickNAT. NeuroImage 195, 2019,
#   doi
#   [10.1016/j.neuroimage.2019.03.042](https://doi.org/10.1016/j.neuroimage.2019.03.042)
# - Zeiler, Fergus: Visualizing and understanding convolutional networks. ECCV
#   2014, doi
#   [10.1007/978-3-319-10590-1_53](https://doi.org/10.1007/978-3-319-10590-1_53)
