"""Folds for cross-validation that never split a group of near-duplicates."""

import hashlib
from collections import Counter

from .duplicates import assign_groups, near_duplicates


def assign_folds(cases, n_folds=5, seed=0):
    """Return the fold of each case, 0 to n_folds - 1: whole groups, stratified by class.

    cases: DataFrame with the columns case and label, and group if it is known;
    else near-duplicates are searched for (column image), which takes a minute.

    The largest groups are dealt first, in an order drawn from `seed`, each to
    the fold that has the smallest share of its classes so far. No library's
    random numbers take part: the same cases, groups and seed give the same
    folds everywhere, whatever the order of the rows. A group of two classes
    stays whole.

    Raises:
        ValueError: n_folds is below 2 or above the number of groups.
    """
    if "group" not in cases:
        cases = cases.assign(
            group=assign_groups(cases, near_duplicates(cases))
        )
    groups = [rows for _, rows in cases.groupby("group")]
    if not 2 <= n_folds <= len(groups):
        raise ValueError(
            f"{n_folds} folds cannot be made of {len(groups)} groups: "
            "ask for at least 2, and for no more than there are groups."
        )

    def turn(rows):
        name = f"{int(seed)} {min(rows['case'])}"  # not the group's: it may be renamed
        return -len(rows), hashlib.sha256(name.encode()).hexdigest()

    total = Counter(cases["label"])
    filled = [Counter() for _ in range(n_folds)]
    fold_of = {}
    for rows in sorted(groups, key=turn):
        new = sorted(Counter(rows["label"]).items())

        def growth(have, new=new):  # of the sum of squared class shares
            shares = (
                n * (2 * have[label] + n) / total[label] ** 2
                for label, n in new
            )
            return sum(shares), have.total()

        fold = min(range(n_folds), key=lambda k: (growth(filled[k]), k))
        filled[fold].update(dict(new))
        fold_of.update(dict.fromkeys(rows["case"], fold))
    return cases["case"].map(fold_of).astype(int).rename("fold")
