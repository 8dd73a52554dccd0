"""Disturb held-out images, predict again, and compare case by case.

A disturbance takes an image, uint8 (h, w), a strength and a NumPy Generator,
and returns a new image of the same shape; ValueError: any other array.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import pandas as pd

from ..data import busi, masks
from ..data.phantom import dataset, physics
from . import bootstrap, classification, metrics, postprocessing

DECIBELS = 60  # between black and white, as scanners commonly show
TEXTS = ("RT", "LT", "RT 3", "LT 10", "LEFT BREAST", "RIGHT BREAST")


def gain(image, strength, rng=None):
    """Brighten (strength above 0) or darken an image by `strength` decibels.

    Greys show the logarithm of an echo: all shift alike, and are clipped.
    """
    return _to_grey(_to_float(image) + strength * 255 / DECIBELS)


def blur(image, strength, rng=None):
    """Blur with a Gaussian of standard deviation `strength` pixels."""
    grey = _to_float(image)
    if strength > 0:
        grey = cv2.GaussianBlur(grey, (0, 0), strength)
    return _to_grey(grey)


def speckle(image, strength, rng):
    """Multiply by 1 - strength + strength * speckle, whose mean is 1.

    `physics.speckle`: fully developed, with a grain wider across the beam.
    """
    grey = _to_float(image)
    grain = physics.speckle(*grey.shape, rng)
    return _to_grey(grey * (1 + strength * (grain / grain.mean() - 1)))


def downsample(image, strength, rng=None):
    """Shrink `strength` times and enlarge again; up to 1 nothing changes."""
    grey = _to_float(image)
    if strength > 1:
        size = [max(1, round(n / strength)) for n in grey.shape[::-1]]
        small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        grey = cv2.resize(small, grey.shape[::-1])
    return _to_grey(grey)


def shadow(image, strength, rng):
    """Take the fraction `strength` of the grey from a sector below the skin.

    About a fifth of the width, at a random place, opening a little downwards.
    """
    grey = _to_float(image)
    height, width = grey.shape
    depth = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(0, 1, width, dtype=np.float32)
    half_width = rng.uniform(0.07, 0.12) * (1 + 0.5 * depth)
    away = np.abs(across - rng.uniform(0.15, 0.85)) / half_width
    onset = np.clip((depth - 0.05) / 0.1, 0, 1)
    taken = strength * onset * np.clip(3 - 2.5 * away, 0, 1)
    return _to_grey(grey * (1 - taken))


def marks(image, strength, rng):
    """Burn in `strength` measured lines and words at random places."""
    drawn = _to_grey(_to_float(image))
    height, width = drawn.shape
    for _ in range(int(strength)):
        start, end = rng.uniform(0.15, 0.85, (2, 2)) * (width, height)
        dataset.axis(drawn, start, end, cv2.MARKER_CROSS)
        x = int(width * rng.uniform(0.05, 0.7))
        y = int(height * rng.uniform(0.6, 0.95))
        dataset.write(drawn, str(rng.choice(TEXTS)), (x, y), 0.6)
    return drawn


def _to_float(image):
    if image.dtype != np.uint8 or image.ndim != 2:
        got = f"{image.dtype} {image.shape}"
        raise ValueError(f"a uint8 (h, w) grey image is needed, not {got}")
    return image.astype(np.float32)


def _to_grey(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


DISTURBANCES = {
    function.__name__: function
    for function in (gain, blur, speckle, downsample, shadow, marks)
}
# Of `HeldOut.degrade`: unit and strengths, the first of which changes nothing.
LEVELS = {
    "gain": ("decibels", (0, -15, -8, 8, 15)),
    "blur": ("standard deviation, pixels", (0, 2, 4, 8)),
    "speckle": ("share that is speckle", (0, 0.2, 0.4, 0.8)),
    "downsample": ("times smaller", (1, 4, 8, 12)),
    "shadow": ("share of the grey taken", (0, 0.3, 0.6, 0.9)),
}


@dataclass(frozen=True)
class HeldOut:
    """A network and the held-out cases to try it on.

    predict: from squares (n, size, size) uint8 to class probabilities (n,
    size, size, 3); cases: DataFrame[image, height, width, fold, group ...];
    references: their masks, bool; rules: as of `postprocessing.lesion_masks`.
    """

    predict: Callable
    size: int
    cases: pd.DataFrame
    references: list
    rules: pd.DataFrame

    def subset(self, rows):
        """Return the same with some rows (ints) of the cases only."""
        cases = self.cases.iloc[rows].reset_index(drop=True)
        references = [self.references[i] for i in rows]
        return replace(self, cases=cases, references=references)

    def read(self):
        """Return an iterator over the cases' images, uint8 (h, w)."""
        return map(busi.read_image, self.cases["image"])

    def score(self, change=None, images=None):
        """Return DataFrame[Dice, lesion probability] after a change, by case.

        change: from an image, uint8 (h, w), to another, at the original size.
        images: what `read` gives, if it is kept.
        """
        images = images or self.read()
        images = map(change, images) if change else images
        squares = [masks.letterbox(image, self.size)[0] for image in images]
        classes = self.predict(np.stack(squares))
        found = postprocessing.lesion_masks(self.cases, classes, self.rules)
        lesion = list(map(classification.lesion_probability, classes))
        dice = list(map(metrics.dice, self.references, found))
        return pd.DataFrame({"Dice": dice, "lesion probability": lesion})

    def compare(self, change):
        """Return DataFrame[score, n, before, difference (from it), p]."""
        before, after, rows = self.score(), self.score(change), []
        for name, old in before.items():
            test = bootstrap.paired_test(after[name], old, self.cases["group"])
            rows.append((name, len(old), old.mean(), *test))
        columns = ["score", "n", "before", "difference", "p"]
        return pd.DataFrame(rows, columns=columns)

    def degrade(self, levels=LEVELS):
        """Return the mean Dice at each strength of each disturbance.

        levels: as LEVELS, by name of DISTURBANCES. Returns DataFrame[
        disturbance, unit, strength, value, low, high, difference, p], the last
        two from the undisturbed score. All have the same random numbers. All
        images are held in memory.
        """
        groups, images = self.cases["group"], list(self.read())
        plain, rows = self.score(images=images)["Dice"], []
        for name, (unit, strengths) in levels.items():
            for strength in strengths:
                dice = plain
                if strength != strengths[0]:
                    rng = np.random.default_rng(0)
                    disturb = partial(DISTURBANCES[name], rng=rng)
                    change = partial(disturb, strength=strength)
                    dice = self.score(change, images)["Dice"]
                found = bootstrap.interval(dice, groups)
                test = bootstrap.paired_test(dice, plain, groups)
                rows.append((name, unit, strength, *found, *test))
        columns = ["disturbance", "unit", "strength", "value", "low", "high"]
        return pd.DataFrame(rows, columns=[*columns, "difference", "p"])
