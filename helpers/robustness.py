"""Change held-out images, ask the network again, and compare case by case."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from . import busi, disturb, findings, intervals, masks, scores

# What `worsened` tries: the unit of a strength, and strengths. The first changes nothing.
LEVELS = {
    "gain": ("decibels", (0, -15, -8, 8, 15)),
    "blur": ("standard deviation, pixels", (0, 2, 4, 8)),
    "speckle": ("share that is speckle", (0, 0.2, 0.4, 0.8)),
    "downsample": ("times smaller", (1, 4, 8, 12)),
    "shadow": ("share of the grey taken", (0, 0.3, 0.6, 0.9)),
}


@dataclass(frozen=True)
class Bench:
    """A network and the cases to try it on.

    predict: from squares (n, size, size) uint8 to class probabilities (n, size, size, 3);
    size: pixels; cases: DataFrame with case, image, height, width, fold and group;
    references: the mask of each of its rows, bool; rules: as of `findings.lesion_masks`.
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
        return Bench(self.predict, self.size, cases, references, self.rules)

    def scored(self, change=None):
        """Return DataFrame[Dice, lesion probability], a row a case, after a change.

        change: from an image, uint8 (h, w), to another, at the original size; None leaves
        it. Dice follows the rule of `scores` for empty masks.
        """
        images = map(busi.read_image, self.cases["image"])
        images = map(change, images) if change else images
        squares = np.stack([masks.letterbox(image, self.size)[0] for image in images])
        told = self.predict(squares)
        given = findings.lesion_masks(self.cases, told, self.rules)
        return pd.DataFrame(
            {
                "Dice": list(map(scores.dice, self.references, given)),
                "lesion probability": list(map(findings.lesion_probability, told)),
            }
        )

    def compared(self, change):
        """Return DataFrame[score, n, before, difference, p] of what a change does.

        difference: mean of after - before; p: of the paired permutation test.
        """
        before, after, rows = self.scored(), self.scored(change), []
        for score in before:
            pair = after[score], before[score]
            test = intervals.paired_test(*pair, self.cases["group"])
            rows.append((score, len(before), before[score].mean(), *test))
        return pd.DataFrame(rows, columns=["score", "n", "before", "difference", "p"])

    def worsened(self, levels=LEVELS):
        """Return the mean Dice at each strength of each disturbance, a DataFrame.

        levels: as LEVELS, by name of a function of `disturb`. Columns: disturbance, unit,
        strength, value, low, high, difference (from the image as it is) and p. At each
        strength the same random numbers are drawn.
        """
        groups, plain, rows = self.cases["group"], self.scored()["Dice"], []
        for kind, (unit, strengths) in levels.items():
            for strength in strengths:
                dice = plain
                if strength != strengths[0]:
                    dice = self.scored(_disturbance(kind, strength))["Dice"]
                found = intervals.interval(dice, groups)
                test = intervals.paired_test(dice, plain, groups)
                rows.append((kind, unit, strength, *found, *test))
        columns = ["disturbance", "unit", "strength", "value", "low", "high"]
        return pd.DataFrame(rows, columns=[*columns, "difference", "p"])


def _disturbance(kind, strength):
    """Return a change with a Generator of its own, the same at every strength."""
    function, rng = getattr(disturb, kind), np.random.default_rng(0)
    return lambda image: function(image, strength, rng)
