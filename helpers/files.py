"""Files written whole or not at all, by rename, here and in Drive."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the repository


@contextlib.contextmanager
def replacing(path):
    """Give a path to write to; what lies there becomes `path` at the end.

    The file at `path` is the old one or the new one, whole, at any moment. If
    writing fails, it stays the old one and nothing else is left behind.
    """
    path = Path(path)
    # short, as names may be of the greatest length; np.savez needs the suffix
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]
    partial = path.with_name(f".partial-{digest}{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
