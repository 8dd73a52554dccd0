"""The page of what knowledge is worth says what its tables say."""

import shutil

import pandas as pd

from helpers.evaluation import postprocessing
from tools.site import knowledge_page
from tools.site.templates import RESULTS


def lines(folder=RESULTS):
    return knowledge_page.page(folder).splitlines()


def test_every_recipe_is_on_the_page_with_its_scores():
    scores = pd.read_csv(RESULTS / "knowledge.csv")
    found = [x for x in lines() if x.startswith("| `")]
    shown = scores[scores["rule"] == "pooled"]
    assert len(found) == len(shown)
    for line, row in zip(found, shown.itertuples(), strict=True):
        assert all(f"`{part}`" in line for part in row.recipe.split("+"))
        assert f"{row.dice:.2f} ({row.dice_low:.2f} to" in line
        assert ("–" in line) == (pd.isna(row.normals_empty) or not row.gain)


def test_the_rules_of_the_shipped_recipe_and_their_weights():
    text = " ".join(lines())
    scores = pd.read_csv(RESULTS / "knowledge.csv")
    own = scores.query("set == 'busi' and recipe == 'hospitals'")
    assert set(own["rule"]) == set(knowledge_page.RULES)
    for row in own.itertuples():
        rest = text.split(knowledge_page.RULES[row.rule])[1]
        assert rest.startswith(f" | {row.dice:.2f} (")
    assert f"less {postprocessing.MISS} times the share" in text


def test_another_number_is_another_page(tmp_path):
    for path in RESULTS.glob("knowledge*.csv"):
        shutil.copy(path, tmp_path)
    table = pd.read_csv(tmp_path / "knowledge.csv")
    table.loc[table["recipe"] == "hospitals", "dice"] = 0.123
    table.to_csv(tmp_path / "knowledge.csv", index=False)
    assert "| 0.12 (" in " ".join(lines(tmp_path))


def test_the_worst_cases_are_counted_by_kind():
    worst = pd.read_csv(RESULTS / "knowledge_worst.csv")
    assert worst["kind"].notna().all() and worst["case"].is_unique
    text = "\n".join(lines())
    for kind, n in worst["kind"].value_counts().items():
        assert f"| {kind} | {n} | " in text
