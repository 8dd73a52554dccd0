"""Cases as the research tools and the benchmark need them."""

from helpers.data import busi, duplicates, splits
from helpers.data.phantom import dataset


def grouped(root):
    """Return `busi.index` of a data set with the group of each case."""
    cases = busi.index(root)
    pairs = duplicates.near_duplicates(cases)
    return cases.assign(group=duplicates.assign_groups(cases, pairs))


def with_validation(cases, size):
    """Return (images, labels, validates): arrays, and a bool for each case.

    An eighth of the cases, in whole groups, validates.
    """
    images, labels = busi.load_arrays(cases, size)
    validates = splits.assign_folds(cases, n_folds=8).to_numpy() == 0
    return images, labels, validates


def phantoms(folder, n, seed, size):
    """Return n simulated images and their labels, uint8 (n, size, size).

    9 benign to 7 malignant to 4 normal ones; `folder` keeps them.
    """
    counts = (n * 9 // 20, n * 7 // 20, n * 4 // 20)
    root = dataset.write_dataset(folder, *counts, seed)
    return busi.load_arrays(busi.index(root), size, cache=folder.parent)
