"""What was planted is found: leaks, second outlines, shortcuts."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, duplicates, splits
from helpers.data.phantom import dataset, physics
from helpers.evaluation import baselines, leakage


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A phantom: (cases with groups, its true copies)."""
    home = tmp_path_factory.mktemp("copies")
    counts = {"n_benign": 30, "n_malignant": 20, "n_normal": 10}
    root = dataset.write_dataset(home, **counts, seed=4)
    planted = json.loads((root / "PHANTOM.json").read_text())
    cases, columns = busi.index(root), ["a", "b", "kind"]
    pairs = pd.DataFrame(planted["near_duplicates"], columns=columns)
    pairs["mirrored"] = pairs["kind"] == "mirrored"
    cases["group"] = duplicates.assign_groups(cases, pairs)
    return cases, pairs


def test_a_leak_is_a_group_in_two_folds():
    found = leakage.leaked(["x", "x", "y", "y", "z"], [0, 1, 2, 2, 0])
    assert found.tolist() == [True, True, False, False, False]


def test_a_second_outline_counts_for_both_of_its_cases():
    pairs = {"a": ["x", "x"], "b": ["y", "z"], "dice": [0.8, 0.6]}
    found = leakage.second_outlines(pd.DataFrame(pairs)).to_dict()
    assert found == pytest.approx({"x": 0.7, "y": 0.8, "z": 0.6})
    least = leakage.second_outlines(pd.DataFrame(pairs), "min").to_dict()
    assert least == pytest.approx({"x": 0.6, "y": 0.8, "z": 0.6})
    none = leakage.second_outlines(pd.DataFrame(pairs)[:0])
    assert pd.Series(["x"]).map(none).isna().all()


def test_copying_masks_pays_only_where_the_split_leaks(copies):
    cases, _ = copies
    images, labels = busi.load_arrays(cases, 64)
    sizes = cases.groupby("group")["case"].transform("size")
    paired = (cases["label"] != "normal") & (sizes > 1)
    apart = splits.assign_folds(cases, n_folds=5)
    honest, leaky = (
        baselines.copy_nearest(cases, images, labels, folds)[paired].mean()
        for folds in (apart, np.arange(len(cases)) % 5)
    )
    assert not leakage.leaked(cases["group"], apart).any()
    assert leaky > honest + 0.1


def test_two_outlines_of_one_frame_are_compared_after_registration(copies):
    cases, pairs = copies
    found = leakage.outline_agreement(cases, pairs)
    outlined = ~pairs["a"].str.startswith("normal")
    assert len(found) >= 0.6 * outlined.sum()
    assert (found["correlation"] >= leakage.SAME_FRAME).all()
    # outlined twice, with small differences
    assert found["dice"].median() > 0.8
    # unrelated frames are not compared
    names = cases["case"].to_numpy()
    wrong = pd.DataFrame({"a": names[:8], "b": names[20:28]})
    wrong = wrong.assign(mirrored=False)
    assert leakage.outline_agreement(cases, wrong).empty


def test_a_shortcut_is_found_and_noise_is_not():
    rng = np.random.default_rng(1)
    positive = rng.random(200) < 0.4
    cases = positive, np.arange(200).astype(str), np.arange(200) % 5
    telling = positive + rng.normal(0, 0.3, 200)
    value, low, high = leakage.shortcut_auc(telling[:, None], *cases)
    assert low > 0.9 and low < value < high
    _, low, high = leakage.shortcut_auc(rng.normal(size=(200, 1)), *cases)
    assert low < 0.5 < high


def test_a_mirrored_copy_is_turned_back_before_it_is_compared(tmp_path):
    frame, rows = physics.simulate("benign", np.random.default_rng(0)), []
    both = frame.image, 255 * np.uint8(frame.masks[0])
    for name, turn in (("a", np.asarray), ("b", np.fliplr)):
        paths = [str(tmp_path / f"{name}{end}.png") for end in ("", "_mask")]
        for path, pixels in zip(paths, both, strict=True):
            cv2.imwrite(path, turn(pixels))
        rows.append({"case": name, "image": paths[0], "masks": (paths[1],)})
    cases, pair = pd.DataFrame(rows), pd.DataFrame({"a": ["a"], "b": ["b"]})
    found = leakage.outline_agreement(cases, pair.assign(mirrored=True))
    assert found["dice"].item() > 0.98
    assert leakage.outline_agreement(cases, pair.assign(mirrored=False)).empty
