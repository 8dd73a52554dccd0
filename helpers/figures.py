"""Every plot of the series, in colours that colour-blind readers tell apart.

Each function returns a matplotlib Figure; `show` displays it with its
alternative text.
"""

import io
from itertools import pairwise

import matplotlib
import numpy as np
from IPython.display import display
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Patch, Rectangle
from PIL import Image

from .data import busi, masks

# Okabe & Ito 2008: distinguishable with the common forms of colour blindness
COLOURS = {
    "benign": "#0072B2",
    "malignant": "#D55E00",
    "normal": "#009E73",
    "background": "#999999",
    "reference": "#56B4E9",
    "prediction": "#E69F00",
}
MAP = "viridis"
PAGE = 6.6  # inches: a figure as wide as the text of a page
PIXELS = 660  # of that width; letters of 10 points stay legible on a phone
# 48 steps of grey are enough for grainy pictures, and load sooner
GREY = {
    "cmap": matplotlib.colormaps["gray"].resampled(48),
    "interpolation_stage": "data",
}
matplotlib.rcParams.update({"font.size": 10, "axes.titlesize": 10})


def show(figure, alt):
    """Display a figure; `alt` says in words what it shows."""
    drawn, light = io.BytesIO(), io.BytesIO()
    dpi = PIXELS / max(figure.get_figwidth(), PAGE)
    around = {"bbox_inches": "tight", "facecolor": "white"}
    figure.savefig(drawn, format="png", dpi=dpi, **around)
    # with 256 colours and no alpha channel, a page of pictures loads sooner;
    # Pillow's usual choice of colours tints greys beside a coloured map
    how = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 3, "dither": 0}
    few = Image.open(drawn).convert("RGB").quantize(**how)
    few.save(light, "png", optimize=True)
    picture = {"image/png": light.getvalue(), "text/plain": alt}
    display(picture, metadata={"image/png": {"alt": alt}}, raw=True)


# ---- images


def panels(n, heading=None, columns=0, width=0, height=0, axes_on=False):
    """Return (figure, n axes in a grid); axes of pictures have no ticks.

    Where no columns are given, there are at most 3, and together the panels
    fill the page's width, so that they can be read on a phone, too.
    """
    columns = min(columns or (2 if n == 4 else 3), n)
    width = width or PAGE / max(columns, 2)
    height, rows = height or width + 0.3, -(-n // columns)
    # pictures keep their form: compressed, they leave no gaps between them
    layout = "constrained" if axes_on else "compressed"
    figure = Figure((width * columns, height * rows), layout=layout)
    if heading is not None:
        figure.suptitle(heading)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in grid if not axes_on else grid[n:]:
        ax.set_axis_off()
    return figure, list(grid[:n])


def outline(ax, mask, colour, style="solid"):
    """Draw the border of a 2-D bool mask onto an image."""
    if mask.any() and not mask.all():
        options = {"linewidths": 1.4, "linestyles": style}
        ax.contour(mask, [0.5], colors=[colour], **options)


def gallery(
    images, titles, references=None, predictions=None, columns=0, heading=""
):
    """Show grey images; reference outlines solid, predicted ones dashed.

    images: list of uint8 (h, w); references, predictions: lists of bool (h, w)
    or None.
    """
    figure, axes = panels(len(images), heading, columns)
    for i, ax in enumerate(axes):
        ax.imshow(images[i], vmin=0, vmax=255, **GREY)
        ax.set_title(titles[i], fontsize=9)
        if references is not None:
            outline(ax, references[i], COLOURS["reference"])
        if predictions is not None:
            outline(ax, predictions[i], COLOURS["prediction"], "dashed")
    return figure


def cases(table, heading, columns=0):
    """Show cases as they lie on disk, each with its merged outline.

    table: DataFrame with the columns case, image and masks, as from
    `busi.index`.
    """
    images = [busi.read_image(path) for path in table["image"]]
    outlines = [masks.merge(paths) for paths in table["masks"]]
    titles = list(table["case"])
    return gallery(images, titles, outlines, columns=columns, heading=heading)


def maps(image, classes, names, reference, heading=""):
    """Show an image with its outline, and each class's probability map.

    image: (h, w) grey; classes: float (h, w, len(names)); reference: bool
    (h, w).
    """
    figure, axes = panels(len(names) + 1, heading)
    axes[0].imshow(image, **GREY)
    outline(axes[0], reference, COLOURS["reference"])
    axes[0].set_title("image and\nground truth")
    layers = np.moveaxis(classes, -1, 0)
    for ax, name, values in zip(axes[1:], names, layers, strict=True):
        shown = ax.imshow(values, cmap=MAP, vmin=0, vmax=1)
        ax.set_title(f"probability of\n{name}")
    figure.colorbar(shown, ax=axes[1:], shrink=0.7)
    return figure


def class_maps(image, maps, heading=""):
    """Show an image beside maps of a class for every pixel.

    image: grey (h, w); maps: {title: int (h, w), an index of
    `masks.CLASSES`}. The classes lie over the image; their legend is below.
    """
    n = 1 + len(maps)
    height = PAGE / n + 0.9  # room for the legend
    figure, axes = panels(n, heading, height=height)
    for ax in axes:
        ax.imshow(image, vmin=0, vmax=255, **GREY)
    axes[0].set_title("image")
    colours = [COLOURS[name] for name in masks.CLASSES]
    few = ListedColormap(colours)
    for ax, (title, classes) in zip(axes[1:], maps.items(), strict=True):
        options = {"cmap": few, "vmin": 0, "vmax": len(colours) - 1}
        # what is background stays nearly as grey as it was
        ax.imshow(classes, alpha=np.where(classes > 0, 0.6, 0.2), **options)
        ax.set_title(title)
    keys = [Patch(color=colour) for colour in colours]
    figure.legend(keys, masks.CLASSES, loc="outside lower center", ncols=3)
    return figure


def overlap(image, reference, prediction, heading):
    """Show which pixels two masks share, and which only one of them has.

    image: grey uint8 (h, w); masks: bool (h, w), at least one not empty. All
    are cut to where the masks are, and an eighth of the image around it.
    """
    rim = np.array(image.shape) // 8
    used = np.argwhere(reference | prediction)
    first, last = np.maximum(used.min(axis=0) - rim, 0), used.max(axis=0) + rim
    view = tuple(map(slice, first, last))
    image, a, b = image[view], reference[view], prediction[view]
    figure, (left, right) = panels(2, heading, height=PAGE / 2 + 0.3)
    for ax in (left, right):
        ax.imshow(image, vmin=0, vmax=255, **GREY)
    outline(left, a, COLOURS["reference"])
    outline(left, b, COLOURS["prediction"], "dashed")
    parts = {
        "both": (a & b, COLOURS["normal"]),
        "ground truth only": (a & ~b, COLOURS["reference"]),
        "prediction only": (b & ~a, COLOURS["prediction"]),
    }
    for pixels, colour in parts.values():
        shade = np.ma.masked_equal(pixels, False)
        right.imshow(shade, cmap=ListedColormap([colour]), alpha=0.7)
    keys = [Patch(color=colour) for _, colour in parts.values()]
    figure.legend(keys, parts, loc="outside lower center", ncols=3)
    return figure


def heat(
    maps, heading, unit, scale=None, references=(), predictions=(), **grid
):
    """Show maps, {title: float (h, w)}, as colours.

    scale: (lowest, highest) value, with one bar for all; else each map has its
    own, with 0 in white and the ends at the 99th percentile, so that a few
    pixels do not hide the rest. references, predictions: for each map a
    bool (h, w), outlined as in `gallery`. grid: columns and width of `panels`.
    """
    grid = {"columns": 4, "width": 2.4} | grid
    figure, axes = panels(len(maps), heading, **grid)
    for ax, (title, values) in zip(axes, maps.items(), strict=True):
        top = np.percentile(np.abs(values), 99) or 1
        low, high = scale or (-top, top)
        colours = "PuOr" if low == -high else MAP  # about 0
        shown = ax.imshow(values, cmap=colours, vmin=low, vmax=high)
        ax.set_title(title, fontsize=9)
        if not scale:
            own = {"shrink": 0.7, "label": unit, "extend": "both"}
            figure.colorbar(shown, ax=ax, **own)
    if scale:
        figure.colorbar(shown, ax=axes, shrink=0.7, label=unit)
    for ax, mask in zip(axes, references, strict=False):
        outline(ax, mask, COLOURS["reference"])
    for ax, mask in zip(axes, predictions, strict=False):
        outline(ax, mask, COLOURS["prediction"], "dashed")
    return figure


def unet(pictures, heading, grey=False):
    """Show a U-Net as a ladder: down on the left, up on the right.

    pictures: {title: (h, w)} in the order of computation, an odd number of
    them; the middle one is the deepest. grey: grey values from 0 to 255, else
    maps whose 1 is their largest value.
    """
    depth = len(pictures) // 2
    figure = Figure((5.6, 2.5 * depth + 2), layout="constrained")
    figure.get_layout_engine().set(hspace=0.15)  # room for arrows
    grid = figure.add_gridspec(depth + 1, 4)
    axes = [figure.add_subplot(grid[k, :2]) for k in range(depth)]
    axes.append(figure.add_subplot(grid[depth, 1:3]))
    axes += [figure.add_subplot(grid[k, 2:]) for k in range(depth)[::-1]]
    for k, (title, picture) in enumerate(pictures.items()):
        colours = "gray" if grey or not k else MAP
        top = 255 if grey else 1
        axes[k].imshow(picture, cmap=colours, vmin=0, vmax=top)
        axes[k].set_title(title, fontsize=11)
        axes[k].set_axis_off()
    above, below = (0.5, 1.17), (0.5, -0.02)
    way = {"color": COLOURS["benign"]}
    for a, b in pairwise(axes[:depth]):
        arrow(a, b, below, above, **way)
    arrow(axes[depth - 1], axes[depth], below, (0.1, 1.17), **way)
    arrow(axes[depth], axes[depth + 1], (0.9, 1.17), below, **way)
    for a, b in pairwise(axes[depth + 1 :]):
        arrow(a, b, above, below, **way)
    for a, b in zip(axes[1:depth], axes[-2:depth:-1], strict=True):
        skip = {"color": COLOURS["malignant"], "ls": "--"}
        arrow(a, b, (1, 0.5), (0, 0.5), **skip)
    figure.suptitle(heading)
    return figure


def arrow(a, b, start, end, **style):
    """Draw an arrow between places of two axes, in fractions of them."""
    where = {"coordsA": "axes fraction", "coordsB": "axes fraction"}
    style |= {"arrowstyle": "-|>", "mutation_scale": 14, "lw": 1.5}
    patch = ConnectionPatch(start, end, axesA=a, axesB=b, **where, **style)
    a.figure.add_artist(patch)


def numbers(tables, heading, grey=()):
    """Show small tables, {title: (h, w)}, each value in its square.

    grey: the titles of those that hold grey values: their least is black,
    their most white. Of the others, 0 is white, and each sign has a colour.
    """
    figure, axes = panels(len(tables), heading)
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        # pale colours behind the text
        most = 1.6 * np.abs(table).max() or 1
        write_numbers(ax, table, None if title in grey else most)
        ax.set_title(title)
    return figure


def write_numbers(ax, table, most):
    """Write one table of `numbers` into an axes.

    most: the number with the strongest colour; None: grey values.
    """
    if most is None:
        ax.imshow(table, cmap="gray")
    else:
        ax.imshow(table, cmap="PuOr", vmin=-most, vmax=most)
    dark = (most is None) & (table < (np.min(table) + np.max(table)) / 2)
    for (row, column), value in np.ndenumerate(table):
        colour = "white" if dark[row, column] else "black"
        middle = {"ha": "center", "va": "center", "color": colour}
        ax.text(column, row, f"{value + 0.0:.4g}", **middle)


def slid(patch, weights, responses, stops, heading):
    """Show a 3x3 filter at some places of a patch, one row of panels each.

    patch: grey (h, w); responses: (h - 2, w - 2); stops: list of (row, column)
    of the responses. Panels: the patch with the window (its least is black,
    its most white), the products, and the responses up to there.
    """
    figure, axes = panels(3 * len(stops), heading, 3)
    top = np.abs(responses).max()
    most = 1.6 * np.max(patch) * np.abs(weights).max()
    rows = zip(stops, np.reshape(axes, (-1, 3)), strict=True)
    for (y, x), (left, middle, right) in rows:
        left.imshow(patch, cmap="gray")
        place = {"fill": False, "color": COLOURS["prediction"], "lw": 2.5}
        left.add_patch(Rectangle((x - 0.5, y - 0.5), 3, 3, **place))
        left.set_title(f"row {y + 1}, column {x + 1}")
        write_numbers(middle, patch[y : y + 3, x : x + 3] * weights, most)
        middle.set_title(f"9 products, sum {responses[y, x]:.4g}")
        far = np.arange(responses.size).reshape(responses.shape)
        so_far = np.where(far <= far[y, x], responses, np.nan)
        right.imshow(so_far, cmap="PuOr", vmin=-top, vmax=top)
        frame = {"fill": False, "color": COLOURS["background"]}
        height, width = responses.shape
        right.add_patch(Rectangle((-0.5, -0.5), width, height, **frame))
        right.set_title("responses so far")
    return figure


# ---- charts


def backpropagation(sizes, heading):
    """Show the gradient's size at each layer, and which way things go.

    sizes: of the layers in order, each as a share of the layer's weights.
    """
    labels = "convolution, first to last", "gradient / weights"
    figure, ax = chart(6.5, 3.4, heading, *labels)
    ax.set_yscale("log")
    layers = range(1, len(sizes) + 1)
    ax.plot(layers, sizes, "o", color=COLOURS["benign"])
    ax.set_ylim(None, 30 * max(sizes))  # room for the arrows
    for text, colour, height, ends in (
        ("prediction, then loss", "normal", 0.92, (0.05, 0.95)),
        ("gradient", "malignant", 0.78, (0.95, 0.05)),
    ):
        style = {"arrowstyle": "-|>", "color": COLOURS[colour], "lw": 2}
        style = {"xycoords": "axes fraction", "arrowprops": style}
        ax.annotate("", (ends[1], height), (ends[0], height), **style)
        middle = {"ha": "center", "va": "bottom", "transform": ax.transAxes}
        ax.text(0.5, height + 0.01, text, color=COLOURS[colour], **middle)
    return figure


def chart(width, height, title, x_label, y_label=""):
    """Return (figure, its one axes)."""
    size = {"width": width, "height": height}
    figure, (ax,) = panels(1, **size, axes_on=True)
    ax.set(title=title, xlabel=x_label, ylabel=y_label)
    return figure, ax


def histogram(values, axis_label, heading):
    """Show how pairs' numbers, 0 to 1, are spread, with the median marked."""
    figure, ax = chart(6, 2.6, heading, axis_label, "pairs")
    ax.hist(values, bins=np.linspace(0, 1, 21), color=COLOURS["benign"])
    ax.axvline(np.median(values), color="black", lw=2, label="median")
    ax.legend()
    return figure


def score_histogram(scores, heading):
    """Show how the Dice of lesion images is spread, by class."""
    figure, ax = chart(6.5, 3, heading, "Dice of a case", "cases")
    groups = dict(list(scores.groupby("label")["dice"]))
    names = [name for name in ("benign", "malignant") if name in groups]
    style = {"stacked": True, "color": [COLOURS[name] for name in names]}
    parts, bins = [groups[name] for name in names], np.linspace(0, 1, 21)
    ax.hist(parts, bins, label=names, **style)
    ax.legend()
    return figure


def intervals(table, reference, axis_label, heading):
    """Show a value with its 95 % interval for each row of a table.

    table: DataFrame indexed by name with the columns value, low and high;
    reference: the value of no finding, drawn as a line, or None.
    """
    figure, ax = chart(6.5, 0.6 + 0.36 * len(table), heading, axis_label)
    rows = range(len(table))
    ax.hlines(rows, table["low"], table["high"], color=COLOURS["benign"], lw=2)
    ax.plot(table["value"], rows, "o", color=COLOURS["malignant"])
    if reference is not None:
        ax.axvline(reference, color="black", ls="--", lw=1)
    ax.set_yticks(rows, table.index)
    ax.set_ylim(len(table) - 0.5, -0.5)
    return figure


def show_intervals(table, reference, axis_label, heading):
    """Display `intervals` of the rows that have one, and tell the values."""
    shown = table.dropna()
    values = (f"{name} {v:.2f}" for name, v in shown["value"].items())
    figure = intervals(shown, reference, axis_label, heading)
    show(figure, alt=f"{heading}, {axis_label}: {'; '.join(values)}.")


def counts(table, heading):
    """Show how many cases each class, or each kind of another sort, has.

    table: Series of counts by name.
    """
    figure, ax = chart(5, 1.2 + 0.33 * len(table), heading, "cases")
    colours = [COLOURS.get(k, COLOURS["background"]) for k in table.index]
    bars = ax.barh(table.index, table, color=colours)
    ax.bar_label(bars, padding=3)
    ax.margins(x=0.1)  # room for the longest bar's number
    ax.invert_yaxis()
    return figure


def by_class(table, column, axis_label, heading):
    """Show a column of numbers, one dot a case, by class, with the median."""
    figure, ax = chart(6.5, 3, f"{heading} (black: median)", axis_label)
    # dots are spread so that they do not hide each other
    rng = np.random.default_rng(0)
    labels = list(dict.fromkeys(table["label"]))
    for i, label in enumerate(labels):
        values = table.loc[table["label"] == label, column].to_numpy(float)
        spread = i + rng.uniform(-0.28, 0.28, len(values))
        dots = {"color": COLOURS[label], "alpha": 0.6, "markersize": 4}
        ax.plot(values, spread, ".", **dots)
        middle = [np.median(values)] * 2
        ax.plot(middle, [i - 0.38, i + 0.38], color="black", lw=2)
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    return figure


def sizes(cases, heading):
    """Show the width and height in pixels of every image."""
    labels = "width (pixels)", "height (pixels)"
    figure, ax = chart(5, 3.2, heading, *labels)
    mixed = cases.sample(frac=1, random_state=0)  # no class lies on top
    colours = mixed["label"].map(COLOURS)
    ax.scatter(mixed["width"], mixed["height"], 12, colours, alpha=0.6, lw=0)
    for label in cases["label"].unique():
        ax.plot([], [], ".", color=COLOURS[label], label=label)
    ax.legend()
    return figure


def curves(history, heading):
    """Show the loss and the validation Dice by epoch; history: DataFrame."""
    figure, (left, right) = panels(2, heading, 2, 4, 2.8, axes_on=True)
    epoch, benign = history["epoch"], COLOURS["benign"]
    left.plot(epoch, history["loss"], color=benign, label="training")
    dashed = {"ls": "--", "color": COLOURS["malignant"]}
    left.plot(epoch, history["val_loss"], label="validation", **dashed)
    left.set(xlabel="epoch", ylabel="loss", title="loss (lower is better)")
    left.legend()
    right.plot(epoch, history["val_dice"], color=COLOURS["normal"])
    right.set(xlabel="epoch", ylabel="Dice", ylim=(0, 1))
    right.set_title("Dice, validation part")
    return figure


def lines(curves, x_label, y_label, heading, marker=""):
    """Show curves, {name: (x, y)}, five at most, each of a kind of its own.

    marker: "o" marks each value, too.
    """
    names = ("benign", "malignant", "normal", "background", "prediction")
    dashes = "-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2))
    figure, ax = chart(5.5, 3.6, heading, x_label, y_label)
    kinds = list(zip(names, dashes, strict=True))[: len(curves)]
    drawn = zip(curves.items(), kinds, strict=True)
    for (name, (x, y)), (colour, dash) in drawn:
        style = {"color": COLOURS[colour], "linestyle": dash, "label": name}
        ax.plot(x, y, marker=marker, markersize=4, **style)
    ax.legend()
    return figure


def show_lines(curves, x_label, y_label, heading, marker=""):
    """Display `lines`; the alt text has each curve's start, middle and end."""
    parts = [f"{heading}: {y_label} by {x_label}"]
    for name, (x, y) in curves.items():
        points = list(zip(x, y, strict=True))
        at = [points[k] for k in (0, len(points) // 2, -1)] if points else []
        values = ", ".join(f"{v:.2f} at {u:.2f}" for u, v in at)
        parts.append(f"{name}: {values}")
    figure = lines(curves, x_label, y_label, heading, marker)
    show(figure, alt="; ".join(parts) + ".")


def roc(curves, points, heading):
    """Show ROC curves and a chosen point on each.

    curves: {name: (false positive rates, sensitivities)}; points: {name: (x,
    y)}.
    """
    curves = {**curves, "chance": ([0, 1], [0, 1])}
    x_label = "false positive rate (1 - specificity)"
    figure = lines(curves, x_label, "sensitivity", heading)
    for name, (x, y) in points.items():
        figure.axes[0].plot(x, y, "D", color="black", markersize=5)
        offset = {"xytext": (7, -12), "textcoords": "offset points"}
        figure.axes[0].annotate(name, (x, y), **offset)
    return figure


def referral(coverage, risk, best, heading):
    """Show the share of errors among the cases that are not referred.

    coverage, risk: of `calibration.risk_coverage`; best: the risk if errors
    went first.
    """
    curves = {
        "least sure first": (1 - coverage, risk),
        "errors first (best possible)": (1 - coverage, best),
        "at random": (1 - coverage, 0 * risk + risk[-1]),
    }
    labels = "share of cases referred", "share of errors among the rest"
    figure = lines(curves, *labels, heading)
    figure.axes[0].set_ylim(0, 1.4 * risk.max() or 1)  # room for the legend
    return figure


def decision(table, heading):
    """Show the decision curve of a table of `calibration.net_benefit`."""
    t = table["threshold"]
    curves = {
        "the model": (t, table["model"]),
        "every lesion": (t, table["all"]),
        "none": (t, 0 * t),
    }
    labels = "probability from which one acts", "net benefit for each case"
    figure = lines(curves, *labels, heading)
    # acting on every lesion falls without end
    figure.axes[0].set_ylim(-0.05, None)
    return figure


def learning_curve(table, line, axis_label, heading):
    """Show a score by the number of training images, in steps of doubling.

    table: DataFrame[images, value, low, high]; line: (images, values) of a
    fitted law.
    """
    figure, ax = chart(6, 3.2, heading, "training images", axis_label)
    bars = table["images"], table["low"], table["high"]
    ax.vlines(*bars, color=COLOURS["benign"])
    ax.plot(table["images"], table["value"], "o", color=COLOURS["malignant"])
    ax.plot(*line, "--", color="black", lw=1, label="power law")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.legend()
    return figure


def confusion(counts, heading):
    """Show how many cases of each class (row) got each prediction (column).

    counts: DataFrame of int, square. Colours are shares of the row.
    """
    figure, ax = chart(4.6, 3.4, heading, "prediction", "label")
    shares = (counts.T / counts.sum(axis=1).clip(lower=1)).T.to_numpy()
    shown = ax.imshow(shares, cmap=MAP, vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts.iloc[row, column]}\n{share:.0%}"
        colour = "black" if share > 0.6 else "white"
        ax.text(column, row, text, ha="center", va="center", color=colour)
    ax.set_xticks(range(len(counts)), counts.columns)
    ax.set_yticks(range(len(counts)), counts.index)
    figure.colorbar(shown, ax=ax, label="share of the row")
    return figure


def show_disturbed(table, heading):
    """Display how a score falls as an image gets worse, a panel a disturbance.

    table: DataFrame[disturbance, unit, strength, value, low, high].
    """
    kinds = dict(list(table.groupby("disturbance", sort=False)))
    figure, axes = panels(len(kinds), heading, 3, 2.6, 2.3, axes_on=True)
    lowest = []
    for ax, (kind, part) in zip(axes, kinds.items(), strict=True):
        part = part.sort_values("strength")
        band = part["strength"], part["low"], part["high"]
        ax.fill_between(*band, color=COLOURS["reference"], alpha=0.4, lw=0)
        line = {"color": COLOURS["benign"], "markersize": 4}
        ax.plot(part["strength"], part["value"], "o-", **line)
        ax.set(xlabel=part["unit"].iloc[0], title=kind, ylim=(0, 1))
        least = part.loc[part["value"].idxmin()]
        lowest.append(f"{kind} {least.value:.2f} at {least.strength:g}")
    axes[0].set_ylabel("mean Dice")
    alt = f"{heading}. Mean Dice undisturbed {table['value'].iloc[0]:.2f}"
    show(figure, alt=f"{alt}; lowest: {', '.join(lowest)}.")


def dots(values, bound, axis_label, heading):
    """Show a number for each name as dots on a log scale, and a bound.

    values: Series of numbers above 0.
    """
    figure, ax = chart(6.5, 1.2 + 0.3 * len(values), heading, axis_label)
    ax.axvline(bound, color="black", ls="--", lw=1)
    ax.plot(values, values.index, "o", color=COLOURS["benign"])
    for name, value in values.items():
        at = {"xytext": (-8, 0), "textcoords": "offset points"}
        words = {"ha": "right", "va": "center"}
        ax.annotate(f"{value:.2g}", (value, name), **at, **words)
    ax.set_xscale("log")
    ax.margins(x=0.15)  # room for the first dot's number
    ax.invert_yaxis()
    return figure
