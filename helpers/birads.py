"""The terms of BI-RADS as numbers (ACR BI-RADS Atlas, 5th ed., 2013)."""

import numpy as np

from . import masks


def terms(mask, level, below=30):
    """Return a lesion's five BI-RADS terms as a dict of numbers.

    mask: bool (h, w), one lesion; level: float (h, w), echo strength in dB (or grey
    values). "echo" and "behind" compare, in the unit of `level`, the columns of the
    lesion with those beside it, at its own rows and over the `below` rows behind it:
    below 0 is darker (or a shadow), above 0 brighter (or enhancement). nan where the
    picture ends there.

    Raises:
        ValueError: the mask is empty.
    """
    shape = masks.describe(mask)
    if shape["box"] is None:
        raise ValueError("the mask is empty: there is no lesion to describe")
    top, left, bottom, right = shape["box"]
    beside = np.ones(mask.shape[1], bool)
    beside[left:right] = False
    beyond = level[bottom : bottom + below]
    lesion = level[mask].mean()
    return {
        "shape: circularity": shape["circularity"],
        "orientation: taller than wide": float(shape["taller_than_wide"]),
        "margin: solidity": shape["solidity"],
        "echo": lesion - mean(level[top:bottom, beside]),
        "behind": mean(beyond[:, ~beside]) - mean(beyond[:, beside]),
    }


def mean(values):
    """Return the mean, or nan of nothing (without NumPy's warning)."""
    return float(values.mean()) if values.size else float("nan")
