"""The model that the repository ships: small, harmless, and described by its card."""

import json
import sys
import zipfile

import cv2
import numpy as np
import pandas as pd
from conftest import ROOT

from helpers.data import busi, masks
from helpers.evaluation import metrics, postprocessing
from helpers.model import checkpoint, training
from tools import predict
from tools.research import small_model

MODEL = ROOT / "models" / "small.keras"
CARD = (ROOT / "models" / "README.md").read_text()


def test_it_is_small_and_its_card_tells_its_numbers():
    told = json.loads(MODEL.with_suffix(".json").read_text())
    model = checkpoint.load(MODEL)
    assert MODEL.stat().st_size <= 4e6
    assert model.count_params() == told["parameters"] < 1_000_000
    for number in (
        f"{told['parameters']:,} parameters",
        f"{told['training_images']} images",
        f"{told['validation_images']} more",
    ):
        assert number in CARD


def test_its_card_holds_the_figures_of_the_kept_run():
    assert small_model.figures() in CARD


def test_its_file_names_nothing_but_keras_layers():
    with zipfile.ZipFile(MODEL) as file:
        config = json.loads(file.read("config.json"))
    modules = set()

    def collect(part):
        if isinstance(part, dict):
            modules.add(part.get("module") or "keras")
            assert part.get("registered_name") in (
                None,
                part.get("class_name"),
                "Functional",
            )
        for inner in part.values() if isinstance(part, dict) else part:
            if isinstance(inner, dict | list):
                collect(inner)

    collect(config)
    assert all(name.split(".")[0] == "keras" for name in modules)


def test_make_predict_uses_it_without_a_model(
    tmp_path, monkeypatch, phantom_root
):
    """Phantoms are not what it was trained on last: ask for a whole answer, not a good one."""
    cases = busi.index(phantom_root).groupby("label").head(1)
    for case in cases.itertuples():
        cv2.imwrite(
            str(tmp_path / f"{case.case}.png"), busi.read_image(case.image)
        )
    out = tmp_path.with_name("answers")
    arguments = ["predict.py", str(tmp_path), str(out), "--model", ""]
    monkeypatch.setattr(sys, "argv", arguments)
    assert predict.main() == 0
    table = pd.read_csv(out / "predictions.csv")
    assert len(table) == 3 and table["problem"].isna().all()
    total = table[["p_normal", "p_benign", "p_malignant"]].sum(axis=1)
    assert np.allclose(total, 1, atol=1e-3)


def test_it_knows_real_lesions(busi_root):
    """It was trained on these: far above what a broken file would reach."""
    model = checkpoint.load(MODEL)
    rule = predict.read_rule(MODEL.with_suffix(".json"))
    cases = busi.index(busi_root)
    cases = cases[cases["label"] != "normal"].iloc[::20]
    squares, boxes = zip(
        *(
            masks.letterbox(busi.read_image(i), model.input_shape[1])
            for i in cases["image"]
        ),
        strict=True,
    )
    answers = training.predict(model, np.stack(squares))
    found = [
        metrics.dice(
            masks.merge(paths), postprocessing.lesion_mask(p, box, **rule)
        )
        for paths, p, box in zip(cases["masks"], answers, boxes, strict=True)
    ]
    assert np.mean(found) > 0.7
