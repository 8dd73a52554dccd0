"""Get the data: a folder, a zip, Drive, Kaggle, and else the phantom."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import environment, files
from . import busi
from .phantom import dataset

KAGGLE = "aryashah2k/breast-ultrasound-images-dataset"
KAGGLE_INPUT = Path("/kaggle/input")
DATA = files.ROOT / "data"
PHANTOM = {"n_benign": 90, "n_malignant": 54, "n_normal": 36, "seed": 0}
ZIPS = ("archive*.zip", "*BUSI*.zip", "*[Bb]reast*[Uu]ltrasound*.zip")


@dataclass(frozen=True)
class Source:
    """A data set found: its folder and a sentence about where it came from."""

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
    be right: a wrong one is refused. Without them the project's data/ folder,
    Kaggle's input folders, Drive (`drive`: its top folder) and, on Colab and
    Kaggle, kagglehub are tried in this order; if none has the images, a
    phantom data set is simulated.

    Raises:
        busi.DataError: `where` or $BUSI_DIR does not hold the data set, or
            there is no room for the phantom.
    """
    where = where or os.environ.get("BUSI_DIR", "")
    if where == "phantom":
        return simulated()
    if where == "kagglehub":
        return from_kagglehub()
    if where:
        return described(busi.find(where))
    # an input lies in KAGGLE_INPUT/<name> or, since 2026, in
    # datasets/<owner>/<name>
    for folder in (DATA, KAGGLE_INPUT, *KAGGLE_INPUT.glob("datasets/*")):
        found = look_in(folder)
        if found:
            return described(found)
    has_kagglehub = environment.in_colab() or environment.in_kaggle()
    return (
        from_drive(drive) or (has_kagglehub and try_kagglehub()) or simulated()
    )


def is_phantom(root):
    """Return whether the images in a data set's folder are simulated."""
    return (root / dataset.MARKER).exists()


def described(root):
    """Return the Source at `root`, saying whether its images are real."""
    if is_phantom(root):
        how = f"PHANTOM, simulated images and not patients ({root})"
    else:
        how = f"BUSI, real images ({root})"
    return Source(root, how)


def local_folder():
    """Return data/, or a cache if that is read-only or in Drive."""
    if os.access(DATA, os.W_OK) and not DATA.is_relative_to(environment.DRIVE):
        return DATA
    return Path.home() / ".cache" / "busi-notebooks"


def simulated():
    """Return the default phantom data set, written now if there is none."""
    home = local_folder() / "phantom"
    if not is_phantom(home / dataset.FOLDER):
        n = PHANTOM["n_benign"] + PHANTOM["n_malignant"] + PHANTOM["n_normal"]
        print(f"Simulating {n} images, about {n / 15:.0f} s.")
    try:
        return described(dataset.write_dataset(home, **PHANTOM))
    except OSError as error:
        raise busi.DataError(
            f"{home} could not be written ({error.strerror}): free some space "
            "there, or give real images as DATA."
        ) from None


def look_in(folder):
    """Return the real data set in `folder` (as a folder or a zip) or None."""
    if not folder.is_dir():
        return None
    folders = [p for p in sorted(folder.iterdir()) if p.is_dir()]
    for candidate in [*folders, folder, *zips_in(folder)]:
        try:
            root = busi.find(candidate)
        except busi.DataError:
            continue
        if not is_phantom(root):
            return root
    return None


def zips_in(folder):
    """Return a folder's files that are named as Kaggle's download may be."""
    return sorted({path for pattern in ZIPS for path in folder.glob(pattern)})


def from_drive(drive):
    """Return the Source of BUSI's zip in Drive, or None.

    Drive is slow with many small files: the zip is copied, once, and unpacked
    here.
    """
    if drive is None:
        return None
    try:
        for found in [*zips_in(drive), *zips_in(drive / environment.PROJECT)]:
            local = local_folder() / found.name
            if not local.exists():
                local.parent.mkdir(parents=True, exist_ok=True)
                files.copy(found, local)
            return described(busi.find(local))
    except (OSError, busi.DataError) as error:
        print(
            f"The zip in Drive could not be used ({error}): looking elsewhere."
        )
    return None


def from_kagglehub():
    """Fetch BUSI with kagglehub (public, no account) and return its Source.

    Raises:
        busi.DataError: kagglehub is not installed, or the download failed.
    """
    by_hand = "by hand from Kaggle and give the zip as DATA."
    try:
        import kagglehub
    except ImportError:
        raise busi.DataError(
            "kagglehub is not installed: run `pip install kagglehub`, or "
            f"download {KAGGLE} {by_hand}"
        ) from None
    try:
        return described(busi.find(kagglehub.dataset_download(KAGGLE)))
    except busi.DataError:
        raise
    except Exception as error:  # its errors have no common class
        raise busi.DataError(
            f"kagglehub could not fetch {KAGGLE} ({type(error).__name__}): "
            f"download it {by_hand}"
        ) from None


def try_kagglehub():
    """Return what kagglehub has, or None after saying why not."""
    try:
        return from_kagglehub()
    except busi.DataError as error:
        print(error)
        return None
