"""Unpack a downloaded zip once, safely, into a cache folder."""

import errno
import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from .. import files
from . import pictures

LIMIT = 4 * 10**9  # bytes; BUSI itself is about 0.2 GB
NOT_WHOLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, UnicodeDecodeError,
)  # fmt: skip
# first bytes; a .tar.gz is a .gz, and a .tar has its word further on
OTHER_ARCHIVES = {
    b"\x1f\x8b": ".gz", b"Rar!": ".rar", b"7z\xbc\xaf": ".7z", b"BZh": ".bz2",
    b"\xfd7zXZ": ".xz", b"\x28\xb5\x2f\xfd": ".zst",
}  # fmt: skip
REFUSED = "it was not unpacked, get the zip from Kaggle."


class ArchiveError(ValueError):
    """A zip that is not used; the message says why and what to do."""


def cache_folder():
    """Return the folder for unpacked archives, where XDG wants it."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return files.absolute(base) / "busi-notebooks"


def kind(path):
    """Return the kind of a file that holds others, as ".rar", else ""."""
    head = head_of(path)
    if head.startswith(b"PK"):
        return ".zip"
    if head[257:262] == b"ustar":
        return ".tar"
    starts = [k for k in OTHER_ARCHIVES if head.startswith(k)]
    return OTHER_ARCHIVES[starts[0]] if starts else ""


def head_of(path):
    """Return a file's first bytes; none of what is no file."""
    if not os.path.isfile(path):  # a pipe would keep us waiting
        return b""
    try:
        with open(path, "rb") as file:
            return file.read(512)
    except OSError:
        return b""


def misnamed(path):
    """Return what is wrong with a file that no zip can be read from."""
    head = head_of(path)
    found = kind(path)
    if found == ".zip":
        return "is not a whole zip, the end is missing: download it again."
    if found:
        name = Path(path).name
        shown = f".tar{found}" if f".tar{found}" in name else found
        return f"is a {shown} archive: unpack it, and give the folder as DATA."
    if not head:
        return "is empty: download it again."
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        remedy = "sign in where the data set is, and download it again."
        return f"is a web page, not a zip: {remedy}"
    if pictures.kind(head):
        return "is one picture: give the folder of the data set as DATA."
    return "is not a zip: give BUSI's folder or zip, or download it again."


def unpack(archive):
    """Return the folder of a zip's files, unpacked whole unless it exists.

    ArchiveError: the zip is broken, encrypted, too large or has members that
    would leave the folder (absolute, "..", links), or the cache has no room.
    OSError: it may not be read.
    """
    with open(archive, "rb") as file:  # of a locked path it would say no
        if not zipfile.is_zipfile(file):
            raise ArchiveError(f"{archive} {misnamed(archive)}")
    target = cache_folder() / files.sha256(archive)[:16]
    try:
        with zipfile.ZipFile(archive) as content:
            n_files = len({name for name, _ in wanted(content)})
        if target.is_dir():
            if sum(p.is_file() for p in target.rglob("*")) == n_files:
                return target
            shutil.rmtree(target)  # somebody cleared up in the cache
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".unpacking-", dir=target.parent, ignore_cleanup_errors=True
        ) as scratch:
            whole = Path(scratch) / "whole"
            whole.mkdir()
            with zipfile.ZipFile(archive) as content:
                check_members(archive, content.infolist())
                extract(content, whole)
            if not target.is_dir():  # another process may have been faster
                os.replace(whole, target)
    except (*NOT_WHOLE, OSError) as error:
        raise ArchiveError(f"{archive} {_failure(error, target)}") from None
    return target


def _failure(error, target):
    """Return why a zip was not unpacked, and what to do."""
    # bz2 raises an OSError for damage, which has no number of the system's
    if isinstance(error, NOT_WHOLE) or error.errno is None:
        return f"is not a whole zip ({error}): download it again."
    problem = f"cannot be unpacked into {target.parent} ({error.strerror})"
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    space = " to one with space" * is_full
    return f"{problem}: set XDG_CACHE_HOME{space}, or unpack it by hand."


def check_members(archive, members):
    """Raise ArchiveError if an honest archive would not have a member."""
    for member in members:
        name, path = member.filename, member.filename.replace("\\", "/")
        if path.startswith("/") or ":" in path or ".." in path.split("/"):
            problem = f"holds the path '{name}', which leads out of its folder"
            raise ArchiveError(f"{archive} {problem}: {REFUSED}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ArchiveError(f"{archive} holds the link '{name}': {REFUSED}")
        if member.flag_bits & 1:
            raise ArchiveError(f"{archive} is encrypted: unpack it by hand.")
    if sum(member.file_size for member in members) > LIMIT:
        problem = f"unpack to over {LIMIT / 1e9:.0f} GB and BUSI is 0.2 GB"
        raise ArchiveError(f"{archive} would {problem}: {REFUSED}")


def wanted(content):
    """Return the (path, member) of a zip's files; Windows may write \\."""
    pairs = [(m.filename.replace("\\", "/"), m) for m in content.infolist()]
    pairs = [pair for pair in pairs if not pair[0].endswith("/")]
    return [pair for pair in pairs if not pair[0].startswith("__MACOSX")]


def extract(content, folder):
    """Write the files; Python reads no more of one than its declared size."""
    for path, member in wanted(content):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with content.open(member) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
