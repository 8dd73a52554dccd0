"""Get the data: a folder, a zip, Drive, Kaggle, and else the phantom."""

import contextlib
import filecmp
import itertools
import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import environment, files
from . import archives, busi, busi_folder, layouts
from .phantom import dataset

KAGGLE = "aryashah2k/breast-ultrasound-images-dataset"
KAGGLE_INPUT = Path("/kaggle/input")
DATA = files.ROOT / "data"
PHANTOM = {"n_benign": 200, "n_malignant": 120, "n_normal": 80, "seed": 0}
ZIPS = re.compile(r"(archive|.*busi|.*breast.*ultrasound).*\.zip", re.I)


@dataclass(frozen=True)
class Source:
    """A data set found: its folder and a sentence on what it is."""

    root: Path
    how: str

    @cached_property
    def kind(self):
        """Return "phantom" for simulated images, else "busi"."""
        return "phantom" if is_phantom(self.root) else "busi"

    @cached_property
    def fingerprint(self):
        """Return the hex SHA-256 of all image and mask files."""
        return busi.fingerprint(self.root)


def locate(where="", drive=None):
    """Return the `Source` to use.

    `where` (a folder, a zip, "phantom" or "kagglehub"), else $BUSI_DIR, must
    hold the data set. Without them the project's data/, Kaggle's inputs, Drive
    (`drive`: its top folder) and, on Colab and Kaggle, kagglehub are tried in
    turn; at last a phantom is simulated.
    busi.DataError: a wrong place, or no room for the phantom.
    """
    if not where and (set_by := os.environ.get("BUSI_DIR")):
        try:
            return locate(set_by)
        except busi.DataError as error:
            raise busi.DataError(f"$BUSI_DIR: {error}") from None
    if where == "phantom":
        return simulated()
    if where == "kagglehub":
        return from_kagglehub()
    if where:
        root, others = given(where)
        zips = zips_in(files.absolute(where))
        return described(root, [*others, *zips])
    # KAGGLE_INPUT/<name> or, since 2026, KAGGLE_INPUT/datasets/<owner>/<name>
    for folder in (DATA, KAGGLE_INPUT, *KAGGLE_INPUT.glob("datasets/*")):
        found = look_in(folder)
        if found:
            return described(*found)
    found = from_drive(drive)
    if not found and (environment.in_colab() or environment.in_kaggle()):
        try:
            found = from_kagglehub()
        except busi.DataError as error:
            print(error)
    return found or simulated()


def given(where):
    """Return `busi_folder.choose` of a user's place; refuse other sets."""
    try:
        return busi_folder.choose(where)
    except busi_folder.SeveralSets:
        raise
    except busi.DataError:
        other = layouts.other(where)
        if not other:
            raise
    learn = "the notebooks learn from BUSI. Give it as EXTERNAL to"
    remedy = f"{learn} `make run-all`, or as DATA to `make external`."
    name = layouts.NAMES[other.layout]
    raise busi.DataError(f"{where} holds {name}: {remedy}")


def is_phantom(root):
    """Return whether the images in a data set's folder are simulated."""
    return (root / dataset.MARKER).exists()


def described(root, others=()):
    """Return the Source at `root`, saying whether its images are real.

    others: paths of data sets that were found, too, and are not used.
    """
    how = "BUSI, real images"
    if is_phantom(root):
        how = "PHANTOM, simulated images and not patients"
    unused = "; found, too, and not used: " + ", ".join(map(str, others))
    return Source(root, f"{how} ({root}{unused * bool(others)})")


def simulated():
    """Return the default phantom data set, written now if there is none."""
    in_drive = DATA.is_relative_to(environment.DRIVE)
    may_write = os.access(DATA, os.W_OK) and not in_drive
    home = (DATA if may_write else archives.cache_folder()) / "phantom"
    if not is_phantom(home / dataset.FOLDER):
        n = PHANTOM["n_benign"] + PHANTOM["n_malignant"] + PHANTOM["n_normal"]
        print(f"Simulating {n} images, about {n / 20:.0f} s.")
    try:
        return described(dataset.write_dataset(home, **PHANTOM))
    except OSError as error:
        problem = f"{home} could not be written ({error.strerror})"
        remedy = "free some space there, or give real images as DATA."
        raise busi.DataError(f"{problem}: {remedy}") from None
    except ValueError as error:
        raise busi.DataError(str(error)) from None


def look_in(folder):
    """Return (root, others) of the real data set in `folder`, or None.

    It may be a zip there. busi_folder.SeveralSets: which to take is unclear.
    """
    if not folder.is_dir():
        return None
    zips = zips_in(folder)
    for candidate in [folder, *zips]:
        try:
            root, others = busi_folder.choose(candidate, levels=3)
        except busi_folder.SeveralSets:
            raise
        except busi.DataError as error:
            if candidate in zips or _has_classes(candidate):
                print(f"Not used: {error}")
            continue
        if not is_phantom(root):
            return root, [*others, *(z for z in zips if z != candidate)]
    return None


def zips_in(folder):
    """Return a folder's files that are named as Kaggle's download may be."""
    return sorted(p for p in folder.glob("*") if ZIPS.fullmatch(p.name))


def _has_classes(folder):
    """Tell whether a folder named as a class is in a folder, or below."""
    below = itertools.chain(*(folder.glob(p) for p in ("*", "*/*", "*/*/*")))
    return any(path.name.lower() in busi_folder.LABELS for path in below)


def from_drive(drive):
    """Return the Source of BUSI's zip in Drive, copied here once, or None."""
    if drive is None:
        return None
    unused = "The zip in Drive could not be used ({}): looking elsewhere."
    try:
        zips = [*zips_in(drive), *zips_in(drive / environment.PROJECT)]
    except OSError as error:
        print(unused.format(error))
        return None
    for found in zips:
        # a name of its own: another archive.zip may lie here, or in Drive
        name = f"{found.stem}-{found.parent.name}.zip"
        local = archives.cache_folder() / name
        try:
            # as new and as large: it is the one that was copied before
            if not local.exists() or not filecmp.cmp(found, local):
                local.parent.mkdir(parents=True, exist_ok=True)
                files.copy(found, local)
                shutil.copystat(found, local)
            return described(busi.find(local))
        except (OSError, busi.DataError) as error:
            print(unused.format(error))
            with contextlib.suppress(OSError):
                local.unlink()
    return None


def from_kagglehub():
    """Return the Source of BUSI, fetched by kagglehub without an account.

    busi.DataError: kagglehub is not installed, or the download failed.
    """
    by_hand = f"download {KAGGLE} by hand and give the zip as DATA."
    try:
        import kagglehub
    except ImportError:
        problem = "kagglehub is not installed: run `pip install kagglehub`"
        raise busi.DataError(f"{problem}, or {by_hand}") from None
    try:
        root = kagglehub.dataset_download(KAGGLE)
    except Exception as error:  # its errors have no common class
        problem = f"kagglehub could not fetch it ({type(error).__name__})"
        raise busi.DataError(f"{problem}: {by_hand}") from None
    return described(busi.find(root))
