"""Recipes are trained out of fold, and scored as they should be."""

import dataclasses
import functools
import itertools
import shutil

import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, masks
from helpers.evaluation import metrics, postprocessing
from helpers.files import ROOT
from tools.research import knowledge, out_of_fold

pytestmark = pytest.mark.research


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of two sets and one epoch at a quarter of the size."""
    monkeypatch.setattr(knowledge, "HOME", tmp_path / "knowledge")
    monkeypatch.setattr(knowledge, "CACHE", tmp_path / "cache")
    both = knowledge.RECIPES["hospitals"]
    return dataclasses.replace(both, start="16", size=64, epochs=1)


def test_nobody_is_in_two_parts_and_normals_keep_their_share(tables, recipe):
    data = knowledge.Data(tables, recipe, fold=2)
    parts = np.stack([data.trains, data.validates, data.held])
    assert (parts.sum(axis=0) == 1).all() and parts.any(axis=1).all()
    names = data.cases["set"] + " " + data.cases["group"]
    assert names.duplicated().any()  # there are copies to keep together
    for one, other in itertools.combinations(parts, 2):
        assert not set(names[one]) & set(names[other])
    assert (data.cases["fold"][data.held] == 2).all()
    cases, views = data.cases[data.trains], data.views()
    assert views.sum() == pytest.approx(len(cases))
    normal = (cases["label"] == "normal").to_numpy()
    assert views[normal].sum() == pytest.approx(0.17 * len(cases))
    by_set = pd.Series(views[~normal]).groupby(cases["set"][~normal].array)
    assert by_set.sum().nunique() == 1
    whole = knowledge.Data(tables, recipe, fold=None)
    assert not whole.held.any()


def test_a_recipe_keeps_what_it_predicts_and_is_not_trained_again(
    tables, recipe, monkeypatch
):
    folder = knowledge.HOME / "tried" / "fold_0"
    knowledge.train(folder, recipe, tables, 0)
    monkeypatch.setattr(knowledge, "fitted", None)
    knowledge.train(folder, recipe, tables, 0)
    found = out_of_fold.predictions("tried", 0)
    held = found[found["held_out"]]
    both = pd.concat(tables.values())
    assert set(held["case"]) == set(both[both["fold"] == 0]["case"])
    assert found["classes"][0].shape == (64, 64, 3)


def keep(recipe, fold, cases, classes, seen=np.s_[:]):
    """Keep what a recipe predicts of the cases that it has seen in a fold."""
    folder = knowledge.HOME / recipe / f"fold_{fold}"
    folder.mkdir(parents=True)
    kept = {
        "set": np.repeat("busi", len(cases)),
        "case": cases["case"].to_numpy(str),
        "held_out": (cases["fold"] == fold).to_numpy(),
        "probabilities": classes.astype(np.float16),
    }
    kept = {name: values[seen] for name, values in kept.items()}
    np.savez(folder / "predictions.npz", **kept)


def write(recipe, tables, softness):
    """Keep predictions that are the ground truth, more or less sure."""
    table = tables["busi"]
    labels = busi.load_arrays(table, 64)[1]
    sure = 0.5 + softness * np.linspace(0, 1, len(table))
    classes = np.zeros((*labels.shape, 3))
    for k, case in enumerate(table.itertuples()):
        p = sure[k] if case.label != "normal" else 0.55
        spot = labels[k] > 0 if labels[k].any() else np.s_[20:30, 20:30]
        kind = max(1, labels[k].max())
        classes[k, ..., 0] = 1
        classes[k, ..., 0][spot] = 1 - p
        classes[k, ..., kind][spot] = p
    for fold in out_of_fold.FOLDS:
        keep(recipe, fold, table, classes)


def test_scores_are_those_of_each_held_out_case(tables, recipe):
    write("sure", tables, 0.45)
    write("vague", tables, 0.2)
    cases = tables["busi"]
    table, rules, ece = out_of_fold.all_scores("sure", "busi", cases)
    assert set(table["rule"]) == {"utility", "former", "pooled"}
    assert len(rules) == 15 and 0 < ece < 0.2
    for _, part in table.groupby("rule"):
        assert sorted(part["case"]) == sorted(cases["case"])
    one = table.query("rule == 'pooled' and label != 'normal'").iloc[0]
    rule = rules.query("rule == 'pooled' and fold == @one.fold").iloc[0]
    found = out_of_fold.of_set("sure", "busi", cases, one["fold"])
    case = found.set_index("case").loc[one["case"]]
    reference = masks.merge(case["masks"])
    box = masks.Letterbox.of(*reference.shape, 64)
    mask = postprocessing.lesion_mask(
        case["classes"], box, **rule[list(postprocessing.RULE)]
    )
    assert one["dice"] == pytest.approx(metrics.dice(reference, mask))
    part = table.query("rule == 'pooled'")
    row = out_of_fold.summary(part, ece)
    assert row["dice"] > 0.5
    assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]
    normals = part[part["label"] == "normal"]
    assert row["normals_empty"] == (normals["area"] == 0).mean()


def test_recipes_join_those_before(tables, recipe, tmp_path, monkeypatch):
    write("sure", tables, 0.45)
    write("vague", tables, 0.2)
    shutil.copy(out_of_fold.RESULTS / "axilla.csv", tmp_path)
    monkeypatch.setattr(out_of_fold, "RESULTS", tmp_path)
    monkeypatch.setattr(out_of_fold, "fair", lambda _, which: which == "busi")
    monkeypatch.setattr(knowledge, "datasets", lambda *_: tables)
    once = functools.partial(out_of_fold.stability, resamples=2)
    monkeypatch.setattr(out_of_fold, "stability", once)
    out_of_fold.main("", "", "vague")
    out_of_fold.main("", "", "sure")
    scores = pd.read_csv(tmp_path / "knowledge.csv")
    found = scores[scores["rule"] == "pooled"].set_index("recipe")
    assert list(found.index) == ["sure", "vague"]
    cases = pd.read_csv(tmp_path / "knowledge_cases.csv")
    assert (cases["recipe"].value_counts() == len(tables["busi"])).all()


def test_resampled_choices_lie_around_the_choice(tables, recipe):
    write("vague", tables, 0.2)
    cases = tables["busi"]
    found = out_of_fold.stability("vague", cases, resamples=20)
    assert (found["low"] <= found["median"]).all()
    assert (found["median"] <= found["high"]).all()


def test_the_mean_of_two_lies_between_them(tables, recipe):
    write("sure", tables, 0.45)
    write("vague", tables, 0.2)
    one, other, both = (
        np.stack(out_of_fold.predictions(name, 1)["classes"])
        for name in ("sure", "vague", "sure+vague")
    )
    assert both.shape[1:] == (160, 160, 3)
    assert min(one.min(), other.min()) <= both.min()
    means = one[..., 0].mean(), other[..., 0].mean()
    assert both[..., 0].mean() == pytest.approx(np.mean(means), abs=0.01)


def test_the_armpits_are_those_that_the_word_is_found_on(busi_root):
    from helpers.data import burned_text

    cases = busi.index(busi_root)
    images = map(busi.read_image, cases["image"])
    shown = list(map(burned_text.shows_armpit, images))
    listed = pd.read_csv(ROOT / "results" / "axilla.csv")["case"]
    assert cases["case"][shown].tolist() == listed.tolist()
    by_eye = pd.read_csv(ROOT / "results" / "axilla_by_eye.csv")
    seen = by_eye[by_eye["axilla"] == 1]["case"]
    assert len(by_eye) == 100 and set(seen) <= set(listed)
