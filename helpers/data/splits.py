"""Folds for cross-validation that never split a group of near-duplicates."""

import hashlib
from collections import Counter


def assign_folds(cases, n_folds=5, seed=0):
    """Return a Series "fold" of int, 0 to n_folds - 1, aligned with `cases`.

    cases: DataFrame[case, label, group]; for the group of near-duplicates see
    `duplicates.assign_groups`. Groups stay whole. The largest are dealt first,
    in an order drawn from `seed`, each to the fold with the smallest share of
    its classes so far. The same cases, groups and seed give the same folds
    everywhere, whatever the order of the rows: no library's random numbers
    take part.
    ValueError: n_folds is below 2 or above the number of groups.
    """
    groups = [rows for _, rows in cases.groupby("group")]
    if not 2 <= n_folds <= len(groups):
        problem = f"{n_folds} folds cannot be made of {len(groups)} groups"
        remedy = "ask for at least 2, and for no more than there are groups."
        raise ValueError(f"{problem}: {remedy}")

    def turn(rows):
        # by a case's name, not the group's, which may be renamed
        name = f"{int(seed)} {min(rows['case'])}"
        return -len(rows), hashlib.sha256(name.encode()).hexdigest()

    total = Counter(cases["label"])
    dealt = [Counter() for _ in range(n_folds)]
    fold_of = {}
    for rows in sorted(groups, key=turn):
        new = sorted(Counter(rows["label"]).items())

        def growth(fold, new=new):  # of the sum of squared class shares
            have = dealt[fold]
            shares = [n * (2 * have[k] + n) / total[k] ** 2 for k, n in new]
            return sum(shares), have.total(), fold

        fold = min(range(n_folds), key=growth)
        dealt[fold].update(dict(new))
        fold_of.update(dict.fromkeys(rows["case"], fold))
    return cases["case"].map(fold_of).astype(int).rename("fold")


def roles(cases, fold, seed=0):
    """Return the labels of the rows that train, validate, and are held out.

    cases: DataFrame[case, label, group, fold]. Of what is not in `fold`, an
    eighth, again in whole groups, validates, and with it fold -1, which is
    there for that alone.
    """
    outside = cases["fold"] != fold
    rest = cases[outside & (cases["fold"] >= 0)]
    inner = assign_folds(rest, n_folds=8, seed=seed) == 0
    validates = rest.index[inner].union(cases.index[cases["fold"] < 0])
    return rest.index[~inner], validates, cases.index[~outside]
