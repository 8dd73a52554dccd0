# %% [markdown]
# # 4. Train the segmenter: can a CNN learn it?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/04_train_the_segmenter.ipynb)
#
# You will train the U-Net that you wrote in notebook 3 to give every pixel of
# an ultrasound image one of three classes. It learns on a part of the cases,
# and you keep its predictions on others, which it never saw. Then you give it,
# and a larger network, knowledge to start from, and see what that is worth,
# and what the mean of both networks adds.
#
# **You will** be able to
# - write the loss, and say why it must also work on empty masks,
# - take one step of training by hand: prediction, loss, gradient, update,
# - check that a network can memorise an image before you spend time on more,
# - train it, read its curves, and keep its predictions on held-out cases,
# - say what labelled images and prior knowledge are worth, on your cases.
#
# **Takes** a few minutes in the quick profile on two CPU cores, many more
# in the others. **Needs** notebook 2. **Reads** `arrays.npz`, `folds.csv`.
# **Writes** `model.keras`, `model.json`, `history.csv`, `starts.csv`,
# `rules.csv`, `predictions.npz`, `validation.csv`.
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
image_size: int = 128  # pixels a side, as in notebook 2
width: int = 16  # channels at the finest level; or 24: twice the time
epochs: int = 10  # of your U-Net from random weights; 0: leave it out
epochs_simulated: int = 4  # from weights that know simulated images, or 0
epochs_pretrained: int = 3  # of the larger, pretrained network, or 0
batch_size: int = 8  # images a step; halve it if memory runs out
learning_rate: float = 2e-3  # the highest; it scales each step
n_folds: int = 1  # folds trained and held out, 1 to 5
first_fold: int = 0  # the first of them; to spread folds over machines
seed: int = 0  # another number, another run

# %%
import itertools

import keras
import numpy as np
import pandas as pd

from helpers import exercises, figures
from helpers.model import training, unet

step = here.step("04_train_the_segmenter")
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")
images, labels = arrays["images"], arrays["labels"]
print(f"{len(images)} cases of {images.shape[1]} x {images.shape[2]} pixels")

# %% [markdown]
# ## The network that you wrote
#
# `helpers/model/unet.py` holds the functions of notebook 3, word for word. The
# network computes in the kind of number that is fastest here: *float32* has 32
# bits, and *mixed* means 16 bits where they are enough.

# %%
keras.config.set_dtype_policy(training.precision())
keras.utils.set_random_seed(seed)
model = unet.build(size=image_size, width=width)
policy = keras.config.dtype_policy().name
print(f"{model.count_params():,} parameters, {policy}")

# %% [markdown]
# ## The loss, and why normal images need care
#
# Take four lesion images, and let the network predict. It knows nothing yet.
# How wrong is it? The *loss* says so in one number, the sum of three parts.
# You write them in NumPy, `classes` being the probabilities. *Cross-entropy*
# looks at each pixel alone: it is minus the logarithm of the probability that
# the right class got. But most pixels are background (*class imbalance*), so a
# network that marks nothing does well by it. The *soft Dice loss* is 1 minus
# the Dice of the whole lesion, computed from probabilities instead of a mask,
# and counts a small lesion as much as a large one. With $r$ 1 on lesion pixels
# and else 0, and $p$ the lesion probability:
#
# $$1 - \frac{2 \sum r p + 1}{\sum r + \sum p + 1}$$
#
# (Milletari et al. 2016 square the terms below the bar; Drozdzal et al. 2016,
# as here, do not.)


# %%
def cross_entropy(labels, classes):
    """Return the mean over the pixels of each image."""
    right = np.take_along_axis(classes, labels[..., None].astype(int), -1)
    return -np.log(right[..., 0].clip(1e-7)).mean(axis=(1, 2))


def dice_loss(labels, classes):
    """Return 1 - soft Dice of the lesion of each image."""
    lesion, p = labels > 0, 1 - classes[..., 0]
    both, total = (lesion * p).sum(axis=(1, 2)), lesion + p
    return 1 - (2 * both + 1) / (total.sum(axis=(1, 2)) + 1)


# %% [markdown]
# The third part asks about the whole image: is there a lesion at all, and if
# so, is it malignant? It needs one probability for each question. That of a
# lesion is a mean over the pixels in which each counts by its own square, so
# that the sure ones decide (a *Lehmer mean*, see notebook 7). That of
# malignant is its share of all lesion probability.


# %%
def yes_or_no(true, p):
    """Return the cross-entropy of a question with two answers."""
    return -np.log(np.where(true, p, 1 - p).clip(1e-4, 1))


def image_loss(labels, classes):
    """Return the loss of "a lesion?" plus half that of "malignant?"."""
    p, over = 1 - classes[..., 0], {"axis": (1, 2)}
    lesion = (p**3).sum(**over) / ((p**2).sum(**over) + 1e-3)
    malignant = classes[..., 2].sum(**over) / (p.sum(**over) + 1e-3)
    has_lesion = labels.any(**over)
    kind = yes_or_no((labels == 2).any(**over), malignant)
    return yes_or_no(has_lesion, lesion) + 0.5 * has_lesion * kind


# %% [markdown]
# This part is multiplied by 0.3, found by experiment. Expect the sum to be
# what training uses, `losses.segmentation_loss`.

# %%
from helpers.model import augmentation, losses

lesion_rows = np.flatnonzero(labels.any(axis=(1, 2)))
four = lesion_rows[:: max(1, len(lesion_rows) // 4)][:4]
x, y = augmentation.as_input(images[four]), labels[four]
classes = np.array(model(x))

# %%
by_hand = cross_entropy(y, classes) + dice_loss(y, classes)
by_hand = by_hand + 0.3 * image_loss(y, classes)
used = np.array(losses.segmentation_loss(y, classes))
print("by hand", by_hand.round(3), "used", used.round(3))
assert np.allclose(by_hand, used, rtol=1e-3)

# %% [markdown]
# On a normal image there is no lesion, and the plain Dice formula says 0
# whatever the network predicts, so it would teach nothing there. The 1 above
# and below the fraction bar changes this. Check it: give a *false positive*, a
# square lesion where there is none, to an empty mask and make it fainter.
# Expect the loss to fall for a small one, and hardly for a large one.

# %%
empty = np.zeros((1, 32, 32), int)
for p in (0.9, 0.5, 0.1):
    for side in (4, 20):
        spot = np.tile([1.0, 0, 0], (1, 32, 32, 1))
        spot[0, :side, :side] = 1 - p, 0, p
        value = dice_loss(empty, spot)[0]
        print(f"{side} x {side} pixels at {p}: Dice loss {value:.3f}")

# %% [markdown]
# Where a large false positive is to fade, cross-entropy and the image's part
# of the loss must do the teaching.
#
# ## One step: prediction, loss, gradient, update
#
# All of training is this step, again and again. The network *predicts* (the
# *forward pass*). The *loss* says how wrong that is. The *gradient* says, for
# each parameter, how the loss would move if it grew a little (the *backward
# pass*). Then the *update*: each parameter moves a little the other way.
# TensorFlow's `GradientTape` writes down what is computed, so that it can go
# through it backwards. Take six steps. Expect the loss to fall on the whole; a
# step may overshoot. (It begins higher than above: in training parts of the
# network are switched off, other ones at each step, and batch normalisation
# takes the mean and spread of these four images, not its running ones.)

# %%
import tensorflow as tf


def taped(rate):
    """Take one step of this size; return the loss before it, the gradient."""
    with tf.GradientTape() as tape:
        classes = model(x, training=True)
        loss = keras.ops.mean(losses.segmentation_loss(y, classes))
    parameters = model.trainable_variables
    gradient = tape.gradient(loss, parameters)
    for parameter, slope in zip(parameters, gradient, strict=True):
        parameter.assign_sub(rate * slope)
    return float(loss), gradient


# %%
before = [weight.numpy().copy() for weight in model.trainable_variables]
steps = [taped(rate=0.01) for _ in range(6)]
gradient = steps[0][1]
listed = ", ".join(f"{loss:.2f}" for loss, _ in steps)
print(f"loss of these four before each step: {listed}")

# %% [markdown]
# The gradient of all parameters comes from one walk backwards, by the *chain
# rule*: multiply along each way back from the loss to a parameter, and add
# over the ways. Do it by hand for a network of two weights with a residual
# connection around the second. Then nudge each weight, and see how far the
# loss really moves.

# %%
pixel, w1, w2, nudge = 0.5, 2.0, -1.5, 1e-4


def loss_of(w1, w2):
    """Return the cross-entropy of a lesion pixel."""
    h = w1 * pixel
    z = w2 * h + h  # the logit: by the second weight, and around it
    p = 1 / (1 + np.exp(-z))  # softmax of two classes, the other logit 0
    return -np.log(p), p, h


_, p, h = loss_of(w1, w2)
dz = p - 1  # how the loss moves with the logit
dh = dz * w2 + dz  # two ways back: they add

# %%
moved = loss_of(w1 + nudge, w2)[0], loss_of(w1, w2 + nudge)[0]
moved = (np.array(moved) - loss_of(w1, w2)[0]) / nudge
print(f"by the chain rule {dh * pixel:.4f} and {dz * h:.4f}")
print(f"by nudging        {moved[0]:.4f} and {moved[1]:.4f}")

# %% [markdown]
# `dz` is computed once and used for both weights: that is why one walk is
# enough, however many weights there are.
#
# In a deep network the walk goes from layer to layer: this is
# *backpropagation*. The gradient of four images is only an estimate of that of
# all: hence the name *stochastic gradient descent*. Here is the size of the
# first step's gradient at each convolution, divided by the size of its
# weights. One at which it is far smaller than at the others hardly learns by
# such plain steps. (Notebook 3's `image_bias` ends in weights of 0, which pass
# nothing back: the layer before them learns from the second step.)

# %% tags=["hide-input"]
pairs = zip(before, gradient, strict=True)
arrived = [
    np.linalg.norm(slope) / np.linalg.norm(weight)
    for weight, slope in pairs
    if len(weight.shape) == 4
]
# %% tags=["hide-input"]
figures.show(
    figures.backpropagation(arrived, "One step, forwards and backwards"),
    alt="Dots on a log scale: the gradient that arrived at each of "
    f"{len(arrived)} convolutions; an arrow for the prediction runs right, one for the "
    "gradient left.",
)

# %% [markdown]
# ## Who learns, who decides, who is held out
#
# The folds come from notebook 2; near copies of a frame always share a fold.
# One fold is *held out*: its cases have no part in training. An eighth of the
# rest, again in whole groups, joins what notebook 2 put aside (fold -1): that
# is the *validation part* (or set; the remainder is the *training set*). An
# *epoch* is one look at all training images. The validation part decides which
# epoch's weights are kept: those of the lowest loss there. (*Early stopping*
# would also end the training there.) The held-out fold must not decide
# anything, or its score would flatter itself.

# %%
from helpers.data import splits


def split(fold):
    """Return three arrays of rows: for training, for validation, held out."""
    return [rows.to_numpy() for rows in splits.roles(folds, fold, seed)]


# %%
names = ["training", "validation", "held out"]
counts = [folds.loc[x, "label"].value_counts() for x in split(first_fold)]
pd.DataFrame(counts, index=names).fillna(0).astype(int)

# %% [markdown]
# No case is in two of these. The validation part has few normal images, so
# what it decides about those is decided roughly.
#
# ## First memorise one image
#
# A network that cannot memorise one image has a fault in it, and no amount of
# data will help. Expect a Dice near 1 on it; it says nothing about new images.
# `AdamW` is the rule by which the parameters are changed: *Adam* steps along a
# running mean of the gradients, divided by the root of that of their squares,
# so all parameters move about as far. And at each step all weights shrink a
# little, which keeps them small. `compile_for` gives a network this rule and
# the loss; a `step` then returns loss and Dice.

# %%
of_one = split(first_fold)[0]
of_one = of_one[labels[of_one].any(axis=(1, 2))][:1]

# %%
keras.utils.set_random_seed(seed)
memoriser = unet.build(size=image_size, width=width)
training.compile_for(memoriser, keras.optimizers.AdamW(2e-3))

# %%
x, y = augmentation.as_input(images[of_one]), labels[of_one]
seen = [training.step(memoriser, x, y)[1] for _ in range(60)]
print(f"Dice on this one: {seen[0]:.2f} at first, {seen[-1]:.2f} at the end")

# %% [markdown]
# ## Every view is a little different
#
# The network should not depend on left and right, on the gain of the scanner,
# or on where the lesion lies. So each time it sees an image, the image is
# flipped, turned, zoomed, shifted and stretched at random (one side by up to a
# half against the other), and its grey values change: in brightness and
# contrast, from place to place, at times by blur or noise. The mask goes
# through the same geometry. It is never turned upside down: skin is above and
# shadows fall below. This is called *augmentation*. (The stretch has a price:
# whether a lesion is taller than wide tells its class less well.)

# %%
pair = images[of_one[0]], labels[of_one[0]]
rngs = [np.random.default_rng(i) for i in range(4)]
views = [augmentation.augment(*pair, rng) for rng in rngs]
shown, moved = zip(*views, strict=True)

# %% tags=["hide-input"]
titles = [f"view {i + 1}" for i in range(4)]
outlines = [target > 0 for target in moved]
heading = "Four views of one case, image and mask moved together"
alt = "Four views of one image, turned, shifted and zoomed, with other grey "
alt += "values; the outline follows."
figure = figures.gallery(shown, titles, outlines, heading=heading)
figures.show(figure, alt=alt)

# %% [markdown]
# ## Train
#
# A *batch* holds the images of one step. The *learning rate*, the factor
# before each step, rises from 0 over the first epoch, or a fifth of all steps
# if that is less (the *warm-up*: the first gradients are large, and Adam's
# running means rest on few steps yet). Then it falls along a cosine to 0, so
# that the last steps are small. Its highest value was found by trial.
#
# What is validated and kept are not the last weights but their *exponential
# moving average* (EMA) over the last steps, which is steadier. And where the
# gradient of a weight array is too long, it is shortened (*gradient
# clipping*).
#
# In plain Keras this would be:
#
# ```python
# rule = keras.optimizers.AdamW(
#     rate, weight_decay=1e-4, clipnorm=1.0, use_ema=True
# )
# average = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)  # comes first
# best = keras.callbacks.ModelCheckpoint("a.keras", save_best_only=True)
# model.compile(rule, losses.segmentation_loss)
# how = {"epochs": epochs, "callbacks": [average, best]}
# model.fit(train, validation_data=check, **how)
# ```
#
# `training.fit` is nearly that (its average also forgets the random start),
# and can be stopped and resumed.
#
# What all networks need goes into functions. The first trains one, without one
# fold.

# %%
from helpers.files import ROOT
from helpers.model import checkpoint


def trained(network, name, fold, **settings):
    """Return a network trained without a fold, and its history."""
    folder = step.folder / f"{name.replace(' ', '_')}_{fold}"
    drive = step.drive and step.drive / folder.name
    learns, checks, _ = split(fold)
    pairs = [(images[rows], labels[rows]) for rows in (learns, checks)]
    train = augmentation.Batches(*pairs[0], batch_size, seed)
    check = augmentation.Batches(*pairs[1], 32, seed, augment=False)
    settings |= {"seed": seed, "drive": drive}
    return training.fit(network, train, check, folder, **settings)


# %% [markdown]
# The second asks a trained network for its probabilities of the validation
# part and of the held-out cases. It uses *test-time augmentation*: it predicts
# each image as it is and mirrored, turns the second prediction back, and takes
# the mean.

# %%
from helpers.evaluation import postprocessing


def results(fold, model, history):
    """Return what a network predicts of a fold, a dict."""
    _, checks, held = split(fold)
    checked = training.predict(model, images[checks], flip=True)
    return {
        "fold": fold,
        "model": model,
        "history": history,
        "validation": checked,
        "held out": training.predict(model, images[held], flip=True),
    }


# %% [markdown]
# Now the long cells. Each prints one line an epoch, with the time that is
# left. If it is interrupted, run it again: it goes on, also on a new Colab
# machine if your Drive is there. Once it has finished, running it again gives
# back what is there. Change a number above, and it starts anew and says why.
#
# The Dice in these lines, over all validation images, where an empty mask on a
# normal image counts 1, is not that of notebook 5.

# %%
networks = {}


def over_folds(name, make, epochs, **settings):
    """Train a network for each fold, and keep what it predicts."""
    settings |= {"epochs": epochs}
    if epochs:
        networks[name] = [
            results(fold, *trained(make(), name, fold, **settings))
            for fold in range(first_fold, first_fold + n_folds)
        ]


# %% [markdown]
# **From scratch**: your U-Net, with random weights.


# %%
def from_scratch():
    """Return the lesson's network with random weights."""
    keras.config.set_dtype_policy(training.precision())
    keras.utils.set_random_seed(seed)
    return unet.build(size=image_size, width=width)


# %%
rates = {"learning_rate": learning_rate}
over_folds("from scratch", from_scratch, epochs, **rates)

# %% [markdown]
# ## What knowledge is worth
#
# Some hundred images are few to learn from nothing what an edge, a texture or
# a shadow looks like. A network that has learned such things elsewhere needs
# less. It is *pretrained*; to train it on is called *fine-tuning*, and the
# whole idea *transfer learning*. Fine-tuning takes small steps, or what is
# known would be overwritten, and often fewer epochs. It keeps the last epoch's
# weights. (On real images, where that was tried, the validation loss rose
# again while the masks still improved.)
#
# **Simulated images first**: the same U-Net, after 6,000 simulated images
# (2,000 at width 24; `tools/research/pretrain.py`), and no real one. If your
# cases are simulated, too, the two are kin: drawn by the same program, though
# none is the same. Then this start shows what more data are worth, and not
# what they are worth on patients' images.


# %%
def knows_simulated():
    """Return the lesson's network after simulated images."""
    path = ROOT / f"models/start_{width}.npz"
    return checkpoint.start_from(from_scratch(), path)


# %%
name, tuning = "simulated first", {"last": True}
rates = tuning | {"learning_rate": learning_rate / 4}
over_folds(name, knows_simulated, epochs_simulated, **rates)

# %% [markdown]
# **Photographs and another hospital first**: a larger network. `pretrained`
# keeps the shape that you know, a way down, a way up and skips between them,
# with one level more. The way up is made of your blocks. The way down is
# *EfficientNet-Lite0*, a simpler form of Tan & Le's (2019), whose filters
# first saw 1.3 million photographs (*ImageNet*; for grey images their three
# colours were added up). Then they saw breast ultrasound: images of another
# hospital (BUS-BRA, Gómez-Flores et al. 2024) and simulated ones. None of them
# is among the cases here.

# %%
from helpers.model import pretrained


def knows_photographs():
    """Return the network that knows photographs and ultrasound."""
    keras.config.set_dtype_policy(training.precision(depthwise=True))
    keras.utils.set_random_seed(seed)
    network = pretrained.build(size=image_size)
    path = ROOT / "models/start_pretrained.npz"
    return checkpoint.start_from(network, path)


# %%
name, rates = "photographs first", tuning | {"learning_rate": 1e-3}
over_folds(name, knows_photographs, epochs_pretrained, **rates)

# %% [markdown]
# **An ensemble of both.** The two fine-tuned networks differ in what they knew
# and how they are built, so they often err in different places, and the mean
# of their probabilities can be better than each. It takes no training.


# %%
def mean_of(one, other):
    """Return what the mean of two networks predicts, as `results` does."""
    joined = one | {"model": (one["model"], other["model"]), "history": []}
    for part in ("validation", "held out"):
        joined[part] = (one[part] + other[part]) / 2
    return joined


if epochs_simulated and epochs_pretrained:
    pairs = networks["simulated first"], networks["photographs first"]
    networks["ensemble"] = list(map(mean_of, *pairs))

# %% [markdown]
# ## Read the curves
#
# Of the network that was trained first: both losses should fall together.
# Where the training loss goes on falling and the validation loss rises, the
# network is *overfitting*: it learns these images by heart, and nothing that
# helps with others. (The training loss may lie above the other one: it is
# taken on the changed views, with parts switched off.)

# %% tags=["hide-input"]
first, found = next(iter(networks.items()))
fold, last = found[-1]["fold"], pd.DataFrame(found[-1]["history"])
ends = last[["loss", "val_loss"]].iloc[[0, -1]].round(2).to_numpy()
alt = f"Training and validation loss: {ends[0]} at first, {ends[1]} at last."
title = f"{first}, fold {fold} ({here.data.kind} images)"
figures.show(figures.curves(last, title), alt=alt)

# %% [markdown]
# The steps shrink to 0 towards the end, so a curve that lies flat there does
# not say that more epochs, planned from the start, would not help.
#
# ## Choose the thresholds, but not on held-out cases
#
# The networks give probabilities. A mask needs a *rule* with three numbers:
# above which probability does a pixel count as lesion (`threshold`)? Below
# which size is a spot ignored (`minimum_area`, a share of the image)? And how
# sure must the network be of *any* lesion before it marks one
# (`image_threshold`, a probability)?
#
# Each choice trades one error for another. Ask for more certainty, and more
# normal images stay empty, as they should; but more lesions are missed. So say
# first what an error costs, then look for the rule that costs least, on the
# validation part alone. `postprocessing.frontier` tries them all. Its
# `utility` is the mean Dice of the lesion images, less the share of them that
# is missed (Dice below 0.1), plus half the share of normal images left empty.
# Since few cases decide, the rule of the highest `smooth` utility wins: the
# mean of the utilities at its image threshold and at the next lower and higher
# one.

# %%
for one in itertools.chain(*networks.values()):
    pair = one["validation"], labels[split(one["fold"])[1]]
    one["frontier"] = postprocessing.frontier(*pair)
    one["rule"] = postprocessing.best(one["frontier"])
    one["checked"] = one["frontier"]["smooth"].max()

# %% tags=["hide-input"]
curves = {}
for name, found in networks.items():
    tried = found[-1]["frontier"].fillna({"empty": 0})
    best = tried.groupby("empty")["dice"].max()[::-1].cummax()
    best = best[~best.duplicated()]  # of equal Dice the one with more empty
    curves[name] = best.index, best
labelled = "share of normal images left empty", "mean lesion Dice"
title = f"The best rules, validation part of fold {fold}"
figures.show_lines(curves, *labelled, title, marker="o")

# %% [markdown]
# Each point is a rule that no other one beats in both. Further up and to the
# right is better; where you stand is your choice, made here by the smooth
# utility. Utility also subtracts missed lesions, which this figure does not
# show, so the chosen rule may lie below its curve. These are few cases, so
# expect the thresholds to differ between folds.
#
# Which network goes on to the notebooks that follow? Few cases cannot tell
# good networks apart, so that was fixed before this run. On patients' images
# it is the ensemble: over five folds of BUSI it had a higher Dice than either
# of its two (page *Results on real BUSI*), so on BUSI its score is a little
# too good. On simulated images it is *simulated first*, which knows this very
# kind. Where that was left out, it is the last that you trained.

# %%
chosen = list(networks)[-1]
if here.data.kind == "phantom" and epochs_simulated:
    chosen = "simulated first"
print("From here on:", chosen)

# %% [markdown]
# Only now look at what the held-out cases say of all: of these networks, and
# of the one that memorised one image. Here the masks are compared at the size
# of the network's square; notebook 5 will be exact.

# %%
_, _, held = split(first_fold)
memorised = {"fold": first_fold, "rule": postprocessing.RULE}
memorised["held out"] = training.predict(memoriser, images[held], flip=True)

# %% [markdown]
# **Predict, then run.** The first row will be the network that memorised one
# image. What is its mean Dice on lesions that it never saw: near 0, about a
# quarter, or more than half? The next cell tells.

# %%
everyone = {"one image": [memorised]} | networks
rows = []
for name, found in everyone.items():
    for one in found:
        pair = one["held out"], labels[split(one["fold"])[2]]
        outcome = postprocessing.judged(*pair, **one["rule"])
        outcome |= {"validation": one.get("checked", np.nan)}
        rows.append({"network": name, "fold": one["fold"]} | outcome)
starts = pd.DataFrame(rows)
shown = starts.groupby("network", sort=False).mean().drop(columns="fold")
print("ahead on the held-out cases:", shown["utility"].idxmax())
shown.round(2).fillna("")

# %% [markdown]
# `marked` is the share of lesion images with anything marked, `empty` that of
# normal images with nothing marked. *One image* has the plain threshold of one
# half. *From scratch* against it: one image, learned by heart, is not enough.
# *Simulated first* against *from scratch*: what that start adds. *Photographs
# first* differs in several things at once. *Ensemble* against the two above
# it: what the mean adds.
#
# Each was trained with one seed, and on one fold if `n_folds` is 1, so a few
# hundredths may be luck. Compare `utility` with `validation`, the smooth
# utility there: held out it tends to be lower, for the best of many rules was
# picked on the validation part, luck included. If another network than the
# chosen one is ahead, you may not change your mind now, or held-out cases
# would have decided. As a picture: one held-out lesion of a middle size, and
# each network's pixels above its threshold.

# %% tags=["hide-input"]
areas = (labels[held] > 0).sum(axis=(1, 2))
with_lesion = np.flatnonzero(areas)
i = with_lesion[areas[with_lesion].argsort()][len(with_lesion) // 2]
predicted = [
    1 - found[0]["held out"][i][..., 0] > found[0]["rule"]["threshold"]
    for found in everyone.values()
]

# %% tags=["hide-input"]
n, case = len(everyone), folds["case"][held[i]]
outlines, heading = [labels[held[i]] > 0] * n, f"{case}, held out: "
heading += "ground truth blue, prediction dashed"
pictures = [images[held[i]]] * n, list(everyone), outlines, predicted
figure = figures.gallery(*pictures, columns=3, heading=heading)
said = "The ground truth, and the prediction of each network: "
figures.show(figure, alt=said + ", ".join(everyone))

# %% [markdown]
# For the notebooks that follow you keep each fold's rule. Three more columns
# correct the probabilities: a temperature alone (*temperature scaling*), or
# with a shift (*Platt scaling*). Notebook 6 tells what they are good for.

# %% tags=["hide-input"]
from helpers.evaluation import calibration, classification

fitted, features = [], []
for one in networks[chosen]:
    checks = split(one["fold"])[1]
    lesion = 1 - one["validation"][..., 0]
    scaling = calibration.fit_scaling(lesion, labels[checks] > 0)
    fitted.append({"fold": one["fold"]} | one["rule"] | scaling)
    measured = map(classification.image_features, one["validation"])
    table = pd.DataFrame(measured, checks)
    features.append(table.assign(fold=one["fold"]))
rules = pd.DataFrame(fitted)
rules.round(3)

# %% [markdown]
# ## Look at held-out cases
#
# Look at the first benign and the first malignant case that had no part in the
# training. Ask of each: is there light where the outline is? In the map of the
# right class? And anywhere else?

# %% tags=["hide-input"]
from helpers.data import masks

kept = networks[chosen]
rows = np.concatenate([split(one["fold"])[2] for one in kept])
probabilities = np.concatenate([one["held out"] for one in kept])
classes = folds.loc[rows, "label"].to_numpy()
present = [c for c in masks.CLASSES[1:] if c in classes]
examples = [int(np.argmax(classes == c)) for c in present]

# %% tags=["hide-input"]
for i in examples:
    case, outline = folds["case"][rows[i]], labels[rows[i]] > 0
    pair = images[rows[i]], probabilities[i]
    figure = figures.maps(*pair, masks.CLASSES, outline, case)
    figures.show(figure, alt=f"{case}: the image and three probability maps.")

# %% [markdown]
# ## Keep the predictions
#
# Notebook 5 reads these probabilities and scores them at the images' original
# size. They are kept as 16-bit numbers, whose three digits are enough.
# `validation.csv` keeps what notebook 7 needs of the validation part. Beside
# `model.keras`, the last fold's network, `model.json` gets its rule and how
# many images of which set it learned from, here and, if patients' images, in
# its start: `make predict` and `make external` read that.

# %% tags=["hide-input"]
histories = [
    pd.DataFrame(one["history"]).assign(network=name, fold=one["fold"])
    for name, found in networks.items()
    for one in found
]
known = folds[["case", "label", "group"]]
tables = {"history": pd.concat(histories), "rules": rules}
tables["starts"] = starts.assign(chosen=starts["network"] == chosen)
tables["validation"] = known.join(pd.concat(features), how="inner")
for name, table in tables.items():
    step.save(f"{name}.csv", table)

# %% tags=["hide-input"]
from helpers.model import ensemble

model = kept[-1]["model"]
if chosen == "ensemble":
    model = ensemble.mean(model, image_size)
learned_from = {here.data.kind: len(split(kept[-1]["fold"])[0])}
if chosen in ("photographs first", "ensemble"):
    learned_from["busbra"] = 1100  # its start did: models/README.md
checkpoint.save(model, step.folder / "model.keras")
step.keep("model.keras")
step.save("model.json", kept[-1]["rule"] | {"by_set": learned_from})
contents = {
    "case": folds.loc[rows, "case"].to_numpy(str),
    "fold": folds.loc[rows, "fold"].to_numpy(),
    "probabilities": probabilities.astype(np.float16),
}
step.save("predictions.npz", contents)
step.finish()

# %% [markdown]
# **You have** written a loss that also teaches on normal images, taken a step
# by hand, trained your U-Net from nothing and from knowledge, weighed the
# errors against each other, and kept predictions on cases that no network had
# seen. Next: `05_read_the_errors` asks which cases fail, and how sure you may
# be of the numbers.
#
# ## Check yourself
#
# <details><summary>1. A network reaches Dice 0.99 on the one image that it was shown. What have you learned?</summary>
#
# That the network, the loss and the image fit together: nothing is broken.
# About new images you have learned nothing.
#
# </details>
#
# <details><summary>2. Why may the held-out fold not choose the epoch that is kept?</summary>
#
# Of many epochs the best on these cases would be chosen, partly by luck. The
# score there would contain that luck, and on other cases it would be gone.
#
# </details>
#
# <details><summary>3. Why are images mirrored left to right, and never upside down?</summary>
#
# A breast may be seen from either side, so the mirror image is a possible
# image. Upside down, skin would lie below and shadows would fall upwards: no
# scanner shows that.
#
# </details>
#
# <details><summary>4. The training loss falls, the validation loss rises. What happens, and which weights are kept?</summary>
#
# The network is overfitting: it memorises the training images. Of the network
# from scratch the weights from before are kept, those of the lowest validation
# loss. The two that were fine-tuned keep the last ones, by a rule that was
# fixed beforehand.
#
# </details>
#
# <details><summary>5. What goes wrong on a normal image with the plain Dice loss?</summary>
#
# Nothing is shared with an empty mask, so its Dice is 0 whatever the network
# predicts. The loss is the same for a large false positive and a faint one,
# and teaches nothing.
#
# </details>
#
# ## Exercise 1: count the parameters of a layer
#
# A convolution with filters of 3 x 3 pixels reads 16 channels and gives 32.
# Each of its filters has a bias, a number that is added to its responses. How
# many parameters has it?

# %%
parameters = ...  # a whole number
exercises.check(exercises.layer_parameters, parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# parameters = (3 * 3 * 16 + 1) * 32
# exercises.check(exercises.layer_parameters, parameters)
# ```
#
# 4,640: a filter has 3 x 3 weights for each of 16 channels and one bias, and
# there are 32 filters. The size of the image plays no part.
#
# </details>
#
# ## Exercise 2: train without normal images
#
# Notebook 2 kept the normal images. What if it had not? Write a function of
# label maps, an array (images, rows, columns) of 0, 1 and 2, that returns True
# for each image that shows a lesion, and False for each normal one.

# %%
lesions_only = ...  # a function of an array of label maps
exercises.check(exercises.lesions_only, lesions_only)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def lesions_only(labels):
#     return labels.any(axis=(1, 2))
#
# exercises.check(exercises.lesions_only, lesions_only)
# ```
#
# Now train twice for a short while from simulated images, on all training
# cases and on those with a lesion, and count the false positives on held-out
# normal images.
#
# ```python
# def fine_tuned(rows, steps=60):
#     """Return a network that knew simulated images, after these rows."""
#     network = knows_simulated()
#     rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
#     network.compile(keras.optimizers.Adam(rate), losses.segmentation_loss)
#     drawn = np.random.default_rng(seed).choice(rows, 8 * steps)
#     x, y = augmentation.as_input(images[drawn]), labels[drawn]
#     network.fit(x, y, batch_size=8, verbose=0)
#     return network
#
# learns, _, held = split(first_fold)
# normal = held[~lesions_only(labels[held])]
# both = {"all": learns, "lesions only": learns[lesions_only(labels[learns])]}
# for name, rows in both.items():
#     p = training.predict(fine_tuned(rows), images[normal])
#     marked = (p[..., 0] < 0.5).any(axis=(1, 2)).sum()
#     print(f"{name}: something marked on {marked} of {len(normal)} normals")
# ```
#
# Both take as many steps of as many images, under half a minute each. Their
# start knew normal images: if the second network marks more of them, you see
# how fast it forgets. Then ask for the price: which of the two has the higher
# Dice on held-out lesions?
#
# </details>
#
# ## For later: when a run is stopped
#
# A long run will be interrupted one day: Colab takes its machine back, a
# laptop sleeps. `training.fit` saves everything after each epoch: the weights,
# the optimizer's memory, the random numbers' state. You need not take its word
# for it. Train a tiny network on tiny images, and press Ctrl-C in the middle
# of the third epoch (the class does it for you).

# %% tags=["hide-cell"]
from signal import SIGINT, raise_signal


class Interrupted(augmentation.Batches):
    """Batches that press Ctrl-C in the third epoch."""

    def __getitem__(self, i):
        if self.epoch == 2 and i == 1:
            raise_signal(SIGINT)
        return super().__getitem__(i)


# %% tags=["hide-cell"]
def tiny_run(kind, folder):
    """Train four epochs on 24 images of a quarter of the size."""
    keras.utils.set_random_seed(seed)
    small = [x[:24, ::4, ::4] for x in (images, labels)]
    model = unet.build(size=image_size // 4, width=4, depth=1)
    train = kind(*small, batch_size=8, seed=seed)
    check = augmentation.Batches(*small, 8, seed, augment=False)
    settings = {"epochs": 4, "learning_rate": learning_rate, "seed": seed}
    return training.fit(model, train, check, folder, **settings)[0]


# %% [markdown]
# Run it, let it be interrupted, and call it again: it goes on after the second
# epoch. Then train the same network without any interruption. Expect the
# weights to be equal to the last bit on a CPU. (Some sums on a GPU are taken
# in another order each time, and the last digits differ. So they do on a CPU
# with another number of cores.)

# %% tags=["hide-cell"]
from pathlib import Path
from tempfile import mkdtemp

scratch = Path(mkdtemp())
try:
    tiny_run(Interrupted, scratch / "a")
except KeyboardInterrupt:
    resumed = tiny_run(augmentation.Batches, scratch / "a")

# %% tags=["hide-cell"]
whole = tiny_run(augmentation.Batches, scratch / "b")
pairs = zip(resumed.get_weights(), whole.get_weights(), strict=True)
print(f"largest difference: {max(abs(a - b).max() for a, b in pairs)}")

# %% [markdown]
# 0.0 means that no bit differs: you may close the laptop in the middle of a
# run.
#
# ## For later: the same on a GPU
#
# Nothing in the code changes. In Colab choose *Runtime*, *Change runtime
# type*, *T4 GPU*, and run all cells again; the machine is a new one, so
# notebooks 1 and 2 come first, or their results are found on your Drive.
# `training.precision` again picks by itself the kind of numbers that is
# computed fastest there. With the time that it saves, take the numbers of
# `profiles/gpu.yaml`: `image_size` and `max_cases` in notebook 2, which you
# run again, then larger images, a wider network and all five folds here. How
# long will it take? The line of the second epoch tells you, once the start-up
# of the first one no longer counts.

# %%
from helpers import environment

print(f"{environment.device()}: computes in {training.precision()}")

# %% [markdown]
# ## References
#
# - Drozdzal, Vorontsov, Chartrand, Kadoury, Pal: The importance of skip
#   connections in biomedical image segmentation. DLMIA 2016, doi
#   [10.48550/arXiv.1608.04117](https://doi.org/10.48550/arXiv.1608.04117)
# - Gómez-Flores, Gregorio-Calas, Coelho de Albuquerque Pereira: BUS-BRA.
#   Medical Physics 51, 2024, doi
#   [10.1002/mp.16812](https://doi.org/10.1002/mp.16812)
# - He, Zhang, Ren, Sun: Deep residual learning for image recognition. CVPR
#   2016, doi [10.1109/CVPR.2016.90](https://doi.org/10.1109/CVPR.2016.90)
# - Loshchilov, Hutter: SGDR, stochastic gradient descent with warm restarts.
#   ICLR 2017, doi
#   [10.48550/arXiv.1608.03983](https://doi.org/10.48550/arXiv.1608.03983)
# - Loshchilov, Hutter: Decoupled weight decay regularization. ICLR 2019, doi
#   [10.48550/arXiv.1711.05101](https://doi.org/10.48550/arXiv.1711.05101)
# - Milletari, Navab, Ahmadi: V-Net. 3DV 2016, doi
#   [10.1109/3DV.2016.79](https://doi.org/10.1109/3DV.2016.79)
# - Ronneberger, Fischer, Brox: U-Net. MICCAI 2015, doi
#   [10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - Tan, Le: EfficientNet. ICML 2019, doi
#   [10.48550/arXiv.1905.11946](https://doi.org/10.48550/arXiv.1905.11946)
