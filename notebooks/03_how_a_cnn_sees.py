# %% [markdown]
# # 3. How a CNN sees: from a filter to a class for every pixel
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/03_how_a_cnn_sees.ipynb)
#
# Textbooks explain segmentation by a convolutional neural network (CNN) in three
# sentences. You will test each of them, and make it exact where it is loose:
#
# 1. Semantic segmentation gives a class to each pixel, unlike classification.
# 2. A CNN slides a filter over the image and takes dot products; the output is a
#    *feature map*.
# 3. The feature maps classify each pixel by a fully connected layer, which gives a
#    probability distribution over the classes.
#
# **You will**
# - simulate an ultrasound image, and learn what its grain, shadows and shapes mean,
# - slide a filter by hand, and see what edge, blob and speckle filters find,
# - compute and measure how much of the image one answer depends on,
# - look into a trained network, from its first feature maps to its doubts,
# - put the pieces together to the network that notebook 4 trains.
#
# **Takes** under a minute. **Needs** notebook 2. **Reads** `arrays.npz`, `folds.csv`,
# and `model.keras` of notebook 4 only if you ask for it. **Writes** `fields.csv`,
# `layers.csv`.
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
from_notebook_4: bool = False  # True: look into its network; run it first
rounds: int = 8  # times the small network sees each image; 1 s each
seed: int = 0  # another number, another run

# %%
import cv2
import keras
import numpy as np
import pandas as pd

from helpers import (
    batches,
    exercises,
    figures,
    masks,
    networks,
    phantom,
    scores,
    sight,
    training,
)

step = here.step(
    "03_how_a_cnn_sees",
    profile,
    from_notebook_4=from_notebook_4,
    rounds=rounds,
    seed=seed,
)
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")

# %% [markdown]
# ## How an ultrasound image comes about
#
# The probe sends a short pulse of sound. Tissue is full of *scatterers*, far smaller than
# a pixel, and each sends a little of the sound back. The probe cannot see a scatterer
# sharply. It sees a blot, narrow along the beam and wider across it. Where blots overlap,
# their waves add up, and the strength of the sum is called the *envelope*. That spans
# too wide a range for a screen, so you are shown its logarithm.
#
# `helpers/phantom.py` imitates these steps. Expect scatterers to become blots, and
# smooth tissue to become grainy.

# %%
rng = np.random.default_rng(seed)
points = np.zeros((60, 70), np.float32)
points[[12, 12, 40, 40, 44], [15, 50, 15, 50, 53]] = 1
frame = phantom.simulate("malignant", rng, 240, 280)
steps = {
    "five scatterers, close up": phantom.echoes(
        points, rng, phantom.Probe()
    ),
    "tissue: echo strength (dB)": 20 * np.log10(frame.expected),
    "envelope: a few echoes\ndrown the rest": frame.envelope,
    "its logarithm:\nthe picture": frame.image,
}

# %%
figures.show(
    figures.gallery(
        [
            np.interp(v, (v.min(), v.max()), (0, 255))
            for v in steps.values()
        ],
        list(steps),
        heading="From scatterers to a picture (simulated; black: least, white: most)",
    ),
    alt="Four simulated maps: blots of five scatterers, two of which run together; the "
    "smooth strength of tissue with a lesion; its grainy envelope, nearly all dark; and "
    "the log-compressed picture.",
)

# %% [markdown]
# ### Speckle is not noise
#
# The grain is called *speckle*. It comes from waves that add up or cancel, so the same
# scatterers give the same speckle every time, and averaging a frame with itself does
# nothing. Only another *look* helps: from another place or angle the probe meets other
# scatterers, and the mean of $N$ looks has $1 / \sqrt{N}$ of the grain (its standard
# deviation over its mean). Expect the first column below to follow the third, and the
# second to stay.


# %%
def look(number):
    """Return the envelope of plain tissue; each number is other scatterers."""
    return phantom.speckle(200, 200, np.random.default_rng(number))


def grain(looks):
    """Return standard deviation over mean of the mean of some envelopes."""
    mean = np.mean([look(number) for number in looks], axis=0)
    return mean.std() / mean.mean()


# %%
pd.DataFrame(
    {
        "moved probe": [grain(range(n)) for n in (1, 4, 16)],
        "same frame": [grain([0] * n) for n in (1, 4, 16)],
        "by theory": [grain([0]) / n**0.5 for n in (1, 4, 16)],
    },
    index=pd.Index([1, 4, 16], name="looks"),
).round(3)

# %% [markdown]
# Scanners *compound* several angles for this reason. Blurring one frame is no
# substitute: it takes the fine outlines away with the grain.
#
# And the grain tells something. Where many scatterers share one blot, the envelope
# follows *Rayleigh's law*, whatever the tissue (Burckhardt 1978). Where there are few, it
# does not. So speckle holds a trace of what is too small to be seen. Compare tissue with
# a scatterer in every pixel to tissue with one in a hundred pixels.

# %%
sparse = (rng.random((200, 200)) < 0.01).astype(np.float32) * 10
rows = {
    "Rayleigh's law": (
        (np.pi / (4 - np.pi)) ** 0.5,
        1 - np.exp(-np.pi / 16),
    )
}
for name, envelope in {
    "many scatterers": look(seed),
    "few scatterers": phantom.echoes(sparse, rng, phantom.Probe()),
}.items():
    mean = envelope.mean()
    rows[name] = mean / envelope.std(), np.mean(envelope < mean / 2)
pd.DataFrame(
    rows, index=["mean / deviation", "darker than half the mean"]
).round(2)

# %% [markdown]
# ### What a reader looks for
#
# Radiologists describe a lesion in the terms of BI-RADS (ACR 2013). The phantom draws
# its lesions after them:
#
# | term | in plain words | simulated benign | simulated malignant |
# |---|---|---|---|
# | shape | oval, round or irregular | oval | irregular |
# | orientation | *parallel* to the skin is wider than tall | mostly parallel | often taller than wide |
# | margin | sharp all round; or vague, angular, with spikes | smooth | rough, some with spikes |
# | echo pattern | darker or brighter than its surroundings | darker; cysts nearly black | darker, uneven |
# | posterior features | behind it: *shadow* if it swallows sound, *enhancement* if it swallows less than its surroundings | mostly enhancement | mostly shadow |
#
# Draw 20 of each, and measure. Expect a plus behind the benign ones (brighter there than
# beside it, in decibels: enhancement), and a minus behind the malignant ones (shadow).


# %%
def behind(mask, level, rows=30):
    """Return how much brighter the rows behind a lesion are than beside."""
    bottom = np.flatnonzero(mask.any(axis=1))[-1] + 1
    under, below = mask.any(axis=0), level[bottom : bottom + rows]
    return below[:, under].mean() - below[:, ~under].mean()


# %%
drawn = []
for label in ("benign", "malignant"):
    for i in range(20):
        maker = np.random.default_rng((seed, i))
        lesion = phantom.simulate(label, maker, 240, 280)
        mask, level = lesion.masks[0], 20 * np.log10(lesion.expected)
        drawn.append(
            {
                "label": label,
                "picture": lesion.image,
                "mask": mask,
                "behind (dB)": behind(mask, level),
                **masks.describe(mask),
            }
        )
drawn = pd.DataFrame(drawn)

# %%
measured = ["behind (dB)", "taller_than_wide", "solidity"]
drawn.groupby("label")[measured].mean().round(2)

# %% [markdown]
# (*Solidity* is the share of a rubber band around the outline that the lesion fills: 1
# has no dents.) The strongest enhancement and the strongest shadow among them:

# %%
order = drawn["behind (dB)"].sort_values().index
strongest = drawn.loc[[order[-1], order[0]]]
titles = [
    f"{label}, behind: {decibels:+.0f} dB"
    for label, decibels in strongest[["label", "behind (dB)"]].values
]

# %%
figures.show(
    figures.gallery(
        list(strongest["picture"]),
        titles,
        list(strongest["mask"]),
        heading="Enhancement and shadow (simulated)",
    ),
    alt="Two simulated images with outlined lesions: left it is brighter behind the "
    "lesion than beside, right it is darker.",
)

# %% [markdown]
# So a part of what tells the class lies **outside** the lesion. A network that saw only
# a small patch would miss it.
#
# ## One answer, or one for each pixel
#
# *The first sentence.* To *classify* an image is to give one answer for all of it. To
# *segment* it is to give an answer for each pixel. Take a case of fold 0, which the network
# below does not train on: the one whose lesion is larger than four in five others.

# %%
images, labels = arrays["images"], arrays["labels"]
held_out = np.flatnonzero(folds["fold"] == 0)
areas = (labels[held_out] > 0).sum(axis=(1, 2))
with_lesion = held_out[areas > 0][areas[areas > 0].argsort()]
case = with_lesion[len(with_lesion) * 4 // 5]
image, target = images[case].astype(np.float32), labels[case]
name, whole = folds["case"][case], masks.CLASSES[target.max()]

# %%
figures.show(
    figures.gallery(
        [image, image],
        [
            f"classification:\n1 answer, {whole}",
            f"segmentation:\n{target.size:,} answers",
        ],
        [target < 0, target > 0],
        heading=name,
    ),
    alt=f"The same image twice: left with one label, {whole}, right with an outline "
    "between two classes of pixels.",
)

# %% [markdown]
# The sentence holds, with one addition: *semantic* means classes only. Two benign
# lesions in one image get one class, and nothing says that they are two; telling them
# apart is called *instance* segmentation. Yet the class of a pixel can depend on all of
# the image, as you have just seen. A network must know *what*, from afar, and *where*, to
# the pixel. The rest of this notebook shows how one network gets both.
#
# ## A filter, slid by hand
#
# *The second sentence.* A *filter* is a small table of weights. Lay it on a patch of the
# image, multiply each pixel by the weight on it, and add up: that is a *dot product*.
# This filter subtracts the row above from the row below. You lay it on the top of the
# lesion; expect answers far from 0 where the image changes downwards.

# %%
row, column = np.argwhere(target > 0)[0].clip(3, len(image) - 3)
patch = image[row - 3 : row + 3, column - 3 : column + 3]
weights = np.float32([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
products = patch[:3, :3] * weights
print(" ".join(f"{p:+.0f}" for p in products.flat), "=", products.sum())

# %% [markdown]
# Nine products and their sum: one answer, for one place. A loop slides the filter on:


# %%
def slide(image, weights):
    """Return the dot product of 3x3 weights with every patch."""
    answer = np.zeros(np.subtract(image.shape, 2), np.float32)
    for y, x in np.ndindex(answer.shape):
        answer[y, x] = (image[y : y + 3, x : x + 3] * weights).sum()
    return answer


slid = slide(patch, weights)

# %%
figures.show(
    figures.numbers(
        {"patch (grey values)": patch, "filter": weights, "answers": slid},
        "A filter slid over a patch",
    ),
    alt="The 6 by 6 patch, the 3 by 3 filter and the 4 by 4 answers as numbers; the "
    f"first answer is {slid[0, 0]:.0f}.",
)

# %% [markdown]
# `keras.ops.conv` does the same for many images and filters at once. It wants images as
# (number, height, width, channels) and filters as (height, width, channels in, channels
# out). On grey values from 0 to 1, expect no difference above 0.000001.

# %%
picture = image / 255
answer = keras.ops.conv(
    picture[None, :, :, None], weights[:, :, None, None]
)
difference = np.abs(answer[0, :, :, 0] - slide(picture, weights)).max()
print(f"{answer.shape[1:3]} answers, largest difference {difference:.1e}")
assert difference < 1e-6

# %% [markdown]
# So the sentence is right for one filter on one image. Three things are missing. A filter
# of a later layer spans *all channels* of the maps below it, not one image. A *bias* is
# added, and a *nonlinearity* (ReLU: negative answers become 0) follows, without which any
# number of layers would be no more than one. And strictly this is *cross-correlation*: in
# a mathematician's convolution the filter is mirrored first. As a network learns its
# weights, that makes no difference to it.
#
# ## Filters that find things
#
# Before networks, people designed filters. The *Sobel* filter above and its sibling find
# edges. The *Laplacian of Gaussian* finds blobs of about one size; dark blobs answer
# positive. The *local spread*, a standard deviation over a few grains, is high in speckle
# and low in a cyst. Expect none of them to mark the lesion alone.


# %%
def blobs(sigma):
    """Return the Laplacian of Gaussian, scaled so that sizes compare."""
    smooth = cv2.GaussianBlur(image, (0, 0), sigma)
    return cv2.Laplacian(smooth, -1) * sigma**2


# %%
edges = cv2.Sobel(image, -1, 0, 1)
power = cv2.blur(image**2, (7, 7)) - cv2.blur(image, (7, 7)) ** 2
maps = {
    "edges, top to bottom": edges,
    "edges, left to right": cv2.Sobel(image, -1, 1, 0),
    "local spread": np.sqrt(power.clip(0)),
    "blobs, 2 pixels": blobs(2),
    "blobs, 6 pixels": blobs(6),
    "blobs, 12 pixels": blobs(12),
}

# %%
figures.show(
    figures.heat(
        maps,
        f"{name}: feature maps of filters made by hand",
        "answer (grey values)",
        outlines=[target > 0] * 6,
        columns=3,
        width=3,
    ),
    alt="Six maps with the lesion's outline dashed: edges in two directions, local "
    "spread, and blobs of three sizes.",
)

# %% [markdown]
# How well does each one tell lesion from background? Take a pixel of each at random: how
# often does the lesion's have the larger answer (in size)? By chance, half the time.


# %%
def larger_in_lesion(answers):
    """Return how often a lesion pixel has the larger answer (AUC)."""
    ranks = pd.Series(np.abs(answers).ravel()).rank()[target.ravel() > 0]
    n, rest = len(ranks), target.size - len(ranks)
    return (ranks.sum() - n * (n + 1) / 2) / (n * rest)


pd.Series({k: larger_in_lesion(v) for k, v in maps.items()}).round(2)

# %% [markdown]
# Speckle answers to edge and small blob filters everywhere, and what is loudest are often
# burned-in marks or the black margins that notebook 2 added. A CNN does two things about
# it: it *learns* its filters from examples, and it *stacks* them, so that filters read
# other filters' maps. (The local spread is such a stack: it squares, then averages.)
#
# ## Stack and stride: how far does one answer see?
#
# A 3x3 filter sees 3 pixels across. A second one on top of it sees 5. With a *stride* of
# 2 a layer answers at every second place only; from then on, each layer reaches twice as
# far. The patch that one answer depends on is its *receptive field*. You compute it
# backwards from the answer: a filter of $k$ pixels with stride $s$ turns a field of $r$
# pixels into $s \, r + k - s$ (Araujo et al. 2019).


# %%
def field(layers):
    """Return the receptive field of layers, each (filter's side, stride)."""
    pixels = 1
    for side, stride in reversed(layers):
        pixels = stride * pixels + side - stride
    return pixels


stacks = {
    "two 3x3": [(3, 1)] * 2,
    "six 3x3": [(3, 1)] * 6,
    "six 3x3, every other with stride 2": [(3, 2), (3, 1)] * 3,
}

# %% [markdown]
# Now *measure* it: build the stack with random weights, and take the gradient of one
# answer by every pixel. Where it is not 0, the pixel can change the answer. Expect
# computed and measured to be equal.

# %%
keras.utils.set_random_seed(seed)
noise = np.random.default_rng(seed).random((96, 96), np.float32)
for title, layers in stacks.items():
    x = start = keras.Input((96, 96, 1))
    for side, stride in layers:
        x = keras.layers.Conv2D(4, side, stride, padding="same")(x)
    stack, middle = keras.Model(start, x), x.shape[1] // 2
    seen = sight.influence(stack, noise, middle, middle).any(axis=0).sum()
    print(f"{title}: {field(layers)} pixels computed, {seen} measured")
    assert seen == field(layers)

# %% [markdown]
# The series' own network has 1 to 4 levels, each at half the side of the one before: two
# 3x3 filters, then a 2x2 pooling with stride 2. You can compute how far its coarsest
# features see. The way back up adds some more, which you measure at the final answer.
#
# And "can change it" is not yet "matters". Luo et al. (2016) found most of the influence
# in a small part of the field. So also find the smallest square around the middle that
# holds 95 % of the gradient's energy, its sum of squares.

# %%
noise = np.random.default_rng(seed).random((320, 320), np.float32)
fields, energies = [], {}
for levels in (1, 2, 3, 4):
    down = [(5, 2), (3, 1), (3, 1)] + [(2, 2), (3, 1), (3, 1)] * (
        levels - 1
    )
    network = networks.unet(size=320, width=8, depth=levels)
    logits = keras.Model(network.input, network.get_layer("logits").output)
    energy = sight.influence(logits, noise, 80, 80)
    energies[f"levels: {levels}"] = 10 * np.log10(
        energy / energy.max() + 1e-9
    )
    fields.append(
        {
            "levels": levels,
            "coarsest features, computed": field([*down, (3, 1), (3, 1)]),
            "answer, measured": energy.any(axis=0).sum(),
            "holds 95 %": sight.side_of(energy, 0.95),
        }
    )
fields = pd.DataFrame(fields)
fields


# %%
def square(side):
    """Return the mask of a square around the middle of the image."""
    inside = np.abs(np.arange(320) - 160) <= side // 2
    return np.outer(inside, inside)


# %%
figures.show(
    figures.heat(
        energies,
        "What one answer depends on; 95 % lies in the dashed square",
        "gradient's energy (dB)",
        scale=(-60, 0),
        outlines=[square(side) for side in fields["holds 95 %"]],
    ),
    alt="Energy of the gradient for 1 to 4 levels, in a frame of 320 pixels. It reaches "
    f"{fields['answer, measured'].tolist()} pixels across; 95 % lie in "
    f"{fields['holds 95 %'].tolist()}.",
)

# %% [markdown]
# Each level about doubles the field. The part that matters is far smaller, as long as
# the weights are random. You will ask again after training.
#
# ## The feature maps of a trained network
#
# This notebook comes before the training, so it trains a small network of its own, in
# seconds, on up to 120 cases outside fold 0: good enough to look into, not to rely on.
# Once you have run notebook 4, set `from_notebook_4 = True` above to look into that one.

# %%
if from_notebook_4:
    path = step.read("04_train_the_segmenter", "model.keras")
    model, source = training.load(path), "the network of notebook 4"
else:
    rest = np.flatnonzero(folds["fold"] != 0)
    learn = np.random.default_rng(seed).permutation(rest)[:120]
    model, source = networks.unet(len(image), width=8), "a small network"
    rate = keras.optimizers.schedules.CosineDecay(
        3e-3, rounds * -(-len(learn) // 8)
    )
    model.compile(keras.optimizers.Adam(rate), networks.segmentation_loss)
    x, y = batches.as_input(images[learn]), labels[learn]
    model.fit(x, y, batch_size=8, epochs=rounds, verbose=0)
print(f"You look into {source}: {model.count_params():,} parameters.")

# %% [markdown]
# A feature map is what one filter answers, everywhere. Here are the four maps that vary
# most, at three depths. Expect fine maps that follow edges and speckle, and coarse maps
# that mark regions.

# %%
figures.show(
    figures.heat(
        sight.feature_maps(model, images[case]),
        f"{name}: feature maps at three depths ({source})",
        "share of the map's largest answer",
        scale=(0, 1),
    ),
    alt="Twelve feature maps: four fine ones, four of a middle size, four coarse ones.",
)

# %% [markdown]
# Has training widened the view? Measure as before, as a mean over four held-out images.
# (The images end the view now: a square can be no larger than they are.)

# %%
some = batches.as_input(images[held_out[:4]])[..., 0]
both = {
    "random weights": networks.unet(len(image), width=8),
    "trained": model,
}
for title, network in both.items():
    logits = keras.Model(network.input, network.get_layer("logits").output)
    middle = logits.output.shape[1] // 2
    energy = [sight.influence(logits, one, middle, middle) for one in some]
    side = sight.side_of(np.mean(energy, axis=0), 0.95)
    print(f"{title}: 95 % within {side} of {len(image)} pixels")

# %% [markdown]
# ## Down and up again: what a skip connection carries
#
# Going down buys a wide view and pays with the place. How much is lost? Shrink the edges
# of the image, enlarge them again, and see what share is left (1 less the variance of
# what is lost over theirs). Do the same with the outlines of all held-out lesions, and
# compare by the Dice of notebook 2: 1 means nothing lost. Expect fine things to go first.


# %%
def down_and_up(picture, factor):
    """Return a picture shrunk by a factor and enlarged again."""
    size = len(picture) // factor
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[::-1])


# %%
lesions = [mask for mask in labels[held_out] > 0 if mask.any()]
rows = []
for factor in (2, 4, 8, 16):
    left = 1 - np.var(edges - down_and_up(edges, factor)) / np.var(edges)
    dices = [
        scores.dice(mask, down_and_up(np.float32(mask), factor) > 0.5)
        for mask in lesions
    ]
    rows.append((factor, left, np.mean(dices), min(dices)))
pd.DataFrame(
    rows, columns=["shrunk by", "edges left", "mean Dice", "lowest Dice"]
).round(3)

# %%
back = down_and_up(image, 8)
figures.show(
    figures.gallery(
        [image, back, 128 + image - back],
        [
            "image",
            "shrunk by 8,\nenlarged again",
            "the difference\n(grey: none)",
        ],
        [target > 0] * 3,
        heading=f"{name}: what the way down keeps, and what it loses",
    ),
    alt="The image, a blurred copy with the lesion as a region, and their difference, "
    "which holds edges and speckle.",
)

# %% [markdown]
# The blurred copy still tells *what* is there, and the difference tells *where* it ends.
# A *skip connection* brings the second back: it lays the fine maps from the way down
# beside the enlarged coarse ones, as more channels, and the next filter reads both. The
# detail need not pass through the narrow middle.
#
# ## A 1x1 convolution is a small dense layer at every pixel
#
# *The third sentence.* A *dense* (fully connected) layer gives each of its inputs a
# weight. The last convolution of a U-Net has filters of 1x1 pixels: it reads the channels
# of one pixel and gives three numbers, one for each class. Take this layer out of the
# network, and compute it by hand as a dense layer, the same at every pixel. Expect equal
# answers.

# %%
last = model.get_layer("logits")
peek = keras.Model(model.input, [last.input, last.output])
features, logits = map(
    keras.ops.convert_to_numpy, peek(batches.as_input(images[[case]]))
)
kernel, bias = (np.array(w) for w in last.get_weights())
dense = features.astype(np.float32) @ kernel[0, 0] + bias
print(f"kernel {kernel.shape}, {kernel.size + bias.size} weights in all")
print(f"largest difference {np.abs(dense - logits).max():.1e}")
assert np.allclose(dense, logits, atol=1e-4)

# %% [markdown]
# So "a fully connected layer" is right only for *one pixel and its channels*. It is not
# connected to the other pixels: those have had their say through the features. Why not
# connect every answer to every pixel? Count the weights. Then shift an image by 4 pixels:
# the answers should shift by 4 pixels as well. Do they? (On a copy of 32 x 32 pixels,
# for the reason that you count first.)

# %%
print(f"dense, all pixels to all answers: {image.size * image.size * 3:,}")
print(f"3x3 convolution, one channel to three: {3 * 3 * 1 * 3}")

# %%
tiny = cv2.resize(image, (32, 32))[None, :, :, None] / 255
dense = keras.Sequential(
    [
        keras.layers.Flatten(),
        keras.layers.Dense(32 * 32),
        keras.layers.Reshape((32, 32, 1)),
    ]
)
both = {
    "dense": dense,
    "convolution": keras.layers.Conv2D(1, 3, padding="same"),
}
for title, layer in both.items():
    still, moved = layer(tiny), layer(np.roll(tiny, 4, axis=2))
    off = np.abs(moved[:, :, 6:-2] - still[:, :, 2:-6]).max()
    print(f"{title}: off by {off / np.abs(still).max():.1%} of its largest")

# %% [markdown]
# Three reasons, then: far too many weights, tied to one image size, and it would have to
# learn each pattern anew at each place. (With a stride of 2, a convolution keeps to
# shifts by even numbers of pixels only.)
#
# ## Softmax: a distribution at every pixel
#
# The three numbers of a pixel are its *logits*. *Softmax* makes probabilities of them:
# raise $e$ to each, and divide by the sum of the three. By hand, for the pixel above the
# patch that you filtered:

# %%
one = logits[0, row // 2, column // 2]
powers = np.exp(one)
by_hand, by_keras = powers / powers.sum(), keras.ops.softmax(one)
pd.DataFrame(
    {"logit": one, "by hand": by_hand, "by Keras": np.array(by_keras)},
    index=masks.CLASSES,
).round(4)

# %%
classes = training.predict(model, images[held_out])
off = np.abs(1 - classes.sum(axis=-1)).max()
print(f"each pixel's probabilities sum to 1 within {off:.0e}")

# %% [markdown]
# (In this network, the logits are a map of half the side. Before softmax it is enlarged,
# and one number a class is added for the image as a whole.)
#
# So each pixel has a distribution, not only a winner. Its *entropy* (Shannon 1948) says
# how undecided it is: 0 bits if one class has everything, $\log_2 3 = 1.58$ bits if all
# three are equal. Expect it along outlines, and all over a lesion whose class is in
# doubt.


# %%
def entropy(p):
    """Return the entropy of each pixel's distribution, in bits."""
    return -(p * np.log2(p.clip(1e-12))).sum(axis=-1)


answer = classes[list(held_out).index(case)]

# %%
title = f"{name} ({source})"
figures.show(
    figures.maps(image, answer, masks.CLASSES, target > 0, title),
    alt="The held-out image with its outline, and its three probability maps.",
)

# %%
figures.show(
    figures.heat(
        {"where is it undecided?": entropy(answer)},
        "",
        "entropy (bits)",
        scale=(0, np.log2(3)),
        outlines=[target > 0],
        width=4,
    ),
    alt="Entropy of each pixel, from 0 to 1.58 bits, with the lesion's outline.",
)

# %% [markdown]
# Does doubt find the errors? Compare wrong and right pixels of the whole held-out fold.

# %%
bits = entropy(classes)
wrong = classes.argmax(axis=-1) != labels[held_out]
print(f"wrong: {wrong.mean():.1%} of the pixels")
print(f"mean entropy where wrong: {bits[wrong].mean():.2f} bits")
print(f"mean entropy where right: {bits[~wrong].mean():.2f} bits")
print(
    f"wrong, yet below 0.2 bits: {(bits[wrong] < 0.2).mean():.0%} of these"
)

# %% [markdown]
# Entropy points to errors, but a network can be wrong and sure of it. Whether its
# probabilities can be taken at their word is a question for notebook 5.
#
# ## The network, put together
#
# You have all the pieces of a U-Net (Ronneberger et al. 2015): filters and strides down;
# enlarging, skips and filters up; a 1x1 convolution to three logits; softmax.
# `sight.work` counts each layer's parameters, and its *multiply-adds* for one image.
# Check one by hand: the first layer has 5x5 filters, at every second pixel.

# %%
unet = networks.unet(len(image), width=16)
table = sight.work(unet)
first = table[table["kind"] == "Conv2D"].iloc[0]
by_hand = 5 * 5 * 1 * first["channels"] * (len(image) // 2) ** 2
print(f"by hand {by_hand:,}, counted {first['multiply_adds']:,}")
assert by_hand == first["multiply_adds"]

# %%
maps = table[table["side"] > 1]
stage = (maps["side"] != maps["side"].shift()).cumsum().rename("stage")
maps.groupby(stage).agg(
    side=("side", "first"),
    channels=("channels", "last"),
    layers=("layer", "size"),
    parameters=("parameters", "sum"),
    multiply_adds=("multiply_adds", "sum"),
)

# %% [markdown]
# Read it from the top: the side halves and the channels double, and then the way back.
# (Left out is the part for the image as a whole, of side 1.) Where are the parameters,
# and where is the work? Expect the first at the coarse end, as filters between many
# channels have many weights. The work is spread more evenly, as a weight of a fine layer
# is used at more places.

# %%
share = table.groupby("side")[["parameters", "multiply_adds"]].sum()
(share / share.sum()).round(3)

# %%
step.save("fields.csv", fields)
step.save("layers.csv", table)
step.finish()

# %% [markdown]
# ## The three sentences again
#
# | they say | more exactly |
# |---|---|
# | a class for each pixel | yes; but a pixel's class may depend on the whole image, and two lesions of one class are not told apart |
# | a filter slides and takes dot products | yes, over all channels below, plus a bias and a nonlinearity; strictly it is cross-correlation |
# | a fully connected layer classifies each pixel | a 1x1 convolution: the same small dense layer at each pixel, on its channels alone; softmax makes the distribution |
#
# **You have** simulated an ultrasound image and its speckle, slid a filter by hand,
# computed and measured receptive fields, looked into a trained network, and put one
# together. Next: `04_train_the_segmenter` trains it in earnest.
#
# ## Check yourself
#
# <details><summary>1. You average 16 copies of one frame. What happens to the speckle?</summary>
#
# Nothing. The same scatterers give the same speckle. Only looks at other scatterers, from
# another place or angle, average it away.
#
# </details>
#
# <details><summary>2. A filter's weights sum to 0. What does it answer in a flat region, and why is that useful?</summary>
#
# 0, however bright the region is. So it answers to change alone, and not to the gain of
# the scanner.
#
# </details>
#
# <details><summary>3. Why is the computed receptive field too good a promise?</summary>
#
# It tells which pixels *can* change an answer. Most of the influence comes from a much
# smaller part around the centre, as you measured.
#
# </details>
#
# <details><summary>4. A pixel has 0.5 background and 0.5 malignant. Its entropy? What does it tell you?</summary>
#
# 1 bit: as undecided as a coin. It does not tell who is right, and a low entropy does not
# either.
#
# </details>
#
# ## Exercise 1: see as far as you can
#
# You may stack six 3x3 layers; three of them have stride 2. In which order does one
# answer see furthest? Give the six strides, first layer first.

# %%
strides = ...  # for example [1, 2, 1, 2, 1, 2]
exercises.check(exercises.far_sight, strides)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# strides = [2, 2, 2, 1, 1, 1]
# exercises.check(exercises.far_sight, strides)
# ```
#
# It sees `field([(3, s) for s in strides])` = 63 pixels. The price: all six layers but
# the first work at a coarse side, where the place is lost.
#
# </details>
#
# ## Exercise 2: a filter for the edge below
#
# Write a 3x3 filter that gives a positive answer where dark lies above bright, as where
# enhancement begins below a cyst, and 0 on flat ground and on edges between left and
# right.

# %%
my_filter = ...  # your nine numbers: a list of three lists
exercises.check(exercises.edge_below, my_filter)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# my_filter = [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]
# exercises.check(exercises.edge_below, my_filter)
# ```
#
# This one is Prewitt's; Sobel's, with 2 in the middle, is right as well.
#
# </details>
#
# ## References
#
# - American College of Radiology: ACR BI-RADS Atlas, 5th edition, 2013 (no DOI).
# - Araujo, Norris, Sim: Computing receptive fields of convolutional neural networks.
#   Distill 2019, doi [10.23915/distill.00021](https://doi.org/10.23915/distill.00021)
# - Burckhardt: Speckle in ultrasound B-mode scans. IEEE Trans. Sonics Ultrason. 25(1),
#   1978, doi [10.1109/T-SU.1978.30978](https://doi.org/10.1109/T-SU.1978.30978)
# - Luo, Li, Urtasun, Zemel: Understanding the effective receptive field in deep
#   convolutional neural networks. NIPS 2016, doi
#   [10.48550/arXiv.1701.04128](https://doi.org/10.48550/arXiv.1701.04128)
# - Ronneberger, Fischer, Brox: U-Net. MICCAI 2015, doi
#   [10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - Shannon: A mathematical theory of communication. Bell Syst. Tech. J. 27, 1948, doi
#   [10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x)
