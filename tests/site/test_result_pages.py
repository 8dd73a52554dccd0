"""The pages on results follow from results/."""

import json
import re

import pandas as pd
import pytest
from conftest import ROOT

from helpers.evaluation import postprocessing
from tools.research import keep_results
from tools.site import (
    knowledge_page,
    report_page,
    results_page,
    templates,
    tried_page,
)

REFERENCE, RESULTS = templates.REFERENCE, templates.RESULTS
NOTEBOOKS = ROOT / "notebooks"
TEMPLATES = {
    path.name.split(".")[0]: path.read_text()
    for path in (ROOT / "pages").glob("*.jinja")
}
# What the makers of BUSI and CLAIM published, a 95 % interval, a Dice of 0 and
# of 1, notebook 5's line of 0.1; 3x3 pixels and a GPU's 16 GB.
PUBLISHED = {"780", "600", "25", "75", "2018", "95", "2024", "0", "1", "0.1"}
PUBLISHED |= {"3", "16"}


@pytest.fixture(scope="module")
def report():
    return report_page.page(REFERENCE, NOTEBOOKS)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The page of results, its lines joined, and the folder of its charts."""
    charts = tmp_path_factory.mktemp("pages") / "charts"
    text = results_page.page(NOTEBOOKS, charts)
    return " ".join(text.split()), charts


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_holds_no_number_of_its_own(name):
    filled = r"\{\{.*?\}\}|\{%.*?%\}|\(https?:[^)]*\)|doi:\S+"
    text = re.sub(filled, "", TEMPLATES[name], flags=re.DOTALL)
    text = re.sub(r"et al\.\s20\d\d|^\d+\. \*\*", "", text, flags=re.MULTILINE)
    numbers = re.findall(r"(?<![\w.])\d(?:[\d.]*\d)?", text)
    assert set(numbers) <= PUBLISHED


@pytest.mark.parametrize("name", TEMPLATES)
def test_headings_that_a_template_points_to_are_in_the_notebooks(name):
    pointed = re.findall(r'see\("([0A]\d)", "([^"]+)"\)', TEMPLATES[name])
    # the others lead to pages only
    assert pointed or "knowledge" in name or name in ("index", "benchmark")
    for number, heading in pointed:
        for notebook in NOTEBOOKS.glob(f"{number}_*.ipynb"):
            assert heading in templates.headings(notebook), notebook.name


def test_a_notebook_that_is_not_there_gets_no_link(tmp_path):
    text = templates.see_notebook(tmp_path, "07", "Who?")
    assert text == "notebook 7, *Who?*"
    assert templates.see_notebook(tmp_path, "A1") == "appendix A1"
    link = templates.see_notebook(NOTEBOOKS, "05", "What kind of error?")
    page = "notebooks/05_read_the_errors.ipynb"
    assert link.endswith(f"({page}#what-kind-of-error)")


def test_each_of_claims_items_is_answered_once_and_counted(report):
    claim = report.split("## CLAIM")[1]
    pattern = r"^(\d+)\. \*\*.+?\*\*\s\*(.+?)\.\*"
    items = re.findall(pattern, claim, re.MULTILINE | re.DOTALL)
    assert [int(number) for number, _ in items] == list(range(1, 45))
    no = sum(answer == "No" for _, answer in items)
    assert "44 items: " in claim and f" {no} *no*" in claim
    with pytest.raises(ValueError, match="Perhaps"):
        report_page.tally("1. **Is it so?** *Perhaps.* We hope.")


def test_the_report_follows_from_its_files(tmp_path):
    table = pd.read_csv(RESULTS / "knowledge.csv")
    row = (table["recipe"] == templates.SHIPPED) & (table["set"] == "busi")
    for name, value in (("dice", 0.111), ("auc_malignant", 0.333)):
        ends = [f"{name}_low", f"{name}_high"]
        table.loc[row, [name, *ends]] = value, 0.05, 0.4
    table.to_csv(tmp_path / "knowledge.csv")
    text = report_page.page(REFERENCE, NOTEBOOKS, results=tmp_path)
    text = " ".join(text.split())
    assert "mean Dice 0.11 (0.05 to 0.40);" in text
    assert "of malignant 0.33 (0.05 to 0.40)" in text


def test_the_card_is_the_one_beside_the_model(report):
    card = (ROOT / "models" / "README.md").read_text().split("\n# ")[0]
    for heading in re.findall(r"^## (.+)$", card, re.MULTILINE):
        assert f"\n### {heading}\n" in report
    assert "](../" not in report and "not a medical device" in report


def test_the_results_are_those_of_the_runs(results):
    text, _ = results
    for line in keep_results.table().splitlines():
        assert line.split(")", 1)[-1] in text
    found = json.loads((REFERENCE / "findings.json").read_text())
    for name in ("three_class_accuracy", "malignant_threshold_specificity"):
        share = templates.flat(found, name)
        assert templates.per_cent(share).replace("\u00a0", " ") in text


def test_every_chart_is_drawn_and_has_its_alternative_text(results):
    text, charts = results
    shown = dict(re.findall(r"!\[([^]]+)\]\(charts/(.+?)\)", text))
    assert len(shown) == 4 and all(re.search(r"\d", alt) for alt in shown)
    assert set(shown.values()) == {path.name for path in charts.iterdir()}
    for path in charts.iterdir():
        drawing = path.read_text()  # lines, no picture
        assert "</svg>" in drawing and "<image" not in drawing


def test_a_goal_is_reached_from_its_number_on(tmp_path):
    report = json.loads((REFERENCE / "report.json").read_text())
    before = results_page.goals(REFERENCE)["reached"].sum()
    report["lesion_dice"]["mean"] = 0.80
    (tmp_path / "report.json").write_text(json.dumps(report))
    found = {"three_class_accuracy": 0.9, "malignant_sensitivity": 0.8}
    (tmp_path / "findings.json").write_text(json.dumps(found))
    assert results_page.goals(tmp_path)["reached"].sum() == before + 2


def test_every_published_figure_has_its_source_and_its_caveat(results):
    table = pd.read_csv(RESULTS / "published.csv")
    assert table.notna().all(axis=None) and len(table) > 5
    sources = r"https://(doi\.org/10\.|arxiv\.org/abs/)"
    assert table["source"].str.match(sources).all()
    for row in table.itertuples():
        assert f"]({row.source}): Dice **{row.dice}**" in results[0]


def test_kinds_and_folds_hold_every_lesion_image():
    lesions = results_page.lesion_images(REFERENCE)
    folds = results_page.by_fold(lesions)
    assert results_page.kinds(lesions).to_numpy().sum() == len(lesions)
    assert folds["n"].sum() == len(lesions)
    assert folds.eval("low < value and value < high").all()


def test_every_recipe_is_on_the_page_with_its_scores():
    scores = pd.read_csv(RESULTS / "knowledge.csv")
    lines = knowledge_page.page().splitlines()
    for row in scores[scores["rule"] == "pooled"].itertuples():
        name = row.recipe.replace("+", "` + `")
        own = [line for line in lines if line.startswith(f"| `{name}` |")]
        dice = f"| {row.dice:.2f} ({row.dice_low:.2f} to"
        assert any(dice in line for line in own)


def test_what_is_added_is_measured_on_the_same_lesions():
    cases = pd.read_csv(RESULTS / "knowledge_cases.csv")
    scores = pd.read_csv(RESULTS / "knowledge.csv")
    pooled = scores.query("set == 'busi' and rule == 'pooled'")
    dice = pooled.set_index("recipe")["dice"]
    for row in knowledge_page.steps(cases):
        recipe, without = row["names"]
        gain = dice[recipe] - dice[without]
        assert row["value"] == pytest.approx(gain, abs=2e-4)
        assert row["low"] < row["value"] < row["high"]


def test_the_rules_of_the_shipped_recipe_and_their_weights():
    text = " ".join(knowledge_page.page().splitlines())
    scores = pd.read_csv(RESULTS / "knowledge.csv")
    own = scores.query("set == 'busi' and recipe == @knowledge_page.SHIPPED")
    assert set(own["rule"]) == set(knowledge_page.RULES)
    for row in own.itertuples():
        rest = text.split(knowledge_page.RULES[row.rule])[1]
        assert rest.startswith(f" | {row.dice:.2f} (")
    assert f"less {postprocessing.MISS} times the share" in text


def test_the_worst_cases_are_counted_by_kind():
    worst = pd.read_csv(RESULTS / "knowledge_worst.csv")
    assert worst["kind"].notna().all() and worst["case"].is_unique
    for kind, n in worst["kind"].value_counts().items():
        assert f"| {kind} | {n} | " in knowledge_page.page()


def test_every_variant_that_was_tried_is_on_the_page(tmp_path):
    kept, changed = RESULTS / "experiments.csv", tmp_path / "changed.csv"
    text, table = tried_page.page(kept), pd.read_csv(kept)
    for row in table.itertuples():
        start = f"| `{row.name}` |"
        (line,) = (x for x in text.splitlines() if x.startswith(start))
        assert f"| {row.dice:.3f} |" in line
        assert f"| {row.image_auc:.3f} |" in line
    assert "none of the gains has" in " ".join(text.split())
    table.loc[0, "gain_low"] = 0.01
    table.loc[1, ["gain", "gain_low", "gain_high"]] = float("nan")
    table.to_csv(changed, index=False)
    text = " ".join(tried_page.page(changed).split())
    assert "1 of the gains has" in text and " | – | " in text
