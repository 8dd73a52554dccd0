"""Make the page 'Results on real BUSI': numbers and charts from results/."""

import json

import pandas as pd

from helpers import figures
from helpers.claims import checks
from helpers.evaluation import bootstrap, postprocessing
from tools.research import keep_results
from tools.site import templates
from tools.site.report_page import data
from tools.site.templates import REFERENCE, RESULTS, reports

WIDTH = 5.2  # inches: as wide as a phone's page can show with legible letters


def page(notebooks, charts):
    """Return the page, Markdown; write its charts, SVG, to a new folder."""
    found, lesions = reports(REFERENCE), lesion_images(REFERENCE)
    dice, poor = lesions["dice"], lesions["dice"] < postprocessing.MISSED
    subgroups = read("subgroups.csv", "cases").dropna()
    training = found["made_by"]["steps"]["04_train_the_segmenter"]
    history = read("history.csv", "epoch").groupby(["network", "fold"])
    validation = read("validation.csv", "fold")
    folds = by_fold(lesions)
    draw(lesions, folds, subgroups, charts)
    return templates.fill(
        "results.md.jinja",
        notebooks,
        **found,
        accuracy=accuracy(REFERENCE),
        ceilings=read("ceilings.csv", "size")["mean_dice"],
        claims=list(map(claim, checks.CLAIMS)),
        copied=read("leaks.csv", "split")["copy-nearest Dice"],
        data=data(REFERENCE),
        folds=folds,
        forecast=forecast(),
        goals=goals(REFERENCE),
        image_ece=read("image_calibration.csv", "question")
        .loc["any lesion"]
        .set_index("probabilities")["ECE"],
        kinds=kinds(lesions),
        lost=(1 - dice)[poor].sum() / len(dice),
        marks=pd.read_csv(REFERENCE / "marks.csv").to_dict("records"),
        memory=training["peak_memory_mb"] / 1000,
        minutes=round(history["seconds"].max().sum() / 60),
        others=dice[~poor].mean(),
        poor=poor.sum(),
        published=pd.read_csv(RESULTS / "published.csv").to_dict("records"),
        run=keep_results.table().replace("](", f"]({templates.FILES}/"),
        shortcuts=read("shortcuts.csv", "feature")["value"],
        starts=starts(),
        subgroups=subgroups,
        unsure=read("calibration.csv", "pixels").iloc[-1],
        validation_cases=validation.groupby("fold").size().mean(),
    )


def read(name, index):
    """Return a table of the reference run."""
    return pd.read_csv(REFERENCE / name).set_index(index)


def lesion_images(run):
    """Return a run's scores of the images with a lesion."""
    return pd.read_csv(run / "scores.csv").query("label != 'normal'")


def accuracy(run):
    """Return the share of a run's images whose class is right, a dict."""
    scores = pd.read_csv(run / "scores.csv")
    right = scores["class"] == scores["label"]
    ends = bootstrap.interval(right, scores["group"])
    return dict(zip(("value", "low", "high"), ends, strict=True))


def by_fold(lesions):
    """Return the mean Dice of each fold's lesion images, with its interval."""
    fold = lesions["fold"]
    parts = {f"fold {k}": fold == k for k in sorted(fold.unique())}
    return bootstrap.by_subgroup(lesions["dice"], lesions["group"], parts)


def kinds(lesions):
    """Return the number of lesion images by kind of error, and by class."""
    counted = pd.crosstab(lesions["kind"], lesions["label"])
    return counted.loc[lesions["kind"].value_counts().index]


def starts():
    """Return what notebook 4's networks did, a mean over the folds."""
    table = read("starts.csv", "network").drop("one image")
    return table.groupby("network", sort=False).mean()


def draw(lesions, folds, subgroups, folder):
    """Write the charts of the page."""
    mean = lesions["dice"].mean(), "mean Dice, 95 % interval (dashed: all)"
    by_kind, heading = kinds(lesions).sum(axis=1), "Lesion images by"
    kind_of_case = f"{heading} kind of case"
    drawn = {
        "dice": figures.score_histogram(lesions, "Dice of each lesion image"),
        "folds": figures.intervals(folds, *mean, f"{heading} fold"),
        "subgroups": figures.intervals(subgroups, *mean, kind_of_case),
        "kinds": figures.counts(by_kind, f"{heading} kind of error"),
    }
    folder.mkdir()
    for name, figure in drawn.items():
        figure.set_size_inches(WIDTH, figure.get_figheight())
        path = folder / f"{name}.svg"
        figure.savefig(path, facecolor="white", metadata={"Date": None})


def claim(number):
    """Return what was measured for one of notebook 8's claims, a dict."""
    found = checks.checks_of(number, *checks.read(RESULTS))
    return {
        "number": number,
        "says": checks.CLAIMS[number],
        "checks": checks.readable(found).to_dict("records"),
        "verdict": checks.verdict([check["outcome"] for check in found]),
    }


def forecast():
    """Return the last point of claim 8's learning curve, and its forecast."""
    dice, _, settings = checks.read(RESULTS)
    counts = settings["counts"]
    means = checks.means(dice, [f"share-{k}" for k in counts])["value"]
    foretold, _ = checks.left_out(list(counts.values()), means)
    return {"foretold": foretold, "measured": means.iloc[-1]}


def goals(run):
    """Return each aim, what a run reached and whether that is enough."""
    table = pd.read_csv(RESULTS / "goals.csv")
    places = zip(table["file"], table["path"], strict=True)
    value = pd.Series([at(run / file, path) for file, path in places])
    at_most = table["direction"] == "at most"
    reached = (value >= table["aim"]).mask(at_most, value <= table["aim"])
    return table.assign(value=value, reached=reached)


def at(file, path):
    """Return what a JSON file holds at "key.0.key"."""
    value = json.loads(file.read_text())
    for key in path.split("."):
        value = value[int(key) if isinstance(value, list) else key]
    return value
