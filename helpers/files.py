"""Files written whole or not at all, by rename, here and in Drive."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the repository


def absolute(path):
    """Return a user's path as an absolute one; ~ is their home, if known."""
    return Path(os.path.expanduser(path)).absolute()


@contextlib.contextmanager
def replacing(path):
    """Give a path to write to; what lies there becomes `path` at the end.

    The file at `path` is the old one or the new one, whole, at any moment. If
    writing fails, it stays the old one and nothing else is left behind.
    """
    path = Path(path)
    # short, as a name may have the greatest length; another process or thread
    # may be writing the same file; np.savez needs the suffix
    partial = path.with_name(f".partial-{uuid.uuid4().hex}{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(target):
    """Give a new folder to fill; at the end it takes the place of `target`.

    If that fails, `target` stays the old one and nothing else is left behind.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".partial-", dir=target.parent, ignore_cleanup_errors=True
    ) as scratch:
        fresh, old = Path(scratch) / "new", Path(scratch) / "old"
        fresh.mkdir()
        yield fresh
        if target.exists():
            os.replace(target, old)
        try:
            os.replace(fresh, target)
        except BaseException:
            if old.exists():
                os.replace(old, target)
            raise


def write(path, content):
    """Write str or bytes to a file, by rename."""
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as partial:
        partial.write_bytes(data)


def copy(source, target):
    """Copy a file, by rename."""
    with replacing(target) as partial:
        shutil.copyfile(source, partial)


def sha256(path):
    """Return the hex SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
