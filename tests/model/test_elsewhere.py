"""What notebook 9 does again and again."""

import keras
import pandas as pd
import pytest

from helpers.data.phantom import physics
from helpers.evaluation import postprocessing
from helpers.files import ROOT
from helpers.model import checkpoint, elsewhere, unet


def test_a_network_is_scored_on_what_a_scanner_draws(tmp_path):
    other = physics.Scanner(width=0.5)
    cases = elsewhere.drawn(tmp_path / "other", (2, 2, 1), 3, other)
    assert cases["width"].max() < 450 and "group" in cases
    keras.utils.set_random_seed(0)
    model = unet.build(size=32, width=4, depth=2)
    rule = postprocessing.RULE
    scores = elsewhere.scored(model, rule, cases, tmp_path / "cache")
    assert scores["case"].tolist() == cases["case"].tolist()
    assert scores["dice"].between(0, 1).all()


def test_the_stand_in_has_folds_and_a_file(tmp_path, monkeypatch):
    small = elsewhere.drawn
    monkeypatch.setattr(
        elsewhere, "drawn", lambda at, _, seed: small(at, (5, 5, 5), seed)
    )
    start = ROOT / "models" / "start_16.npz"
    path, home, rule = elsewhere.stand_in(start, tmp_path / "home", 1)
    assert checkpoint.load(path).input_shape[1] == elsewhere.SIZE
    assert set(home["fold"]) == set(range(5)) and rule == postprocessing.RULE


def rows(dice, area=5):
    labels = ["benign", "malignant", "benign", "malignant", "normal"]
    table = {"case": list("abcde"), "label": labels, "group": list("abcde")}
    return pd.DataFrame(table | {"dice": [*dice, 0], "area": area})


def test_repairs_are_compared_case_by_case_with_their_base():
    found = {
        ("frozen", "there"): rows([0.1, 0.2, 0.3, 0.4], area=0),
        ("moved", "there"): rows([0.3, 0.4, 0.5, 0.6]),
    }
    table = elsewhere.compared(found, {"frozen": "frozen", "moved": "frozen"})
    assert table.loc["moved", "gain there"] == pytest.approx(0.2)
    assert table.loc["moved", "Dice there"] == pytest.approx(0.45)
    assert table.loc["frozen", ["gain there", "p there"]].tolist() == [0, 1]
    assert table["empty there"].tolist() == [1, 0]


def test_the_cost_of_a_step_is_that_of_the_same_breasts():
    parts = {"usual": [0.8, 0.8, 0.6, 0.6], "beam": [0.8, 0.6, 0.6, 0.4]}
    parts["gain"] = [0.75, 0.55, 0.55, 0.35]
    tables = [rows(d).assign(scanner=k) for k, d in parts.items()]
    scores = pd.concat([tables[0], tables[1].iloc[::-1], tables[2]])
    cost = elsewhere.cost_of_steps(scores, list(parts))
    assert cost.index.tolist() == ["beam", "gain"]
    assert cost["cost"].tolist() == pytest.approx([0.1, 0.05])
    # four equal differences: two of the sixteen ways to turn them
    assert cost["p"]["gain"] == pytest.approx(2 / 16, abs=0.02)
