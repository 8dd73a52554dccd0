"""What the results explorer is given: counted parts, outlines, a rule."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
from test_knowledge import keep

from helpers.data import busi, masks
from helpers.evaluation import measures, metrics, postprocessing
from tools.research import explorer, knowledge, out_of_fold

pytestmark = pytest.mark.research

SIZE = 64


@pytest.fixture(scope="module")
def home(tables, tmp_path_factory):
    """Phantoms, and a recipe's predictions of them: blurred ground truth."""
    cases, rng = tables["busi"], np.random.default_rng(0)
    labels = busi.load_arrays(cases, SIZE)[1]
    sharp = np.float32(labels > 0)
    blurred = np.stack([cv2.GaussianBlur(y, (0, 0), 3) for y in sharp])
    malignant = (cases["label"] == "malignant").to_numpy()[:, None, None]
    share = np.where(malignant, 0.6, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knowledge, "HOME", tmp_path_factory.mktemp("knowledge"))
        for fold in out_of_fold.FOLDS:
            noise = cv2.GaussianBlur(rng.normal(0, 1, labels.shape), (0, 0), 2)
            lesion = np.clip(blurred + 0.3 * noise, 0.01, 0.99)
            parts = [1 - lesion, lesion * (1 - share), lesion * share]
            others = np.arange(len(cases)) % 4 == fold % 4
            seen = (cases["fold"] == fold).to_numpy() | others
            keep("blurred", fold, cases, np.stack(parts, axis=-1), seen)
        yield cases


@pytest.fixture(scope="module")
def found(home):
    return explorer.explored("blurred", home)


def test_each_case_is_held_out_once_and_validates_where_seen(home, found):
    held = [case["case"] for case in found["held_out"]]
    assert sorted(held) == sorted(home["case"])
    validates = pd.Series([case["case"] for case in found["validation"]])
    assert len(validates) > validates.nunique() > 1
    pairs = [out_of_fold.predictions("blurred", k) for k in range(5)]
    seen = sum((~pair["held_out"]).sum() for pair in pairs)
    assert len(validates) == seen


def test_the_parts_of_a_case_are_those_of_its_mask(home):
    held, _ = explorer.gathered("blurred", home)
    for case in held.itertuples():
        reference, p = explorer.restored(case)
        kept = explorer.record(case, reference, p)
        box = masks.Letterbox.of(*reference.shape, SIZE)
        assert sum(kept["lesions"]) == reference.sum()
        assert len(kept["lesions"]) == masks.parts(reference)[1]
        for k, t in enumerate(explorer.THRESHOLDS):
            mask = postprocessing.lesion_mask(case.classes, box, threshold=t)
            assert len(kept["parts"][k]) == masks.parts(mask)[1]
            if not mask.any():
                continue
            area, below, *shared = np.sum(kept["parts"][k], axis=0)
            assert area == mask.sum()
            assert sum(shared) == (mask & reference).sum()
            if reference.any() and area > sum(shared):
                expected = metrics.share_below(reference, mask)
                assert below / (area - sum(shared)) == expected


def test_the_kept_probability_passes_the_same_thresholds(home, found):
    held, _ = explorer.gathered("blurred", home)
    for case, kept in zip(held.itertuples(), found["held_out"], strict=True):
        p = postprocessing.lesion_probability(case.classes)
        for least in [*postprocessing.IMAGE_THRESHOLDS, np.round(p, 4)]:
            assert (kept["lesion"] >= least) == (p >= least)


def test_the_rule_and_its_figures_are_those_of_the_helpers(home, found):
    held, validation = explorer.gathered("blurred", home)
    pair = np.stack(validation["classes"]), np.stack(validation["target"])
    assert found["chosen"] == postprocessing.fit_rule(*pair)
    scores = measures.rule_scores(held, held["classes"], found["chosen"])
    summary = out_of_fold.summary(scores, np.nan)
    kept = found["figures"]["held_out"]
    names = {"dice": "dice", "missed": "missed", "empty": "normals_empty"}
    for ours, theirs in names.items():
        ends = [summary[f"{theirs}{end}"] for end in ("", "_low", "_high")]
        assert kept[ours] == pytest.approx(ends)
    # each class has its own share, and the lesions are seen
    assert kept["accuracy"][0] > 0.8


def test_an_outline_fills_about_what_it_outlines():
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (300, 400)), (0, 0), 25)
    mask = noise > noise.mean()
    mask[100:140, 100:140] = False  # a hole
    text, drawn = explorer.path(mask), np.zeros(mask.shape, np.uint8)
    for ring in text.split("z")[:-1]:
        first, steps = ring.removeprefix("M").split("l")
        start = np.array(first.split(), int)
        numbers = steps.replace("-", " -").split()
        moves = np.reshape(np.array(numbers, int), (-1, 2))
        points = start + np.vstack([[0, 0], np.cumsum(moves, axis=0)])
        points = points * max(mask.shape) / explorer.GRID - 0.5
        own = cv2.fillPoly(np.zeros_like(drawn), [np.int32(points.round())], 1)
        drawn ^= own  # even-odd, as the holes are
    assert metrics.dice(mask, drawn > 0) > 0.97
    assert explorer.path(mask & False) == ""


def test_json_holds_what_was_found(found):
    again = json.loads(explorer.as_json(found))
    assert again["held_out"] == found["held_out"]
    assert again["chosen"] == found["chosen"]


def test_a_recipe_without_predictions_is_named(home):
    with pytest.raises(SystemExit, match="lacks predictions"):
        explorer.main("nowhere", "blurred+absent")
    assert explorer.missing("blurred") == []
