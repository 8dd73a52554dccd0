"""Make the page 'Results on real BUSI': numbers and charts from the kept runs."""

import json

import pandas as pd

from helpers import figures
from helpers.claims import checks
from helpers.evaluation import bootstrap
from tools.research import keep_results
from tools.site.benchmark_page import table
from tools.site.templates import FILES, ROOT, fill, share

RESULTS = ROOT / "results"
COMPACT, STANDARD = (
    RESULTS / f"busi-{name}-five-folds" for name in ("compact", "cpu")
)
POOR = 0.1  # notebook 5 calls a Dice below this "elsewhere"
WIDTH = 5.2  # inches: as wide as a phone's page can show with legible letters


def page(notebooks, charts):
    """Return the page, Markdown, and write its charts as SVG into the folder `charts`.

    notebooks: folder of the notebooks that become pages, for the links to
    them.
    """
    report = json.loads((COMPACT / "report.json").read_text())
    scores = pd.read_csv(COMPACT / "scores.csv")
    lesions = scores[scores["label"] != "normal"]
    poor = lesions["dice"] < POOR
    subgroups = (
        pd.read_csv(COMPACT / "subgroups.csv").dropna().set_index("cases")
    )
    return fill(
        "results.md.jinja",
        notebooks,
        by_lesion=by_lesion(report),
        charts=draw(lesions, subgroups, charts),
        claims=ten_claims(),
        difference=difference(),
        folds=by_fold(lesions),
        goals=goals(COMPACT),
        kinds=kinds(lesions),
        minutes=minutes(),
        lost=(1 - lesions["dice"])[poor].sum() / len(lesions),
        made=json.loads((COMPACT / "made_by.json").read_text()),
        nothing_learned=nothing_learned(report),
        others=lesions["dice"][~poor].mean(),
        poor=int(poor.sum()),
        published=pd.read_csv(RESULTS / "published.csv").to_dict("records"),
        report=report,
        runs=keep_results.table().replace("](results/", f"]({FILES}/results/"),
        subgroups=subgroups,
    )


def minutes():
    """Return how long the training of all folds took."""
    history = pd.read_csv(COMPACT / "history.csv")
    return round(history.groupby("fold")["seconds"].max().sum() / 60)


def by_fold(lesions):
    """Return the mean Dice of each fold's lesion images, with its interval."""
    rows = {
        f"fold {fold}": bootstrap.interval(part["dice"], part["group"])
        for fold, part in lesions.groupby("fold")
    }
    return pd.DataFrame.from_dict(
        rows, "index", columns=["value", "low", "high"]
    )


def draw(lesions, subgroups, folder):
    """Write the charts; return {name: its alternative text}."""
    folds, mean = by_fold(lesions), lesions["dice"].mean()
    axis = "mean Dice, 95 % interval (dashed: all)"
    counts = lesions["kind"].value_counts()
    drawn = {
        "dice": (
            figures.score_histogram(lesions, "Dice of each lesion image"),
            "Histogram of the Dice of each lesion image, benign and malignant stacked: "
            f"{(lesions['dice'] < POOR).sum()} of {len(lesions)} are below {POOR}, half "
            f"are above {lesions['dice'].median():.2f}.",
        ),
        "folds": (
            figures.intervals(folds, mean, axis, "Lesion images by fold"),
            f"Mean Dice with its interval for each fold: {in_words(folds['value'])}.",
        ),
        "subgroups": (
            figures.intervals(
                subgroups, mean, axis, "Lesion images by kind of case"
            ),
            f"Mean Dice with its interval: {in_words(subgroups['value'])}.",
        ),
        "kinds": (
            figures.counts(counts, "Lesion images by kind of error"),
            "Number of lesion images of each kind: "
            + "; ".join(f"{kind} {n}" for kind, n in counts.items()),
        ),
    }
    folder.mkdir()
    for name, (figure, _) in drawn.items():
        figure.set_size_inches(WIDTH, figure.get_figheight())
        figure.savefig(
            folder / f"{name}.svg", facecolor="white", metadata={"Date": None}
        )
    return {name: alt for name, (_, alt) in drawn.items()}


def in_words(values):
    return "; ".join(f"{name} {value:.2f}" for name, value in values.items())


def kinds(lesions):
    """Return the table of kinds of error by class, most frequent first."""
    counted = pd.crosstab(lesions["kind"], lesions["label"])
    counted = counted.loc[lesions["kind"].value_counts().index]
    rows = [[row.Index, *map(str, row[1:])] for row in counted.itertuples()]
    return table(["kind", *counted.columns], rows)


def by_lesion(report):
    """Return the table of lesions found, counted one by one."""
    rows = [
        [
            f"{row['IoU, at least']}",
            f"{share(row['share of lesions found'])} "
            f"({share(row['low'])} to {share(row['high'])})",
            f"{row['false lesions an image']:.2f} "
            f"({row['false, low']:.2f} to {row['false, high']:.2f})",
        ]
        for row in report["by_lesion"]
    ]
    return table(
        ["IoU, at least", "lesions found (95 %)", "false ones an image"], rows
    )


def difference():
    """Return how the compact network's Dice differs from the standard one's."""
    ours, theirs = (
        pd.read_csv(run / "scores.csv")
        .query("label != 'normal'")
        .set_index("case")
        for run in (COMPACT, STANDARD)
    )
    gain = ours["dice"] - theirs["dice"].loc[ours.index]
    mean, low, high = bootstrap.interval(gain, ours["group"])
    _, p = bootstrap.paired_test(
        ours["dice"], ours["dice"] - gain, ours["group"]
    )
    return {"mean": mean, "low": low, "high": high, "p": p, "n": len(gain)}


def nothing_learned(report):
    """Return the table of answers that need no network, beside the network's."""
    leaks = pd.read_csv(COMPACT / "leaks.csv").set_index("split")[
        "copy-nearest Dice"
    ]
    ceiling = pd.read_csv(COMPACT / "ceilings.csv").set_index("size")[
        "mean_dice"
    ]
    steps = json.loads((COMPACT / "made_by.json").read_text())["steps"]
    size = steps["04_train_the_segmenter"]["parameters"]["image_size"]
    twice = pd.read_csv(COMPACT / "outlines.csv")["dice"].mean()
    answers = {
        "the mean shape of the training masks": report["mean_shape_dice"],
        "the mask of the most similar training image": leaks["by groups"],
        "the same, under a random split that leaks": leaks["random"],
        "**the compact network**": report["lesion_dice"]["mean"],
        "a second outline of a near copy": twice,
        f"the true mask, shrunk to {size} pixels and back": ceiling[size],
    }
    rows = [[answer, f"{dice:.2f}"] for answer, dice in answers.items()]
    return table(["answer", "mean lesion Dice"], rows)


def ten_claims():
    """Return the table of notebook 6's claims: what was measured, and the verdict."""
    kept, rows = checks.read(RESULTS), []
    for number, says in checks.CLAIMS.items():
        checks = checks.checks_of(number, *kept)
        shown = checks.readable(checks)
        measured = "<br>".join(
            f"{row.asks} **{row.value}** ({interval})"
            for row, interval in zip(
                shown.itertuples(), shown["95 % interval"], strict=True
            )
        )
        verdict = checks.verdict([check["passed"] for check in checks])
        rows.append([f"{number}. {says}", measured, verdict])
    return table(["claim", "measured (95 %)", "verdict"], rows)


def goals(run):
    """Return the table of what was aimed for, and what a run reached."""
    rows = []
    for goal in pd.read_csv(RESULTS / "goals.csv").itertuples():
        value = at(run / goal.file, goal.path)
        enough = (
            value >= goal.aim
            if goal.direction == "at least"
            else value <= goal.aim
        )
        aim = f"{goal.direction} {goal.aim:.2f}"
        rows.append(
            [goal.goal, aim, f"{value:.3f}", "yes" if enough else "no"]
        )
    return table(["goal", "aim", "compact network", "reached"], rows)


def at(file, path):
    """Return what a JSON file holds at "key.0.key"."""
    told = json.loads(file.read_text())
    for key in path.split("."):
        told = told[int(key) if isinstance(told, list) else key]
    return told
