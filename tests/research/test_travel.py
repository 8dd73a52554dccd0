"""Networks of one hospital are scored on another, with frozen rules."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tools.research import knowledge, out_of_fold, travel

pytestmark = pytest.mark.research


@pytest.fixture
def trained(tables, tmp_path, monkeypatch):
    """One finished fold of a recipe, and one that was stopped."""
    monkeypatch.setattr(knowledge, "HOME", tmp_path / "knowledge")
    monkeypatch.setattr(knowledge, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(knowledge, "datasets", lambda *_: tables)
    monkeypatch.setattr(travel, "HOME", tmp_path / "travel")
    monkeypatch.setattr(out_of_fold, "RESULTS", tmp_path)
    recipe = knowledge.RECIPES["simulated"]
    recipe = dataclasses.replace(recipe, size=32, epochs=1)
    monkeypatch.setitem(knowledge.RECIPES, "simulated", recipe)
    folder = knowledge.HOME / "simulated"
    knowledge.train(folder / "fold_0", recipe, tables, 0)
    (folder / "fold_1").mkdir()
    (folder / "fold_1" / "model.keras").write_bytes(b"half-way")
    return recipe


def test_finished_folds_travel_with_rules_of_their_own_validation(
    trained, tables, tmp_path, monkeypatch, capsys
):
    travel.main("", "", "simulated", "imagenet")
    assert "imagenet: no fold is finished" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "travel.csv")
    assert set(table["learned"]) == {"BUSI"}
    away = table[table["tested"] == "BUS-BRA"]
    assert set(away["part_of"]) == {"other hospital"}
    assert set(away["part"]) == {"all", "X", "Y"}
    assert "normals_empty" not in set(away["measure"])
    n = away.query("part == 'all' and measure == 'dice'")["n"]
    assert (n == len(tables["busbra"])).all() and len(n) == 2
    home = table.query("tested == 'BUSI' and measure == 'accuracy'")
    assert (home["n"] == (tables["busi"]["fold"] == 0).sum()).all()
    rules = pd.read_csv(tmp_path / "travel_rules.csv")
    data = knowledge.Data(tables, trained, 0)
    assert (rules["n"] == data.validates.sum()).all()

    monkeypatch.setattr(travel.training, "predict", None)  # nothing anew
    before = (tmp_path / "travel.csv").read_text()
    travel.main("", "", "simulated")
    assert (tmp_path / "travel.csv").read_text() == before


def test_several_networks_have_their_mean_and_patients_stay_whole():
    rng = np.random.default_rng(0)
    n, parts = 12, []
    same = {"label": "benign", "class": "benign", "area": 5, "rule": "fitted"}
    same |= {"tested": "BUSI", "part_of": "other hospital"}
    same |= {"p_normal": 0.1, "p_benign": 0.8, "p_malignant": 0.1}
    same |= dict.fromkeys(travel.measures.GAPS, 0.0)
    for name in ("benign", "malignant"):
        same |= {f"intersection_{name}": 1, f"union_{name}": 1}
    for network, shift in (("fold_0", 0.0), ("fold_1", 0.2)):
        scores = pd.DataFrame({"case": range(n), **same, "network": network})
        dice = rng.uniform(0, 0.5, n) + shift
        parts.append(scores.assign(group=scores["case"] // 2, dice=dice))
    table = travel.summary(pd.concat(parts, ignore_index=True))
    dice = table.query("measure == 'dice'").set_index("network")
    mean = dice.loc[["fold_0", "fold_1"], "value"].mean()
    assert dice.loc["all", "value"] == pytest.approx(mean)
    assert (dice["groups"] == 6).all() and (dice["n"] == n).all()
