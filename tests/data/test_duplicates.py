"""Near-duplicates are found and nothing else; they form groups."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, duplicates, splits
from helpers.data.phantom import dataset
from helpers.files import ROOT

LABELLED = ROOT / "results" / "near_duplicates_labelled.csv"


def smaller(image):
    how = {"fx": 0.6, "fy": 0.6, "interpolation": cv2.INTER_AREA}
    return cv2.resize(image, None, **how)


def marked(image):
    image = image.copy()
    cv2.line(image, (100, 120), (300, 200), 255, 2)
    for point in ((100, 120), (300, 200)):
        cv2.drawMarker(image, point, 255, cv2.MARKER_CROSS, 20, 3)
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(image, "LT AXILLA", (60, 300), font, 1, 255, 2)


def jpeg(image):
    quality = [cv2.IMWRITE_JPEG_QUALITY, 40]
    return cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], 0)


def darker(image):
    return np.uint8(200 * (image / 255) ** 1.5)


CHANGES = {
    "crop": lambda image: image[30:374, 60:504],  # of 440 x 560
    "smaller": smaller,
    "marked": marked,
    "mirrored": np.fliplr,
    "darker": darker,
    "jpeg": jpeg,
    "framed": lambda image: np.pad(image, ((10, 40), (70, 0))),
    "all": lambda x: jpeg(marked(darker(smaller(np.fliplr(x[:396]))))),
}


def unlike(seed, height=440, width=560):
    """A picture of layers, a blot and speckle; unrelated for each seed."""
    rng, size = np.random.default_rng(seed), (width, height)
    level = cv2.resize(rng.normal(0, 1, (9, 6)), size, interpolation=3)
    level += cv2.resize(rng.normal(0, 0.6, (30, 12)), size, interpolation=3)
    middle = rng.integers(120, 320, 2).tolist()
    axes = rng.integers(25, 80, 2).tolist()
    cv2.ellipse(level, middle, axes, 0, 0, 360, -2.0, -1)
    speckle = cv2.GaussianBlur(rng.normal(0, 4, (height, width)), (0, 0), 2)
    return np.uint8(np.clip(90 + 35 * (level + speckle), 0, 255))


def written(folder, images):
    """Write {case: image} to a folder; return the cases."""
    paths = {case: str(folder / f"{case}.png") for case in images}
    for case, path in paths.items():
        cv2.imwrite(path, images[case])
    return pd.DataFrame(paths.items(), columns=["case", "image"])


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Eight pictures as benign cases, and a changed copy of each."""
    pictures = {f"benign ({k})": unlike(k) for k in range(8)}
    changed = {
        f"malignant ({k})": change(pictures[f"benign ({k})"])
        for k, change in enumerate(CHANGES.values())
    }
    return written(tmp_path_factory.mktemp("copies"), {**pictures, **changed})


@pytest.fixture(scope="module")
def pairs(copies):
    return duplicates.near_duplicates(copies)


def test_every_kind_of_copy_is_found_and_nothing_else(pairs):
    found = set(zip(pairs["a"], pairs["b"], strict=True))
    assert found == {(f"benign ({k})", f"malignant ({k})") for k in range(8)}
    assert list(pairs.columns) == duplicates.COLUMNS
    assert pairs["distance"].between(0, duplicates.LIMIT).all()
    assert pairs["distance"].is_monotonic_increasing
    changes = pairs.sort_values("a").set_axis([*CHANGES])
    flipped = changes.index[changes["mirrored"]]
    assert set(flipped) == {"mirrored", "all"}
    assert changes.loc["crop", "overlap"] > 0.9
    assert changes.loc["crop", "scale"] > 1.15, "less is shown, but larger"


def test_what_exceeds_the_memory_changes_nothing(copies, pairs, monkeypatch):
    monkeypatch.setattr(duplicates, "FRAMES", 2)
    monkeypatch.setattr(duplicates, "QUERIES_AT_ONCE", 48)
    pd.testing.assert_frame_equal(duplicates.near_duplicates(copies), pairs)


def test_order_of_rows_changes_nothing_but_names_order(copies, pairs):
    again = duplicates.near_duplicates(copies.iloc[::-1])
    swapped = again.rename(columns={"a": "b", "b": "a"})
    same = ["a", "b", "distance", "same_bits", "overlap", "mirrored"]
    pd.testing.assert_frame_equal(swapped[same], pairs[same])
    assert np.abs(again["scale"] * pairs["scale"] - 1).max() < 3e-3


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_cases(copies, n):
    found = duplicates.near_duplicates(copies.iloc[:n])
    assert found.empty and list(found.columns) == duplicates.COLUMNS


def test_blank_and_narrow_images_are_no_copies(tmp_path):
    blank = [np.full((300, 400), value, np.uint8) for value in (0, 90)]
    images = [*blank, unlike(50)[:, :70], unlike(51)[:60]]
    named = {f"normal ({k})": image for k, image in enumerate(images)}
    assert duplicates.near_duplicates(written(tmp_path, named)).empty


def test_known_copies_of_the_phantom(tmp_path):
    root = dataset.write_dataset(tmp_path, 44, 8, 7, seed=3)  # of every kind
    marker = json.loads((root / "PHANTOM.json").read_text())
    found = duplicates.near_duplicates(busi.index(root))
    known = {frozenset((a, b)) for a, b, _ in marker["near_duplicates"]}
    assert set(map(frozenset, found[["a", "b"]].to_numpy())) == known


def chain(*names):
    """The cases of these names, and pairs c1-c2, c2-c3 and n1-n2."""
    cases = pd.DataFrame({"case": names})
    pairs = [("c1", "c2"), ("c2", "c3"), ("n2", "n1")]
    return cases, pd.DataFrame(pairs, columns=["a", "b"])


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (("c1", "c2", "c3", "c4", "n1", "n2"), "c1 c1 c1 c4 n1 n1"),
        (("n2", "c3", "c2", "n1", "c1"), "n2 c3 c3 n2 c3"),  # first of cases
        (("c1", "c4", "c3"), "c1 c4 c1"),  # tied by a case that is left out
        ((), ""),
    ],
)
def test_groups_are_components_named_by_their_first_case(names, groups):
    cases, pairs = chain(*names)
    cases.index = [7] * len(cases)
    found = duplicates.assign_groups(cases, pairs)
    assert found.tolist() == groups.split() and found.name == "group"
    assert found.index.equals(cases.index)
    alone = duplicates.assign_groups(cases, pairs.iloc[:0])
    assert alone.tolist() == list(names)


def test_label_conflicts_are_the_pairs_of_two_classes():
    cases, pairs = chain("c1", "c2", "c3", "n1", "n2")
    cases["label"] = ["benign", "benign", "malignant", "normal", "normal"]
    conflicts = duplicates.label_conflicts(cases, pairs)
    assert conflicts.to_dict("records") == [
        {"a": "c2", "b": "c3", "label_a": "benign", "label_b": "malignant"}
    ]


@pytest.fixture(scope="module")
def real(busi_root):
    """The real cases, and their pairs that were labelled as related by eye."""
    cases = busi.index(busi_root)
    pairs = pd.read_csv(LABELLED, keep_default_na=False)
    related = pairs["stratum"].isin(["copy", "borderline", "near_miss"])
    known = pairs[["a", "b"]].isin([*cases["case"]]).all(axis=1)
    return cases, pairs[related & known]


def test_real_copies_are_found_and_near_misses_are_not(real):
    cases, related = real
    labelled = related.groupby("stratum").head(14)
    chosen = cases["case"].isin({*labelled["a"], *labelled["b"]})
    found = duplicates.near_duplicates(cases[chosen])
    distance = found.set_index(["a", "b"])["distance"]
    for pair in labelled.itertuples():
        is_found = (pair.a, pair.b) in distance
        assert is_found == (pair.stratum != "near_miss"), pair
        assert pair.stratum != "copy" or distance[pair.a, pair.b] < 0.05


def test_real_folds_are_balanced(real):
    cases, related = real
    pairs = related.query("stratum != 'near_miss'")
    groups = duplicates.assign_groups(cases, pairs)
    cases = cases.assign(group=groups)
    assert groups.value_counts().max() == 7, "a chain of unrelated frames"
    table = pd.crosstab(splits.assign_folds(cases), cases["label"])
    sizes = table.sum(axis=1)
    shares = table.div(sizes, axis=0)
    assert (shares.max() - shares.min()).max() < 0.02
    assert sizes.max() - sizes.min() <= 2
