"""What lies in a folder: pictures to read, and what is left out and why."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from . import dicom, pictures
from .busi_folder import is_junk

MASK_WORDS = "mask|label|gt|ground[ _-]?truth|annotation|seg|segmentation"
# masks/, Labels/, ...; mask_x.png, x_mask.png, x_mask_1.png, x-gt.png, ...
MASK_FOLDER = re.compile(rf"({MASK_WORDS})s?", re.IGNORECASE)
MASK_NAME = re.compile(
    rf"({MASK_WORDS})s?[ _-].*|.*[ _-]({MASK_WORDS})s?([ _-]?\d+)?", re.I
)


@dataclass
class Listing:
    """images: paths to read, sorted; left_out: {path: reason}; locked: {folder
    that may not be read: reason}; folders: the real paths of those seen.
    """

    images: list = field(default_factory=list)
    left_out: dict = field(default_factory=dict)
    locked: dict = field(default_factory=dict)
    folders: set = field(default_factory=set)


def of_folder(root, results=lambda folder: ()):
    """Return the `Listing` of a folder and all below it, links followed.

    results: of a folder, the names in it of what this project wrote. Each
    folder and file is taken once, however many links lead to it.
    """
    found, waiting, files = Listing(), [Path(root)], []
    around = Path(os.path.realpath(root)).parents
    while waiting:
        folder = waiting.pop()
        home = Path(os.path.realpath(folder))
        if home in found.folders or home in around:
            found.left_out[folder] = "a link to a folder that is read already"
            continue
        found.folders.add(home)
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            found.locked[folder] = f"cannot be read ({error.strerror})"
            continue
        written = set(results(folder))
        for path in [folder / name for name in names]:
            reason = _reason(path, written)
            if reason:
                found.left_out[path] = reason
            elif os.path.isdir(path):
                waiting.append(path)
            else:
                files.append(path)
    kept = {}
    # the file itself goes before the links to it
    for path in sorted(files, key=lambda path: (os.path.islink(path), path)):
        same = kept.setdefault(os.path.realpath(path), path)
        if same != path:
            found.left_out[path] = f"the same file as {same.name}"
    found.images = sorted(kept.values())
    return found


def _reason(path, written):
    """Return why an entry of a folder is left out, or ""."""
    name, stem = path.name, path.stem
    if name.startswith("."):
        return "hidden"
    if is_junk(path):
        return "of the operating system"
    if name in written:
        return "written by an earlier run"
    if os.path.isdir(path):
        is_mask = MASK_FOLDER.fullmatch(name)
        return "a folder of masks by its name" if is_mask else ""
    if not os.path.isfile(path):
        return "a link to nothing" if os.path.islink(path) else "no file"
    if MASK_NAME.fullmatch(stem) or MASK_FOLDER.fullmatch(stem):
        return "a mask by its name"
    suffix = path.suffix.lower()
    if suffix in pictures.SUFFIXES or _is_dicom(path):
        return ""
    return f"of a kind that is not read ({suffix or 'no suffix'})"


def _is_dicom(path):
    try:
        with open(path, "rb") as file:
            start = file.read(132)
    except OSError:
        start = b""
    return dicom.is_dicom(start, path) and path.name.upper() != "DICOMDIR"
