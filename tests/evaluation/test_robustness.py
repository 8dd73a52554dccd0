"""A stand-in that calls bright pixels lesion, tried on a phantom under known changes."""

import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, masks
from helpers.data.phantom import dataset
from helpers.evaluation import classification, postprocessing, robustness


def bright(squares):
    p = np.clip(squares.astype(np.float32) / 255, 0, 1)
    return np.stack([1 - p, p / 2, p / 2], axis=-1)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    home = tmp_path_factory.mktemp("robustness")
    root = dataset.write_dataset(
        home, n_benign=5, n_malignant=3, n_normal=2, seed=1
    )
    cases = busi.index(root)
    cases["group"], cases["fold"] = np.arange(len(cases)) // 2, 3
    rules = pd.DataFrame(postprocessing.RULE, index=[3])
    references = [masks.merge(paths) for paths in cases["masks"]]
    return robustness.HeldOut(bright, 64, cases, references, rules)


def test_scores_are_those_of_the_rule_at_the_original_size(bench):
    table = bench.of([2, 0]).scored()
    for row, i in zip(table.itertuples(index=False), (2, 0), strict=True):
        image = busi.read_image(bench.cases["image"][i])
        square, box = masks.letterbox(image, 64)
        told = bright(square[None])[0]
        given = postprocessing.lesion_mask(told, box)
        both = 2 * (given & bench.references[i]).sum()
        assert row.Dice == pytest.approx(
            both / (given.sum() + bench.references[i].sum())
        )
        assert row[1] == pytest.approx(classification.lesion_probability(told))


def test_a_change_is_compared_with_the_image_as_it_is(bench):
    same = bench.compared(lambda image: image)
    assert same["difference"].tolist() == [0, 0] and same["p"].tolist() == [
        1,
        1,
    ]
    darker = bench.compared(lambda image: image // 2).set_index("score")
    before = bench.scored()["lesion probability"].mean()
    assert darker.loc["lesion probability", "before"] == pytest.approx(before)
    assert darker.loc["lesion probability", "difference"] < -0.3 * before
    assert (
        darker.loc["lesion probability", "p"] < 0.15
        and (darker["n"] == 10).all()
    )


def test_every_disturbance_starts_from_the_undisturbed_score(bench):
    levels = {"gain": ("decibels", (0, -8, 8)), "shadow": ("share", (0, 0.9))}
    table = bench.of(range(6)).worsened(levels)
    assert table["strength"].tolist() == [0, -8, 8, 0, 0.9]
    start = table[table["strength"] == 0]
    assert start["value"].nunique() == 1 and (start["difference"] == 0).all()
    dice = bench.of(range(6)).scored(lambda image: robustness.gain(image, 8))[
        "Dice"
    ]
    assert table.loc[2, "value"] == pytest.approx(dice.mean())
    assert table.loc[2, "difference"] == pytest.approx(
        dice.mean() - start["value"].iloc[0]
    )
    assert (table["low"] <= table["value"]).all()
    image = np.full((70, 90), 90, np.uint8)
    for kind, (_, (first, *_)) in robustness.LEVELS.items():
        same = getattr(robustness, kind)(
            image, first, np.random.default_rng(0)
        )
        assert (same == image).all()
