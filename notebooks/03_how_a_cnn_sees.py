# %% [markdown]
# # 3. How a CNN sees: from a filter to a class for every pixel
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/03_how_a_cnn_sees.ipynb)
#
# Textbooks explain segmentation by a convolutional neural network (CNN) in
# three sentences. You will test each, and make it exact:
#
# 1. Semantic segmentation gives a class to each pixel, unlike classification.
# 2. A CNN slides a filter over the image and takes dot products; the output is
#    a *feature map*.
# 3. The feature maps classify each pixel by a fully connected layer, which
#    gives a probability distribution over the classes.
#
# **You will** be able to
# - slide a filter by hand, and follow a patch through one layer,
# - compute and measure how much of the image one response depends on,
# - write a U-Net yourself, the one that notebook 4 trains, and see what each
#   of its parts does to an image,
# - tell where a prediction is uncertain.
#
# **Takes** about a minute. **Needs** notebooks 1 and 2. **Reads** `cases.csv`,
# `arrays.npz`, `folds.csv`. **Writes** `receptive_fields.csv`.
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
rounds: int = 8  # times the small network sees each image; 1 s each
seed: int = 0  # another number, another run

# %%
import cv2
import keras
import numpy as np
import pandas as pd
from keras import layers

from helpers import exercises, figures
from helpers.data import masks

step = here.step("03_how_a_cnn_sees")
arrays = step.read("02_prepare_the_masks", "arrays.npz")
folds = step.read("02_prepare_the_masks", "folds.csv")
explored = step.read("01_explore_the_data", "cases.csv")

# %% [markdown]
# ## One prediction, or one for each pixel
#
# *The first sentence.* To *classify* an image is to predict one class for all
# of it. To *segment* it is to predict a class for each pixel. Take a case of
# fold 0, which the network below does not train on: of those without drawn
# marks, the one whose lesion is larger than in four of five others.

# %% tags=["hide-input"]
images, labels = arrays["images"], arrays["labels"]
held_out = np.flatnonzero(folds["fold"] == 0)
marked = explored.set_index("case")["marked"].loc[folds["case"]].to_numpy()
areas = (labels > 0).sum(axis=(1, 2))
with_lesion = held_out[(areas > 0)[held_out] & ~marked[held_out]]
with_lesion = with_lesion[areas[with_lesion].argsort()]
case = with_lesion[len(with_lesion) * 4 // 5]

# %%
image, target = images[case].astype(np.float32), labels[case]
name, whole = folds["case"][case], masks.CLASSES[target.max()]
titles = [f"classification:\n1 prediction, {whole}"]
titles += [f"segmentation:\n{target.size:,} predictions"]

# %% tags=["hide-input"]
none, outline = target < 0, target > 0
figures.show(
    figures.gallery([image] * 2, titles, [none, outline], heading=name),
    alt=f"The same image twice: left with one label, {whole}, right with an "
    "outline between two classes of pixels.",
)

# %% [markdown]
# The sentence holds, with one addition: *semantic* means classes only. Nothing
# says that two benign lesions in one image are two; telling them apart is
# called *instance* segmentation. And what tells the class of a pixel may lie
# far from it: a dark *shadow* below a lesion is more often seen with malignant
# ones, a bright band (*enhancement*) with benign ones ([appendix
# A1](A1_ultrasound_physics.ipynb) shows why). So a network must know *what*,
# from afar, and *where*, to the pixel. The rest of this notebook shows how one
# network gets both.
#
# ## A filter, slid by hand
#
# *The second sentence.* A *filter* is a small table of weights. Lay it on a
# patch of the image, multiply each pixel by the weight on it, and add up: that
# is a *dot product*, and the sum is the filter's *response* at this place.
# This one subtracts the row above from the row below. Lay it where, along the
# lesion's outline, the image brightens most from top to bottom. Expect a
# response far above 0.

# %%
weights = np.float32([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])

# %% tags=["hide-input"]
inside = cv2.erode(np.uint8(target > 0), np.ones((3, 3), np.uint8))
brighter = cv2.Sobel(image, -1, 0, 1) * ((target > 0) & (inside == 0))
within = brighter[6:-6, 6:-6]  # a patch of 12 pixels must fit around it
row, column = np.add(np.unravel_index(within.argmax(), within.shape), 6)
patch = image[row - 6 : row + 6, column - 6 : column + 6]

# %%
products = patch[5:8, 5:8] * weights + 0  # no -0
print(" ".join(f"{p:+.0f}" for p in products.flat), "=", products.sum())

# %% [markdown]
# Nine products and their sum: one response, for one place. A loop slides the
# filter on; a patch of 12 pixels has room for 12 - 3 + 1 = 10 places a side.
# Each row below is one stop: the window on the patch, the nine products, and
# the responses so far. Expect large ones where the patch changes from top to
# bottom.


# %%
def slide(image, weights):
    """Return the dot product of 3x3 weights with every patch."""
    responses = np.zeros(np.subtract(image.shape, 2), np.float32)
    for y, x in np.ndindex(responses.shape):
        responses[y, x] = (image[y : y + 3, x : x + 3] * weights).sum()
    return responses


slid = slide(patch, weights)

# %% tags=["hide-input"]
stops = [(0, 0), (0, 9), (5, 5), (9, 9)]
found = ", ".join(f"{slid[stop]:.0f}" for stop in stops)
heading = "One filter at four places (purple: above 0, orange: below)"
figures.show(
    figures.slid(patch, weights, slid, stops, heading),
    alt="Four rows, each with the window on the grey patch, its nine products "
    f"and the map of the responses so far. The sums are {found}.",
)

# %% [markdown]
# Now let it run: play it, go step by step, or drag the window. The slider
# takes the arrow keys, too. Before each step, guess the sign of the sum.

# %%
from helpers import sliding

sliding.show(patch, weights, slid)

# %% [markdown]
# `keras.ops.conv` does the same for many images and filters at once. It wants
# images as (number, height, width, channels) and filters as (height, width,
# channels in, channels out). On grey values from 0 to 1, expect no difference
# above 0.000001.

# %%
import tensorflow as tf

# newer GPUs shorten 32-bit numbers unless told not to
tf.config.experimental.enable_tensor_float_32_execution(False)
picture = image / 255
with_four_axes = picture[None, :, :, None], weights[:, :, None, None]
responses = keras.ops.conv(*with_four_axes)
difference = np.abs(responses[0, :, :, 0] - slide(picture, weights)).max()
print(f"{responses.shape[1:3]} responses, largest difference {difference:.1e}")
assert difference < 1e-6

# %% [markdown]
# So the sentence is right for one filter on one image. Three things are
# missing. A filter of a later layer spans *all channels* of the maps below it.
# A *bias* is added. And a *nonlinearity* follows (ReLU: negative responses
# become 0), without which many layers would be no more than one. (With
# `padding="same"`, zeros around the image make as many responses as pixels.
# Strictly, all this is *cross-correlation*: in a mathematician's convolution
# the filter is mirrored first, which makes no difference to a network that
# learns its weights.)
#
# ## Filters that find things
#
# Before networks, people designed filters. The *Sobel* filter above and its
# sibling find edges. The *Laplacian of Gaussian* finds dark blobs of about one
# size. The *local spread*, a standard deviation over a few grains, is high in
# speckle and low in a cyst. Expect none of them to mark the lesion alone.
# Responses above 0 are purple below, those under 0 orange; a strong band along
# the top or bottom is the border of the padding.


# %%
def blobs(sigma):
    """Return the Laplacian of Gaussian, scaled so that sizes compare."""
    smooth = cv2.GaussianBlur(image, (0, 0), sigma)
    return cv2.Laplacian(smooth, -1) * sigma**2


# %%
edges, across = cv2.Sobel(image, -1, 0, 1), cv2.Sobel(image, -1, 1, 0)
power = cv2.blur(image**2, (7, 7)) - cv2.blur(image, (7, 7)) ** 2
by_filter = {"edges, top to bottom": edges, "edges, left to right": across}
by_filter["local spread"] = np.sqrt(power.clip(0))
# a Laplacian answers most to a disc of this radius
by_filter |= {f"blobs, radius {1.4 * k:.0f}": blobs(k) for k in (2, 6, 12)}
title, outlines = f"{name}: filters made by hand", [target > 0] * 6

# %% tags=["hide-input"]
style = {"references": outlines, "columns": 2, "width": 3.3}
figures.show(
    figures.heat(by_filter, title, "grey values", **style),
    alt="Six maps with the lesion's outline: edges in two directions, "
    "local spread, and blobs of three sizes.",
)

# %% [markdown]
# None is a segmentation: compare what responds inside the outline with
# what responds outside. A CNN does two things about it. It *learns* its
# filters from examples, and it *stacks* them, so that filters read other
# filters' maps.
#
# ## One layer: convolution, ReLU, pooling
#
# A layer of a network filters, and then does two plain things. *ReLU* sets
# negative responses to 0. *Pooling*, where the side is to be halved, keeps the
# largest of each 2x2. Follow the middle of your patch through them. Expect
# sides of 6, 4, 4 and 2 pixels, and no negative number from the third on.

# %%
piece = patch[3:9, 3:9]
signed = slide(piece, weights)
positive = np.maximum(signed, 0)
pooled = positive.reshape(2, 2, 2, 2).max(axis=(1, 3))

# %%
names = "patch", "response", "after ReLU", "after 2x2 max pooling"
tables = dict(zip(names, (piece, signed, positive, pooled), strict=True))
tables = {f"{k}, {len(v)} pixels a side": v for k, v in tables.items()}

# %% tags=["hide-input"]
grey = list(tables)[:1]
figures.show(
    figures.numbers(tables, "One layer, one filter", grey),
    alt="Four tables of numbers: the grey patch, its responses with both "
    "signs, the same without the negative ones, and the largest of each "
    f"2 by 2: {', '.join(f'{v:.0f}' for v in pooled.flat)}.",
)

# %% [markdown]
# | step | keeps | loses |
# |---|---|---|
# | convolution | where the pattern is, and how strongly | with weights that sum to 0, as here: how bright the patch was |
# | ReLU | where the pattern was found | where its opposite was: another filter, with the signs turned round, can keep that |
# | pooling | that it was found in this 2x2 | where in it; in return, the next filter reaches twice as far |
#
# ## Stack and stride: how far does one response see?
#
# A 3x3 filter sees 3 pixels across. A second one on top of it sees 5. With a
# *stride* of 2 a layer responds at every second place only; from then on, each
# layer reaches twice as far. The patch that one response depends on is its
# *receptive field*. You compute it backwards from the response: a filter of
# $k$ pixels with stride $s$ turns a field of $r$ pixels into $s \, r + k - s$
# (Araujo et al. 2019).


# %%
def field(layers):
    """Return the receptive field of layers, each (filter's side, stride)."""
    pixels = 1
    for side, stride in reversed(layers):
        pixels = stride * pixels + side - stride
    return pixels


stacks = {"two": [(3, 1)] * 2, "six": [(3, 1)] * 6}
stacks["six, every other with stride 2"] = [(3, 2), (3, 1)] * 3

# %% [markdown]
# Now *measure* it: build the stack with random weights, and take the
# *gradient* of one response, which tells how much it moves when a pixel moves
# a little. Where it is not 0, the pixel can change the response.
#
# In Keras you first draw a plan, and then send numbers through. `keras.Input`
# stands for an image that is still to come. `layers.Conv2D(4, 3)` makes a
# layer of four 3x3 filters, and calling it, `(x)`, appends it to the plan: its
# four maps, laid over each other, are four *channels*. `keras.Model(start, x)`
# closes the plan. Images come in a *batch*, several at once; in a shape, its
# size is `None`: still open.
#
# **Predict, then run.** Two 3x3 filters see 5 pixels. Six, every other with a
# stride of 2: do they see about 15, about 25, or more than 40? The next cell
# tells.

# %%
from helpers.model import explain

# %%
keras.utils.set_random_seed(seed)
noise = np.random.default_rng(seed).random((96, 96), np.float32)
for title, stack in stacks.items():
    x = start = keras.Input((96, 96, 1))
    for side, stride in stack:
        x = layers.Conv2D(4, side, stride, padding="same")(x)
    middle = [x.shape[1] // 2] * 2
    energy = explain.gradient_energy(keras.Model(start, x), noise, *middle)
    seen = energy.any(axis=0).sum()
    print(f"{title}: {field(stack)} pixels computed, {seen} measured")

# %% [markdown]
# The third stack sees several times as far with as many filters. That is why a
# network goes *down*: to coarser maps, from which each response sees more.
#
# ## Down and up again: what a skip connection carries
#
# Going down (the *encoder*) buys a wide view and pays with spatial detail.
# How much is lost? Shrink the image, and enlarge it again.


# %%
def down_and_up(picture, factor):
    """Return a picture shrunk by a factor and enlarged again."""
    size = len(picture) // factor
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[::-1])


# %%
blurred = down_and_up(image, 8)

# %% tags=["hide-input"]
three = [image, blurred, 128 + image - blurred]
titles = ["image", "shrunk by 8,\nenlarged again"]
titles += ["the difference\n(grey: none)"]
outlines = np.stack([target, 0 * target, 0 * target]) > 0
figures.show(
    figures.gallery(three, titles, outlines, heading=name, columns=3),
    alt="The image with its outline, a blurred copy with the lesion as a "
    "region, and their difference, which holds edges and speckle.",
)

# %% [markdown]
# The blurred copy still tells *what* is there; the difference holds edges and
# grain, which tell *where* it ends.
#
# A *skip connection* brings the detail back. On the way up (the *decoder*) it
# lays the fine maps of the way down beside the enlarged coarse ones, as more
# channels, and the next filter reads both. The detail need not pass through
# the narrow middle.
#
# ## Now you write the network
#
# You have all the pieces of a *U-Net* (Ronneberger et al. 2015). Here is the
# plan: down on the left, up on the right, skip connections across. Each
# picture shows, on the image itself, how fine the maps of its level are: the
# fine ones know *where*, the coarse ones see enough to tell *what*. You will
# write each numbered part; (1) is the block of every level of (2) and (3).

# %%
sides = [len(image) // 2**level for level in range(1, 5)]
small = [down_and_up(image, len(image) // side) for side in sides]

# %% tags=["hide-input"]
down = [f"(2) down: {side} x {side}" for side in sides]
up = [f"(3) up: {side} x {side}" for side in sides[-2::-1]]
plan = {f"image: {len(image)} x {len(image)}": image}
plan |= dict(zip(down, small, strict=True))
plan |= dict(zip(up, small[-2::-1], strict=True))
plan[f"(4) classes: {len(image)} x {len(image)}"] = image
figures.show(
    figures.unet(plan, "The plan of the U-Net", grey=True),
    alt="A ladder of pictures: the image at "
    f"{', '.join(map(str, sides))} pixels a side on the way down, the same "
    "sides back on the way up, with arrows down, across and up.",
)

# %% [markdown]
# ### Keep the numbers in range
#
# After each convolution, the responses of each channel are brought to mean 0
# and spread (standard deviation) 1, over all pixels of the batch; then each
# channel gets a learned scale and offset. This is *batch normalisation* (Ioffe
# & Szegedy 2015). Then ReLU.


# %%
def normalised(x):
    """Batch normalisation (Ioffe & Szegedy 2015), then ReLU."""
    # after a few hundred steps Keras' 0.99 would still remember the start
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.Activation("relu")(x)


# %% [markdown]
# Without it? Send noise of spread 1 through ten convolutions with random
# weights, with ReLU alone and with both.


# %% tags=["hide-input"]
def after(n, part, x):
    """Return what n parts with random weights make of maps x."""
    y = start = keras.Input(x.shape[1:])
    for _ in range(n):
        y = part(y)
    return np.array(keras.Model(start, y)(x, training=True))


def convolved(x):
    return layers.Conv2D(16, 3, padding="same")(x)


# %%
signal = keras.random.normal((8, 32, 32, 16), seed=seed)
kinds = {
    "ReLU alone": lambda x: layers.ReLU()(convolved(x)),
    "with batch normalisation": lambda x: normalised(convolved(x)),
}
for kind, part in kinds.items():
    print(f"{kind}: spread {after(10, part, signal).std():.2f}")

# %% [markdown]
# What shrinks in each layer is soon too small to learn from. (ReLU, which cuts
# the negative half, alone takes a third of the size in each layer. After a
# normalisation to a spread of 1 it leaves 0.58, however deep.) Larger first
# weights, a *He initialisation*, would cure the start as well; normalisation
# does it again at every step, while the weights change. After training the
# layer uses a running mean and spread; `momentum` says how slowly these
# forget.
#
# ### (1) A block, with a way around it
#
# A block is two convolutions. Its input is also added to its output: a
# *residual connection* (He et al. 2016). So the block need only learn what to
# *change* (and training gets easier: notebook 4). A 1x1 convolution fits the
# channels where their number changes. No convolution here has a *bias* of its
# own: the normalisation adds one.


# %%
def block(x, filters):
    """Two 3x3 convolutions, added to a shortcut (He et al. 2016)."""
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, use_bias=False)(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = normalised(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.95)(x)
    return layers.Activation("relu")(layers.Add()([x, shortcut]))


assert block(keras.Input((64, 64, 8)), 16).shape == (None, 64, 64, 16)

# %% [markdown]
# Is that worth it before anything is learned? Send the image through eight
# blocks, as many as the U-Net has, with random weights, and ask how much of it
# is left: the share of its variance that a linear fit of the channels
# explains. Then through the same blocks without that connection. Expect more
# to be left with it.


# %% tags=["hide-input"]
def plain(x):
    return normalised(convolved(normalised(convolved(x))))


# %% tags=["hide-input"]
def left_of(image, channels):
    """Return the share of the image's variance that channels explain."""
    channels = np.insert(channels.reshape(-1, 16), 0, 1, axis=1)
    fit = np.linalg.lstsq(channels, image.ravel(), rcond=None)[0]
    return 1 - np.var(image.ravel() - channels @ fit) / image.var()


# %%
kinds = {"plain": plain, "residual": lambda x: block(x, 16)}
for kind, part in kinds.items():
    outs = [after(8, part, picture[None, ..., None]) for _ in range(3)]
    shares = [left_of(picture, out) for out in outs]
    print(f"{kind}: {np.mean(shares):.0%} (mean of three)")

# %% [markdown]
# What is left at the end of the untrained network is what its last layers can
# begin to learn from.
#
# ### (2) The way down
#
# The first filter has a stride of 2, to save work. Then a block, pooling, a
# block, pooling... Each level has half the side of the one before and twice
# the channels: less *where*, more *what*. All levels are kept for the skip
# connections, which lay maps beside others, where a residual one adds.


# %%
def encoder(image, widths):
    """The way down: the maps of each level, of half the side of the last."""
    # stride 2: a quarter of the work of the textbook U-Net of this width
    first = {"strides": 2, "padding": "same", "use_bias": False}
    x = layers.Conv2D(widths[0], 5, **first)(image)
    levels = [block(normalised(x), widths[0])]
    for filters in widths[1:]:
        levels.append(block(layers.MaxPooling2D()(levels[-1]), filters))
    return levels


# %%
levels = encoder(keras.Input((128, 128, 1)), [8, 16, 32, 64])
assert [level.shape[1] for level in levels] == [64, 32, 16, 8]

# %% [markdown]
# ### (3) The way up
#
# One more block works on the deepest maps, some of which *dropout* switches
# off whole, at random, while it trains. Then: enlarge, lay the skip beside it,
# and let a block read both. `UpSampling2D` blends neighbours and has no
# weights. (The U-Net of 2015 uses a *transposed convolution*,
# `Conv2DTranspose`: each coarse value stamps a learned filter onto the finer
# map. Where stamps overlap unevenly, a checkerboard can remain: Odena et al.
# 2016.)


# %%
def decoder(levels):
    """The way up, with skip connections: the finest and the deepest maps."""
    x = layers.SpatialDropout2D(0.2)(levels[-1])
    x = deepest = block(x, levels[-1].shape[-1])
    for skip in levels[-2::-1]:
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = block(layers.Concatenate()([x, skip]), skip.shape[-1])
    return x, deepest


finest, deepest = decoder(levels)
assert finest.shape[1:] == (64, 64, 8) and deepest.shape[1:] == (8, 8, 64)

# %% [markdown]
# ### (4) Three probabilities for each pixel
#
# A 1x1 convolution makes three numbers of each pixel's channels, the *logits*,
# and *softmax* makes probabilities of them. The logits are computed at half
# the side and enlarged, which saves work.
#
# The first function, an addition of this series, returns a bias that depends
# on the image as a whole. It takes the mean of each of the deepest maps, and
# the largest value of each. Two *dense* layers, in which each output is a
# weighted sum of all inputs, make one number per class of these, for all
# pixels at once. So the network can say "nothing here" everywhere. (`zeros`:
# at first it says nothing. `float32`: the last steps need more digits than 16
# bits have.)


# %%
CLASSES = 3  # background, benign, malignant


def image_bias(deepest):
    """A logit per class for the whole image, (n, 1, 1, 3), at first 0."""
    mean = layers.GlobalAveragePooling2D()(deepest)
    largest = layers.GlobalMaxPooling2D()(deepest)
    x = layers.Concatenate()([mean, largest])
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(CLASSES, kernel_initializer="zeros", dtype="float32")(x)
    shape = (1, 1, CLASSES)
    return layers.Reshape(shape, dtype="float32", name="image_bias")(x)


# %%
def head(finest, deepest):
    """Class probabilities at twice the side of the finest maps."""
    logits = layers.Conv2D(CLASSES, 1, dtype="float32", name="logits")(finest)
    logits = layers.Add(dtype="float32")([logits, image_bias(deepest)])
    up = layers.UpSampling2D(interpolation="bilinear", dtype="float32")
    return layers.Softmax(dtype="float32", name="classes")(up(logits))


assert head(finest, deepest).shape[1:] == (128, 128, 3)

# %% [markdown]
# ### All together


# %%
def build(size=128, width=24, depth=4):
    """Build a U-Net (Ronneberger et al. 2015) of residual blocks."""
    if size % 2**depth:
        raise ValueError(f"size must be a multiple of {2**depth}, not {size}")
    image = keras.Input((size, size, 1), name="image")
    levels = encoder(image, [width * 2**level for level in range(depth)])
    return keras.Model(image, head(*decoder(levels)), name="residual_unet")


keras.utils.set_random_seed(seed)
model = build(len(image), width=8)
print(f"{model.count_params():,} parameters")

# %% [markdown]
# That is the whole network; `model.summary()` lists its layers. (The U-Net of
# 2015 has no residual connections, no batch normalisation, no padding, no such
# bias, and logits as fine as the image.) `helpers/model/unet.py` holds the
# same functions, so that other notebooks need not repeat them. The same? With
# equal weights, both must make equal predictions.

# %%
from helpers.model import unet

theirs = unet.build(len(image), width=8)
theirs.set_weights(model.get_weights())
one = picture[None, ..., None]
assert np.allclose(model(one), theirs(one), atol=1e-6)

# %% [markdown]
# ## It learns
#
# Let it see up to 120 cases outside fold 0, a few times each, for some
# seconds: enough to look into, not to rely on. (How training works, step by
# step, is the subject of notebook 4.)

# %%
from helpers.model import augmentation, training

rest = np.flatnonzero(folds["fold"] != 0)
learn = np.random.default_rng(seed).permutation(rest)[:120]

# %%
x, y = augmentation.as_input(images[learn]), labels[learn]
parts = [(x[i : i + 8], y[i : i + 8]) for i in range(0, len(learn), 8)]


def trained(network):
    """Train a network for some rounds; return the mean loss of each."""
    steps = rounds * len(parts)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    training.compile_for(network, keras.optimizers.Adam(rate), metrics=())
    return [
        np.mean([training.step(network, *part) for part in parts])
        for _ in range(rounds)
    ]


# %%
loss = trained(model)
print(f"loss: {loss[0]:.2f} in the first round, {loss[-1]:.2f} in the last")

# %% [markdown]
# Now the plan again, with what your network makes of this image. Of each level
# you see the map that varies most, often one of brightness or depth; yellow is
# its largest value. Expect regions at the coarse sides, and on the way up the
# lesion ever sharper, bright or dark.

# %%
stages = explain.feature_maps(model, images[case])
of_case = training.predict(model, images[[case]])[0]

# %% tags=["hide-input"]
pictures = [image / 255, *(stage[0] for stage in stages), 1 - of_case[..., 0]]
titles = [*list(plan)[:-1], "(4) lesion probability"]
figures.show(
    figures.unet(
        dict(zip(titles, pictures, strict=True)), f"{name}, held out"
    ),
    alt="The ladder again, with one feature map at each level, and at the end "
    "the probability of a lesion.",
)

# %% [markdown]
# Each map is one channel at the end of a block: what its filters found, added
# to what came in.
#
# ## A 1x1 convolution is a small dense layer at every pixel
#
# *The third sentence.* A *dense* (fully connected) layer gives each of its
# inputs a weight. Take the 1x1 convolution out of your network, and compute it
# by hand as a dense layer, the same at every pixel. Expect equal outputs.

# %%
last = model.get_layer("logits")
peek = keras.Model(model.input, [last.input, last.output])
in_and_out = peek(augmentation.as_input(images[[case]]))
features, logits = map(keras.ops.convert_to_numpy, in_and_out)

# %%
kernel, bias = (np.array(w) for w in last.get_weights())
by_dense = features.astype(np.float32) @ kernel[0, 0] + bias
print(f"kernel {kernel.shape}, {kernel.size + bias.size} weights in all")
print(f"largest difference {np.abs(by_dense - logits).max():.1e}")
assert np.allclose(by_dense, logits, atol=1e-4)

# %% [markdown]
# So "a fully connected layer" is right only for *one pixel and its channels*.
# It is not connected to the other pixels: those have had their say through the
# features. Why not connect every output to every pixel? At 128 pixels a side
# that would be $128^4 \cdot 3$ weights, some 800 million, where a 3x3
# convolution from 1 channel to 3 needs $9 \cdot 3$. And it would have to learn
# each pattern anew at each place, while a convolution has the same few weights
# everywhere (*weight sharing*). So if the image is shifted, the responses
# shift with it (*translation equivariance*; with a stride or pooling, for
# shifts of whole steps).
#
# ## Softmax: a distribution at every pixel
#
# The three logits of a pixel become probabilities: raise $e$ to each, and
# divide by the sum of the three. By hand, for the pixel of the lesion where
# the network is surest that there is one:

# %%
before = keras.Model(model.input, model.get_layer("classes").input)
sure = (1 - of_case[..., 0]) * (target > 0)
row, column = np.unravel_index(sure.argmax(), sure.shape)
logit = np.array(before(one))[0, row, column]
softmax = np.exp(logit) / np.exp(logit).sum()

# %%
assert np.allclose(softmax, of_case[row, column], atol=1e-3)
table = {"logit": logit, "probability": softmax}
pd.DataFrame(table, index=masks.CLASSES).round(4)

# %% [markdown]
# Compare the class with the name of the case: being sure that there is *a*
# lesion is not being right about which. Each pixel has a distribution, not
# only a winner. Its *entropy* (Shannon 1948) says how undecided it is: 0 bits
# if one class has everything, $\log_2 3 = 1.58$ bits if all three are equal.
# Expect it along the border of what the network marks, which need not be the
# drawn outline, and all over a lesion whose class is uncertain. What is dark
# inside the outline was found, or missed, without doubt.


# %%
def entropy(p):
    """Return the entropy of each pixel's distribution, in bits."""
    return -(p * np.log2(p.clip(1e-12))).sum(axis=-1)


# %% tags=["hide-input"]
undecided = {"where is it undecided?": entropy(of_case)}
style = {"scale": (0, np.log2(3)), "width": 4}
style["references"] = [target > 0]
figures.show(
    figures.heat(undecided, name, "entropy (bits)", **style),
    alt="Entropy of each pixel, from 0 to 1.58 bits, with the lesion's "
    "outline.",
)

# %% [markdown]
# A network can be undecided and right, or sure and wrong: notebook 6 asks
# whether its probabilities can be taken at their word.

# %% [markdown]
# ## The three sentences again
#
# | they say | more exactly |
# |---|---|
# | a class for each pixel | yes; but a pixel's class may depend on the whole image, and two lesions of one class are not told apart |
# | a filter slides and takes dot products | yes, over all channels below, plus a bias and a nonlinearity; strictly it is cross-correlation |
# | a fully connected layer classifies each pixel | a 1x1 convolution: the same small dense layer at each pixel, on its channels alone; softmax makes the distribution |
#
# **You have** slid a filter by hand and written a U-Net. Next:
# `04_train_the_segmenter` trains it in earnest.
#
# ## Check yourself
#
# <details><summary>1. After ReLU, a response of -80 and one of 0 are the same. What is lost, and how can a network keep it?</summary>
#
# That the opposite of the pattern is there. A second filter, with all signs
# turned round, responds with +80 at this place.
#
# </details>
#
# <details><summary>2. A filter's weights sum to 0. What is its response in a flat region, and why is that useful?</summary>
#
# 0, however bright the region is. So it responds to change alone. A scanner's
# gain is added in decibels (appendix A1), so it shifts all grey values alike
# and changes no response. More *contrast* does.
#
# </details>
#
# <details><summary>3. Do all pixels of the computed receptive field matter alike?</summary>
#
# No. It tells which pixels *can* change a prediction. Many ways lead there
# from the centre, and few from the rim: the last section measures what comes
# of it.
#
# </details>
#
# <details><summary>4. A pixel has 0.5 background and 0.5 malignant. Its entropy? What does it tell you?</summary>
#
# 1 bit: two classes, equally probable. It does not tell who is right, and a
# low entropy does not either.
#
# </details>
#
# <details><summary>5. You shift the image by one pixel. What happens to the responses, and what after 2x2 max pooling?</summary>
#
# The responses shift by one pixel. Pooled, a large one may stay in the same
# 2x2, and nothing changes, or it moves to the next: after pooling, its place
# is known to 2 pixels only.
#
# </details>
#
# ## Exercise 1: see as far as you can
#
# You may stack six 3x3 layers; three of them have stride 2. In which order
# does one response see furthest? Give the six strides, first layer first.

# %%
strides = ...  # for example [1, 2, 1, 2, 1, 2]
exercises.check(exercises.receptive_field_order, strides)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# strides = [2, 2, 2, 1, 1, 1]
# exercises.check(exercises.receptive_field_order, strides)
# ```
#
# It sees `field([(3, s) for s in strides])` = 63 pixels. The price: all six
# layers but the first work at a coarse side, where the place is lost.
#
# </details>
#
# ## Exercise 2: a decoder without skips
#
# What are the skip connections worth? Write the decoder again without them. It
# gets the same list of levels and returns the same two: maps as fine as those
# of the first level, with as many channels, and the deepest ones. But it reads
# only the last level.

# %%
no_skips = ...  # a function of the list of levels: finest, deepest
exercises.check(exercises.without_skips, no_skips)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def no_skips(levels):
#     x = layers.SpatialDropout2D(0.2)(levels[-1])
#     x = deepest = block(x, levels[-1].shape[-1])
#     for level in levels[-2::-1]:
#         x = layers.UpSampling2D(interpolation="bilinear")(x)
#         x = block(x, level.shape[-1])
#     return x, deepest
#
# exercises.check(exercises.without_skips, no_skips)
# ```
#
# Now train a network with it, on the same images for as many rounds, and set
# it beside the one from above. That takes as long as it took there.
#
# ```python
# keras.utils.set_random_seed(seed)
# start = keras.Input((*image.shape, 1))
# ends = no_skips(encoder(start, [8, 16, 32, 64]))
# blind = keras.Model(start, head(*ends))
# without = trained(blind)[-1]
# print(f"last round: {loss[-1]:.2f} with skips, {without:.2f} without")
#
# both = {"with skips": model, "without": blind}
# seen = {k: training.predict(m, images[[case]])[0] for k, m in both.items()}
# maps = {k: 1 - classes[..., 0] for k, classes in seen.items()}
# style = {"scale": (0, 1), "references": [target > 0] * 2}
# figures.show(
#     figures.heat(maps, name, "lesion probability", **style),
#     alt="The lesion probability with skips and without.",
# )
# ```
#
# Compare the two losses first. Then look along the outline: without skips, the
# place of an edge comes from maps of a sixteenth of the side, and what is
# drawn there can only be smooth. After so few rounds the two may still differ
# little; give both more `rounds`, and ask again.
#
# </details>
#
# ## For the curious: how far does one prediction see?
#
# A receptive field tells which pixels *can* change a prediction, not which
# matter. Luo et al. (2016) found most of the influence in a small part of it.
# So take the gradient of one prediction with respect to every pixel, and find
# the smallest square around it that holds 95 % of the gradient's *energy*, its
# sum of squares; for networks of 1 to 4 levels, with random weights.

# %%
pixels = np.random.default_rng(seed).random((320, 320), np.float32)
rows = []
for depth in (1, 2, 3, 4):
    network = build(size=320, width=8, depth=depth)
    logits = keras.Model(network.input, network.get_layer("logits").output)
    energy = explain.gradient_energy(logits, pixels, 80, 80)
    reach = energy.any(axis=0).sum()
    rows.append((depth, reach, explain.side_holding(energy, 0.95)))

# %%
columns = ["levels", "map logit, measured", "holds 95 %"]
fields = pd.DataFrame(rows, columns=columns)
fields

# %% [markdown]
# Both are in pixels across. Each level multiplies what *can* matter by two or
# three, and with random weights hardly enlarges what *does*. To use the wide
# view is what training must teach. (The class probability sees all of the
# image, through the bias of part 4.)

# %%
step.save("receptive_fields.csv", fields)
step.finish()

# %% [markdown]
# ## References
#
# - Araujo, Norris, Sim: Computing receptive fields of convolutional neural
#   networks. Distill 2019, doi
#   [10.23915/distill.00021](https://doi.org/10.23915/distill.00021)
# - He, Zhang, Ren, Sun: Deep residual learning for image recognition. CVPR
#   2016, doi [10.1109/CVPR.2016.90](https://doi.org/10.1109/CVPR.2016.90)
# - Ioffe, Szegedy: Batch normalization. ICML 2015, doi
#   [10.48550/arXiv.1502.03167](https://doi.org/10.48550/arXiv.1502.03167)
# - Luo, Li, Urtasun, Zemel: Understanding the effective receptive field in
#   deep convolutional neural networks. NIPS 2016, doi
#   [10.48550/arXiv.1701.04128](https://doi.org/10.48550/arXiv.1701.04128)
# - Odena, Dumoulin, Olah: Deconvolution and checkerboard artifacts. Distill
#   2016, doi [10.23915/distill.00003](https://doi.org/10.23915/distill.00003)
# - Ronneberger, Fischer, Brox: U-Net. MICCAI 2015, doi
#   [10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
# - Shannon: A mathematical theory of communication. Bell Syst. Tech. J. 27,
#   1948, doi
#   [10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x)
