"""Unpack a downloaded zip once, safely, into a cache folder."""

import os
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from .. import files

WANTED = (".png", ".PNG", "PHANTOM.json")
LIMIT = 4 * 10**9  # bytes; BUSI itself is about 0.2 GB
NOT_WHOLE = zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError
REFUSED = "it was not unpacked, get the zip from Kaggle."


class ArchiveError(ValueError):
    """A zip that is not used; the message says why and what to do."""


def cache_folder():
    """Return the user's folder for unpacked archives, where XDG wants it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "busi-notebooks"


def unpack(archive, into=None):
    """Unpack the pictures of a zip, if that was not done; return the folder.

    The folder is named by the zip's content and appears whole, by rename, or
    not at all.

    Raises:
        ArchiveError: broken, encrypted, too large, or with members that would
            leave the folder (absolute, "..", links); or the folder cannot be
            written.
    """
    archive = Path(archive)
    target = Path(into or cache_folder()) / files.sha256(archive)[:16]
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".unpacking-", dir=target.parent, ignore_cleanup_errors=True
        ) as scratch:
            whole = Path(scratch) / "whole"
            whole.mkdir()
            with zipfile.ZipFile(archive) as content:
                check_members(archive, content.infolist())
                extract(archive, content, whole)
            if not target.is_dir():  # another process may have been faster
                os.replace(whole, target)
    except NOT_WHOLE as error:
        raise ArchiveError(
            f"{archive} is not a whole zip ({error}): download it again."
        ) from None
    except OSError as error:
        raise ArchiveError(
            f"{archive} could not be unpacked into {target.parent} "
            f"({error.strerror}): set XDG_CACHE_HOME to a folder with space, "
            "or unpack it yourself and give the folder."
        ) from None
    return target


def check_members(archive, members):
    """Raise ArchiveError if an honest archive would not have a member."""
    for member in members:
        name, path = member.filename, member.filename.replace("\\", "/")
        if path.startswith("/") or ":" in path or ".." in path.split("/"):
            raise ArchiveError(
                f"{archive} holds the path '{name}', which leads out of its "
                f"folder: {REFUSED}"
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ArchiveError(f"{archive} holds the link '{name}': {REFUSED}")
        if member.flag_bits & 1:
            remedy = "unpack it yourself and give the folder."
            raise ArchiveError(f"{archive} is encrypted: {remedy}")
    check_size(archive, sum(member.file_size for member in members))


def check_size(archive, size):
    """Raise ArchiveError if more bytes than the limit would be written."""
    if size > LIMIT:
        raise ArchiveError(
            f"{archive} would unpack to over {LIMIT / 1e9:.0f} GB and BUSI is "
            f"0.2 GB: {REFUSED}"
        )


def extract(archive, content, folder):
    """Write the pictures, counting bytes: a zip may declare false sizes.

    PHANTOM.json goes along: it says that the images are simulated.
    """
    written = 0
    for member in content.infolist():
        if member.is_dir() or not member.filename.endswith(WANTED):
            continue
        target = folder / member.filename.replace("\\", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with content.open(member) as source, open(target, "wb") as file:
            while block := source.read(1 << 20):
                written += len(block)
                check_size(archive, written)
                file.write(block)
