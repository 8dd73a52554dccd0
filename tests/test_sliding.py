"""The sliding filter: the script gets the numbers that a loop computes."""

import html
import json
import re

import numpy as np
import pytest
from matplotlib.image import AxesImage

from helpers import figures, sliding

PATCH = np.random.default_rng(0).integers(0, 256, (12, 12)).astype(np.float32)
WEIGHTS = np.float32([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])


def slide(image, weights):
    """As in notebook 3."""
    responses = np.zeros(np.subtract(image.shape, 2), np.float32)
    for y, x in np.ndindex(responses.shape):
        responses[y, x] = (image[y : y + 3, x : x + 3] * weights).sum()
    return responses


SLID = slide(PATCH, WEIGHTS)


def test_the_page_holds_the_numbers_of_the_loop(monkeypatch):
    shown = []
    monkeypatch.setattr(
        sliding, "display", lambda data, raw: shown.append(data)
    )
    sliding.show(PATCH, WEIGHTS, SLID)
    page = shown[0]["text/html"]
    (data,) = re.findall(r'data-numbers="([^"]*)"', page)
    tables = json.loads(html.unescape(data))
    for name, table in zip(tables, (PATCH, WEIGHTS, SLID), strict=True):
        assert np.array_equal(tables[name], table), name
    assert "prefers-reduced-motion" in page and "http" not in page.replace(
        "http://www.w3.org/2000/svg", ""
    )


@pytest.mark.parametrize(
    "tables", [(PATCH, WEIGHTS, PATCH), (PATCH, WEIGHTS[:2], SLID)]
)
def test_tables_that_do_not_fit_are_refused(tables):
    with pytest.raises(ValueError, match="a patch of 12 x 12"):
        sliding.numbers(*tables)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_the_still_figure_has_the_same_products_and_sums():
    stops = [(0, 0), (4, 7)]
    figure = figures.slid(PATCH, WEIGHTS, SLID, stops, "x")
    for row, (y, x) in enumerate(stops):
        _, middle, right = figure.axes[3 * row : 3 * row + 3]
        products = [float(text) for text in texts(middle)]
        assert sum(products) == SLID[y, x]
        assert middle.get_title().endswith(f"sum {SLID[y, x]:.4g}")
        (so_far,) = right.findobj(AxesImage)
        filled = np.isfinite(np.ma.filled(so_far.get_array(), np.nan))
        assert filled.sum() == y * 10 + x + 1


def test_grey_tables_are_drawn_so_that_bright_is_bright_and_legible():
    figure = figures.numbers({"a": PATCH, "b": SLID}, "x", grey=["a"])
    (drawn,) = figure.axes[0].findobj(AxesImage)
    assert drawn.get_cmap().name == "gray"
    for text, value in zip(figure.axes[0].texts, PATCH.flat, strict=True):
        dark = value < (PATCH.min() + PATCH.max()) / 2
        assert text.get_color() == ("white" if dark else "black")
    assert figure.axes[1].findobj(AxesImage)[0].get_cmap().name == "PuOr"


def test_class_maps_name_all_classes_and_colour_them_alike():
    eye = np.eye(3, dtype=int)
    maps = {"ground truth": eye, "predicted class": 2 * eye}
    figure = figures.class_maps(np.zeros((3, 3)), maps)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["background", "benign", "malignant"]
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["image", "ground truth", "predicted class"]
    last = [ax.findobj(AxesImage)[-1].get_array() for ax in figure.axes[1:]]
    assert [classes.max() for classes in last] == [1, 2]


def test_what_two_masks_share_is_shaded_pixel_by_pixel():
    a, b = np.zeros((2, 64, 64), bool)
    a[10:30, 10:30] = b[25:50, 10:30] = True
    figure = figures.overlap(np.zeros((64, 64), np.uint8), a, b, "x")
    _, *shades = figure.axes[1].images
    both, reference, prediction = (s.get_array().count() for s in shades)
    assert (both, reference, prediction) == (5 * 20, 15 * 20, 20 * 20)
