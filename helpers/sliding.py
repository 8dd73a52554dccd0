"""A 3x3 filter that slides over a patch, for a notebook and for its page.

`sliding.html` has the style and the script, which need no library. Where
scripts do not run, nothing is shown: `figures.slid` comes first.
"""

import html
import json
from pathlib import Path

import numpy as np
from IPython.display import display

PAGE = Path(__file__).with_suffix(".html")


def numbers(patch, weights, responses):
    """Return what the script is given, a dict of nested lists.

    patch: grey (h, w); weights: (3, 3); responses: (h - 2, w - 2), the dot
    products. ValueError: the shapes do not fit.
    """
    height, width = np.shape(patch)
    shapes = np.shape(weights), np.shape(responses)
    if shapes != ((3, 3), (height - 2, width - 2)):
        raise ValueError(f"a patch of {height} x {width}, but {shapes}")
    tables = {"patch": patch, "weights": weights, "responses": responses}
    return {k: np.round(v, 4).tolist() for k, v in tables.items()}


def show(patch, weights, responses):
    """Display the filter as it slides: to play, to step, or to drag."""
    data = html.escape(json.dumps(numbers(patch, weights, responses)))
    page = PAGE.read_text().replace("DATA", data)
    text = "A filter that slides over a patch (needs a browser)."
    display({"text/html": page, "text/plain": text}, raw=True)
