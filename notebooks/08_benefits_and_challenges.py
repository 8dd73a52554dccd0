# %% [markdown]
# # 8. Benefits and challenges: are the textbook claims true here?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/08_benefits_and_challenges.ipynb)
#
# Texts on segmentation by CNN list what is good about it and what is hard,
# mostly without a number. You will take ten such claims one by one, turn each
# into an experiment, and let a written rule give the verdict.
#
# **You will** be able to
# - turn a claim into checks that numbers decide, with an interval and a bound,
# - measure what depth, noise, data and settings do to a score, and what a
#   network costs,
# - set a network beside methods that learn nothing, on the same cases,
# - fit a learning curve, and say what more data would bring,
# - tell the effect of a setting from luck.
#
# **Takes** about two minutes. **Needs** notebook 2. **Reads** `arrays.npz`,
# `folds.csv`, and `claims*` in `results/`, from real images. **Writes**
# `claims.csv`, `checks.csv`.
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
batches_each: int = 40  # for each small network; about a second
watts: float = 10.0  # assumed of one busy core, with its memory
seed: int = 0  # another number, another run

# %%
import numpy as np
import pandas as pd

from helpers.claims import checks, trials
from helpers.data import busi, masks
from helpers.files import ROOT

pd.set_option("display.max_colwidth", None)  # show checks in full
step = here.step("08_benefits_and_challenges")
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")

# %% [markdown]
# ## How a claim is judged
#
# "CNNs need much data" cannot be right or wrong before someone says how much
# is much. So each claim is broken into *checks*: a number that can be
# measured, its 95 % interval, and a bound that was written down beforehand.
# Then a rule decides, and no one's taste does:

# %%
print(checks.RULE)

# %% [markdown]
# Each experiment is done twice.
#
# - **In miniature, here**: networks of a few thousand parameters, on small
#   images, for a few passes over them. You see how it is done, in seconds. Its
#   numbers mean little.
# - **On real images, once**: by `tools/research/claims.py`, for longer. What
#   it measured lies in `results/`, and counts for the verdicts. This is the
#   *reference run*. Its cost is given in *core minutes*: one processor core at
#   work for a minute.
#
# Both use the same split: training on folds 2, 3 and 4, scores on the lesions
# of fold 1. Fold 0 has no part in it.

# %%
reference = checks.read(ROOT / "results")
real_dice, real_cost, real_settings = reference
print(real_settings["command"])
print(f"{real_settings['core_seconds'] / 60:.0f} core minutes")
print(f"made from simulated images: {real_settings['simulated']}")

# %% [markdown]
# Now the miniature. You shrink the images to half of their side, and take the
# masks of the held-out lesions at their original size, to score against.

# %%
index = busi.index(here.data.root)
cases = folds.merge(index[["case", "image", "masks"]], on="case")
side = arrays["images"].shape[1] // 2
images, labels = busi.load_arrays(cases, side, here.runs / "cache")
area = (labels > 0).mean(axis=(1, 2))

# %%
learn = np.flatnonzero(cases["fold"].isin([2, 3, 4]))
test = np.flatnonzero((cases["fold"] == 1) & (area > 0))
references = [masks.merge(paths) for paths in cases["masks"][test]]
print(f"{len(learn)} cases to learn from, {len(test)} lesions to score")

# %% [markdown]
# All scores go into one place: for each method that you try, the Dice of each
# held-out lesion. `trials.trained` trains a network on so many batches and
# keeps its last weights; `trials.case_dice` scores it.

# %%
names = list(cases["case"][test])
scored = {
    "group": dict(zip(names, cases["group"][test], strict=True)),
    "area": dict(zip(names, area[test], strict=True)),
}


# %%
usual = {"width": 8, "depth": 3, "learning_rate": 5e-3}
usual |= {"steps": batches_each, "seed": seed}


def note(name, values):
    """Keep one number for each held-out lesion under a method's name."""
    scored[name] = dict(zip(names, values, strict=True))


# %% [markdown]
# Every small network is made by this function, with what a section changes:


# %%
def run(name, rows=learn, **settings):
    """Train one small network, note its scores under `name`, return it."""
    model = trials.trained(images[rows], labels[rows], **usual | settings)
    note(name, trials.case_dice(model, images[test], references))
    return model


# %%
import keras

from helpers.model import training

keras.config.set_dtype_policy(training.precision())
base = run("network")
base_dice = np.mean(list(scored["network"].values()))
print(f"{base.count_params():,} parameters, {base.dtype_policy.name}")
print(f"Dice {base_dice:.2f} ({here.data.kind})")

# %% [markdown]
# `report` shows the checks of a claim in both runs, says the verdict of each,
# and keeps all for the end. Look at *needs*: that is the bound. *Value* is
# what was measured; where it is a Dice or a difference of two, the largest
# possible is 1. *Passed* asks for the whole interval: a value may lie beyond
# the bound and still not pass, because one end of its interval does not.

# %%
from helpers.evaluation import baselines

cost, decided = pd.DataFrame(), []
mini_settings = {"classical": list(baselines.CLASSICAL)}
mini_settings["people"] = real_settings["people"]


# %%
def report(claim):
    """Return a claim's checks: of this miniature, and of the reference run."""
    shown, mini = {}, (pd.DataFrame(scored), cost, mini_settings)
    both = {"miniature": mini, "real images": reference}
    for run_name, tables in both.items():
        own = checks.checks_of(claim, *tables)
        decided.extend({"run": run_name, **check} for check in own)
        shown[run_name] = checks.readable(own)
        verdict = checks.verdict([check["passed"] for check in own])
        print(f"{run_name}: {verdict}")
    return pd.concat(shown)


# %% [markdown]
# ## Claim 1: a class for each pixel, unlike classification
#
# A classifier gives one label for the image. What does it leave out? Suppose a
# perfect one tells you "benign". You must now draw the lesion without a look
# at the image. The best you can do is a fixed shape: the one that suits the
# benign lesions of the training part best on the whole. If labels were enough,
# that would score well. The claim needs it to stay below one half.

# %%
from helpers.evaluation import metrics

shapes = {
    label: baselines.fixed_shape(labels[rows.index] > 0)
    for label, rows in cases.loc[learn].groupby("label")
    if label != "normal"
}


# %%
def score(squares):
    """Return the Dice of small masks on the held-out lesions, at full size."""
    boxes = [masks.Letterbox.of(*r.shape, side) for r in references]
    full_size = map(masks.restore, squares, boxes)
    return [*map(metrics.dice, references, full_size)]


# %% [markdown]
# Draw each lesion by its label alone, and score it at its original size:

# %%
note("label alone", score(shapes[x] for x in cases["label"][test]))
report(1)

# %% [markdown]
# The label says *what*, and nothing of *where*. The rest of the way to 1 is
# what the pixels are for.
#
# ## Claim 2: a filter slides, and takes dot products
#
# Notebook 3 slid a filter by hand. Here is that equality once for each image:
# the Sobel filter, as dot products with every patch, against `keras.ops.conv`.
# What is left is rounding, as a share of the largest response. The table
# writes such small numbers with an exponent: 1e-05 is 0.00001.

# %%
from helpers.model import explain

pictures = images[test].astype(np.float32) / 255
note("filter", [explain.filter_gap(p, explain.SOBEL) for p in pictures])
report(2)

# %% [markdown]
# ## Claim 3: a fully connected layer classifies each pixel
#
# There are two ways to read this. A small dense layer *for each pixel*, on its
# channels alone, is a 1x1 convolution: notebook 3 showed it, and you check it
# again on the network that you have just trained. A dense layer *from all
# pixels to all pixels* is another thing. Count its parameters:

# %%
weights = (side * side + 1) * side * side * 3
print(f"dense, {side} x {side} pixels to 3 classes each: {weights:,}")
print(f"the whole small network: {base.count_params():,}")

# %% [markdown]
# And it does not know that a lesion four pixels to the right is the same
# lesion. Shift an image, and compare the output with the shifted output. Where
# the two agree, a layer is called *translation-equivariant*. A convolution is,
# but for the border (and, with a stride, for shifts by whole strides only).
# The change is given as a multiple of how large the outputs are: 0 is none.
# Expect the dense layer to be off by about 1, as much as its outputs are
# large.

# %%
convolution, connected = explain.two_layers(32)
thumbnails = [masks.letterbox(image, 32)[0] for image in images[test]]
tiny = np.float32(thumbnails) / 255

# %%
note("pixel", [explain.pixel_gap(base, image) for image in images[test]])
note("conv", [explain.shift_gap(convolution, p) for p in tiny])
note("dense", [explain.shift_gap(connected, p) for p in tiny])
report(3)

# %% [markdown]
# So the sentence is right in the first reading and wrong in the second: there
# the change is more than 1, where the bound is 0.01. That is why it holds
# *with limits*.
#
# ## Claim 4: used on natural, medical and satellite images
#
# The code does not know what an image shows. Here is a **toy**: pictures that
# imitate land from above, with dark lakes and bright towns.
# `helpers/claims/toy_images.py` draws them, and they are far simpler than any
# satellite's picture. Each also has the shadow of a cloud, about as dark as a
# lake, which is not to be marked.

# %%
from helpers.claims import toy_images

land, land_labels = toy_images.draw(90, side, seed)
others, other_labels = toy_images.draw(45, side, seed + 1)

# %%
from helpers import figures

figures.show(
    figures.gallery(
        list(land[:3]),
        ["land", "with a lake", "with a town"],
        list(land_labels[:3] > 0),
        heading="Toy pictures from above (drawn, not photographed)",
    ),
    alt="Three drawn pictures of fields from above; "
    "a lake and a town are outlined.",
)

# %% [markdown]
# You train the same network anew on them. And you ask the one that knows
# ultrasound only: does what it learned carry over?

# %%
toy_model = trials.trained(land, land_labels, **usual)
has_object = np.flatnonzero(other_labels.any(axis=(1, 2)))
objects = list(other_labels[has_object] > 0)
toys = [f"toy {i}" for i in has_object]

# %%
scored["group"] |= dict(zip(toys, toys, strict=True))
for method, model in {"toy": toy_model, "toy untrained": base}.items():
    dice = trials.case_dice(model, others[has_object], objects)
    scored[method] = dict(zip(toys, dice, strict=True))
report(4)

# %% [markdown]
# The *method* carries over, without a line of code changed. The *weights* do
# not: they know what they were shown. And a toy is a toy: it says that the
# code does not care, not that it would do well on a satellite's pictures.
#
# ## Claim 5: patterns at different scales
#
# Two questions. Are small lesions found as well as the others? And are the
# coarse levels of the network, which see far, worth their place? Take levels
# away, train again, and score the same lesions.

# %%
shallow = run("depth-2", depth=2)
scored["share-100"] = scored["network"]  # all levels, all of the data
print(f"{shallow.count_params():,} parameters, not {base.count_params():,}")
report(5)

# %% [markdown]
# On the real images, small lesions are no worse off than the rest. (A small
# network on small simulated images may say otherwise: a small lesion is only a
# few pixels there.) But the coarse levels have not shown their worth: the
# interval of their gain holds 0, although they hold most of the parameters.
# (Fewer levels also means fewer parameters, and even the shallow network hears
# about the whole image, by its *image bias*: a number that it works out from
# the whole image and adds to each class everywhere. This experiment does not
# take these apart.)
#
# Here are the four quarters of the real lesions by size, scored *out of fold*
# (each by a network that did not train on it) by the compact network of
# `results/busi-compact-five-folds`.

# %%
from helpers.evaluation import bootstrap

lesions = real_dice.dropna(subset="network")
quarters = checks.quarters(lesions)
middles = lesions.groupby(quarters)["area"].median()
parts = {
    f"quarter {k}: {middle:.1%} of the image": quarters == k
    for k, middle in middles.items()
}
sizes = bootstrap.by_subgroup(lesions["network"], lesions["group"], parts)

# %%
figures.show_intervals(
    sizes,
    lesions["network"].mean(),
    "mean Dice, 95 % interval (dashed: all lesions)",
    "Real lesions by size, smallest first",
)

# %% [markdown]
# ## Claim 6: they learn to ignore noise
#
# Does a network ignore noise because it is a CNN, or because it has seen
# noise? Disturb the held-out images in two ways: with speckle, which is like
# what is there, and with the measuring marks and words that scanners burn in.
# `helpers/evaluation/robustness.py` does both. The claim needs the first
# network to lose less than 0.05 to each.


# %%
from helpers.evaluation import robustness


def disturbed(kind, strength):
    """Return the held-out images, disturbed at twice the size."""
    squares, disturb = [], robustness.DISTURBANCES[kind]
    for i, image in enumerate(arrays["images"][test]):
        changed = disturb(image, strength, np.random.default_rng((seed, i)))
        squares.append(masks.letterbox(changed, side)[0])
    return np.stack(squares)


# %%
noisy = {"speckle": disturbed("speckle", 0.5), "marks": disturbed("marks", 2)}
figures.show(
    figures.gallery(
        [images[test[0]], *(x[0] for x in noisy.values())],
        ["as it was", *noisy],
        [labels[test[0]] > 0] * 3,
        heading=f"{names[0]}, disturbed ({here.data.kind})",
    ),
    alt="One held-out image as it was, with more speckle, "
    "and with burned-in marks.",
)

# %% [markdown]
# Then train a second network that meets such images in training, each at a
# random strength, beside the usual turns and shifts.


# %%
def sometimes_speckled(image, rng):
    """Return an image with speckle, or as it was, by chance."""
    if rng.random() < 0.5:
        return image
    return robustness.speckle(image, rng.uniform(0, 0.75), rng)


# %%
hardened = run("noisy", disturb=sometimes_speckled)
scored["plain"] = scored["network"]

# %%
for kind, changed in noisy.items():
    for method, model in {"plain": base, "noisy": hardened}.items():
        dice = trials.case_dice(model, changed, references)
        note(f"{method} {kind}", dice)
report(6)

# %% [markdown]
# On the real images the first network loses much to both, and the second one
# wins a good part of it back. (Where the first network lost next to nothing,
# as it may in miniature, there is nothing to win back.) So the claim is true
# in its verb: a network *learns* to ignore what it was shown, and by nature it
# ignores nothing.
#
# (In miniature the second network meets speckle only, as words are larger than
# small images can bear. In the reference run it meets both.)
#
# ## Claim 7: they segment very accurately
#
# More accurately than what? Three *classical* methods learn nothing. *Otsu*
# sets a threshold between dark and bright. *Watershed* takes bright edges as
# ridges, lets water rise from the dark core and from outside the middle, and
# draws the line where the two meet. *GrabCut* refines it by the greys inside
# and outside. All three are made to look for something dark in the middle;
# with more care they would do better. `copy-nearest` takes the mask of the
# most alike training image. And as accurately as whom? Two outlines of one
# frame in the real set agree with a mean Dice that notebook 2 measured: that
# is the third bound. The first check names the classical method that did best,
# so the two runs may name different ones.

# %%
for method, segment in baselines.CLASSICAL.items():
    note(method, score(segment(image) for image in images[test]))
used = np.concatenate([learn, test])
nearest = baselines.nearest_in_training(images[used], cases["fold"][used] == 1)
copied = used[nearest[len(learn) :]]

# %%
note("copy-nearest", score(labels[copied] > 0))
report(7)

# %% [markdown]
# In one picture, over all lesions of the real set, each scored out of fold:

# %%
methods = ["network", "copy-nearest", *baselines.CLASSICAL]
ranking = checks.means(real_dice, methods)

# %%
figures.show_intervals(
    ranking,
    real_settings["people"],
    "mean Dice, 95 % interval (dashed: two outlines of one frame)",
    f"The same {real_dice['network'].count()} real lesions, five methods",
)

# %% [markdown]
# ## Claim 8: they need much labelled data
#
# Give the network a part of the training groups only, and the same number of
# batches, so that less data does not also mean less training. In many fields
# the error then follows a *power law*, $a \, n^{-b}$, of the number $n$ of
# training images (Hestness et al. 2017). The error is 1 - Dice; $a$ and $b$
# are fitted, and a larger $b$ means that data helps more. A law can be asked
# what twice the data would bring. It is a guess beyond what was measured, so
# its interval matters.

# %%
counts = {100: len(learn)}
for percent in (50, 10):
    own = checks.share_of_groups(cases["group"][learn], percent, seed)
    run(f"share-{percent}", learn[own])
    counts[percent] = int(own.sum())
mini_settings["counts"] = counts
report(8)

# %% [markdown]
# The reference run has five parts, from a twentieth to all. Each of its two
# seeds draws its own groups, and the mean counts:

# %%
real_counts = real_settings["counts"]
curve = checks.means(real_dice, [f"share-{k}" for k in real_counts])
curve["images"] = list(real_counts.values())
a, b = checks.power_law(curve["images"], 1 - curve["value"])
n = np.geomspace(curve["images"].min(), 2 * curve["images"].max())

# %%
as_text = "; ".join(f"{k} {v:.2f}" for k, v in curve["value"].items())
figures.show(
    figures.learning_curve(
        curve,
        (n, 1 - a * n**-b),
        "mean Dice, 95 % interval",
        f"Real images: error = {a:.2f} n^-{b:.2f}, to twice the data",
    ),
    alt=f"Mean Dice by percent of the data: {as_text}",
)

# %% [markdown]
# Read the curve from the left: a tenth of the data already brings most of the
# Dice, and all the rest adds what the first check of this claim says. The
# intervals say how much the scored lesions matter. That other training images
# might have been drawn is not in them.
#
# ## Claim 9: they cost much computation
#
# Count three things. *Multiply-adds* for one prediction, from the layers'
# shapes. *Core seconds*: the time that processor cores worked, which does not
# grow when the machine is busy with something else. *Energy*: core seconds
# times the power that one busy core is assumed to draw, the parameter `watts`
# above; a guess, good to a factor of about two.

# %%
turns = [trials.cost(s, w, 3) for s, w in [(32, 8), (64, 16)]]
cost = pd.concat(map(pd.DataFrame, turns))
mini_settings |= {"networks": [(8, 32), (16, 64)], "images": len(learn)}
mini_settings["epochs"] = real_settings["epochs"]
report(9)

# %% [markdown]
# The bound is an hour of one core for one training, of as many epochs as the
# compact network gets. In single numbers, of this machine (`here`) and, where
# it was measured, of the reference run's: millions of parameters and of
# multiply-adds, and core milliseconds for one image, in training and for one
# prediction. The memory is that of the whole process, TensorFlow and all;
# `NaN` where it was not measured. The last columns, with Wh for watt hours,
# price a training on as many images as *you* have, in both runs. The check
# above counts the reference run's own images; where these are more, so are its
# minutes:

# %%
costs = {"here": cost, "reference": real_cost}
turns_of = pd.concat(costs, names=["run", "turn"])
price = turns_of.groupby(["run", "size", "width"]).mean()
minutes = price["train_s"] * len(learn) * real_settings["epochs"] / 60

# %%
table = pd.DataFrame(
    {
        "parameters (M)": price["parameters"] / 1e6,
        "multiply-adds (M)": price["multiply_adds"] / 1e6,
        "training (ms)": price["train_s"] * 1000,
        "prediction (ms)": price["answer_s"] * 1000,
        "memory (MB)": price.get("memory_mb"),
        "core minutes": minutes,
        "Wh": minutes * watts / 60,
    }
)
table.round(1)

# %%
plotted = price.loc["reference" if len(real_cost) else "here"].reset_index()
low, high = plotted["train_s"].min(), plotted["train_s"].max()
figures.show(
    figures.work_and_time(plotted, "Work and time, by size and width"),
    alt="Core seconds for one image in training against its "
    f"multiply-adds: from {low:.3f} to {high:.3f} seconds.",
)

# %% [markdown]
# Twice the side is four times the work, and twice the width nearly so.
# Multiply-adds predict the time only roughly: on small images the fixed costs
# of each layer weigh more.
#
# ## Claim 10: they are sensitive to hyperparameters
#
# Change one setting at a time, and you never learn whether two of them work
# together. Try all combinations, and you wait. A *fractional design* (Box &
# Hunter 1961) takes half of the combinations, chosen so that both levels of
# each factor meet those of every other equally often. A *factor* is a thing
# that you set, a *level* one of its two values. Each setting runs with two
# seeds, because luck has a share, too. (*Dice part* says whether the loss has
# one.)

# %%
from helpers.claims import design

levels = {
    "learning rate": (3e-4, 5e-3),
    "Dice part": (False, True),
    "width": (4, 8),
}
combinations, codes = design.half_fraction(levels)
pd.DataFrame(combinations)

# %%
for k, (rate, overlap, width) in enumerate(c.values() for c in combinations):
    chosen = {"learning_rate": rate, "overlap": overlap, "width": width}
    for i in (0, 1):
        run(f"design-{k} s{i}", **chosen, depth=1, seed=i)

# %%
mini_settings |= {"factors": list(levels), "codes": codes}
report(10)

# %% [markdown]
# The reference run varies the batch size as well. The spread of the scores is
# measured by their *variance*: the mean squared distance from their mean. How
# much of it goes back to each factor, to their interplay, and to the seed
# alone?

# %%
factors = real_settings["factors"]
real_codes = np.array(real_settings["codes"])
split = design.shares_of_variance(real_dice, factors, real_codes)

# %%
figures.show_intervals(
    split,
    0,
    "share of the variance, 95 % interval",
    "Real images: what the spread of short trainings goes back to",
)

# %% [markdown]
# The learning rate has the largest share there. But such shares hold for these
# levels only: take learning rates that lie closer together, and the share of
# the learning rate falls.
#
# ## The ten verdicts
#
# *Passed* counts the checks of a claim that passed. First the verdicts that
# count, from real images; then the miniature's, for comparison.

# %%
all_checks = pd.DataFrame(decided)
verdicts = {
    run_name: checks.verdicts(own).assign(run=run_name)
    for run_name, own in all_checks.groupby("run")
}
verdicts["real images"]

# %%
verdicts["miniature"]

# %% [markdown]
# Read them with their bounds in mind. Another bound, another verdict: so argue
# about the bounds, before you measure. And nothing here is known of other data
# sets, other scanners or other networks.

# %%
step.save("checks.csv", all_checks)
step.save("claims.csv", pd.concat(verdicts.values()))
step.finish()

# %% [markdown]
# **You have** broken ten claims into checks with intervals and bounds,
# measured depth, noise, data, cost and settings, set a network beside methods
# that learn nothing, and let a rule decide.
#
# ## Check yourself
#
# <details><summary>1. A check needs "more than 0.05", and its interval is 0.02 to 0.11. Does it pass?</summary>
#
# No. The whole interval must lie beyond the bound. That it fails does not show
# the opposite: the data cannot tell.
#
# </details>
#
# <details><summary>2. Why does the learning curve give each part of the data the same number of batches?</summary>
#
# With the same number of epochs, less data would also mean fewer steps. Then
# you could not tell whether data or training was missing.
#
# </details>
#
# <details><summary>3. A network loses little to speckle after it has met speckle in training. Did it learn to ignore noise?</summary>
#
# That noise, at these strengths. Whether it ignores another kind, such as
# burned-in marks, must be measured anew.
#
# </details>
#
# <details><summary>4. Why is a network compared with Otsu on the same cases, by the difference case by case?</summary>
#
# Some cases are hard for any method. In the difference that cancels, so its
# interval is narrower than those of the two means.
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
# ## Exercise 2: the share of the learning rate
#
# Four runs: the low learning rate gives a Dice of 0.60 and 0.62 with two
# seeds, the high one 0.70 and 0.72. Which share of the variance goes back to
# the learning rate?

# %%
share = ...  # a number from 0 to 1
exercises.check(exercises.rate_share, share)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# mean = (0.60 + 0.62 + 0.70 + 0.72) / 4
# total = sum((x - mean) ** 2 for x in (0.60, 0.62, 0.70, 0.72))
# rate = 2 * (0.61 - mean) ** 2 + 2 * (0.71 - mean) ** 2
# share = rate / total
# exercises.check(exercises.rate_share, share)
# ```
#
# It is about 0.96; the rest is the seed's.
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
