"""The kept results agree with themselves and with what the README says of them."""

import json

import pandas as pd
import pytest
from conftest import ROOT

from helpers.evaluation import bootstrap, leakage
from tools.research import keep_results

RUNS = sorted((ROOT / "results").glob("busi-*"))
KEPT = (
    ROOT / "results" / "busi-cpu-five-folds"
)  # the run that the README quotes
COMPACT = ROOT / "results" / "busi-compact-five-folds"
each = pytest.mark.parametrize("run", RUNS, ids=lambda p: p.name)


@each
def test_the_report_follows_from_the_scores_of_each_case(run):
    table = pd.read_csv(run / "scores.csv")
    report = json.loads((run / "report.json").read_text())
    lesions, normals = (
        table[table["label"] != "normal"],
        table[table["label"] == "normal"],
    )
    mean, low, high = bootstrap.interval(lesions["dice"], lesions["group"])
    assert report["lesion_dice"] == pytest.approx(
        {"mean": mean, "low": low, "high": high, "n": len(lesions)}
    )
    for name, told in report["pixel_iou"].items():
        both, either = (
            table[f"both_{name}"].sum(),
            table[f"either_{name}"].sum(),
        )
        assert told["value"] == pytest.approx(both / either)
    left_empty = int((normals["predicted_area"] == 0).sum())
    assert report["normals"] == {"n": len(normals), "left_empty": left_empty}
    assert report["simulated"] is False


def test_the_findings_follow_from_those_of_each_case():
    table = pd.read_csv(COMPACT / "findings.csv")
    report = json.loads((COMPACT / "findings.json").read_text())
    right, sick = (
        table["told"] == table["label"],
        table["label"] == "malignant",
    )
    for name, values, rows in (
        ("three_class_accuracy", right, sick | True),
        ("malignant_sensitivity", right, sick),
        ("malignant_cut_sensitivity", table["called_malignant"], sick),
        ("malignant_cut_specificity", ~table["called_malignant"], ~sick),
    ):
        found = bootstrap.interval(values[rows], table["group"][rows])
        told = [report[name + end] for end in ("", "_low", "_high")]
        assert told == pytest.approx(found, abs=0.01), name  # other resamples
        assert told[0] == pytest.approx(found[0])
    assert report["auc_malignant"] == pytest.approx(
        leakage.auc(sick, table["malignant"])
    )
    assert report["cases"] == len(table) and report["simulated"] is False


def test_the_readme_quotes_the_findings():
    report = json.loads((COMPACT / "findings.json").read_text())

    def told(name):
        low, high = (
            f"{100 * report[name + end]:.0f}" for end in ("_low", "_high")
        )
        return f"{100 * report[name]:.0f} % ({low} to {high})"

    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"{told('three_class_accuracy')} of all" in readme
    assert f"{told('malignant_sensitivity')} of the malignant" in readme
    assert (
        f"calls {told('malignant_cut_sensitivity')} of the malignant" in readme
    )
    assert (
        f"spares {told('malignant_cut_specificity')} of the others" in readme
    )
    before, *_, after = json.loads((COMPACT / "report.json").read_text())[
        "calibration_scaled"
    ]
    assert f"is {before['ECE']:.3f}, and {after['ECE']:.3f} once" in readme
    assert (
        f"the least sure {100 * report['share_to_refer_for_goal']:.0f} %"
        in readme
    )


@each
def test_no_group_was_in_two_folds(run):
    folds = pd.read_csv(run / "folds.csv")
    assert folds.groupby("group")["fold"].nunique().max() == 1
    pairs = pd.read_csv(run / "near_duplicates.csv")
    fold = folds.set_index("case")["fold"]
    both = pairs[pairs["a"].isin(fold.index) & pairs["b"].isin(fold.index)]
    assert (both["a"].map(fold) == both["b"].map(fold)).all()


@each
def test_the_way_it_was_made_is_told(run):
    made = json.loads((run / "made_by.json").read_text())
    assert made["command"].startswith("make run-all DATA=")
    assert set(made["versions"]) >= {"python", "tensorflow", "keras", "numpy"}
    assert all(step["seconds"] > 0 for step in made["steps"].values())


def test_the_readme_quotes_the_kept_runs():
    text = (ROOT / "README.md").read_text()
    assert keep_results.table() in text
    readme = " ".join(text.split())
    report = json.loads((KEPT / "report.json").read_text())
    half = {cut["cut"]: cut for cut in report["cuts"]}["one half"]
    empty = f"{half['normals left empty']:.0%} of the normal".replace(
        "%", " %"
    )
    assert f"gives {half['lesion Dice']:.2f} with {empty}" in readme
    assert f"everywhere gives {report['mean_shape_dice']:.2f}" in readme
    lesions, compact = (
        pd.read_csv(run / "scores.csv")
        .query("label != 'normal'")
        .set_index("case")
        for run in (KEPT, ROOT / "results" / "busi-compact-five-folds")
    )
    poor = compact["dice"] < 0.1  # missed ones score 0
    lost = (1 - compact["dice"])[poor].sum() / len(compact)
    assert (
        f"to 1 is {1 - compact['dice'].mean():.2f}; of that, {lost:.2f} is lost by the "
        f"{poor.sum()} lesions" in readme
    )
    assert f"all others is {compact['dice'][~poor].mean():.2f}" in readme
    gain = compact["dice"] - lesions["dice"]
    mean, low, high = bootstrap.interval(gain, lesions["group"][gain.index])
    assert f"{mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f})" in readme


def test_the_readme_quotes_what_was_found_in_the_data():
    table = {path.stem: pd.read_csv(path) for path in KEPT.glob("*.csv")}
    sizes = table["cases"]["group"].map(table["cases"]["group"].value_counts())
    label = table["cases"].set_index("case")["label"]
    pairs = table["near_duplicates"]
    random, ours = (
        table["leaks"].set_index("split").loc[["random", "by groups"]].iloc
    )
    copied, nearest = "held out with a copy in training", "copy-nearest Dice"
    dice = table["outlines"]["dice"]
    ceiling = table["ceilings"].set_index("size")["mean_dice"]
    alone = table["giveaways"].set_index("alone")["value"]
    answers = [
        f"on {len(table['cases'])} of BUSI's 780 cases",
        f"{(sizes > 1).mean():.0%}; pairs that stand in two classes: "
        f"{(pairs['a'].map(label) != pairs['b'].map(label)).sum()}",
        f"{random[copied]:.0%}; under ours {ours[copied]:.0%}",
        f"random split {random[nearest]:.2f}, ours {ours[nearest]:.2f}",
        f"mean Dice {dice.mean():.2f}, median {dice.median():.2f}, over {len(dice)} pairs",
        ", ".join(f"{ceiling[size]:.2f}" for size in (64, 128, 256)),
        f"| {alone['picture size']:.2f} |",
        f"{alone['outline: solidity']:.2f}: so no model",
    ]
    readme = (ROOT / "README.md").read_text().replace(" %", "%")
    assert [answer for answer in answers if answer not in readme] == []


def test_no_picture_or_array_is_kept():
    kinds = {
        path.suffix for path in (ROOT / "results").rglob("*") if path.is_file()
    }
    assert kinds <= {".csv", ".json", ".md"}
