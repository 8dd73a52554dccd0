# %% [markdown]
# # 0. Start here: the whole job on one image
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/00_start_here.ipynb)
#
# You will take one ultrasound image of a breast, let a small neural network look at it,
# and get a class for every pixel: background, benign lesion or malignant lesion.
# Then you will give it a second image and see why one example is not enough.
#
# **You will**
# - check that your machine can run the series,
# - see what "a class for every pixel" means, as numbers and as a picture,
# - see the difference between remembering an image and having learned.
#
# **Takes** about half a minute on two CPU cores. **Needs** nothing; without the real images it uses
# simulated ones. **Reads** two images. **Writes** `environment.json`.
#
# > **For teaching and research. This is not a medical device.** Nothing here may be used
# > to decide about a person.

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

# %% [markdown]
# The line above tells where you are, which device computes, and which images are used.
# If it says **PHANTOM**, the images are simulated: good for learning the steps, but
# their numbers say nothing about patients. `data/README.md` tells how to get real ones.

# %% tags=["parameters"]
profile: str = "quick"  # results go to runs/<data>-<profile>/
image_size: int = 128  # pixels a side; 256 takes four times as long
steps: int = 60  # times the network looks at the image; about 0.1 s each
seed: int = 0  # another number, another run

# %%
import keras
import numpy as np

from helpers import busi, figures, masks, networks, place, scores, training

step = here.step(
    "00_start_here", profile, image_size=image_size, steps=steps, seed=seed
)

# %% [markdown]
# ## One image and its mask
#
# The data set is a folder of pictures. Beside each picture lies a *mask*: a black picture
# with the lesion painted white by a person. `busi.index` lists them all, one row a case.

# %%
cases = busi.index(here.data.root)
cases[["case", "label", "height", "width"]].groupby(
    "label", sort=False
).first()

# %% [markdown]
# You take the malignant case with the largest lesion, because it is easy to see, and the
# benign case with the largest one for later.


# %%
def largest(label):
    """Return the row of the case of this class whose lesion fills most of its image."""
    part = cases[cases["label"] == label]
    share = [masks.merge(paths).mean() for paths in part["masks"]]
    return part.iloc[int(np.argmax(share))]


chosen = [largest("malignant"), largest("benign")]
images = [busi.read_image(case["image"]) for case in chosen]
lesions = [masks.merge(case["masks"]) for case in chosen]

# %%
figures.show(
    figures.gallery(
        images,
        [
            f"{case['case']}, {case['width']} x {case['height']} pixels"
            for case in chosen
        ],
        lesions,
        heading="What a person outlined (blue)",
    ),
    alt="Two ultrasound images, one malignant and one benign, lesions outlined in blue.",
)

# %% [markdown]
# ## From a mask to a class for every pixel
#
# The network reads squares of one size. `masks.letterbox` shrinks an image without
# stretching it and pads the rest with black. `masks.target` turns a mask into the
# *target*: a whole number for each pixel, 0 background, 1 benign, 2 malignant.

# %%
squares = np.stack(
    [masks.letterbox(image, image_size)[0] for image in images]
)
targets = np.stack(
    [
        masks.target(masks.letterbox(lesion, image_size)[0], case["label"])
        for lesion, case in zip(lesions, chosen, strict=True)
    ]
)
for case, target in zip(chosen, targets, strict=True):
    values, pixels = np.unique(target, return_counts=True)
    print(
        case["case"],
        dict(zip(values.tolist(), pixels.tolist(), strict=True)),
    )

# %% [markdown]
# Most pixels are background, even here, where the lesion is large. So a program that
# answers "background" everywhere is right at most pixels and useless. Keep this in mind
# when somebody reports *pixel accuracy*.
#
# ## Train on one image
#
# You build a small network and show it the malignant image again and again. Expect the
# loss, which measures how wrong its answers are, to fall.

# %%
keras.utils.set_random_seed(seed)
model = networks.unet(size=image_size, width=8)
model.compile(keras.optimizers.Adam(3e-3), loss=networks.segmentation_loss)
one_image = np.repeat(squares[:1, ..., None] / np.float32(255), 4, axis=0)
one_target = np.repeat(targets[:1], 4, axis=0)
history = model.fit(one_image, one_target, epochs=steps, verbose=0)
losses = history.history["loss"]
print(f"{model.count_params():,} numbers were fitted")
print(
    f"loss: {losses[0]:.2f} at first, {losses[-1]:.2f} after {steps} steps"
)

# %% [markdown]
# ## What comes out: three probabilities for each pixel
#
# `training.predict` gives three numbers for each pixel that add up to 1. Expect the map
# of "malignant" to light up where the lesion is.

# %%
classes = training.predict(model, squares)
print(
    "shape:",
    classes.shape,
    " sums to",
    classes[0].sum(axis=-1).mean().round(6),
)
figures.show(
    figures.maps(
        squares[0],
        classes[0],
        masks.CLASSES,
        targets[0] > 0,
        chosen[0]["case"],
    ),
    alt="The image beside one probability map for each of the three classes.",
)

# %% [markdown]
# The class of a pixel is the largest of its three probabilities. How well does the
# result fit the mask? For the person's mask $A$ and the network's mask $B$, the *Dice*
# score is twice the shared area over the sum of both areas:
#
# $$\text{Dice}(A, B) = \frac{2 \, |A \cap B|}{|A| + |B|}$$
#
# 1 is a perfect fit, 0 means that nothing is shared.

# %%
found = [answer.argmax(axis=-1) > 0 for answer in classes]
fit = [scores.dice(t > 0, f) for t, f in zip(targets, found, strict=True)]
print(f"Dice on the image that it was trained on: {fit[0]:.2f}")

# %% [markdown]
# ## The same network on an image that it has never seen
#
# Now the benign image. Expect a lower score: the network has seen one lesion in its
# life, and that one was malignant.

# %%
print(f"Dice on a new image: {fit[1]:.2f}")
figures.show(
    figures.gallery(
        list(squares),
        [f"seen, Dice {fit[0]:.2f}", f"never seen, Dice {fit[1]:.2f}"],
        list(targets > 0),
        found,
        heading="Person (blue, solid) and network (orange, dashed)",
    ),
    alt=f"Outlines on two images: Dice {fit[0]:.2f} on the image trained on, "
    f"{fit[1]:.2f} on the new one.",
)

# %% [markdown]
# The first number says that the network can *remember*. Only the second kind of number,
# on images that had no part in the training, says that it has *learned*, and one image
# says little about that. The rest of the series is about getting that second number up,
# and about not fooling yourself while you measure it.

# %%
step.save(
    "environment.json",
    {
        "versions": place.versions(),
        "device": place.device(),
        "dice_seen": round(fit[0], 4),
        "dice_never_seen": round(fit[1], 4),
    },
)
step.finish()

# %% [markdown]
# **You have** run the whole job once: image, mask, target, network, probabilities,
# score. Next: `01_explore_the_data` asks what is in the data set, and what is wrong
# with it.
