"""Folds keep groups whole, are balanced, and are the same everywhere."""

import numpy as np
import pandas as pd
import pytest

from helpers.data import busi, splits

GROUPS = {
    "benign (7)": "benign (1)",
    "malignant (3)": "benign (1)",
    "normal (2)": "normal (1)",
    "malignant (15)": "malignant (9)",
}


def some(n_benign=30, n_malignant=15, n_normal=10):
    counts = zip(busi.LABELS, (n_benign, n_malignant, n_normal), strict=True)
    names = [(f"{c} ({k})", c) for c, n in counts for k in range(1, n + 1)]
    cases = pd.DataFrame(names, columns=["case", "label"])
    return cases.assign(group=cases["case"].replace(GROUPS))


def test_folds_keep_groups_whole_and_classes_balanced():
    cases = some()
    fold = splits.assign_folds(cases, n_folds=5, seed=3)
    assert fold.name == "fold" and fold.index.equals(cases.index)
    assert (fold.groupby(cases["group"]).nunique() == 1).all()
    table = pd.crosstab(fold, cases["label"])
    assert (table.max() - table.min()).max() <= 1 and len(table) == 5


def test_folds_are_the_same_everywhere():
    fold = splits.assign_folds(some(6, 5, 4), n_folds=3, seed=0)
    assert "".join(map(str, fold)) == "012120020121102"


def test_folds_follow_cases_and_seed_not_order_group_names_or_index():
    cases = some()
    fold = splits.assign_folds(cases, seed=7)
    assert splits.assign_folds(cases, seed=np.int64(7)).equals(fold)
    assert not splits.assign_folds(cases, seed=2).equals(fold)
    shuffled = cases.sample(frac=1, random_state=0)
    shuffled["group"] += "x"
    again = splits.assign_folds(shuffled, seed=7).sort_index()
    pd.testing.assert_series_equal(again, fold)
    twice = cases.set_index(np.zeros(len(cases), int))
    assert splits.assign_folds(twice, seed=7).tolist() == fold.tolist()


@pytest.mark.parametrize("n_folds", [1, 0, 52])
def test_impossible_numbers_of_folds_are_refused(n_folds):
    words = f"{n_folds} folds cannot be made of 51 groups"
    with pytest.raises(ValueError, match=words):
        splits.assign_folds(some(), n_folds=n_folds)


def test_every_case_has_one_role_and_those_put_aside_only_validate():
    cases = some()
    cases["fold"] = splits.assign_folds(cases)
    aside = cases["group"].isin(["benign (2)", "normal (3)", "malignant (2)"])
    cases.loc[aside, "fold"] = -1
    trains, validates, held = splits.roles(cases, fold=2)
    assert sorted([*trains, *validates, *held]) == list(cases.index)
    assert list(held) == list(cases.index[cases["fold"] == 2])
    assert set(cases.index[aside]) <= set(validates) and len(validates) > 6
    groups = [set(cases.loc[rows, "group"]) for rows in (trains, validates)]
    assert not groups[0] & groups[1]
