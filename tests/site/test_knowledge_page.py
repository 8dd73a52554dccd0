"""The page of what knowledge is worth says what its tables say."""

import pandas as pd

from helpers.evaluation import postprocessing
from tools.site import knowledge_page
from tools.site.templates import RESULTS


def lines():
    return knowledge_page.page().splitlines()


def test_every_recipe_is_on_the_page_with_its_scores():
    scores = pd.read_csv(RESULTS / "knowledge.csv")
    found = [x for x in lines() if x.startswith("| `")]
    shown = scores[scores["rule"] == "pooled"]
    # BUSI first
    shown = shown.sort_values("set", ascending=False, kind="stable")
    assert len(found) == len(shown)
    for line, row in zip(found, shown.itertuples(), strict=True):
        assert all(f"`{part}`" in line for part in row.recipe.split("+"))
        assert f"{row.dice:.2f} ({row.dice_low:.2f} to" in line
        assert ("–" in line) == (pd.isna(row.normals_empty) or not row.gain)


def test_the_rules_of_the_shipped_recipe_and_their_weights():
    text = " ".join(lines())
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
    text = "\n".join(lines())
    for kind, n in worst["kind"].value_counts().items():
        assert f"| {kind} | {n} | " in text
