# %% [markdown]
# # 8. Benefits and challenges: are the textbook claims true here?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/08_benefits_and_challenges.ipynb)
#
# Texts on segmentation by CNN list its benefits and its challenges, mostly
# without a number. You will take ten such claims, see each in a picture,
# measure it, and let a written rule give the verdict.
#
# **You will** be able to
# - turn a claim into checks with an interval and a bound,
# - say whether an experiment could have shown anything at all,
# - measure what depth, noise, data and settings do to a score,
# - test a forecast before you believe it, and tell an effect from luck.
#
# **Takes** about two minutes on two CPU cores. **Needs** notebook 2. **Reads**
# `arrays.npz`, `folds.csv`, and `claims*` in `results/`. **Writes**
# `claims.csv`, `checks.csv`.
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
batches_each: int = 100  # for each small network; about four seconds
seed: int = 0  # another number, another run

# %%
import numpy as np
import pandas as pd

from helpers import figures
from helpers.claims import checks, miniature
from helpers.data import busi
from helpers.files import ROOT

pd.set_option("display.max_colwidth", None)  # show checks in full
step = here.step("08_benefits_and_challenges")
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")

# %% [markdown]
# ## How a claim is judged
#
# "CNNs need much data" cannot be right or wrong before someone says how much
# is much. So each claim is broken into *checks*: a number to measure, and a
# bound that was written down beforehand. Then this rule decides:

# %%
print(checks.RULE)

# %% [markdown]
# Each experiment is done twice:
#
# - **In miniature, here**: small networks, few images, seconds. You see how it
#   is done. So small an experiment often shows nothing.
# - **On real images, once**: `tools/research/claims.py` trained for longer,
#   and its results are kept in `results/`. This is the *reference run*.

# %%
reference = checks.read(ROOT / "results")
real_dice, real_cost, real_settings = reference
print(real_settings["command"])
print(f"{real_settings['core_seconds'] / 60:.0f} minutes of one core")

# %% [markdown]
# Its column `network` is notebook 4's *ensemble*, larger than your `network`
# below. Each image was scored by one that had not trained on it.
#
# Now the miniature. `helpers/claims/miniature.py` trains each network on folds
# 2, 3 and 4, so many batches, and keeps the Dice of each lesion of fold 1.
# Images come in two sizes: large, up to 128 pixels a side, and small, half of
# that.

# %%
cases = busi.with_files(folds, here.data.root)
usual = {"width": 8, "depth": 3, "learning_rate": 1e-2}
usual |= {"steps": batches_each, "seed": seed}
size, cache = min(128, arrays["images"].shape[1]), here.runs / "cache"
trial = miniature.Miniature(cases, size, cache, reference, usual)
print(f"learn from {len(trial.learn)} cases, score {len(trial.test)} lesions")

# %% [markdown]
# ## Did the networks learn?
#
# A network that learned nothing can refute nothing. So you first train the
# two that most checks rest on, and look:
#
# - `network` begins with weights from simulated images, and trains a little
#   more, on large images,
# - `share-100` is small and begins with random weights. It serves where
#   earlier knowledge would spoil the question.

# %%
start = {"start": ROOT / "models" / "start_16.npz", "size": "large"}
start |= {"width": 16, "depth": 4, "learning_rate": 1e-3}
start["steps"] = batches_each // 4
network = trial.train("network", **start)
scratch = trial.train("share-100")

# %% [markdown]
# Beside them stand methods that are not trained. `label alone` knows the
# class, and draws for each the one shape that suits its training lesions best.
# *Otsu* sets a threshold between dark and bright, *watershed* floods from the
# dark core, *GrabCut* refines by the greys inside and outside; all three look
# for something dark in the middle. `copy-nearest` takes the mask of the most
# alike training image.

# %%
trial.test_untrained()
for name in ("network", "share-100"):
    enough = checks.better(trial.scored, name)
    print(name, "learned" if enough else "learned too little to judge by")
checks.means(trial.scored, trial.scored.columns[2:]).round(2)

# %% [markdown]
# *Learned* asks little: better than `label alone` in the difference case by
# case, although the two intervals may overlap.
#
# Pictures show the ground truth solid and predictions dashed. Where two are
# compared, `typical` picks the lesion whose two Dice differ as the median
# does. One picture proves nothing; the tables are over all.

# %%
from helpers.claims.miniature import look, marked

images, labels = trial.pixels["large"]
order = trial.scored["area"].argsort().to_numpy()
at, image, truth, name = trial.typical("network", "label alone")
row = trial.test[at]

# %% [markdown]
# ## Claim 1: a class for each pixel, unlike classification
#
# A classifier gives one class for the image. Segmentation gives one for each
# pixel:

# %%
from helpers.model import training

classes = training.predict(network, image[None])[0].argmax(axis=-1)
one = np.full_like(classes, labels[row].max())
maps = {"classification": one, "segmentation": classes}
figures.show(
    figures.class_maps(image, maps, name),
    alt="A lesion; a square in one colour; a map whose lesion fills "
    f"{(classes > 0).mean():.0%}.",
)

# %% [markdown]
# How much of the mask does the class alone give? `label alone` is the best you
# can draw without a look at the image. *Needs* is the bound: the claim needs
# it below one half. Most values here are a Dice or a difference of two.

# %%
trial.report(1)

# %% [markdown]
# ## Claims 2 and 3: how it computes
#
# "A filter slides and takes dot products", "a fully connected layer classifies
# each pixel": notebook 3 answers both by hand. The first is exact. The second
# is right for a small dense layer at each pixel, on its channels alone (a 1x1
# convolution), and wrong for one from all pixels to all: that one does not
# know a lesion again when it is moved. The reference run took the largest
# difference over 40 real images:

# %%
pd.concat([trial.report(2), trial.report(3)])

# %% [markdown]
# ## Claim 4: used on other kinds of images
#
# Textbooks name natural, medical and satellite images. The code does not know
# what an image shows. Here is a **toy**: drawn pictures of land from above,
# with dark lakes and bright towns, far simpler than any satellite's. A cloud's
# shadow, about as dark as a lake, is not to be marked. You train the same
# network on 90 of them, from random weights, and look at others.

# %%
from helpers.claims import toy_images, trials

side = scratch.input_shape[1]
toy = trials.trained(*toy_images.draw(90, side, seed), **usual)
land, objects = toy_images.draw(45, side, seed + 1)
own = objects.any(axis=(1, 2))
land, objects = land[own], objects[own] > 0

# %% [markdown]
# **Predict, then run.** The network that was trained on ultrasound has never
# seen land. What will it mark: the dark lake, the bright town, or neither? The
# next cell tells.

# %%
networks = {"trained on land": toy, "trained on ultrasound": scratch}
scenes = {"a lake": land[0], "a town": land[1]}
pictures = {f"{x}, {m}": scenes[x] for x in scenes for m in networks}
predicted = [marked(m, x) for x in land[:2] for m in networks.values()]
outlines = [objects[0]] * 2 + [objects[1]] * 2
look(pictures, outlines, predicted, "Toy pictures, two networks")

# %% [markdown]
# A network that has learned "lesions are dark" marks what is dark, perhaps the
# lake itself; one lucky picture is not carrying over. Two questions, over all
# pictures: does the *method* serve other images, and do the *weights*?

# %%
trial.test_toys({"toy": toy, "toy untrained": scratch}, land, objects)
trial.report(4)

# %% [markdown]
# A toy does not say that it would do well on a satellite's pictures. *What
# helps* when images change: train on some of the new ones, from weights that
# know something near (notebook 4).
#
# ## Claim 5: patterns at different scales
#
# Each level of the network halves the resolution. Here are the smallest and
# the largest test lesion at the resolution of three levels:

# %%
from helpers.data import masks

ends = {"smallest": order[0], "largest": order[-1]}
pictures, shrunk = {}, []
for which, place in ends.items():
    for n in (size // 2, size // 8, size // 16):
        both = images[trial.test[place]], labels[trial.test[place]] > 0
        square, mask = (masks.letterbox(x, n)[0] for x in both)
        pictures[f"{which}, {n} pixels"] = square
        shrunk.append(mask)

# %%
look(pictures, shrunk, None, "Two lesions at the resolution of three levels")

# %% [markdown]
# A coarse level loses a small lesion, but one of its filters sees around a
# large one. So: are small lesions found as well as others? And are the coarse
# levels worth their place? You take them away, train again, and compare: an
# *ablation*.

# %%
shallow = trial.train("depth-2", depth=2)
print(f"{shallow.count_params():,} of {scratch.count_params():,} weights")
trial.report(5)

# %% [markdown]
# Notebook 3 argued that a network must look around a pixel. A small gain here
# need not contradict that. Without the coarse levels the network still hears
# about the whole image, by its *image bias* of notebook 3, one number a class
# that is added everywhere; and Dice on lesions counts no false positives on
# normal images.
#
# *What helps* small lesions: more pixels. Notebook 2 measures what each size
# allows, notebook 5 shows which lesions fail.
#
# ## Claim 6: they learn to ignore noise
#
# Does a network ignore noise because it is a CNN, or because it has seen
# noise? You train a second one like `network` that meets speckle (noise to
# textbooks, not to appendix A1) and burned-in marks in training, by chance and
# at random strength. Both then predict the same disturbed images. (*Plain* is
# not quite innocent: the usual augmentation has a little noise and blur, and
# some images of a set carry marks.)

# %%
noisy = trial.train("noisy", disturb=trials.disturb, **start)
trial.scored["plain"] = trial.scored["network"]
disturbed = {
    kind: trials.disturbed(images[trial.test], kind) for kind in trials.TESTS
}
for kind, squares in disturbed.items():
    trial.test_network(f"plain {kind}", network, squares)
    trial.test_network(f"noisy {kind}", noisy, squares)

# %%
at, image, truth, name = trial.typical("plain", "plain speckle")
views = {"as it was": image} | {k: x[at] for k, x in disturbed.items()}
both = {"plain": network, "used to noise": noisy}
pictures = {f"{m},\n{v}": x for m in both for v, x in views.items()}
predicted = [marked(m, x) for m in both.values() for x in views.values()]
look(pictures, [truth] * 6, predicted, f"{name}, disturbed")

# %% [markdown]
# The claim needs the plain network to lose less than 0.05 to each, and the
# second one to win some of it back. Read it by its parts: that a CNN ignores
# noise unless it was made for it is one claim, that it *can learn to* is
# another. And Dice on lesions counts no false positives: notebook 6 draws
# marks on normal images, and asks whether these stay empty.

# %%
trial.report(6)

# %% [markdown]
# *What helps*: augmentation with the noise that you expect (notebook 4), and a
# test of robustness before you trust a network (notebook 6).
#
# ## Claim 7: they segment very accurately
#
# More accurately than what? Than the best of the three that are not trained,
# and than `copy-nearest`. And than whom? The real set has pairs of nearly the
# same frame, each outlined on its own, by whom is not recorded. So the
# reference run also asks, case by case on these lesions alone: which is closer
# to an outline, the network or the second outline?

# %%
from helpers.evaluation import baselines

at, image, truth, name = trial.typical("network", "copy-nearest")
three = {"network": marked(network, image)}
three["copy-nearest"] = labels[trial.nearest()[at]] > 0
three["GrabCut"] = baselines.grabcut(image)
dice = {f"{k}:\nDice {trial.scored[k][at]:.2f}": image for k in three}
look(dice, [truth] * 3, [*three.values()], f"{name}: three predictions")

# %%
trial.report(7)

# %% [markdown]
# Over the real lesions that are outlined twice:

# %% tags=["hide-input"]
twice = real_dice.dropna(subset=checks.SECOND)
methods = ["network", "copy-nearest", *real_settings["classical"]]
figures.show_intervals(
    checks.means(twice, [checks.SECOND, *methods]),
    twice[checks.SECOND].mean(),
    "mean Dice, 95 % interval (dashed: a second outline)",
    f"{len(twice)} real lesions, each outlined twice",
)

# %% [markdown]
# A mean hides the lesions that are missed. *What helps*: to look at them
# (notebook 5). What other starts miss, the page *What knowledge is worth*
# measures.
#
# ## Claim 8: they need much labelled data
#
# You train `share-100` again on a tenth of the training groups, from random
# weights and with the same number of batches, so that less data does not also
# mean less training.

# %%
groups = cases["group"][trial.learn]
tenth = trial.learn[checks.share_of_groups(groups, 10, seed)]
few = trial.train("share-10", tenth)
trial.settings["counts"] = {100: len(trial.learn), 10: len(tenth)}

# %%
at, image, truth, name = trial.typical("share-100", "share-10")
square, target = (x[trial.test[at]] for x in trial.pixels["small"])
pictures = {f"{len(tenth)} images": square}
pictures[f"{len(trial.learn)} images"] = square
pictures[f"{len(trial.learn)} images,\nsimulated start"] = image
predicted = [marked(few, square), marked(scratch, square)]
predicted.append(marked(network, image))
outlines = [target > 0, target > 0, truth]
look(pictures, outlines, predicted, f"{name}: less and more to learn from")

# %% [markdown]
# In the third picture `network` predicts, which knows simulated images from
# before. Now the numbers of the first two.

# %%
trial.report(8)

# %% [markdown]
# An empty interval means that the small part's network did not learn. Its loss
# then only says that it failed, and the rule does not judge it.
#
# In many fields the error follows a *power law*, $a \, n^{-b}$, of the number
# $n$ of training images (Hestness et al. 2017); here the error is 1 - Dice.
# Such a law can be asked what twice the data would bring. First test it, on
# the reference run: leave the largest number out, fit the others, and forecast
# it.

# %%
counts = real_settings["counts"]
curve = checks.means(real_dice, [f"share-{k}" for k in counts])
curve["images"] = list(counts.values())
forecast, (a, b) = checks.left_out(curve["images"], curve["value"])
measured, gained = curve["value"].iloc[-1], curve["value"].diff().iloc[-1]
print(f"forecast {forecast:.3f}, measured {measured:.3f}")
print(f"wrong by {forecast - measured:+.3f}; doubling gained {gained:+.3f}")

# %% tags=["hide-input"]
n = np.geomspace(curve["images"].min(), 2 * curve["images"].max())
line, unit = (n, 1 - a * n**-b), "mean Dice, 95 % interval"
title = "Real images: a law fitted without the last point"
figures.show(
    figures.learning_curve(curve, line, unit, title),
    alt=f"{title}. Measured: {curve['value'].round(2).tolist()}; the last "
    f"forecast as {forecast:.2f}.",
)

# %% [markdown]
# This law says that enough images bring the error to 0, but near the Dice of
# two annotations it promises too much. Where the points flatten far below
# that, something else sets the limit: all had as many batches, so perhaps
# those. "Twice the data" in the table is the law's forecast, its interval
# widened by its miss here: where that is large, rather believe what the last
# doubling gained. No law is fitted through fewer than four numbers of images,
# through networks that did not learn, or in miniature, where so few batches
# may set the limit. *What helps* where labels are few: a pretrained start, and
# augmentation (notebook 4).
#
# ## Claim 9: they cost much computation
#
# *Core minutes* count the work of one processor core, however busy the machine
# is. The reference run timed a few steps of networks of several widths and
# image sizes. Whole trainings are not run: their cost is seconds per image,
# times images, times epochs. The bound is an hour.

# %% tags=["hide-input"]
seconds = real_cost.groupby(["size", "width"])["train_s"].mean()
minutes = seconds * real_settings["images"] * real_settings["epochs"] / 60
minutes.index = [f"{size} pixels, width {w}" for size, w in minutes.index]
unit = "core minutes, log scale (dashed: one hour)"
title = "Real images: the calculated cost of a training"
figures.show(
    figures.dots(minutes, 60, unit, title),
    alt=f"{title} in core minutes: {minutes.round(1).to_dict()}.",
)

# %% [markdown]
# Twice the side is four times the multiplications, and so is twice the width.
# But time need not follow: few channels keep a processor less busy, and each
# layer has fixed costs. Now your machine: you time two trainings that claim 10
# needs anyway. Few timings are no sample, so in place of an interval the table
# has the least and the greatest.

# %%
again, low = {"seed": seed + 1}, {"learning_rate": 3e-4}
work = {"design-1 s1": again, "design-0 s1": again | low}
spent = [
    trials.core_seconds(lambda k=k, v=v: trial.train(k, **v))
    for k, v in work.items()
]
train_s = np.array(spent) / batches_each / 8  # of an image; 8 make a batch
trial.cost = pd.DataFrame({"train_s": train_s, "width": 8, "size": side})
trial.settings["networks"] = [(8, side)]
trial.report(9)

# %% [markdown]
# *What helps*: a first convolution with stride 2, as notebook 4's network has
# it, few channels, and a start that knows something, which needs fewer epochs.
#
# ## Claim 10: they are sensitive to hyperparameters
#
# A *hyperparameter* is set before training. The learning rate is one: how far
# a step goes. You train with one that is low, the usual one, and a high one.

# %% tags=["hide-input"]
slow = trial.train("design-0 s0", **low)
fast = trial.train("high rate", learning_rate=0.3)
three = {"low, 0.0003": slow, "usual, 0.01": scratch, "high, 0.3": fast}
smooth = {
    k: pd.Series(m.curve).rolling(10, 1).mean() for k, m in three.items()
}
curves = {k: (loss.index + 1, loss) for k, loss in smooth.items()}
unit, title = "loss (mean of ten batches)", "One network, three learning rates"
figures.show_lines(curves, "batch", unit, title)

# %% [markdown]
# Is that the setting, or luck? Two of the rates run with two seeds each. The
# spread of scores is measured by their *variance*, the mean squared distance
# from their mean. How much of it goes back to the setting, how much to the
# seed?

# %%
trial.scored["design-1 s0"] = trial.scored["share-100"]
trial.settings |= {"factors": ["learning rate"], "codes": [[-1], [1]]}
trial.report(10)

# %% [markdown]
# The reference run varied four factors, each at two levels. All combinations
# would be many; a *fractional design* (Box & Hunter 1961) takes half of them,
# chosen so that each level of a factor meets those of every other equally
# often: the highest learning rate, the images in a *batch* (fewer mean more
# steps, of as many images in all), the loss with or without its *Dice part*,
# and the *width*, the channels at the finest level.

# %%
from helpers.claims import design

factors, codes = real_settings["factors"], np.array(real_settings["codes"])
split = design.shares_of_variance(real_dice, factors, codes)
unit = "share of the variance, 95 % interval"
title = "Real images: what the spread of scores goes back to"
figures.show_intervals(split, 0, unit, title)

# %% [markdown]
# The shares are those beyond what chance would seem to explain (*omega
# squared*), so one may lie below 0; *their interplay* is what settings do only
# together. The intervals, and those of claim 10, draw the trainings anew (a
# *residual bootstrap*): a setting's mean, plus how far some training lies from
# the mean of its own. Of few trainings, four in the miniature, they are rough
# themselves. So look at the trainings:

# %%
means = design.run_means(real_dice, len(codes))
levels = pd.DataFrame(codes, columns=factors).replace({-1: "-", 1: "+"})
levels.join(pd.DataFrame(means.round(2)).add_prefix("seed "))

# %% [markdown]
# One that failed is half of what is known of its setting, and a setting may
# fail only because so few steps are too few for it. The shares hold for these
# levels only: rates that lie closer together have a smaller share. *What
# helps*: a rate that rises first and then falls (notebook 4), the learning
# rate tried before all else, and more than one seed.
#
# ## The ten verdicts

# %%
trial.verdicts()

# %% [markdown]
# Another bound, another verdict: so argue about the bounds before you measure.
# Where the two columns differ, the one of real images counts. And neither says
# anything of other data sets, scanners or networks.

# %%
step.save("checks.csv", trial.all_checks())
step.save("claims.csv", trial.verdicts())
step.finish()

# %% [markdown]
# **You have** broken ten claims into checks, asked whether each experiment
# could show anything, and let a rule decide. Next: `09_does_it_travel` takes
# the network to another scanner. From here, too: mark images of your own with
# `make predict`, read in `models/README.md` what its network may not be used
# for, and set your numbers beside those of the page "Results on real BUSI".
#
# ## Check yourself
#
# <details><summary>1. A check needs "more than 0.05", and its interval is 0.02 to 0.11. What is the outcome?</summary>
#
# Not shown. The bound lies inside the interval: neither the claim nor its
# opposite is shown.
#
# </details>
#
# <details><summary>2. A network of 10 % of the data scores 0. Why is its lost Dice no measure of what data is worth?</summary>
#
# It lost all that there was to lose: its training failed. How much more it
# lacks cannot be seen at the floor.
#
# </details>
#
# <details><summary>3. A network loses little to speckle after it has met speckle in training. Did it learn to ignore noise?</summary>
#
# That noise, at these strengths. Another kind must be measured anew.
#
# </details>
#
# <details><summary>4. Why is a network compared with Otsu by the difference case by case?</summary>
#
# Some cases are hard for any method. In the difference that cancels, so its
# interval is narrower than if the two had been given different cases.
#
# </details>
#
# <details><summary>5. The seed explains 30 % of the variance in somebody's comparison of settings. What do you ask for?</summary>
#
# More seeds for each setting, and intervals. The best single run may be the
# luckiest.
#
# </details>
#
# ## Exercise 1: how much data halves the error?
#
# The error follows $a \, n^{-b}$. Write a function of $b$ that returns how
# many times as many images you need to halve it.

# %%
from helpers import exercises

times = ...  # a function of one number, b
exercises.check(exercises.data_to_halve, times)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def times(b):
#     return 2 ** (1 / b)
#
# exercises.check(exercises.data_to_halve, times)
# ```
#
# From $k^{-b} = 1/2$. At $b = 0.2$ that is 32 times the data: labels are dear.
#
# </details>
#
# ## Exercise 2: one more point on the learning curve
#
# Claim 8 has a tenth of the training images and all of them. What lies
# between? Write a function of the groups of the images, a name for each, and a
# share from 0 to 1. It returns True for each image to learn from: all images
# of that share of the *groups*, rounded, since a near copy is no new example.

# %%
part_of = ...  # a function of the images' groups and a share
exercises.check(exercises.share_of_groups, part_of)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def part_of(groups, share):
#     names = np.random.default_rng(0).permutation(np.unique(groups))
#     return np.isin(groups, names[: round(share * len(names))])
#
# exercises.check(exercises.share_of_groups, part_of)
# ```
#
# Now train on a third of the groups, with two seeds, in some seconds.
#
# ```python
# third = trial.learn[part_of(groups.to_numpy(str), 1 / 3)]
# for k in (0, 1):
#     trial.train(f"third, seed {k}", third, seed=seed + k)
# names = ["share-10", "third, seed 0", "third, seed 1", "share-100"]
# print(f"{len(tenth)}, {len(third)} and {len(trial.learn)} images")
# checks.means(trial.scored, names).round(2)
# ```
#
# Read the two seeds first: as far as they differ, a step of the curve shows
# nothing. Where all lie close together, ask what sets the limit here: the
# number of images, or that of the batches (`batches_each`)?
#
# </details>
#
# ## References
#
# - Box, Hunter: The 2^(k-p) fractional factorial designs, part I.
#   Technometrics 3(3), 1961, doi
#   [10.1080/00401706.1961.10489951](https://doi.org/10.1080/00401706.1961.10489951)
# - Hestness et al.: Deep learning scaling is predictable, empirically. 2017,
#   doi [10.48550/arXiv.1712.00409](https://doi.org/10.48550/arXiv.1712.00409)
# - Meyer: Topographic distance and watershed lines. Signal Processing 38(1),
#   1994, doi
#   [10.1016/0165-1684(94)90060-4](https://doi.org/10.1016/0165-1684(94)90060-4)
# - Otsu: A threshold selection method from gray-level histograms. IEEE Trans.
#   Syst. Man Cybern. 9(1), 1979, doi
#   [10.1109/TSMC.1979.4310076](https://doi.org/10.1109/TSMC.1979.4310076)
# - Rother, Kolmogorov, Blake: "GrabCut". ACM Trans. Graph. 23(3), 2004, doi
#   [10.1145/1015706.1015720](https://doi.org/10.1145/1015706.1015720)
