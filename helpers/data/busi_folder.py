"""Find the folder of the BUSI data set, or say what is there instead.

Files are named as follows, in folders named like the class:

    <class> (<number>).png            image
    <class> (<number>)_mask.png       mask of its first lesion, black if normal
    <class> (<number>)_mask_<k>.png   masks of further lesions
"""

import contextlib
import os
import re

from .. import files
from . import archives

LABELS = ("benign", "malignant", "normal")
NAME = re.compile(
    r"(?P<label>benign|malignant|normal) \((?P<number>\d+)\)"
    r"(?P<mask>_mask(_(?P<part>\d+))?)?\.png",
    re.IGNORECASE,
)
MARKER = "PHANTOM.json"  # beside the classes: the images are simulated
JUNK = {"thumbs.db", "desktop.ini"}


class DataError(ValueError):
    """The data set cannot be used; the message says what to do."""

    def _render_traceback_(self):  # Jupyter then shows the sentence alone
        return [f"The data: {self}"]


class SeveralSets(DataError):
    """There are several data sets, and none of them holds all the others."""


def find(where):
    """Return the folder that holds benign/, malignant/ and normal/.

    where: it, a folder up to two levels above it, or Kaggle's zip, which is
    unpacked into the cache. DataError: it is missing, holds something else, or
    several sets.
    """
    return choose(where)[0]


def choose(where, levels=2):
    """Return (the folder that `find` does, the other sets there: a list).

    The others hold nothing that the first does not. Simulated sets give way.
    levels: how far down `where` is searched, if it is a folder.
    """
    where = files.absolute(where)
    with refused(where):
        if where.is_file():
            return _choose_below(archives.unpack(where), where, 2)
        if not where.is_dir():
            remedy = "give BUSI's folder or zip as DATA."
            raise DataError(f"{where} does not exist: {remedy}")
        return _choose_below(where, where, levels)


@contextlib.contextmanager
def refused(where):
    """Raise what goes wrong with a place that a user gave as a DataError."""
    try:
        yield
    except archives.ArchiveError as error:
        raise DataError(str(error)) from None
    except PermissionError as error:
        raise _closed(error.filename or where) from None
    except OSError as error:  # of a name that is too long, a lost disk
        problem = f"{where} cannot be read ({error.strerror})"
        raise DataError(f"{problem}: give another place as DATA.") from None


def _closed(path):
    return DataError(f"{path} may not be read: change its permissions.")


def _choose_below(folder, named, levels):
    """Return (set, other sets) of a folder; `named` is what the user gave."""
    sets, listed, locked = _sets_below(folder, levels)
    if not sets:
        raise _closed(locked[0]) if locked else _nothing_in(named, listed)
    real = [root for root in sets if not (root / MARKER).exists()]
    sets = {root: sets[root] for root in real or sets}
    everything = set().union(*sets.values())
    whole = [root for root, found in sets.items() if found == everything]
    if whole:
        return whole[0], [root for root in sets if root != whole[0]]
    counts = []
    for root, found in sets.items():
        n = sum("_mask" not in name for name, _ in found)
        counts.append(f"{root.relative_to(folder)} ({n} images)")
    problem = f"{named} holds {len(sets)} data sets: {', '.join(counts)}"
    do = "Unpack it, and give" if named.is_file() else "Give"
    remedy = f"{do} one of them as DATA (in a notebook, as BUSI_DIR)"
    raise SeveralSets(f"{problem}. {remedy}, or join them in one folder.")


def _sets_below(folder, levels):
    """Return ({folder of a set: its files}, what was seen, closed folders).

    If `folder` is a set itself, it is the only one.
    """
    level, sets, seen, locked = [folder], {}, [], []
    for _ in range(levels + 1):
        found = {root: _files_of(root, locked) for root in level}
        sets |= {root: names for root, names in found.items() if names}
        if folder in sets:
            break
        below = [path for above in level for path in listing(above, locked)]
        below = [path for path in below if not is_junk(path)]
        level = [path for path in below if os.path.isdir(path)]
        seen += below
    return sets, seen, locked


def _files_of(root, locked):
    """Return {(class/name, bytes)}: a folder's files of the pattern."""
    return {
        (f"{label}/{path.name.lower()}", path.exists() and path.stat().st_size)
        for label in LABELS
        for path in listing(class_folder(root, label), locked)
        if NAME.fullmatch(path.name)
    }


def class_folder(root, label):
    """Return the folder of a class, however it is written: Benign, BENIGN."""
    spelled = [p for p in listing(root, []) if p.name.lower() == label]
    return next(filter(os.path.isdir, reversed(spelled)), root / label)


def _nothing_in(named, seen):
    """Return the DataError that says what there is instead of a data set."""
    problem = f"{named} does not hold the BUSI data set"
    office = (".docx", ".xlsx", ".pptx", ".odt", ".ods")  # zips, too
    others = (path for path in seen if path.suffix.lower() not in office)
    packed = list(filter(archives.kind, others))
    folders = [p for p in seen if p.name.lower() in LABELS and p.is_dir()]
    names = [p.name for folder in folders for p in listing(folder, [])]
    if packed:
        is_zip = packed[0].suffix.lower() == ".zip"
        whole = is_zip and packed[0].is_relative_to(named)
        do = "give that" if whole else "unpack that, and give its folder"
        hint = f"but {packed[0].name}: {do} as DATA"
    elif names:
        hint = f"its files are named like '{names[0]}', not 'benign (1).png'"
    else:
        hint = "no folder benign/, malignant/ or normal/ with files like "
        hint += "'benign (1).png' was found in it"
    return DataError(f"{problem}: {hint}; see data/README.md.")


def listing(folder, locked):
    """Return the sorted paths in a folder; a closed one joins `locked`."""
    try:
        return sorted(folder.iterdir())
    except PermissionError:
        locked.append(folder)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return []


def is_junk(path):
    """Tell whether an operating system or an editor left a file or folder."""
    name = path.name.lower()
    return name.startswith((".", "__macosx")) or name in JUNK
