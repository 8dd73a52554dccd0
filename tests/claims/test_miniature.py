"""The miniature scores at the original size, and says what came out."""

import numpy as np
import pytest
from conftest import ROOT

from helpers.claims import checks, miniature
from helpers.data import busi, splits
from helpers.evaluation import baselines

USUAL = {"steps": 2, "width": 4, "depth": 2, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def trial(phantom_root, tmp_path_factory):
    cases = busi.index(phantom_root)
    cases["group"] = cases["case"]
    cases["fold"] = splits.assign_folds(cases, seed=0)
    reference = checks.read(ROOT / "results")
    cache = tmp_path_factory.mktemp("cache")
    trial = miniature.Miniature(cases, 64, cache, reference, USUAL)
    trial.test_untrained()
    return trial


def test_what_is_learned_from_is_not_scored(trial):
    fold = trial.cases["fold"]
    assert set(fold[trial.learn]) == {2, 3, 4} and set(fold[trial.test]) == {1}
    assert (trial.cases["label"][trial.test] != "normal").all()
    assert set(trial.nearest()) <= set(trial.learn)


def test_the_true_masks_score_best_at_the_original_size(trial):
    labels = trial.pixels["large"][1][trial.test]
    truth = baselines.dice_of(trial.references, labels > 0)
    trial.scored["truth"] = truth
    assert trial.scored["truth"].min() > 0.8
    untrained = trial.scored[["label alone", "Otsu", "copy-nearest"]]
    assert (untrained.mean() < trial.scored["truth"].mean()).all()


def test_a_network_that_learned_nothing_gives_no_verdict(trial, capsys):
    for name in ("network", "share-100", "depth-2"):
        trial.train(name)
    shown = trial.report(5)
    own = shown.loc["miniature", "outcome"]
    assert set(own) == {checks.UNCLEAR}
    assert "miniature: NOT SHOWN\n- it is open" in capsys.readouterr().out
    trial.report(2)  # by notebook 3 and the reference run only
    verdicts = trial.verdicts()
    assert verdicts.loc[2, "miniature"] == "see notebook 3"
    assert verdicts.loc[2, "real images"] == checks.HOLDS
    assert set(trial.all_checks()["run"]) == {"miniature", "real images"}


def test_pictures_say_how_much_is_outlined(monkeypatch):
    told, figures = [], miniature.figures
    monkeypatch.setattr(figures, "show", lambda _, alt: told.append(alt))
    image, mask = np.zeros((8, 8), np.uint8), np.eye(8) > 0
    miniature.look({"a\nb": image}, [mask], None, "One")
    assert told == ["One. Share of each picture: a b, outlined 12.5%."]
