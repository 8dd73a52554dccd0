"""Files written whole or not at all: by rename, on this machine and in Drive."""

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
    partial = path.with_name(
        f".partial-{path.name}"
    )  # np.savez needs its suffix
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


def copy_step(source, target, names):
    """Copy files of a folder to another one, made if missing; the last name last.

    A step's manifest comes last, so that a copy that was cut off does not
    count as finished: an older manifest is taken away first.
    """
    target.mkdir(parents=True, exist_ok=True)
    (target / names[-1]).unlink(missing_ok=True)
    for name in names:
        copy(source / name, target / name)


def sha256(path):
    """Return the hex SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
