"""The shipped model: small, harmless, and described by its card."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, masks
from helpers.evaluation import metrics, postprocessing
from helpers.files import ROOT
from helpers.model import checkpoint, training
from tools import predict
from tools.research import small_model

MODEL = ROOT / "models" / "small.keras"
CARD = (ROOT / "models" / "README.md").read_text()
README = " ".join((ROOT / "README.md").read_text().split())


def test_it_is_small_and_its_card_states_its_numbers():
    facts = json.loads(MODEL.with_suffix(".json").read_text())
    model = checkpoint.load(MODEL)
    assert MODEL.stat().st_size <= 6e6
    assert model.count_params() == facts["parameters"]
    card = " ".join(CARD.split())
    assert f"{facts['parameters']:,} parameters" in card
    assert f"{facts['training_images']:,} images: " in card
    for n in facts["by_set"].values():
        assert f"{n:,} of BUS" in card


def test_its_card_holds_the_figures_of_the_reference_run():
    assert small_model.figures() in CARD
    assert small_model.travelled() in CARD


def test_the_readme_states_the_figures_of_its_recipe():
    rows = pd.read_csv(ROOT / "results" / "knowledge.csv")
    shipped = rows.query("set == 'busi' and recipe == @small_model.SHIPPED")
    row = shipped.query("rule == 'pooled'").iloc[0]
    dice = f"{row.dice:.2f} ({row.dice_low:.2f} to {row.dice_high:.2f})"
    shown = dice, f"{100 * row.normals_empty:.0f} %", f"{row.accuracy:.2f}"
    assert all(text in README for text in shown)


def test_the_readme_states_how_the_lessons_network_travels():
    rows = pd.read_csv(small_model.TRAVEL).query(
        "recipe == 'simulated' and part == 'all' and network == 'all' "
        "and rule == 'fitted'"
    )
    rows = rows.set_index(["measure", "tested"])
    row = rows.loc["dice", "BUS-BRA"]
    dice = f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    auc = rows.loc["auc_benign_malignant", "value"]
    assert f"{dice}, AUC" in README
    both = f"{auc['BUS-BRA']:.2f} (at home {auc['BUSI']:.2f})"
    assert f"benign {both}" in README
    knows = pd.read_csv(ROOT / "results" / "knowledge.csv").query(
        "set == 'busbra' and recipe == 'both' and rule == 'pooled'"
    )
    assert f" {knows['dice'].item():.2f}." in README


def test_its_file_names_nothing_but_keras_layers():
    with zipfile.ZipFile(MODEL) as file:
        config = json.loads(file.read("config.json"))

    def parts(part):
        if isinstance(part, dict):
            yield part
        for inner in part.values() if isinstance(part, dict) else part:
            if isinstance(inner, dict | list):
                yield from parts(inner)

    for part in parts(config):
        known = (None, part.get("class_name"), "Functional")
        assert part.get("registered_name") in known
        assert (part.get("module") or "keras").split(".")[0] == "keras"


@pytest.mark.research
def test_it_knows_real_lesions(busi_root):
    """It was trained on these: above what a broken file would reach."""
    model = checkpoint.load(MODEL)
    rules = pd.DataFrame([predict.read_rule(MODEL.with_suffix(".json"))])
    cases = busi.index(busi_root)
    cases = cases[cases["label"] != "normal"].iloc[::20].assign(fold=0)
    images, _ = busi.load_arrays(cases, model.input_shape[1])
    classes = training.predict(model, images)
    predicted = postprocessing.lesion_masks(cases, classes, rules)
    dice = map(metrics.dice, map(masks.merge, cases["masks"]), predicted)
    assert np.mean([*dice]) > 0.7
