# %% [markdown]
# # 0. Start here: the whole job on one image
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/00_start_here.ipynb)
#
# You will take one ultrasound image of a breast, let a small neural network
# look at it, and get a class for every pixel: background, benign lesion or
# malignant lesion. (A *lesion* is a spot that differs from the tissue around
# it; *benign* means no cancer, *malignant* means cancer.) Then you will give
# it a second image and see why one example is not enough.
#
# **You will** be able to
# - tell whether your machine can run the series,
# - say what "a class for every pixel" means, as numbers and as a picture,
# - tell remembering an image from having learned.
#
# **Takes** under a minute on two CPU cores. (*Quick profile*, below, means
# settings for such a machine; a *profile* is a file of settings.) **Needs**
# nothing; without the real images it uses simulated ones. **Reads** two
# images. **Writes** `environment.json`.
#
# > **For teaching and research. This is not a medical device.** Nothing here
# > may be used to decide about a person.

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

# %% [markdown]
# The lines above tell where you are, which device computes, and which images
# are used. If they say **PHANTOM**, the images are simulated: good for
# learning the steps, but their numbers say nothing about patients.
# `data/README.md` tells how to get real ones. In the next cell are the numbers
# that you may change.

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/
image_size: int = 128  # a side, a multiple of 32; 256: four times the time
steps: int = 120  # times the network looks at the image; about 0.1 s each
seed: int = 0  # another number, another run

# %%
import keras
import numpy as np
import pandas as pd

from helpers import exercises, figures
from helpers.data import busi, masks

step = here.step("00_start_here")

# %% [markdown]
# ## One image and its mask
#
# The data set is a folder of pictures. Beside each picture lies a *mask*: a
# black picture with the lesion painted white: the *ground truth*, with which
# predictions are compared. A person drew it; of a simulated image, the program
# that drew the lesion. `busi.index` lists them all, one row a case. Here is
# the first case of each class; height and width are in pixels.

# %%
cases = busi.index(here.data.root)
cases.groupby("label", sort=False)[["case", "height", "width"]].first()

# %% [markdown]
# *Normal* images show no lesion, so their mask is black. You take the
# malignant case whose lesion fills most of its image, because it is easy to
# see, and the benign case with the largest one for later.


# %%
def largest(label):
    """Return the case of this class whose lesion fills most of its image."""
    part = cases[cases["label"] == label]
    if part.empty:  # in a set that lacks the class
        print(f"no {label} case here: another one takes its place")
        part = cases[cases["label"] != "normal"].iloc[1:]
    share = [masks.merge(paths).mean() for paths in part["masks"]]
    return part.iloc[int(np.argmax(share))]


chosen = [largest("malignant"), largest("benign")]

# %% [markdown]
# To a program, an image is a table of *grey values* from 0 (black) to 255
# (white). A network sees no more than that. Print a few of the first image,
# from a quarter of the way down and across.

# %%
images = [busi.read_image(case["image"]) for case in chosen]
lesions = [masks.merge(case["masks"]) for case in chosen]
corner = np.array(images[0].shape) // 4
print(f"rows, columns: {images[0].shape}")
print(images[0][corner[0] :, corner[1] :][:3, :8])

# %% tags=["hide-input"]
names = [case["case"] for case in chosen]
heading = "The ground truth (blue)"
figure = figures.gallery(images, names, lesions, heading=heading)
figures.show(
    figure,
    alt="Two ultrasound images, one malignant and one benign, lesions "
    "outlined in blue.",
)

# %% [markdown]
# ## From a mask to a class for every pixel
#
# The network reads squares of one size. `masks.letterbox` shrinks an image
# without stretching it and pads the rest with black. `masks.target` turns a
# mask into the *target*, the output that is wanted: a whole number for each
# pixel, 0 background, 1 benign, 2 malignant. Count them.

# %%
squares = np.stack([masks.letterbox(i, image_size)[0] for i in images])
small = [masks.letterbox(lesion, image_size)[0] for lesion in lesions]
labels = [case["label"] for case in chosen]
targets = np.stack([*map(masks.target, small, labels)])
pixels = [np.bincount(target.ravel(), minlength=3) for target in targets]
pd.DataFrame(pixels, index=names, columns=masks.CLASSES)

# %%
background = (targets == 0).mean(axis=(1, 2))
print(f"always 'background': right at {background[0]:.0%} of the pixels")
print(f"of the first image, and at {background[1]:.0%} of the second")

# %% [markdown]
# Finding nothing earns that much, even on the largest lesions of the set.
# Keep this in mind when somebody reports *pixel accuracy*.
#
# ## Train on one image
#
# A neural network is a function with very many numbers in it, its
# *parameters*. They start at random. *Training* means: let it predict, measure
# how wrong the prediction is (the *loss*), and change each parameter a little
# so that the loss falls. The rule for that change is called the *optimizer*;
# Adam is a common one. What scales these changes, the *learning rate*, begins
# at 0.003 here and falls to 0, so that the network comes to rest. Notebook 3
# takes the network apart; here you only use it.

# %%
from helpers.model import losses, unet

keras.utils.set_random_seed(seed)
model = unet.build(size=image_size, width=8)
rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
model.compile(keras.optimizers.Adam(rate), losses.segmentation_loss)
model.optimizer.build(model.trainable_variables)  # saves seconds
print(f"{model.count_params():,} parameters")

# %% [markdown]
# Now show it the malignant image again and again, four copies at a time: in
# each, other parts of the network are switched off at random, so that it
# relies on none alone. `augmentation.as_input` divides the grey values by 255,
# as networks learn best from numbers around 1. Each `step` (Keras'
# `train_on_batch`) returns the loss, and changes the parameters. Expect the
# loss to fall. It has no unit; 0 would be perfect.

# %%
from helpers.model import augmentation, training

x = np.repeat(augmentation.as_input(squares[:1]), 4, axis=0)
y = np.repeat(targets[:1], 4, axis=0)
loss = [training.step(model, x, y) for _ in range(steps)]
print(f"loss: {loss[0]:.2f} at first, {loss[-1]:.2f} after {steps} steps")

# %% [markdown]
# ## What comes out: three probabilities for each pixel
#
# `training.predict` gives three numbers for each pixel that add up to 1: how
# probable each class is, as far as the network can tell. Expect the map of
# "malignant" to light up where the lesion is.

# %%
probabilities = training.predict(model, squares)
print("images, rows, columns, classes:", probabilities.shape)
row, column = np.argwhere(targets[0] > 0).mean(axis=0).astype(int)
print(f"in the lesion's middle: {probabilities[0, row, column].round(3)}")

# %% tags=["hide-input"]
image, three, outline = squares[0], probabilities[0], targets[0] > 0
figure = figures.maps(image, three, masks.CLASSES, outline, names[0])
figures.show(
    figure,
    alt="The image beside one probability map for each of the three classes.",
)

# %% [markdown]
# The class of a pixel is the one with the largest of its three probabilities
# (`argmax` gives its number). So here is a class for every pixel as a picture.
# Expect the right picture to resemble the middle one, as the network has seen
# this image again and again.

# %% tags=["hide-input"]
classes = probabilities.argmax(axis=-1)
map_0 = {"ground truth": targets[0], "predicted class": classes[0]}
figures.show(
    figures.class_maps(squares[0], map_0, names[0]),
    alt=f"The image, its ground truth, and the predicted classes: "
    f"{(classes[0] == targets[0]).mean():.1%} of the pixels agree.",
)

# %% [markdown]
# How well does the result fit the mask? For the person's mask $A$ and the
# network's mask $B$, the *Dice* score is twice the shared area over the sum of
# both areas:
#
# $$\text{Dice}(A, B) =
# \frac{2 \left|A \cap B\right|}{\left|A\right| + \left|B\right|}$$
#
# 1 is a perfect fit, 0 means that nothing is shared. Background earns nothing
# here.

# %%
from helpers.evaluation import metrics

ground_truth, predicted = targets > 0, classes > 0
pairs = zip(ground_truth, predicted, strict=True)
dices = [metrics.dice(*pair) for pair in pairs]
print(f"Dice on the image that it was trained on: {dices[0]:.2f}")

# %% [markdown]
# ## The same network on an image that it has never seen
#
# Now the benign image. Expect a lower score: the network has seen one lesion
# in its life, a malignant one.
#
# **Predict, then run.** Which class will it give to most pixels of this benign
# lesion: benign, malignant or background? The next cell tells.

# %% tags=["hide-input"]
map_1 = {"ground truth": targets[1], "predicted class": classes[1]}
figures.show(
    figures.class_maps(squares[1], map_1, names[1]),
    alt=f"The second image, its ground truth, and the predicted classes: "
    f"{(classes[1] == targets[1]).mean():.1%} of the pixels agree.",
)

# %%
titles = [f"seen, Dice {dices[0]:.2f}", f"never seen, Dice {dices[1]:.2f}"]
lesion = classes[1][targets[1] > 0]
shares = np.bincount(lesion, minlength=3) / len(lesion)
shares = zip(masks.CLASSES, shares, strict=True)
print(titles[1], "and predicted in the benign lesion:")
print(", ".join(f"{share:.0%} {name}" for name, share in shares))

# %% [markdown]
# These are shares of its pixels. The Dice does not ask for the class: both
# kinds of lesion count as one (`classes > 0` in the code). If the network
# marked nothing, it has not learned what a lesion is: it has learned *this*
# lesion by heart. If it marked the place as malignant, it knows no other name:
# it was never shown a benign pixel. To do well on new images is to
# *generalise*, and one example is not enough for that. The two outlines side
# by side:

# %% tags=["hide-input"]
heading = "Ground truth (blue, solid), network (orange, dashed)"
outlines = ground_truth, predicted
figure = figures.gallery(squares, titles, *outlines, heading=heading)
figures.show(
    figure,
    alt=f"Outlines on two images: Dice {dices[0]:.2f} on the image trained "
    f"on, {dices[1]:.2f} on the new one.",
)

# %% [markdown]
# The first number says that the network can *remember*. (A network that does
# only that is *overfitting*.) Only the second kind of number, on images that
# had no part in the training, says that it has *learned*, and one image says
# little about that. The rest of the series is about getting that second number
# up, and about not fooling yourself while you measure it.
#
# Keep both, with the software's versions: anyone who gets other numbers can
# look for the reason there.

# %%
from helpers import environment

seen, unseen = (round(dice, 4) for dice in dices)
about = {"versions": environment.versions(), "device": environment.device()}
about |= {"dice_seen": seen, "dice_never_seen": unseen}
step.save("environment.json", about)
step.finish()

# %% [markdown]
# **You have** run the whole job once: image, mask, target, network,
# probabilities, score. Next: `01_explore_the_data` asks what is in the data
# set, and what is wrong with it.
#
# ## Check yourself
#
# <details><summary>1. What is the difference between a mask and a target?</summary>
#
# A mask says for each pixel whether a lesion is there: yes or no. The target
# also says which kind: 0 background, 1 benign, 2 malignant.
#
# </details>
#
# <details><summary>2. A program predicts "background" at every pixel. Why can its pixel accuracy be high, and what is its Dice?</summary>
#
# Most pixels are background, so it is right at most of them. Its mask is empty
# and shares nothing with the lesion: Dice 0.
#
# </details>
#
# <details><summary>3. What changes while a network is trained, and what does not?</summary>
#
# Its parameters change, a little at each step, so that the loss falls. The
# images, the targets and the way in which the parameters are combined stay.
#
# </details>
#
# <details><summary>4. The three probabilities of a pixel are 0.40, 0.35 and 0.25. What is its class, and what is hidden by saying only that?</summary>
#
# Background, the largest. Hidden is that "some lesion" has 0.60 together, and
# that the network is far from sure.
#
# </details>
#
# <details><summary>5. A network scores Dice 0.98. What do you ask first?</summary>
#
# On which images? If they had a part in the training, it may only have
# remembered them.
#
# </details>
#
# ## Exercise 1: Dice by hand
#
# Write the Dice score yourself: a function of two masks (arrays of True and
# False of one shape) that returns a number. `a & b` is True where both are;
# `.sum()` counts what is True.

# %%
my_dice = ...  # a function of two masks, a and b
exercises.check(exercises.own_dice, my_dice)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def my_dice(a, b):
#     return 2 * (a & b).sum() / (a.sum() + b.sum())
#
# exercises.check(exercises.own_dice, my_dice)
# ```
#
# Two empty masks would give 0 / 0. Somebody must decide what that means;
# notebook 5 says how this series decides.
#
# </details>
#
# ## Exercise 2: where does the image go?
#
# An image of 470 rows and 560 columns is letterboxed into a square of 128
# pixels. How many rows and columns does the image itself have in there,
# without the black?

# %%
inside = ...  # (rows, columns), whole pixels
exercises.check(exercises.inner_size, inside)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# inside = (round(470 * 128 / 560), 128)
# exercises.check(exercises.inner_size, inside)
# ```
#
# 107 rows. The other 21 are black, 10 above and 11 below.
#
# </details>
#
# ## References
#
# - Al-Dhabyani, Gomaa, Khaled, Fahmy: Dataset of breast ultrasound images.
#   Data in Brief 28, 2020, doi
#   [10.1016/j.dib.2019.104863](https://doi.org/10.1016/j.dib.2019.104863)
# - Dice: Measures of the amount of ecologic association between species.
#   Ecology 26(3), 1945, doi [10.2307/1932409](https://doi.org/10.2307/1932409)
# - Kingma, Ba: Adam, a method for stochastic optimization. ICLR 2015, doi
#   [10.48550/arXiv.1412.6980](https://doi.org/10.48550/arXiv.1412.6980)
# - Ronneberger, Fischer, Brox: U-Net. MICCAI 2015, doi
#   [10.1007/978-3-319-24574-4_28](https://doi.org/10.1007/978-3-319-24574-4_28)
