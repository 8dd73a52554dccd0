"""Find out which data set lies in a folder or zip, and index it.

Three layouts are read: that of BUSI, that of BUS-BRA, and the folder of
`helpers.data.folder` that any other set can be brought into.
"""

import itertools
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from .. import files
from . import archives, busbra, busi, busi_folder, duplicates, folder

# Of a layout other than BUSI's: its table, and the folder of images beside it.
TABLES = {
    "busbra": (busbra.TABLE, "Images"),
    "folder": (folder.TABLE, "images"),
}
NAMES = {"busi": "BUSI", "busbra": "BUS-BRA", "folder": "a set of your own"}
# How a layout is looked through, and what refuses it if it cannot be used.
READERS = {
    "busi": (busi.examine, busi.usable),
    "busbra": (busbra.scan, folder.whole),
    "folder": (folder.scan, folder.whole),
}
# What a set shows of itself, by the names of its files.
KNOWN = {
    "BUS-UCLM": r"(^|/)INFO\.csv$",
    "BrEaST": r"case\d+_tumor\.png$",
    "a download from Hugging Face": r"\.(parquet|arrow)$",
    "a set of DICOM files": r"\.dcm$",
}
MOST_FILES = 5000  # looked at where a layout is unknown


@dataclass(frozen=True)
class DataSet:
    """A data set found: its layout ("busi", "busbra", "folder") and folder."""

    layout: str
    root: Path

    @cached_property
    def scan(self):
        """What is found in it, (cases, problems); each picture is read once.

        `busi.DataError`: something is wrong with its table.
        """
        look, _ = READERS[self.layout]
        return look(self.root)

    def check(self):
        """Return what is wrong with it, as `busi.check` does."""
        try:
            return self.scan[1]
        except busi.DataError as error:
            table, _ = TABLES[self.layout]
            why = str(error).rstrip(".")
            problem = [("fatal", table, why, "see data/README.md")]
            return pd.DataFrame(problem, columns=busi.PROBLEM)

    @cached_property
    def cases(self):
        """The `index` of its layout, with a column group.

        That is the patient; without patients, near-duplicates share a group.
        """
        _, refuse = READERS[self.layout]
        cases = refuse(self.root, *self.scan)
        if "group" in cases:
            return cases
        pairs = duplicates.near_duplicates(cases)
        return cases.assign(group=duplicates.assign_groups(cases, pairs))

    @cached_property
    def fingerprint(self):
        """Return the hex SHA-256 of all its pictures and tables."""
        if self.layout == "busi":
            return busi.fingerprint(self.root)
        found = sorted(self.root.rglob("*.png"))
        found += sorted(self.root.glob("*.csv"))
        return busi.digest_of(found)


def find(where):
    """Return the `DataSet` at a place.

    where: its folder, one up to two levels above it, or its zip, which is
    unpacked into the cache. `busi.DataError`: there is nothing that can be
    read; says what was found, and how to lay it out.
    """
    where = files.absolute(where)
    with busi_folder.refused(where):
        top = archives.unpack(where) if where.is_file() else where
        if not top.is_dir():
            gone = f"{where} does not exist"
            raise busi.DataError(f"{gone}: give a folder or zip as DATA.")
        try:
            own = [DataSet("busi", busi.find(top))]
        except busi_folder.SeveralSets:
            raise
        except busi.DataError:
            own = []
        if [found.root for found in own] == [top]:
            return own[0]
        for level in ("", "*/", "*/*/"):
            sets = [
                DataSet(layout, table.parent)
                for layout, (name, images) in TABLES.items()
                for table in sorted(top.glob(level + name))
                if (table.parent / images).is_dir()
            ]
            if not level and sets:
                return sets[0]
            if sets and len(sets + own) > 1:
                both = ", ".join(str(found.root) for found in sets + own)
                problem = f"{where} holds several sets: give one of {both}."
                raise busi_folder.SeveralSets(problem)
            if sets:
                return sets[0]
        if own:
            return own[0]
        raise busi.DataError(unknown(where, top))


def other(where):
    """Return the `DataSet` at a place if it is not BUSI, else None.

    Also None where there is none: `busi.find` says what is wrong with it.
    """
    try:
        found = find(where)
    except busi.DataError:
        return None
    return None if found.layout == "busi" else found


def unknown(where, top):
    """Return a sentence on a folder in none of the layouts: what is in it?"""
    paths = (p for p in top.rglob("[!.]*") if p.is_file())
    some = itertools.islice(paths, MOST_FILES)
    names = [str(path.relative_to(top)) for path in some]
    kinds = Counter(Path(name).suffix.lower() or "others" for name in names)
    held = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(4))
    folders = sorted({name.split("/")[0] for name in names if "/" in name})
    if folders:
        listed = ", ".join(f"{name}/" for name in folders[:3])
        held += f", in {listed}" + " ..." * (len(folders) > 3)
    listed = "\n".join(names)
    looks = [name for name, p in KNOWN.items() if re.search(p, listed, re.M)]
    hint = f"This looks like {looks[0]}. " if looks else ""
    return (
        f"{where} is in no layout that is read (BUSI, BUS-BRA, or a folder of "
        f"{folder.WANTED}): it holds {held or 'no file'}. "
        f"{hint}data/README.md has the few lines that lay a set out."
    )
