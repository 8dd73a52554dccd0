"""The reference runs in results/ agree with themselves and with the README."""

import pytest
from sklearn.metrics import roc_auc_score

from helpers import workspace
from helpers.evaluation import bootstrap
from helpers.files import ROOT
from tools.research import keep_results
from tools.site.templates import REFERENCE

RESULTS = ROOT / "results"


def test_the_report_follows_from_the_scores_of_each_case():
    table = workspace.load(REFERENCE / "scores.csv")
    report = workspace.load(REFERENCE / "report.json")
    is_normal = table["label"] == "normal"
    lesions, normals = table[~is_normal], table[is_normal]
    mean, low, high = bootstrap.interval(lesions["dice"], lesions["group"])
    found = {"mean": mean, "low": low, "high": high, "n": len(lesions)}
    assert report["lesion_dice"] == pytest.approx(found)
    for name, iou in report["pixel_iou"].items():
        intersection = table[f"intersection_{name}"].sum()
        union = table[f"union_{name}"].sum()
        assert iou["value"] == pytest.approx(intersection / union)
    empty = int((normals["predicted_area"] == 0).sum())
    assert report["normals"] == {"n": len(normals), "correctly_empty": empty}
    assert report["simulated"] is False


def test_the_findings_follow_from_those_of_each_case():
    table = workspace.load(REFERENCE / "findings.csv")
    report = workspace.load(REFERENCE / "findings.json")
    correct = table["predicted"] == table["label"]
    is_malignant = table["label"] == "malignant"
    flagged = table["flagged_malignant"]
    for name, values, rows in (
        ("three_class_accuracy", correct, is_malignant | True),
        ("malignant_sensitivity", correct, is_malignant),
        ("malignant_threshold_sensitivity", flagged, is_malignant),
        ("malignant_threshold_specificity", ~flagged, ~is_malignant),
    ):
        found = bootstrap.interval(values[rows], table["group"][rows])
        reported = [report[name + end] for end in ("", "_low", "_high")]
        # its interval is of other resamples
        assert reported == pytest.approx(found, abs=0.01), name
        assert reported[0] == pytest.approx(found[0])
    auc = roc_auc_score(is_malignant, table["malignant"])
    assert report["auc_malignant"] == pytest.approx(auc)
    assert report["cases"] == len(table) and report["simulated"] is False


def test_no_group_was_in_two_folds():
    folds = workspace.load(REFERENCE / "folds.csv")
    assert folds.groupby("group")["fold"].nunique().max() == 1
    pairs = workspace.load(REFERENCE / "near_duplicates.csv")
    fold = folds.set_index("case")["fold"]
    pairs = pairs[pairs[["a", "b"]].isin(fold.index).all(axis=1)]
    assert len(pairs)
    assert (pairs["a"].map(fold) == pairs["b"].map(fold)).all()


def test_how_it_was_made_is_kept():
    made = workspace.load(REFERENCE / "made_by.json")
    assert made["command"].startswith("make run-all DATA=")
    assert set(made["versions"]) >= {"python", "tensorflow", "keras", "numpy"}
    assert all(step["seconds"] > 0 for step in made["steps"].values())


def test_the_readme_holds_the_table_of_the_reference_runs():
    assert keep_results.table() in (ROOT / "README.md").read_text()


def test_no_picture_or_array_is_kept():
    paths = [path for path in RESULTS.rglob("*") if path.is_file()]
    assert {path.suffix for path in paths} <= {".csv", ".json", ".md"}


@pytest.fixture
def keep(tmp_path):
    """A function that keeps a run; steps: {its name: {file: content}}."""

    def keep_run(name, steps, simulated=False, **strays):
        for step, sealed in steps.items():
            folder = tmp_path / name / step
            folder.mkdir(parents=True)
            for file, content in (sealed | strays).items():
                (folder / file).write_text(content)
            about = {"step": step, "data": "", "device": "", "versions": {}}
            about |= {"simulated": simulated}
            about |= {"files": dict.fromkeys(sealed, "")}
            (folder / "manifest.json").write_text(workspace.as_json(about))
        keep_results.keep(tmp_path / name, tmp_path / "results")
        return tmp_path / "results" / name

    return keep_run


def test_a_later_step_completes_a_file_and_only_what_is_sealed_is_kept(keep):
    steps = {"01_a": {"report.csv": "half", "p.png": ""}}
    steps["02_b"] = {"report.csv": "complete"}
    kept = keep("busi-one", steps, **{"old.csv": "of an earlier run"})
    assert (kept / "report.csv").read_text() == "complete"
    assert {p.name for p in kept.iterdir()} == {"report.csv", "made_by.json"}


def test_a_run_on_simulated_images_is_not_kept(keep):
    with pytest.raises(SystemExit, match="no finished run on real images"):
        keep("phantom-quick", {"01_a": {"a.csv": "1"}}, simulated=True)
