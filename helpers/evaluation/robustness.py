"""Change held-out images, ask the network again, and compare case by case."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from ..data import busi, masks
from ..data.phantom import physics
from . import bootstrap, classification, metrics, postprocessing

DECIBELS = 60  # between black and white, as scanners commonly show
TEXTS = ("RT", "LT", "RT 3", "LT 10", "LEFT BREAST", "RIGHT BREAST")

# What `worsened` tries: the unit of a strength, and strengths. The first
# changes nothing.
LEVELS = {
    "gain": ("decibels", (0, -15, -8, 8, 15)),
    "blur": ("standard deviation, pixels", (0, 2, 4, 8)),
    "speckle": ("share that is speckle", (0, 0.2, 0.4, 0.8)),
    "downsample": ("times smaller", (1, 4, 8, 12)),
    "shadow": ("share of the grey taken", (0, 0.3, 0.6, 0.9)),
}


@dataclass(frozen=True)
class HeldOut:
    """A network and the cases to try it on.

    predict: from squares (n, size, size) uint8 to class probabilities (n,
    size, size, 3); size: pixels; cases: DataFrame with case, image, height,
    width, fold and group; references: the mask of each of its rows, bool;
    rules: as of `postprocessing.lesion_masks`.
    """

    predict: Any
    size: int
    cases: pd.DataFrame
    references: list
    rules: pd.DataFrame

    def of(self, rows):
        """Return the bench with some rows of the cases only; rows: a list of int."""
        references = [self.references[i] for i in rows]
        cases = self.cases.iloc[rows].reset_index(drop=True)
        return HeldOut(self.predict, self.size, cases, references, self.rules)

    def scored(self, change=None):
        """Return DataFrame[Dice, lesion probability], a row a case, after a change.

        change: from an image, uint8 (h, w), to another, at the original size;
        None leaves it. Dice follows the rule of `scores` for empty masks.
        """
        images = map(busi.read_image, self.cases["image"])
        images = map(change, images) if change else images
        squares = np.stack(
            [masks.letterbox(image, self.size)[0] for image in images]
        )
        told = self.predict(squares)
        given = postprocessing.lesion_masks(self.cases, told, self.rules)
        return pd.DataFrame(
            {
                "Dice": list(map(metrics.dice, self.references, given)),
                "lesion probability": list(
                    map(classification.lesion_probability, told)
                ),
            }
        )

    def compared(self, change):
        """Return DataFrame[score, n, before, difference, p] of what a change does.

        difference: mean of after - before; p: of the paired permutation test.
        """
        before, after, rows = self.scored(), self.scored(change), []
        for score in before:
            pair = after[score], before[score]
            test = bootstrap.paired_test(*pair, self.cases["group"])
            rows.append((score, len(before), before[score].mean(), *test))
        return pd.DataFrame(
            rows, columns=["score", "n", "before", "difference", "p"]
        )

    def worsened(self, levels=LEVELS):
        """Return the mean Dice at each strength of each disturbance, a DataFrame.

        levels: as LEVELS, by name of a function of `disturb`. Columns:
        disturbance, unit, strength, value, low, high, difference (from the
        image as it is) and p. At each strength the same random numbers are
        drawn.
        """
        groups, plain, rows = self.cases["group"], self.scored()["Dice"], []
        for kind, (unit, strengths) in levels.items():
            for strength in strengths:
                dice = plain
                if strength != strengths[0]:
                    dice = self.scored(_disturbance(kind, strength))["Dice"]
                found = bootstrap.interval(dice, groups)
                test = bootstrap.paired_test(dice, plain, groups)
                rows.append((kind, unit, strength, *found, *test))
        columns = ["disturbance", "unit", "strength", "value", "low", "high"]
        return pd.DataFrame(rows, columns=[*columns, "difference", "p"])


def _disturbance(kind, strength):
    """Return a change with a Generator of its own, the same at every strength."""
    function, rng = globals()[kind], np.random.default_rng(0)
    return lambda image: function(image, strength, rng)


def gain(image, strength, rng=None):
    """Brighten (strength above 0) or darken an image by `strength` decibels.

    A scanner multiplies the echoes and shows their logarithm: so the same grey
    is added everywhere, and what leaves the range from black to white is lost.
    """
    return _grey(_float(image) + strength * 255 / DECIBELS)


def blur(image, strength, rng=None):
    """Blur an image with a Gaussian of standard deviation `strength` pixels."""
    soft = _float(image)
    return _grey(
        cv2.GaussianBlur(soft, (0, 0), strength) if strength > 0 else soft
    )


def speckle(image, strength, rng):
    """Multiply an image by 1 - strength + strength * speckle, whose mean is 1.

    The speckle is fully developed and some pixels in grain, wider across the
    beam than along it (`physics.speckle`); strength 1 is all of it.
    """
    grain = physics.speckle(*_float(image).shape, rng)
    return _grey(_float(image) * (1 + strength * (grain / grain.mean() - 1)))


def downsample(image, strength, rng=None):
    """Shrink an image `strength` times and enlarge it again; 1 or less changes nothing."""
    soft = _float(image)
    if strength <= 1:
        return _grey(soft)
    height, width = (max(1, round(side / strength)) for side in soft.shape)
    small = cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA)
    return _grey(
        cv2.resize(small, soft.shape[::-1], interpolation=cv2.INTER_LINEAR)
    )


def shadow(image, strength, rng):
    """Take the share `strength` of the grey from a sector below the skin, to the bottom.

    As behind a rib or where the probe lost contact: the sector is about a
    fifth of the width, at a random place, and opens a little with the depth.
    """
    soft = _float(image)
    depth, across = (
        np.linspace(0, 1, side, dtype=np.float32) for side in soft.shape
    )
    reach = rng.uniform(0.07, 0.12) * (
        1 + 0.5 * depth[:, None]
    )  # half its width
    away = np.abs(across - rng.uniform(0.15, 0.85)) / reach
    begun = np.clip((depth[:, None] - 0.05) / 0.1, 0, 1)
    return _grey(soft * (1 - strength * begun * np.clip(3 - 2.5 * away, 0, 1)))


def marks(image, strength, rng):
    """Burn in `strength` measured lines (two crosses and dots between) and as many words.

    Their places are random: they say nothing of a lesion.
    """
    drawn = _grey(_float(image))
    height, width = drawn.shape
    for _ in range(int(strength)):
        ends = rng.uniform(0.15, 0.85, (2, 2)) * (width, height)
        for share in np.linspace(
            0, 1, 2 + int(np.linalg.norm(ends[1] - ends[0]) / 5)
        ):
            dot = (ends[0] + share * (ends[1] - ends[0])).astype(int).tolist()
            cv2.circle(drawn, dot, 0, 235, -1)
        for end in ends.astype(int).tolist():
            cv2.drawMarker(drawn, end, 235, cv2.MARKER_CROSS, 13, 2)
        at = [
            int(width * rng.uniform(0.05, 0.7)),
            int(height * rng.uniform(0.6, 0.95)),
        ]
        cv2.putText(
            drawn, str(rng.choice(TEXTS)), at, 2, 0.6, 235, 1, cv2.LINE_AA
        )
    return drawn


def _float(image):
    if image.dtype != np.uint8 or image.ndim != 2:
        raise ValueError(
            f"a uint8 (h, w) grey image is needed, not {image.dtype} {image.shape}"
        )
    return image.astype(np.float32)


def _grey(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
