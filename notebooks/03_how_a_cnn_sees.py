# %% [markdown]
# # 3. How a CNN sees: from a filter to a class for every pixel
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/03_how_a_cnn_sees.ipynb)
#
# A convolutional neural network (CNN) is built from a few plain parts. You will take
# each part into your hands, work it with numbers that you can check, and put them
# together into the network that notebook 4 trains. First you will see how the image
# itself comes about, because its grain is not what it seems.
#
# **You will**
# - simulate an ultrasound image and find out what its grain, its shadows and its shapes mean,
# - slide a filter over an image by hand, and see what edge and blob filters find,
# - compute and measure how much of the image one answer depends on,
# - see what shrinking loses, what skip connections bring back, and what a 1x1 convolution is,
# - read the network's answer as probabilities, and map where it is unsure.
#
# **Takes** under a minute. **Needs** notebook 2. **Reads** `arrays.npz`, `folds.csv`,
# and `model.keras` of notebook 4 if you have run that already. **Writes** `fields.csv`,
# `layers.csv`.
#
# > **For teaching and research. This is not a medical device.**

# %% tags=["setup"]
# Setup: the same cell opens every notebook.
import subprocess
import sys
from pathlib import Path

REPO = "https://github.com/OWNER/breast-ultrasound-notebooks"
name = REPO.split("/")[-1]
clone = (
    Path("/content" if Path("/content").is_dir() else ".").resolve() / name
)
drive = Path("/content/drive/MyDrive") / name
folders = [Path.cwd(), *Path.cwd().parents, drive, clone]
root = next(
    (p for p in folders if (p / "helpers/workspace.py").exists()), None
)
if root is None:  # opened alone, as Colab does: fetch the repository once
    root = clone
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", REPO, root], check=True
    )
sys.path.insert(0, str(root))

from helpers import workspace

here = workspace.start()

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/
rounds: int = 6  # times that the tiny network sees each image; 2 s each
seed: int = 0  # another number, another run

# %%
import cv2
import keras
import numpy as np
import pandas as pd

from helpers import (
    batches,
    birads,
    exercises,
    figures,
    masks,
    networks,
    phantom,
    sight,
    training,
)

step = here.step("03_how_a_cnn_sees", profile, rounds=rounds, seed=seed)
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")

# %% [markdown]
# ## How an ultrasound image comes about
#
# The probe sends a short pulse of sound. Tissue is full of *scatterers*, far smaller
# than a pixel, and each sends a little back. The probe cannot see one scatterer sharply:
# it sees a blot, the *point-spread function*, narrow along the beam and wider across it.
# Where blots overlap, their waves add up. The strength of the sum is the *envelope*. It
# spans a range too wide for a screen, so its logarithm is shown.
#
# `helpers/phantom.py` imitates these steps. Expect single scatterers to become blots,
# and smooth tissue to become grainy.

# %%
rng = np.random.default_rng(seed)
points = np.zeros((240, 280), np.float32)
points[30::60, 35::70] = 1
blots = phantom.echoes(points, rng, phantom.Probe())
frame = phantom.simulate("malignant", rng, 240, 280)

# %%
figures.show(
    figures.heat(
        {
            "single scatterers, seen": blots,
            "tissue (dB)": 20 * np.log10(frame.expected),
            "envelope (linear)": frame.envelope,
            "its logarithm (grey value)": frame.image.astype(float),
        },
        "From scatterers to a picture (simulated)",
        "",
    ),
    alt="Four simulated maps: blots of single scatterers, the smooth strength of "
    "tissue with a lesion, its grainy envelope, and the log-compressed picture.",
)

# %% [markdown]
# ### Speckle is not noise
#
# The grain is called *speckle*. It comes from waves that add up or cancel, so the same
# scatterers give the same speckle, every time. Averaging a frame with itself does
# nothing. Only another *look* helps: a probe at another place or angle meets other
# scatterers. Measure the grain as standard deviation over mean. For many scatterers and
# no structure, theory says that its inverse is 1.91 (Burckhardt 1978), and that the mean
# of $N$ looks has $1 / \sqrt{N}$ of the grain.


# %%
def look(number, lateral=2.2):
    """Return the envelope of plain tissue; each number is other scatterers."""
    probe = phantom.Probe(lateral=lateral)
    return phantom.speckle(200, 200, np.random.default_rng(number), probe)


one = look(seed)
print("same scatterers, same speckle:", np.array_equal(one, look(seed)))
print(f"mean over standard deviation: {one.mean() / one.std():.2f}")

# %% [markdown]
# Now 1, 4 and 16 looks: expect the second column to stay and the first to follow the
# third.


# %%
def grain(views):
    """Return standard deviation over mean of the mean of several envelopes."""
    return np.std(np.mean(views, axis=0)) / np.mean(views)


# %%
moved = [look(seed + i) for i in range(16)]
grains = pd.DataFrame(
    {
        "moved probe": [grain(moved[:n]) for n in (1, 4, 16)],
        "same frame": [grain([one] * n) for n in (1, 4, 16)],
        "1 / sqrt(looks)": [grain([one]) / n**0.5 for n in (1, 4, 16)],
    },
    index=pd.Index([1, 4, 16], name="looks"),
)
grains.round(3)

# %% [markdown]
# Scanners that *compound* several angles do just this. Blurring one frame is no
# substitute: it takes fine outlines away together with the grain. In a live notebook
# the next cell gives you sliders: a wider beam makes wider grains, more looks make
# fainter ones. On a page it shows nothing.


# %%
def try_speckle(lateral=2.2, looks=1):
    """Show the mean of some looks through a beam of this width (pixels)."""
    views = [look(i, lateral) for i in range(looks)]
    figure = figures.heat({"envelope": np.mean(views, 0)}, "", "linear")
    figures.show(figure, alt=f"Speckle: {lateral} pixels, {looks} looks.")


figures.sliders(try_speckle, lateral=(1.0, 6.0), looks=(1, 16))

# %% [markdown]
# ### What a reader looks for
#
# Radiologists describe a lesion in the terms of BI-RADS (ACR 2013). The phantom draws
# its lesions after them:
#
# | term | in plain words | the phantom's benign | its malignant |
# |---|---|---|---|
# | shape | oval, round or irregular | oval | irregular |
# | orientation | *parallel* is wider than tall | mostly parallel | often taller than wide |
# | margin | sharp all round; or vague, angular, with spikes | smooth | rough, some with spikes |
# | echo pattern | darker or brighter than beside it | darker; cysts nearly black | darker, uneven |
# | posterior features | behind it: *shadow* if it swallows sound, *enhancement* if it lets more through than its surroundings | slight enhancement | mostly shadow |
#
# `birads.terms` measures each term where the true tissue is known. Expect a plus
# *behind* the benign lesions (enhancement, in dB) and a minus behind the malignant.

# %%
rows = []
for label in ("benign", "malignant"):
    for i in range(20):
        maker = np.random.default_rng((seed, i))
        lesion = phantom.simulate(label, maker, 240, 280)
        level = 20 * np.log10(lesion.expected)
        rows.append({"": label, **birads.terms(lesion.masks[0], level)})
pd.DataFrame(rows).groupby("").mean().round(2).T

# %% [markdown]
# These are means of 20 simulated lesions each. So a part of what tells the class lies
# **outside** the lesion. A network that sees only a small patch would miss it: keep that
# in mind for the receptive field below.
#
# ## One answer, or one answer for each pixel
#
# To *classify* an image is to give one answer for all of it. To *segment* it is to give
# an answer for each pixel. You take a case that the network below does not train on: of
# the held-out fold, the one with the largest lesion.

# %%
images, labels = arrays["images"], arrays["labels"]
held_out = np.flatnonzero(folds["fold"] == 0)
case = max(held_out, key=lambda i: np.count_nonzero(labels[i]))
image, target = images[case].astype(np.float32), labels[case]
whole = masks.CLASSES[target.max()]
print(f"classification: 1 answer, {whole!r}")
print(f"segmentation: {target.shape}, {target.size:,} answers")

# %%
asked = {
    "classification": target * 0 + target.max(),
    "segmentation": target,
}
figures.show(
    figures.class_maps(asked, f"{folds['case'][case]}: what is asked for"),
    alt=f"Two maps of classes: left, all {whole}; right, background and a "
    f"{whole} region.",
)

# %% [markdown]
# The right map needs *what*, which takes a look at the surroundings, and *where*, to
# the pixel. The rest of this notebook is about how a CNN gets both.
#
# ## A filter, slid by hand
#
# A *filter* is a small table of weights. Lay it on a patch, multiply each pixel by the
# weight on it, and add up: a *dot product*. This filter subtracts the row above from the
# row below, so expect large answers where the image changes downwards: you lay it where
# the lesion begins.

# %%
row, column = np.argwhere(target > 0)[0].clip(3, len(image) - 3)
patch = image[row - 3 : row + 3, column - 3 : column + 3]
weights = np.float32([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
products = patch[:3, :3] * weights
print(" ".join(f"{p:+.0f}" for p in products.flat), "=", products.sum())

# %% [markdown]
# Those are the nine products and their sum: one answer, for one place. A loop slides the filter to every place:


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
        "Nine products and one sum for each place",
    ),
    alt="The 6 by 6 patch, the 3 by 3 filter and the 4 by 4 answers as numbers; "
    f"the first answer is {slid[0, 0]:.0f}.",
)

# %% [markdown]
# `keras.ops.conv` does the same, faster, for many filters and images at once. It expects
# (images, height, width, channels), and filters of (height, width, channels in, channels
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
# A mathematician mirrors the filter first and calls only that *convolution*; without the
# mirror it is *cross-correlation*. All deep learning libraries compute the second and
# say the first. As the network learns its weights, it makes no difference to it.
#
# ## Filters that find things
#
# Before networks, people designed filters. The *Sobel* filter above and its sibling find
# edges. The *Laplacian of Gaussian* finds blobs of about one size; dark blobs answer
# positive. The *local spread*, a standard deviation over a few grains, is high in
# speckled tissue and low in a cyst.


# %%
def blobs(sigma):
    """Return the Laplacian of Gaussian, scaled so that sizes compare."""
    return (
        cv2.Laplacian(cv2.GaussianBlur(image, (0, 0), sigma), -1) * sigma**2
    )


# %%
edges = cv2.Sobel(image, -1, 0, 1)
power = cv2.blur(image**2, (7, 7)) - cv2.blur(image, (7, 7)) ** 2
maps = {
    "image less its mean": image - image.mean(),
    "edges, top to bottom": edges,
    "edges, left to right": cv2.Sobel(image, -1, 1, 0),
    "blobs, 2 pixels": blobs(2),
    "blobs, 6 pixels": blobs(6),
    "local spread": np.sqrt(power.clip(0)),
}

# %%
figures.show(
    figures.heat(
        maps,
        "Feature maps of filters made by hand",
        "grey values",
        signed=True,
        columns=3,
    ),
    alt="Six maps: the image, edges in two directions, blobs of two sizes, spread.",
)

# %%
for name, answers in maps.items():
    lesion, rest = np.abs(answers)[target > 0], np.abs(answers)[target == 0]
    print(
        f"{name}: {lesion.mean():.0f} in the lesion, {rest.mean():.0f} out"
    )

# %% [markdown]
# The numbers are mean sizes of the answers. No map marks the lesion alone: speckle
# answers to edge and small blob filters everywhere. A CNN does two things about it. It
# *learns* its filters from examples, and it *stacks* them, so that filters read other
# filters' maps. (The local spread is such a stack: it squares, then averages.)
#
# ## Stack and stride: how far does one answer see?
#
# A 3x3 filter sees 3 pixels across, a second one on top of it 5. With a *stride* of 2 a
# layer keeps every second place; from then on each layer reaches twice as far. The patch
# that one answer depends on is its *receptive field*. Counted back from the answer, a
# window of $k$ pixels in strides of $s$ turns a field $r$ into $s \, r + k - s$ (Araujo
# et al. 2019).

# %%
stacks = {
    "two 3x3": [(3, 1)] * 2,
    "six 3x3": [(3, 1)] * 6,
    "six 3x3, every other with stride 2": [(3, 2), (3, 1)] * 3,
}
for name, stack in stacks.items():
    pixels = 1
    for window, stride in reversed(stack):
        pixels = stride * pixels + window - stride
    print(f"{name}: {pixels} pixels")

# %% [markdown]
# `sight.field_size` counts like this for the series' own network, here with 1 to 4
# levels. Is it true? **Measure** it: the gradient of an answer tells which pixels can
# change it. Expect it to reach exactly as far as counted.
#
# "Can change it" is not yet "matters". Luo et al. (2016) found that most of the
# influence sits in a small part of the field. So you also look for the smallest square
# that holds 95 % of the gradient's energy, its sum of squares.

# %%
keras.utils.set_random_seed(seed)
noise = np.random.default_rng(seed).random((2, 320, 320, 1), np.float32)
fields, energies = pd.DataFrame(index=range(1, 5)), {}
for depth in fields.index:
    untrained = networks.unet(size=320, width=8, depth=depth)
    energies[f"{depth} levels"] = sight.influence(untrained, noise)
    fields.loc[depth, "counted"] = sight.field_size(untrained)

# %%
fields["measured"] = [np.sum(e.any(axis=0)) for e in energies.values()]
fields["holds 95 %"] = [
    sight.centred_side(e, 0.95) for e in energies.values()
]
fields = fields.astype(int)
fields

# %%
figures.show(
    figures.fields(
        energies,
        fields[["counted", "holds 95 %"]].to_numpy(),
        "What one answer sees: solid, counted (pixels); dashed, 95 % of it",
    ),
    alt="Energy of the gradient for 1 to 4 levels, fading from the centre. Counted: "
    f"{fields['counted'].tolist()} pixels; 95 % lie in {fields['holds 95 %'].tolist()}.",
)

# %% [markdown]
# Counted and measured agree. But 95 % of the influence lies in a far smaller square,
# which hardly grows with depth as long as the weights are random. You will ask again
# after training. (This is the map of answers alone. The series' network also adds one
# number per class for the whole image, which sees every pixel.)
#
# ## The feature maps of a trained network
#
# If notebook 4 has run, you take its network. Else you train a tiny one here, for about
# 15 seconds on two cores, on the cases outside fold 0: good enough to look into, not to
# rely on.

# %%
try:
    path = step.read("04_train_the_segmenter", "model.keras")
    model, source = training.load(path), "the network of notebook 4"
except workspace.NotReady:
    model = None

# %%
if model is None:
    learn = np.flatnonzero(folds["fold"] != 0)
    model, source = networks.unet(len(image), width=8), "a tiny network"
    rate = keras.optimizers.schedules.CosineDecay(
        3e-3, rounds * -(-len(learn) // 8)
    )
    model.compile(keras.optimizers.Adam(rate), networks.segmentation_loss)
    x, y = batches.as_input(images[learn]), labels[learn]
    model.fit(x, y, batch_size=8, epochs=rounds, verbose=0)
print(f"{source}: {model.count_params():,} parameters")

# %% [markdown]
# A feature map is what one filter answers, everywhere. At three depths you see the four
# maps that vary most. Expect fine maps that follow edges and speckle, and coarse maps
# that mark regions.

# %%
figures.show(
    figures.heat(
        sight.feature_maps(model, images[case]),
        f"Feature maps at three depths ({source})",
        "share of the map's largest answer",
        scale=(0, 1),
    ),
    alt="Twelve feature maps: four fine ones that follow edges, four of a middle size, "
    "and four coarse ones that mark regions.",
)

# %% [markdown]
# Has training widened the view? You measure on real inputs of this size now, so that the
# square can be no larger than the image.

# %%
some = batches.as_input(images[held_out[:4]])
untrained = networks.unet(len(image), width=8)
for name, network in {"random": untrained, "trained": model}.items():
    side = sight.centred_side(sight.influence(network, some), 0.95)
    print(f"{name} weights: 95 % within {side} of {len(image)} pixels")

# %% [markdown]
# ## Down and up again: what a skip connection brings back
#
# Going down buys a wide view and costs the place. How much? Take the edge map from
# above, shrink it, enlarge it again, and see what share of its variance is left. A *skip
# connection* lays the fine map from the way down beside the enlarged one, for the next
# filter to read both. You let least squares find that filter's best weights.

# %%
patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
skip = patches.reshape(-1, 9).T
rows = []
for factor in (2, 4, 8):
    size = len(image) // factor
    small = cv2.resize(edges, (size, size), interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, edges.shape[::-1])[1:-1, 1:-1]
    alone = sight.explained(edges[1:-1, 1:-1], [back])
    both = sight.explained(edges[1:-1, 1:-1], [back, *skip])
    rows.append((factor, alone, both))
pd.DataFrame(rows, columns=["shrunk by", "no skip", "with skip"]).round(3)

# %% [markdown]
# With the skip all of it is back, because the fine map never left. This shows that the
# detail *can* be had, not that a network uses it: for that one has to train a network
# without skips beside one with them.
#
# ## A 1x1 convolution is a small dense layer at every pixel
#
# A *dense* (fully connected) layer gives each of its inputs a weight of its own. A 1x1
# convolution does that with the channels of one pixel, and takes the same weights at
# every pixel. Give both the same weights and expect the same answers.

# %%
channels = np.random.default_rng(seed).random((1, 32, 32, 16), np.float32)
one_by_one, dense = keras.layers.Conv2D(3, 1), keras.layers.Dense(3)
answer = one_by_one(channels)
dense.build(channels.shape)
dense.set_weights([one_by_one.kernel[0, 0], one_by_one.bias])
difference = float(keras.ops.max(keras.ops.abs(answer - dense(channels))))
print(f"{dense.count_params()} weights, difference {difference:.1e}")
assert difference < 1e-6

# %% [markdown]
# Then why not one dense layer from all pixels to all answers? Count its weights. Then
# shift an image by 4 pixels: a convolution must give the same answers, 4 pixels further.
# Does a dense layer? (On a small copy of the image, as you have counted why.)

# %%
print(f"dense, all pixels to all answers: {image.size * image.size * 3:,}")
print(f"3x3 convolution to three answers: {3 * 3 * 1 * 3} weights")

# %%
tiny = cv2.resize(image, (32, 32))[None, :, :, None] / 255
dense = keras.Sequential(
    [
        keras.layers.Flatten(),
        keras.layers.Dense(32 * 32),
        keras.layers.Reshape((32, 32, 1)),
    ]
)
both = {"dense": dense, "conv": keras.layers.Conv2D(1, 3, padding="same")}
for name, layer in both.items():
    still, moved = layer(tiny), layer(np.roll(tiny, 4, axis=2))
    off = np.abs(moved[:, :, 6:-2] - still[:, :, 2:-6]).max()
    print(f"{name}: off by {off / np.abs(still).max():.1%} of its largest")

# %% [markdown]
# Three reasons, then: far too many weights, tied to one image size, and blind to the
# fact that a pattern is the same pattern anywhere. (With a stride of 2, a convolution
# keeps this for shifts by even numbers of pixels.)
#
# ## Softmax: a distribution at every pixel
#
# The last layer gives three numbers a pixel, the *logits*. *Softmax* makes
# probabilities of them: raise $e$ to each and divide by the sum of all three.

# %%
logits = np.float32([2.0, -1.0, 0.5])
powers = np.exp(logits)
print("by hand:", (powers / powers.sum()).round(3))
print("by keras:", np.array(keras.ops.softmax(logits)).round(3))

# %%
classes = training.predict(model, images[held_out])
off = np.abs(1 - classes.sum(axis=-1)).max()
print(f"each pixel's probabilities sum to 1 within {off:.0e}")

# %% [markdown]
# So each pixel has a distribution over three classes, not only a winner. Its *entropy*
# (Shannon 1948) says how undecided it is: 0 bits if one class has everything, $\log_2 3
# = 1.58$ bits if all are equal. Expect it along outlines, and all over a lesion whose
# class is in doubt.

# %%
answer = classes[np.flatnonzero(held_out == case)[0]]
title = f"{folds['case'][case]} ({source})"
figures.show(
    figures.maps(image, answer, masks.CLASSES, target > 0, title),
    alt="The held-out image with its outline and its three probability maps.",
)

# %%
unsure = {"where is it unsure?": sight.entropy(answer)}
figures.show(
    figures.heat(unsure, "", "entropy (bits)", scale=(0, np.log2(3))),
    alt="Entropy of each pixel, from 0 to 1.58 bits.",
)

# %% [markdown]
# Is the network unsure where it is wrong? Compare wrong and right pixels over the whole
# held-out fold.

# %%
bits = sight.entropy(classes)
wrong = classes.argmax(axis=-1) != labels[held_out]
print(f"wrong: {wrong.mean():.1%} of the pixels")
print(f"mean entropy where wrong: {bits[wrong].mean():.2f} bits")
print(f"mean entropy where right: {bits[~wrong].mean():.2f} bits")
print(
    f"wrong, yet under 0.2 bits: {(bits[wrong] < 0.2).mean():.0%} of these"
)

# %% [markdown]
# Entropy helps to find errors, but a network can be wrong and sure of it.
#
# ## The network, put together
#
# Convolution, stride and pooling down; enlarging, skips and convolution up; a 1x1
# convolution to three logits; softmax. `sight.work` counts each layer's parameters and
# *multiply-adds*, its work for one image. Check one by hand: the first layer has 5x5
# filters on one channel, at every second pixel.

# %%
unet = networks.unet(len(image), width=16)
table = sight.work(unet)
first = table[table["kind"] == "Conv2D"].iloc[0]
by_hand = 5 * 5 * 1 * first["channels"] * (len(image) // 2) ** 2
print(f"by hand {by_hand:,}, counted {first['multiply_adds']:,}")
assert by_hand == first["multiply_adds"]

# %%
sight.stages(table)

# %% [markdown]
# Read it from the top: the side halves while the channels double, and then the way back.
# Where are the parameters, and where is the work?

# %%
share = table.groupby("height")[["parameters", "multiply_adds"]].sum()
(share / share.sum()).round(3)

# %% [markdown]
# Most parameters sit at the coarsest side. The work is spread evenly, because a weight
# at a fine side is used at many more places.

# %%
step.save("fields.csv", fields.reset_index(names="levels"))
step.save("layers.csv", table)
step.finish()

# %% [markdown]
# **You have** seen where speckle, shadow and shape come from, slid a filter by hand,
# counted and measured a receptive field, looked at what a trained network's maps follow,
# seen what skips bring back and what a 1x1 convolution is, and mapped where a network is
# unsure. Next: `04_train_the_segmenter` trains this network in earnest.
#
# ## Check yourself
#
# <details><summary>1. You average 16 copies of one frame. What happens to the speckle?</summary>
#
# Nothing. The same scatterers give the same speckle. Only looks at other scatterers, from
# another place or angle, average it away, by the root of their number.
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
# <details><summary>3. Two 3x3 layers see 5 pixels. How many if the first has stride 2?</summary>
#
# 7. Counted back: the second turns 1 into 3; the first turns 3 into 2 x 3 + 3 - 2 = 7.
#
# </details>
#
# <details><summary>4. Why is the receptive field that was counted too good a promise?</summary>
#
# It tells which pixels *can* change an answer. Most of the influence comes from a much
# smaller part around the centre, as you measured.
#
# </details>
#
# <details><summary>5. A pixel has 0.5 background, 0.5 malignant. Its entropy? What does it tell you?</summary>
#
# 1 bit: as undecided as a coin between two classes. It does not tell who is right, and a
# low entropy does not either.
#
# </details>
#
# ## Exercise 1: how far does a stack see?
#
# Write a function of the windows and the strides of a stack, first layer first, that
# returns its receptive field in pixels. `field((3, 3), (2, 1))` is 7.


# %%
def field(windows, strides):
    """Return the receptive field of a stack of layers."""
    return ...  # your code here


exercises.check(exercises.receptive_field, field)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def field(windows, strides):
#     pixels = 1
#     for window, stride in zip(reversed(windows), reversed(strides)):
#         pixels = stride * pixels + window - stride
#     return pixels
#
#
# exercises.check(exercises.receptive_field, field)
# ```
#
# </details>
#
# ## Exercise 2: a filter for the edge below
#
# Write a 3x3 filter that gives a positive answer where dark lies above bright, as where
# enhancement begins below a cyst, and 0 on flat ground and on edges from left to right.

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
