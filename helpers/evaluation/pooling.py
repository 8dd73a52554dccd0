"""From the probabilities of pixels to one of the image."""

import numpy as np


def lehmer_mean(p, total=np.sum, axis=None):
    """Return sum p^3 / sum p^2: near the highest, however few they are.

    p: probabilities; total: the sum of NumPy or of another array library;
    axis: as it takes it. Without any probability above 0 the mean is 0.
    """
    return total(p**3, axis=axis) / (total(p**2, axis=axis) + 1e-3)
