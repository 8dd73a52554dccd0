# %% [markdown]
# # A1. Appendix: how an ultrasound image comes about
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/breast-ultrasound-notebooks/blob/main/notebooks/A1_ultrasound_physics.ipynb)
#
# The grain, the dark bands and the bright ones of an ultrasound image are no
# faults of it: each has a cause that you can simulate. Read this to know what
# the networks look at; no notebook needs it.
#
# **You will** be able to
# - say how echoes become a picture, and why it is grainy,
# - tell what averages the grain away, and what does not,
# - say what a shadow and a bright band below a lesion mean,
# - name what a radiologist looks for in a lesion.
#
# **Takes** a few seconds. **Needs** nothing; its images are simulated.
# **Reads** nothing. **Writes** `lesions.csv`.
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
seed: int = 0  # another number, another run

# %%
import numpy as np
import pandas as pd

from helpers import exercises, figures
from helpers.data import masks
from helpers.data.phantom import physics

step = here.step("A1_ultrasound_physics")

# %% [markdown]
# ## From echoes to a picture
#
# The probe sends a short pulse of sound into the tissue and listens. Scanners
# assume that sound travels 1,540 metres a second there, so an echo from 1 cm
# deep is back after 13 millionths of a second: the delay tells the depth. (In
# fat it is slower: depths come out a little too large.) One pulse gives one
# line of the picture, from the skin downwards; many lines side by side give
# the picture.
#
# Tissue is full of *scatterers*, far smaller than a pixel, and each sends a
# little of the sound back. The probe cannot see a scatterer sharply. It sees a
# blot, the *point spread function*: narrow along the beam (its *axial
# resolution*) and wider across it (its *lateral* one). Where blots overlap,
# their waves add up, and the strength of the sum is called the *envelope*.
# That spans too wide a range for a screen, so you are shown its logarithm. Its
# unit is the *decibel* (dB): 20 dB more is ten times the envelope, 6 dB about
# twice. Sound of a higher frequency makes smaller blots, but is attenuated
# more: finer, and less deep. (For the breast, some 7 to 18 MHz.) And smooth
# surfaces at a right angle, such as skin, reflect like mirrors: bright lines.
#
# `helpers/data/phantom/physics.py` imitates these steps. Expect scatterers to
# become blots, and smooth tissue to become grainy.

# %%
rng, probe = np.random.default_rng(seed), physics.Probe()
points = np.zeros((60, 70), np.float32)
points[[12, 12, 40, 40, 41], [15, 50, 15, 50, 52]] = 1
frame = physics.simulate("malignant", rng, 240, 280)
blots = physics.echoes(points, rng, probe)

# %%
panels = {
    "five scatterers, close up": blots,
    "tissue: echo strength (dB)": 20 * np.log10(frame.expected),
    "envelope: a few echoes\ndrown the rest": frame.envelope,
    "its logarithm:\n50 dB of it": np.clip(
        20 * np.log10(frame.envelope), -25, 25
    ),
}
grey = [np.interp(v, (v.min(), v.max()), (0, 255)) for v in panels.values()]

# %% tags=["hide-input"]
heading = "From scatterers to a picture (simulated)"
figures.show(
    figures.gallery(grey, list(panels), heading=heading),
    alt="Four simulated maps: blots of five scatterers, two of which make "
    "one; the smooth strength of tissue with a lesion; its grainy "
    "envelope, nearly all dark; and the log-compressed picture.",
)

# %% [markdown]
# How strongly each scatterer answers is drawn at random. At the lower right
# there are two, and you see one: what is nearer than a blot's size cannot be
# told apart. (The phantom's pictures are smoother: a mean of several looks,
# which comes next, a little blurred.)
#
# And what does a high frequency cost? Soft tissue takes some 0.5 to 1 dB a
# centimetre and megahertz, on the way down and back. Expect little from deep
# below.

# %% tags=["hide-input"]
depth, takes = np.linspace(0, 5), 0.7
left = {f"{f} MHz": (depth, -2 * takes * f * depth) for f in (5, 10, 15)}
axes = "depth (cm)", "what is left of an echo (dB)"
figures.show_lines(left, *axes, "Finer is not as deep")

# %% [markdown]
# ## Speckle is not noise
#
# The grain is called *speckle*. It comes from waves that add up or cancel, so
# the same scatterers give the same speckle every time, and averaging a frame
# with itself does nothing. Only an independent *look* helps: from another
# angle, or at another frequency, the waves of the same scatterers add up
# otherwise; from another place there are other scatterers. The mean of $N$
# such looks has $1 / \sqrt{N}$ of the grain (its standard deviation over its
# mean). Expect the first column below to follow the third, and the second to
# stay.


# %%
def look(number):
    """Return the envelope of plain tissue; each number is other scatterers."""
    return physics.speckle(200, 200, np.random.default_rng(number))


def grain(looks):
    """Return standard deviation over mean of the mean of some envelopes."""
    mean = np.mean([look(number) for number in looks], axis=0)
    return mean.std() / mean.mean()


# %%
n = pd.Index([1, 4, 16], name="looks")
grains = pd.DataFrame({"independent": [grain(range(k)) for k in n]}, n)
grains["same frame"] = [grain([0] * k) for k in n]
grains["by theory"] = grain([0]) / n**0.5
grains.round(3)

# %% [markdown]
# Scanners *compound* several angles for this reason. Its price: shadows, which
# are signs, grow fainter. Blurring one frame is no substitute: it takes the
# fine outlines away with the grain.
#
# And the grain tells something. Where many scatterers share one blot, the
# envelope has a *Rayleigh distribution*, whatever the tissue (Burckhardt
# 1978). Where there are few, it has another. So speckle holds a trace of what
# is too small to be seen. Compare tissue with a scatterer in every pixel to
# tissue with one in a hundred pixels. Two numbers describe a distribution:
# mean over standard deviation (the *signal-to-noise ratio* of speckle), and
# the share that is darker than half the mean.


# %%
def described(envelope):
    """Return mean / deviation, and the share below half the mean."""
    mean = envelope.mean()
    return mean / envelope.std(), np.mean(envelope < mean / 2)


# %%
sparse = (rng.random((200, 200)) < 0.01).astype(np.float32) * 10
few = physics.echoes(sparse, rng, probe)
rayleigh = (np.pi / (4 - np.pi)) ** 0.5, 1 - np.exp(-np.pi / 16)
rows = {"Rayleigh distribution": rayleigh}
rows["many scatterers"] = described(look(seed))
rows["few scatterers"] = described(few)
pd.DataFrame(rows, ["mean / deviation", "darker than half"]).round(2)

# %% [markdown]
# The second column is near the first, the theory; the third is not: few
# scatterers leave most of the tissue dark, between bright blots.
#
# ## Shadow and enhancement
#
# Sound grows weaker with depth. So the scanner amplifies late echoes more than
# early ones, by what ordinary tissue takes away (*time-gain compensation*). A
# lesion breaks that bargain. If it *attenuates* (swallows) more sound than its
# surroundings, what lies behind it is drawn too dark: a *shadow*. If it
# swallows less, as water does, what lies behind is drawn too bright:
# *enhancement*. (Narrow dark bands below the two *sides* of a lesion are
# another thing, *edge shadows*: a smooth, curved rim bends the sound away.
# Cysts and smooth benign lesions often have them.)
#
# Build that yourself: plain tissue, and in it a round lesion that sends back
# less sound and takes away more or less on the way through, each a number of
# decibels. `physics.round_lesion` lays scatterers of these strengths and has
# the probe listen. Four settings; expect 16 looks to smooth the grain, and no
# setting to move the outline.

# %%
settings = {
    "10 dB darker": (10, 0),
    "the same, 16 looks": (10, 0, 16),
    "swallows 12 dB: shadow": (10, 12),
    "cyst: 30 dB darker,\n8 dB less swallowed": (30, -8),
}

# %%
scans = [physics.round_lesion(*setting) for setting in settings.values()]
heading = "A lesion of your own (simulated)"
figures.show(
    figures.gallery(scans, list(settings), heading=heading),
    alt="Four simulated images of a round lesion: grainy; smoother with 16 "
    "looks; with a dark band below it; and nearly black with a bright band "
    "below it.",
)

# %% [markdown]
# A simple *cyst* is a bag of fluid: it sends next to nothing back, and lets
# sound pass. So it is black with enhancement, and benign. (With solid parts it
# need not be. The faint grain here is the simulator's.) In a running notebook,
# three sliders follow.


# %%
from helpers import environment


def draw(darker, swallows, looks):
    """Show one setting; both in dB."""
    picture = physics.round_lesion(darker, swallows, looks)
    figures.show(figures.gallery([picture], ["yours"]), alt="Your setting.")


if not environment.under_papermill():
    from ipywidgets import interact

    interact(draw, darker=(0, 30), swallows=(-12, 12), looks=(1, 16))

# %% [markdown]
# ## What a reader looks for
#
# Radiologists describe a lesion in the terms of BI-RADS, the American College
# of Radiology's *Breast Imaging Reporting and Data System* (2013). The phantom
# draws its lesions after them:
#
# | term | in plain words | simulated benign | simulated malignant |
# |---|---|---|---|
# | shape | oval, round or irregular | oval | irregular |
# | orientation | *parallel* to the skin is wider than tall | mostly parallel | often taller than wide |
# | margin | *circumscribed*, sharp all round; or *indistinct*, *angular*, *microlobulated*, *spiculated* | smooth | rough, some with spikes |
# | echo pattern | *hypoechoic* is darker than the fat under the skin, *hyperechoic* brighter, *anechoic* black | darker than what it replaces; cysts nearly black | darker, uneven |
# | posterior features | behind it: *shadow* if it attenuates the sound more, *enhancement* if less than its surroundings; often *none* | mostly enhancement | mostly shadow |
# | calcifications | grains of calcium salts: bright dots | none | in some |
#
# No sign proves cancer or rules it out. But one suspicious sign is enough for
# a biopsy; *benign* needs all of them benign (Stavros et al. 1995). A report
# ends in a category from 0 to 6 that says what to do next; BUSI does not give
# it.
#
# Draw 20 of each, and measure their echo strength before speckle. Expect a
# plus behind the benign ones (brighter there than beside it, in decibels:
# enhancement), and a minus behind the malignant ones (shadow).


# %%
def behind(mask, level, rows=30):
    """Return how much brighter the rows behind a lesion are than beside."""
    bottom = np.flatnonzero(mask.any(axis=1))[-1] + 1
    under, below = mask.any(axis=0), level[bottom : bottom + rows]
    return below[:, under].mean() - below[:, ~under].mean()


# %%
def measured(label, number):
    """Return a dict: a simulated lesion, its picture and what it measures."""
    rng = np.random.default_rng((seed, number))
    frame = physics.simulate(label, rng, 240, 280)
    mask, level = frame.masks[0], 20 * np.log10(frame.expected)
    lesion = {"label": label, "picture": frame.image, "mask": mask}
    return lesion | {"behind (dB)": behind(mask, level)} | masks.describe(mask)


# %%
kinds = ("benign", "malignant")
drawn = pd.DataFrame([measured(k, i) for k in kinds for i in range(20)])
columns = ["behind (dB)", "taller_than_wide", "solidity"]
drawn.groupby("label")[columns].mean().round(2)

# %% [markdown]
# These are means over 20 lesions. *Taller than wide* is a share of them.
# *Solidity* is the share of a rubber band around the outline that the lesion
# fills: 1 has no dents. The strongest enhancement and the strongest shadow
# among them:

# %%
order = drawn["behind (dB)"].sort_values().index
strongest = drawn.loc[[order[-1], order[0]]]
titles = [
    f"{label}, behind: {decibels:+.0f} dB"
    for label, decibels in strongest[["label", "behind (dB)"]].values
]

# %% tags=["hide-input"]
pictures, outlines = list(strongest["picture"]), list(strongest["mask"])
figures.show(
    figures.gallery(pictures, titles, outlines, heading="Simulated"),
    alt="Two simulated images with outlined lesions: left it is brighter "
    "behind the lesion than beside, right it is darker.",
)

# %% [markdown]
# In these images, drawn so on purpose, a part of what tells the class lies
# **outside** the lesion. A network that saw only a small patch would miss it.
# (BI-RADS says the same of real ones; this does not prove it.) Keep the
# measures.

# %%
step.save("lesions.csv", drawn[["label", *columns]])
step.finish()

# %% [markdown]
# **You have** simulated echoes, speckle, shadow and enhancement, and measured
# what they tell of a lesion. How a network finds such things is the subject of
# `03_how_a_cnn_sees`.
#
# ## Check yourself
#
# <details><summary>1. You average 16 copies of one frame. What happens to the speckle?</summary>
#
# Nothing. The same scatterers, seen alike, give the same speckle. Only looks
# from another angle or place, or at another frequency, average it away.
#
# </details>
#
# <details><summary>2. Why is it brighter behind a cyst, although a cyst sends no light or sound of its own?</summary>
#
# The scanner amplifies late echoes by what ordinary tissue takes away. The
# fluid takes away less, so the sound behind it is still strong, and is
# amplified all the same.
#
# </details>
#
# <details><summary>3. Why are you shown the logarithm of the envelope, and not the envelope?</summary>
#
# A few strong echoes are hundreds of times as strong as most. On a straight
# scale they would be white and all the rest black.
#
# </details>
#
# <details><summary>4. Two scatterers lie nearer to each other than the size of a blot. What do you see?</summary>
#
# One blot. They cannot be told apart.
#
# </details>
#
# <details><summary>5. A lesion is dark and has a shadow. Is it malignant?</summary>
#
# Two signs do not say so. In these images most shadows belong to malignant
# lesions, because the simulator was written that way. In life, one suspicious
# sign is enough for a biopsy.
#
# </details>
#
# ## Exercise 1: how deep is it?
#
# An echo comes back after some millionths of a second (microseconds). Write a
# function that returns the depth in centimetres, at 1,540 metres a second.

# %%
my_depth = ...  # a function of the microseconds
exercises.check(exercises.depth_of_echo, my_depth)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def my_depth(microseconds):
#     return 154_000 * microseconds / 1e6 / 2
#
# exercises.check(exercises.depth_of_echo, my_depth)
# ```
#
# The sound goes there and back, so half of the way is the depth.
#
# </details>
#
# ## Exercise 2: how many looks?
#
# You want a tenth of the grain that one look has. How many independent looks
# must be averaged?

# %%
my_looks = ...  # a whole number
exercises.check(exercises.looks_for_a_tenth, my_looks)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# my_looks = 100
# exercises.check(exercises.looks_for_a_tenth, my_looks)
# ```
#
# The grain falls with the root of the number of looks.
#
# </details>
#
# ## References
#
# - American College of Radiology: ACR BI-RADS Atlas, 5th edition, 2013 (no
#   DOI).
# - Burckhardt: Speckle in ultrasound B-mode scans. IEEE Trans. Sonics
#   Ultrason. 25(1), 1978, doi
#   [10.1109/T-SU.1978.30978](https://doi.org/10.1109/T-SU.1978.30978)
# - Stavros et al.: Solid breast nodules. Radiology 196, 1995, doi
#   [10.1148/radiology.196.1.7784555](https://doi.org/10.1148/radiology.196.1.7784555)
