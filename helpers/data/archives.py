"""Unpack a downloaded zip once, safely, into a cache folder."""

import os
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from .. import files

# the last one says: simulated
WANTED = (".png", ".PNG", ".csv", "PHANTOM.json")
LIMIT = 4 * 10**9  # bytes; BUSI itself is about 0.2 GB
NOT_WHOLE = zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError
REFUSED = "it was not unpacked, get the zip from Kaggle."


class ArchiveError(ValueError):
    """A zip that is not used; the message says why and what to do."""


def cache_folder():
    """Return the folder for unpacked archives, where XDG wants it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "busi-notebooks"


def unpack(archive):
    """Return the folder of a zip's pictures, unpacked whole unless it exists.

    ArchiveError: the zip is broken, encrypted, too large or has members that
    would leave the folder (absolute, "..", links), or the cache has no room.
    """
    target = cache_folder() / files.sha256(archive)[:16]
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
        problem = f"is not a whole zip ({error}): download it again."
        raise ArchiveError(f"{archive} {problem}") from None
    except OSError as error:
        problem = f"cannot be unpacked into {target.parent} ({error.strerror})"
        remedy = "set XDG_CACHE_HOME to one with space, or unpack it by hand."
        raise ArchiveError(f"{archive} {problem}: {remedy}") from None
    return target


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
    check_size(archive, sum(member.file_size for member in members))


def check_size(archive, size):
    """Raise ArchiveError if more bytes than the limit would be written."""
    if size > LIMIT:
        problem = f"unpack to over {LIMIT / 1e9:.0f} GB and BUSI is 0.2 GB"
        raise ArchiveError(f"{archive} would {problem}: {REFUSED}")


def extract(archive, content, folder):
    """Write the WANTED files, counting bytes: declared sizes may be false."""
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
