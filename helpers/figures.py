"""Every plot of the series, in colours that colour-blind readers can tell apart.

Each function returns a matplotlib Figure; `show` displays it with its
alternative text.
"""

import io

import matplotlib
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure
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
matplotlib.rcParams.update({"font.size": 10, "axes.titlesize": 10})


def show(figure, alt):
    """Display a figure; `alt` says in words what it shows, for those who cannot see it."""
    drawn, light = io.BytesIO(), io.BytesIO()
    figure.savefig(
        drawn, format="png", dpi=90, bbox_inches="tight", facecolor="white"
    )
    # nothing is transparent: without that channel a page of pictures loads
    # sooner
    Image.open(drawn).convert("RGB").save(light, "png", optimize=True)
    picture = {"image/png": light.getvalue(), "text/plain": alt}
    display(picture, metadata={"image/png": {"alt": alt}}, raw=True)


def panels(n, columns=4, width=2.4, height=2.3, axes_on=False):
    """Return (figure, list of n axes) in a grid; picture axes have no ticks."""
    columns = min(columns, n)
    rows = -(-n // columns)
    figure = Figure(
        figsize=(width * columns, height * rows), layout="constrained"
    )
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for i, ax in enumerate(grid):
        if i >= n or not axes_on:
            ax.set_axis_off()
    return figure, list(grid[:n])


def outline(ax, mask, colour, style="solid"):
    """Draw the border of a 2-D bool mask onto an image."""
    if mask.any() and not mask.all():
        ax.contour(
            mask, [0.5], colors=[colour], linewidths=1.4, linestyles=style
        )


def gallery(
    images, titles, references=None, predictions=None, columns=4, heading=""
):
    """Show grey images; reference outlines solid, predicted ones dashed.

    images: list of uint8 (h, w); references, predictions: lists of bool (h, w)
    or None.
    """
    figure, axes = panels(len(images), columns)
    for i, ax in enumerate(axes):
        ax.imshow(images[i], cmap="gray", vmin=0, vmax=255)
        ax.set_title(titles[i], fontsize=9)
        if references is not None:
            outline(ax, references[i], COLOURS["reference"])
        if predictions is not None:
            outline(ax, predictions[i], COLOURS["prediction"], "dashed")
    figure.suptitle(heading)
    return figure


def cases(table, heading, titles=None, columns=4):
    """Show cases as they lie on disk, each with its merged outline.

    table: DataFrame with the columns case, image and masks, as from
    `busi.index`; titles: one for each row, by default the names of the cases.
    """
    images = [busi.read_image(path) for path in table["image"]]
    outlines = [masks.merge(paths) for paths in table["masks"]]
    titles = list(table["case"] if titles is None else titles)
    return gallery(images, titles, outlines, columns=columns, heading=heading)


def maps(image, classes, names, reference, heading=""):
    """Show an image with its outline, and each class's probability map, scale 0 to 1.

    image: (h, w) grey; classes: float (h, w, len(names)); reference: bool (h,
    w).
    """
    figure, axes = panels(len(names) + 1, len(names) + 1)
    axes[0].imshow(image, cmap="gray")
    outline(axes[0], reference, COLOURS["reference"])
    axes[0].set_title("image and\nperson's outline")
    for ax, name, values in zip(
        axes[1:], names, np.moveaxis(classes, -1, 0), strict=True
    ):
        shown = ax.imshow(values, cmap=MAP, vmin=0, vmax=1)
        ax.set_title(f"probability of\n{name}")
    figure.colorbar(shown, ax=axes[1:], shrink=0.7)
    figure.suptitle(heading)
    return figure


def places(shares, titles, heading):
    """Show where lesions lie; shares: list of float (size, size), one scale for all."""
    figure, axes = panels(len(shares), len(shares), 3.2, 2.8)
    top = max(float(share.max()) for share in shares) or 1
    for ax, share, title in zip(axes, shares, titles, strict=True):
        shown = ax.imshow(share, cmap=MAP, vmin=0, vmax=top)
        ax.set_title(title)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="share of cases")
    figure.suptitle(heading)
    return figure


def histogram(values, axis_label, heading):
    """Show how numbers from 0 to 1 are spread, with the median marked."""
    figure, (ax,) = panels(1, 1, 6, 2.6, axes_on=True)
    ax.hist(values, bins=np.linspace(0, 1, 21), color=COLOURS["benign"])
    ax.axvline(np.median(values), color="black", lw=2, label="median")
    ax.set(xlabel=axis_label, ylabel="cases", title=heading)
    ax.legend()
    return figure


def intervals(table, reference, axis_label, heading):
    """Show a value with its 95 % interval for each row of a table.

    table: DataFrame indexed by name with the columns value, low and high;
    reference: the value that means nothing was found, drawn as a line.
    """
    figure, (ax,) = panels(1, 1, 6.5, 0.6 + 0.36 * len(table), axes_on=True)
    rows = range(len(table))
    ax.hlines(rows, table["low"], table["high"], color=COLOURS["benign"], lw=2)
    ax.plot(table["value"], rows, "o", color=COLOURS["malignant"])
    ax.axvline(reference, color="black", ls="--", lw=1)
    ax.set_yticks(rows, table.index)
    ax.set(xlabel=axis_label, title=heading, ylim=(len(table) - 0.5, -0.5))
    return figure


def show_intervals(table, reference, axis_label, heading):
    """Display `intervals` of the rows that have one; the alternative text has the values."""
    shown = table.dropna()
    told = "; ".join(
        f"{name} {value:.2f}" for name, value in shown["value"].items()
    )
    show(
        intervals(shown, reference, axis_label, heading),
        alt=f"{heading}, {axis_label}: {told}.",
    )


def counts(table, heading):
    """Show how many cases each class, or each kind of another sort, has.

    table: Series of counts by name.
    """
    figure, (ax,) = panels(1, 1, 5, 1.2 + 0.33 * len(table), axes_on=True)
    colours = [
        COLOURS.get(name, COLOURS["background"]) for name in table.index
    ]
    bars = ax.barh(table.index, table, color=colours)
    ax.bar_label(bars, padding=3)
    ax.margins(x=0.1)  # room for the longest bar's number
    ax.invert_yaxis()
    ax.set(xlabel="cases", title=heading)
    return figure


def by_class(table, column, axis_label, heading):
    """Show a column of numbers, one dot a case, by class, with the median marked."""
    figure, (ax,) = panels(1, 1, 6.5, 3, axes_on=True)
    rng = np.random.default_rng(
        0
    )  # spreads the dots so that they do not hide each other
    labels = list(dict.fromkeys(table["label"]))
    for i, label in enumerate(labels):
        values = table.loc[table["label"] == label, column].to_numpy(float)
        spread = i + rng.uniform(-0.28, 0.28, len(values))
        ax.plot(
            values, spread, ".", color=COLOURS[label], alpha=0.6, markersize=4
        )
        ax.plot(
            [np.median(values)] * 2, [i - 0.38, i + 0.38], color="black", lw=2
        )
    ax.set_yticks(range(len(labels)), labels)
    ax.invert_yaxis()
    ax.set(xlabel=axis_label, title=f"{heading} (black: median)")
    return figure


def sizes(cases, heading):
    """Show the width and height in pixels of every image."""
    figure, (ax,) = panels(1, 1, 5, 3.2, axes_on=True)
    for label, part in cases.groupby("label", sort=False):
        ax.plot(
            part["width"],
            part["height"],
            ".",
            color=COLOURS[label],
            label=label,
            alpha=0.6,
        )
    ax.set(xlabel="width (pixels)", ylabel="height (pixels)", title=heading)
    ax.legend()
    return figure


def curves(history, heading):
    """Show the loss and the validation Dice by epoch; history: a DataFrame."""
    figure, (left, right) = panels(2, 2, 4, 2.8, axes_on=True)
    left.plot(
        history["epoch"],
        history["loss"],
        color=COLOURS["benign"],
        label="training",
    )
    left.plot(
        history["epoch"],
        history["val_loss"],
        "--",
        color=COLOURS["malignant"],
        label="validation",
    )
    left.set(xlabel="epoch", ylabel="loss", title="loss (lower is better)")
    left.legend()
    right.plot(history["epoch"], history["val_dice"], color=COLOURS["normal"])
    right.set(
        xlabel="epoch",
        ylabel="Dice",
        ylim=(0, 1),
        title="Dice, validation part",
    )
    figure.suptitle(heading)
    return figure


def score_histogram(scores, heading):
    """Show how the per-case Dice of lesion images is spread, benign and malignant apart."""
    figure, (ax,) = panels(1, 1, 6.5, 3, axes_on=True)
    labels = [
        name
        for name in ("benign", "malignant")
        if (scores["label"] == name).any()
    ]
    values = [scores.loc[scores["label"] == name, "dice"] for name in labels]
    ax.hist(
        values,
        bins=np.linspace(0, 1, 21),
        stacked=True,
        label=labels,
        color=[COLOURS[name] for name in labels],
    )
    ax.set(xlabel="Dice of a case", ylabel="cases", title=heading)
    ax.legend()
    return figure


def reliability(bins, heading):
    """Show how often a probability came true; bins: of `calibration.reliability`."""
    figure, (ax,) = panels(1, 1, 3.8, 3.4, axes_on=True)
    ax.plot(
        [0, 1], [0, 1], color="black", ls="--", lw=1, label="as it should be"
    )
    ax.plot(
        bins["confidence"], bins["accuracy"], "o-", color=COLOURS["benign"]
    )
    ax.set(
        xlabel="lesion probability",
        ylabel="share that is lesion",
        title=heading,
    )
    ax.legend()
    return figure


def risk_coverage(coverage, risk, heading):
    """Show the mean loss of the surest cases, by the share of cases kept."""
    figure, (ax,) = panels(1, 1, 5, 3, axes_on=True)
    ax.plot(coverage, risk, color=COLOURS["benign"])
    ax.set(
        xlabel="share of cases kept", ylabel="mean of 1 - Dice", ylim=(0, None)
    )
    ax.set_title(heading)
    return figure


def numbers(tables, heading):
    """Show small tables, {title: (h, w)}, with each value written into its square."""
    figure, axes = panels(len(tables), len(tables), 2.6, 2.6)
    for ax, (title, table) in zip(axes, tables.items(), strict=True):
        top = (
            1.6 * np.abs(table).max() or 1
        )  # so the colours stay pale behind the text
        ax.imshow(table, cmap="PuOr", vmin=-top, vmax=top)
        for (row, column), value in np.ndenumerate(table):
            ax.text(column, row, f"{value:g}", ha="center", va="center")
        ax.set_title(title)
    figure.suptitle(heading)
    return figure


def heat(maps, heading, unit, scale=None, outlines=(), columns=4, width=2.4):
    """Show maps, {title: float (h, w)}, as colours.

    scale: (lowest, highest) value, with one bar for all; else each map has its
    own, with 0 in white and the ends at the 99th percentile, so that a few
    pixels do not hide the rest. outlines: for each map a bool (h, w), drawn
    dashed.
    """
    figure, axes = panels(len(maps), columns, width)
    for ax, (title, values) in zip(axes, maps.items(), strict=True):
        top = np.percentile(np.abs(values), 99) or 1
        low, high = scale or (-top, top)
        shown = ax.imshow(
            values, cmap=MAP if scale else "PuOr", vmin=low, vmax=high
        )
        ax.set_title(title, fontsize=9)
        if not scale:
            figure.colorbar(
                shown, ax=ax, shrink=0.7, label=unit, extend="both"
            )
    if scale:
        figure.colorbar(shown, ax=axes, shrink=0.7, label=unit)
    for ax, mask in zip(axes, outlines, strict=False):
        outline(ax, mask, COLOURS["prediction"], "dashed")
    figure.suptitle(heading)
    return figure


def learning_curve(table, line, axis_label, heading):
    """Show a score by the number of training images, both in steps of doubling.

    table: DataFrame[images, value, low, high]; line: (images, values) of a
    fitted law.
    """
    figure, (ax,) = panels(1, 1, 6, 3.2, axes_on=True)
    ax.vlines(
        table["images"], table["low"], table["high"], color=COLOURS["benign"]
    )
    ax.plot(table["images"], table["value"], "o", color=COLOURS["malignant"])
    ax.plot(*line, "--", color="black", lw=1, label="power law")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.set(xlabel="training images", ylabel=axis_label, title=heading)
    ax.legend()
    return figure


def lines(curves, x_label, y_label, heading, marker=""):
    """Show curves, {name: (x, y)}, with a line of its own colour and kind for each.

    marker: "o" marks each value, too.
    """
    names = ("benign", "malignant", "normal", "background")
    kinds = zip(
        (COLOURS[name] for name in names), ("-", "--", "-.", ":"), strict=True
    )
    figure, (ax,) = panels(1, 1, 5.5, 3.6, axes_on=True)
    for (name, (x, y)), (colour, kind) in zip(
        curves.items(), kinds, strict=False
    ):
        ax.plot(x, y, marker + kind, color=colour, label=name, markersize=4)
    ax.set(xlabel=x_label, ylabel=y_label, title=heading)
    ax.legend()
    return figure


def work_and_time(table, heading):
    """Show core seconds by multiply-adds, both on log scales; a line for each size.

    table: DataFrame[size, width, multiply_adds, train_s].
    """
    figure, (ax,) = panels(1, 1, 6, 3.2, axes_on=True)
    kinds = zip(COLOURS.values(), "os^v", table.groupby("size"), strict=False)
    for colour, marker, (size, part) in kinds:
        style = {"color": colour, "marker": marker, "label": f"{size} pixels"}
        ax.loglog(part["multiply_adds"], part["train_s"], **style)
    ax.set(
        xlabel="multiply-adds for one answer",
        ylabel="core seconds to learn from it",
    )
    ax.set_title(heading)
    ax.legend()
    return figure


def show_lines(curves, x_label, y_label, heading):
    """Display `lines`; the alternative text has where each curve starts, is and ends."""
    told = [f"{heading}: {y_label} by {x_label}"]
    for name, (x, y) in curves.items():
        points = list(zip(x, y, strict=True))
        at = [points[k] for k in (0, len(points) // 2, -1)] if points else []
        told.append(
            f"{name}: " + ", ".join(f"{v:.2f} at {u:.2f}" for u, v in at)
        )
    show(lines(curves, x_label, y_label, heading), alt="; ".join(told) + ".")


def roc(curves, points, heading):
    """Show ROC curves, {name: (false alarms, sensitivity)}, and a chosen point on each."""
    curves = {**curves, "a coin": ([0, 1], [0, 1])}
    x_label = "share of those without it that are called (1 - specificity)"
    figure = lines(curves, x_label, "sensitivity", heading)
    for name, (x, y) in points.items():
        figure.axes[0].plot(x, y, "D", color="black", markersize=5)
        figure.axes[0].annotate(
            name, (x, y), (7, -12), textcoords="offset points"
        )
    return figure


def referral(coverage, risk, best, heading):
    """Show the share of errors among the cases that are not referred to a person.

    coverage, risk: of `calibration.risk_coverage`; best: risk if errors went
    first.
    """
    curves = {
        "least sure first": (1 - coverage, risk),
        "errors first (best possible)": (1 - coverage, best),
        "at random": ([0, 1], [risk[-1]] * 2),
    }
    x_label, y_label = (
        "share of cases referred",
        "share of errors among the rest",
    )
    figure = lines(curves, x_label, y_label, heading)
    figure.axes[0].set_ylim(0, 1.4 * risk[-1] or 1)  # room for the legend
    return figure


def decision(table, heading):
    """Show the decision curve of a table from `calibration.net_benefit`."""
    t = table["threshold"]
    curves = {
        "the model": (t, table["model"]),
        "everybody": (t, table["all"]),
        "nobody": (t, 0 * t),
    }
    x_label, y_label = (
        "probability from which one acts",
        "net benefit for each case",
    )
    figure = lines(curves, x_label, y_label, heading)
    figure.axes[0].set_ylim(
        -0.05, None
    )  # acting on everybody falls without end
    return figure


def confusion(counts, heading):
    """Show how many cases of each class (row) were told each class (column).

    counts: DataFrame of int, square. Colours are shares of the row.
    """
    figure, (ax,) = panels(1, 1, 4.6, 3.4, axes_on=True)
    shares = (counts.T / counts.sum(axis=1).clip(lower=1)).T.to_numpy()
    shown = ax.imshow(shares, cmap=MAP, vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts.iloc[row, column]}\n{share:.0%}"
        colour = "black" if share > 0.6 else "white"
        ax.text(column, row, text, ha="center", va="center", color=colour)
    ax.set_xticks(range(len(counts)), counts.columns)
    ax.set_yticks(range(len(counts)), counts.index)
    ax.set(xlabel="told", ylabel="label", title=heading)
    figure.colorbar(shown, ax=ax, label="share of the row")
    return figure


def disturbed(table, heading):
    """Show how a score falls as an image gets worse: a panel for each disturbance.

    table: DataFrame with the columns disturbance, unit, strength, value, low
    and high.
    """
    kinds = list(dict.fromkeys(table["disturbance"]))
    figure, axes = panels(
        len(kinds), min(3, len(kinds)), 2.6, 2.3, axes_on=True
    )
    for ax, kind in zip(axes, kinds, strict=True):
        part = table[table["disturbance"] == kind].sort_values("strength")
        ax.fill_between(
            part["strength"],
            part["low"],
            part["high"],
            color=COLOURS["reference"],
            alpha=0.4,
            lw=0,
        )
        ax.plot(
            part["strength"],
            part["value"],
            "o-",
            color=COLOURS["benign"],
            ms=4,
        )
        ax.set(xlabel=part["unit"].iloc[0], title=kind, ylim=(0, 1))
    axes[0].set_ylabel("mean Dice")
    figure.suptitle(heading)
    return figure


def show_disturbed(table, heading):
    """Display `disturbed`; the alternative text has the least value of each panel."""
    least = table.loc[
        table.groupby("disturbance", sort=False)["value"].idxmin()
    ]
    told = [
        f"{r.disturbance} {r.value:.2f} at {r.strength:g}"
        for r in least.itertuples()
    ]
    start = table["value"].iloc[0]
    show(
        disturbed(table, heading),
        alt=f"{heading}. Mean Dice undisturbed {start:.2f}; lowest: {', '.join(told)}.",
    )
