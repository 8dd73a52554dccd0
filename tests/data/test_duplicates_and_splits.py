"""Near-duplicates are found, groups stay whole, folds are the same everywhere."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, duplicates, splits

LABELLED = (
    Path(__file__).parent.parent / "results" / "near_duplicates_labelled.csv"
)


def crop(image):
    return image[
        30 : int(0.85 * image.shape[0]), 60 : int(0.9 * image.shape[1])
    ]


def smaller(image):
    return cv2.resize(
        image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA
    )


def marked(image):
    image = image.copy()
    cv2.line(image, (100, 120), (300, 200), 255, 2)
    for point in ((100, 120), (300, 200)):
        cv2.drawMarker(image, point, 255, cv2.MARKER_CROSS, 20, 3)
    cv2.putText(
        image, "LT AXILLA", (60, 300), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2
    )
    return image


def mirrored(image):
    return np.ascontiguousarray(image[:, ::-1])


def darker(image):
    return np.uint8(200 * (image / 255) ** 1.5)


def jpeg(image):
    return cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0
    )


def framed(image):
    return cv2.copyMakeBorder(
        image, 10, 40, 70, 0, cv2.BORDER_CONSTANT, value=0
    )


def all_of_it(image):
    return jpeg(
        marked(darker(smaller(mirrored(image[: int(0.9 * len(image))]))))
    )


CHANGES = (crop, smaller, marked, mirrored, darker, jpeg, framed, all_of_it)


def unlike(seed, height=440, width=560):
    """A picture of layers, a dark blot and speckle; each seed gives an unrelated one."""
    rng = np.random.default_rng(seed)
    level = cv2.resize(
        rng.normal(0, 1, (9, 6)), (width, height), interpolation=3
    )
    level += cv2.resize(
        rng.normal(0, 0.6, (30, 12)), (width, height), interpolation=3
    )
    middle = rng.integers(120, 320, 2).tolist()
    axes = rng.integers(25, 80, 2).tolist()
    cv2.ellipse(level, middle, axes, 0, 0, 360, -2.0, -1)
    speckle = cv2.GaussianBlur(rng.normal(0, 4, (height, width)), (0, 0), 2)
    return np.uint8(np.clip(90 + 35 * (level + speckle), 0, 255))


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """(cases, known pairs): one picture and one changed copy of it for each change."""
    home, rows, known = tmp_path_factory.mktemp("copies"), [], {}
    for seed, change in enumerate(CHANGES):
        picture = unlike(seed)
        names = f"benign ({seed + 1})", f"malignant ({seed + 1})"
        known[names] = change.__name__
        for name, image in zip(names, (picture, change(picture)), strict=True):
            path = home / f"{name}.png"
            cv2.imwrite(str(path), image)
            rows.append(
                {"case": name, "label": name.split()[0], "image": str(path)}
            )
    return pd.DataFrame(rows).sort_values("label", ignore_index=True), known


@pytest.fixture(scope="module")
def pairs(copies):
    return duplicates.near_duplicates(copies[0])


def test_every_kind_of_copy_is_found_and_nothing_else(copies, pairs):
    found = set(zip(pairs["a"], pairs["b"], strict=True))
    assert found == set(copies[1])


def test_columns_tell_what_was_done(copies, pairs):
    done = pairs.set_index("b")
    for (_, copy), change in copies[1].items():
        assert done.loc[copy, "mirrored"] == (
            change in ("mirrored", "all_of_it")
        )
    assert pairs["distance"].between(0, duplicates.LIMIT).all()
    assert pairs["distance"].is_monotonic_increasing
    assert list(pairs.columns[:3]) == ["a", "b", "distance"]
    cropped = next(
        copy for (_, copy), change in copies[1].items() if change == "crop"
    )
    assert done.loc[cropped, "overlap"] > 0.9
    assert done.loc[cropped, "scale"] > 1.15, "less is shown, so all is larger"


def test_order_of_rows_changes_nothing_but_names_order(copies, pairs):
    again = duplicates.near_duplicates(copies[0].iloc[::-1])
    assert set(zip(again["b"], again["a"], strict=True)) == set(
        zip(pairs["a"], pairs["b"], strict=True)
    )
    assert again["distance"].tolist() == pairs["distance"].tolist()
    assert again["scale"].to_numpy() == pytest.approx(
        1 / pairs["scale"], abs=2e-3
    )


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_cases(copies, n):
    found = duplicates.near_duplicates(copies[0].iloc[:n])
    assert found.empty and list(found.columns) == duplicates.COLUMNS


def test_blank_and_narrow_images_are_no_copies(tmp_path):
    images = [
        np.zeros((300, 400), np.uint8),
        np.full((300, 400), 90, np.uint8),
    ]
    images += [unlike(50)[:, :70], unlike(51)[:60]]
    paths = [str(tmp_path / f"normal ({k}).png") for k in range(4)]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    cases = pd.DataFrame(
        {"case": [f"normal ({k})" for k in range(4)], "image": paths}
    )
    assert duplicates.near_duplicates(cases).empty


def test_known_copies_of_the_phantom(phantom_root):
    told = json.loads((phantom_root / "PHANTOM.json").read_text())[
        "near_duplicates"
    ]
    found = duplicates.near_duplicates(busi.index(phantom_root))
    assert {
        frozenset(p) for p in zip(found["a"], found["b"], strict=True)
    } == {frozenset(pair[:2]) for pair in told}


def some(n_benign=30, n_malignant=15, n_normal=10):
    counts = {"benign": n_benign, "malignant": n_malignant, "normal": n_normal}
    names = [
        (f"{c} ({k})", c) for c, n in counts.items() for k in range(1, n + 1)
    ]
    cases = pd.DataFrame(names, columns=["case", "label"])
    pairs = [("benign (1)", "benign (7)"), ("benign (7)", "malignant (3)")]
    pairs += [
        ("normal (1)", "normal (2)"),
        ("malignant (9)", "malignant (15)"),
    ]
    pairs = pd.DataFrame(pairs, columns=["a", "b"])
    return cases.assign(group=duplicates.assign_groups(cases, pairs)), pairs


def test_groups_are_connected_components_named_by_their_first_case():
    cases, pairs = some()
    group = cases.set_index("case")["group"]
    assert group["malignant (3)"] == group["benign (7)"] == "benign (1)"
    assert (
        group["normal (2)"] == "normal (1)"
        and group["benign (2)"] == "benign (2)"
    )
    without = cases[cases["case"] != "benign (7)"].set_index(
        "case", drop=False
    )
    again = duplicates.assign_groups(without, pairs)
    assert again["malignant (3)"] == "benign (1)", (
        "tied by a case that is left out"
    )
    assert again.index.equals(without.index)


def test_label_conflicts_are_the_pairs_of_two_classes():
    conflicts = duplicates.label_conflicts(*some())
    assert conflicts.values.tolist() == [
        ["benign (7)", "malignant (3)", "benign", "malignant"]
    ]


def test_folds_keep_groups_whole_and_classes_balanced():
    cases, _ = some()
    fold = splits.assign_folds(cases, n_folds=5, seed=3)
    assert fold.name == "fold" and fold.index.equals(cases.index)
    assert (
        cases.assign(fold=fold).groupby("group")["fold"].nunique().max() == 1
    )
    table = pd.crosstab(fold, cases["label"])
    assert (table.max() - table.min()).max() <= 1 and len(table) == 5


def test_folds_are_the_same_everywhere():
    fold = splits.assign_folds(some(6, 5, 4)[0], n_folds=3, seed=0)
    assert "".join(map(str, fold)) == "012120020121102"


def test_folds_follow_the_cases_not_their_order_group_names_or_index():
    cases, _ = some()
    fold = splits.assign_folds(cases, seed=7)
    shuffled = cases.sample(frac=1, random_state=0).assign(
        group=lambda t: t["group"] + "x"
    )
    pd.testing.assert_series_equal(
        splits.assign_folds(shuffled, seed=7).sort_index(), fold
    )
    twice = cases.set_index(np.zeros(len(cases), int))
    assert splits.assign_folds(twice, seed=7).tolist() == fold.tolist()


def test_seed_counts_by_value_and_changes_the_folds():
    cases, _ = some()
    fold = splits.assign_folds(cases, seed=1)
    pd.testing.assert_series_equal(
        splits.assign_folds(cases, seed=np.int64(1)), fold
    )
    assert not splits.assign_folds(cases, seed=2).equals(fold)


def test_folds_find_near_duplicates_themselves(copies):
    cases, known = copies
    fold = splits.assign_folds(cases, n_folds=2).set_axis(cases["case"])
    assert all(fold[a] == fold[b] for a, b in known)


@pytest.mark.parametrize("n_folds", [1, 0, 52])
def test_impossible_numbers_of_folds_are_refused(n_folds):
    with pytest.raises(
        ValueError, match=f"{n_folds} folds cannot be made of 51 groups"
    ):
        splits.assign_folds(some()[0], n_folds=n_folds)


def related(cases):
    """The pairs of real cases that were labelled as related by eye and found."""
    told = pd.read_csv(LABELLED, keep_default_na=False)
    told = told[told["stratum"].isin(["copy", "borderline", "near_miss"])]
    return told[told["a"].isin(cases["case"]) & told["b"].isin(cases["case"])]


def test_real_copies_are_found_and_near_misses_are_not(busi_root):
    cases = busi.index(busi_root)
    told = related(cases).groupby("stratum").head(14)
    some_cases = cases[cases["case"].isin({*told["a"], *told["b"]})]
    found = duplicates.near_duplicates(some_cases).set_index(["a", "b"])[
        "distance"
    ]
    for pair in told.itertuples():
        assert ((pair.a, pair.b) in found) == (pair.stratum != "near_miss"), (
            pair
        )
        assert pair.stratum != "copy" or found[pair.a, pair.b] < 0.05


def test_real_folds_are_balanced(busi_root):
    cases = busi.index(busi_root)
    pairs = related(cases).query("stratum != 'near_miss'")
    cases["group"] = duplicates.assign_groups(cases, pairs)
    assert cases["group"].value_counts().max() == 7, (
        "a chain of unrelated frames"
    )
    table = pd.crosstab(splits.assign_folds(cases), cases["label"])
    shares = table.div(table.sum(axis=1), axis=0)
    assert (shares.max() - shares.min()).max() < 0.02
    assert table.sum(axis=1).max() - table.sum(axis=1).min() <= 2
