"""The pages 'Model report' and 'Results on real BUSI' say what results/ says."""

import json
import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT

from tools.site import report_page, results_page, templates

KEPT = results_page.COMPACT
NOTEBOOKS = ROOT / "notebooks"
TEMPLATES = {
    path.name.split(".")[0]: path.read_text()
    for path in (ROOT / "pages").glob("*.jinja")
}
# What the makers of BUSI and CLAIM published, a 95 % interval, a Dice of 0 and
# of 1, and notebook 5's line of 0.1.
PUBLISHED = {"780", "600", "25", "75", "2018", "95", "2024", "0", "1", "0.1"}


@pytest.fixture(scope="module")
def report():
    return report_page.page(KEPT, NOTEBOOKS)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The page of results and the folder of its charts."""
    charts = tmp_path_factory.mktemp("pages") / "charts"
    return results_page.page(NOTEBOOKS, charts), charts


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_holds_no_number_of_its_own(name):
    text = re.sub(
        r"\{\{.*?\}\}|\{%.*?%\}|\(https?:[^)]*\)|doi:\S+", "", TEMPLATES[name]
    )
    text = re.sub(r"et al\.\s20\d\d|^\d+\. \*\*", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"\d[\d.]*\d|\d", text)) <= PUBLISHED


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_headings_that_a_template_points_to_are_in_the_notebooks(name):
    pointed = re.findall(r'see\("(\d\d)", "([^"]+)"\)', TEMPLATES[name])
    assert pointed or name == "index"  # it leads to pages only
    for number, heading in pointed:
        for notebook in NOTEBOOKS.glob(f"{number}_*.ipynb"):
            assert heading in templates.headings(notebook), (
                notebook.name,
                heading,
            )


def test_a_notebook_that_is_not_there_gets_no_link(tmp_path):
    assert (
        templates.see_notebook(tmp_path, "07", "Who?") == "notebook 7, *Who?*"
    )
    link = templates.see_notebook(NOTEBOOKS, "05", "What kind of error?")
    assert link.endswith(
        "(notebooks/05_read_the_errors.ipynb#what-kind-of-error)"
    )


def test_each_of_claims_items_is_answered_once_and_counted(report):
    claim = report.split("## CLAIM")[1]
    items = re.findall(
        r"^(\d+)\. \*\*.+?\*\* \*(.+?)\.\*", claim, re.MULTILINE
    )
    assert [int(number) for number, _ in items] == list(range(1, 45))
    no = sum(answer == "No" for _, answer in items)
    assert "44 items: " in claim and f" {no} *no*" in claim
    with pytest.raises(ValueError, match="Perhaps"):
        report_page.tally("1. **Is it so?** *Perhaps.* We hope.")


def test_the_report_follows_from_its_files(report, tmp_path):
    told = json.loads((KEPT / "report.json").read_text())
    assert (
        f"mean Dice {templates.interval(told['lesion_dice'])}, median"
        in report
    )
    run = tmp_path / "run"
    shutil.copytree(KEPT, run)
    told["lesion_dice"] |= {"mean": 0.111, "low": 0.05, "high": 0.222}
    told["normals"]["left_empty"] = 77
    (run / "report.json").write_text(json.dumps(told))
    changed = report_page.page(run, NOTEBOOKS)
    assert (
        "mean Dice 0.11 (0.05 to 0.22)" in changed
        and "77 of 106 were" in changed
    )


def test_findings_of_the_whole_image_are_told(report):
    found = json.loads((KEPT / "findings.json").read_text())
    low, high = (found[f"auc_malignant_{end}"] for end in ("low", "high"))
    told = f"{found['auc_malignant']:.2f} ({low:.2f} to {high:.2f})"
    assert told in report


def test_the_card_is_the_one_beside_the_model(report):
    card = (ROOT / "models" / "README.md").read_text().split("\n# ")[0]
    for heading in re.findall(r"^## (.+)$", card, re.MULTILINE):
        assert f"\n### {heading}\n" in report
    assert "](../" not in report and "not a medical device" in report


def test_the_results_are_those_of_the_readme(results):
    text = " ".join(results[0].split())
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(
        r"^\| \[.+-five-folds\]\(results/.+?\)(.+)$", readme, re.MULTILINE
    )
    assert len(rows) == 2 and all(row in results[0] for row in rows)
    readme = " ".join(readme.split())
    for quoted in (
        r"interval (-[\d.]+) to (\+[\d.]+)\)",
        r"mean of all others is ([\d.]+)\.",
        r"everywhere gives ([\d.]+)\. Every",
    ):
        for number in re.search(quoted, readme).groups():
            assert number in text


def test_every_chart_is_drawn_and_told_in_words(results):
    text, charts = results
    shown = dict(re.findall(r"!\[(.+?)\]\(charts/(.+?)\)", text))
    assert sorted(shown.values()) == sorted(
        path.name for path in charts.iterdir()
    )
    assert len(shown) == 4 and all(re.search(r"\d", alt) for alt in shown)
    for path in charts.iterdir():
        drawing = path.read_text()
        assert (
            "</svg>" in drawing and "<image" not in drawing
        )  # lines, no picture


def test_a_goal_is_reached_from_its_number_on(tmp_path):
    told = json.loads((KEPT / "report.json").read_text())
    before = results_page.goals(KEPT).count(" yes |")
    told["lesion_dice"]["mean"] = 0.80
    (tmp_path / "report.json").write_text(json.dumps(told))
    found = {"three_class_accuracy": 0.9, "malignant_sensitivity": 0.8}
    (tmp_path / "findings.json").write_text(json.dumps(found))
    assert results_page.goals(tmp_path).count(" yes |") == before + 2


def test_the_readme_states_the_same_goals():
    aim = pd.read_csv(ROOT / "results" / "goals.csv").set_index("goal")["aim"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (
        f"a mean Dice of {aim['mean lesion Dice']:.2f}, nine of ten normal"
        in readme
    )
    assert aim["normal images left empty"] == 0.9
    iou = f"{aim['pixel IoU of benign']:.2f} and {aim['pixel IoU of malignant']:.2f}"
    assert f"pixel IoU of {iou}" in readme


def test_every_published_figure_has_its_source_and_its_caveat(results):
    table = pd.read_csv(ROOT / "results" / "published.csv")
    assert table.notna().all(axis=None) and len(table) > 5
    assert (
        table["source"]
        .str.match(r"https://(doi\.org/10\.|arxiv\.org/abs/)")
        .all()
    )
    for row in table.itertuples():
        assert f"]({row.source}): Dice **{row.dice}**" in results[0]


def test_kinds_and_folds_hold_every_lesion_image():
    scores = pd.read_csv(KEPT / "scores.csv").query("label != 'normal'")
    counted = map(int, re.findall(r"\d+", results_page.kinds(scores)))
    assert sum(counted) == len(scores)
    folds = results_page.by_fold(scores)
    assert len(folds) == scores["fold"].nunique()
    assert (folds["low"] < folds["value"]).all() and (
        folds["value"] < folds["high"]
    ).all()
