"""Where `make predict` writes: apart from images, over nothing of others.

And what it shares with `make external`: how it tells where it is, and ends.
"""

import codecs
import contextlib
import csv
import hashlib
import io
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from helpers import environment, files
from helpers.data import busi

PICTURES = ("masks", "overlays", "reports")  # folders
TABLE, LEFT_OUT = "predictions.csv", "left_out.csv"
NAMES = (*PICTURES, TABLE, LEFT_OUT)
LONGEST = 240  # bytes of a name; most file systems allow 255
FIRST_COLUMNS = b"file,class,lesion_probability"
ANY_COMMA = bytes.maketrans(b";\t", b",,")


class Refused(Exception):
    """The command cannot go on; the message says why and what to do."""


def command(main):
    """Run a command; end with its exit status, 2 and a sentence if refused."""
    environment.print_any_name()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except (Refused, busi.DataError) as refused:
        print(refused, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nInterrupted: not all was done.", file=sys.stderr)
    except BrokenPipeError:  # who read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("The output was closed: not all was done.", file=sys.stderr)
    sys.exit(2)


def show_progress(done, n, began):
    """Print how many images are done, and how many seconds are left."""
    left = (time.time() - began) / done * (n - done)
    live = sys.stdout.isatty() and done < n
    text = f"{done} of {n} images, {left:.0f} s left"
    print(text, end="  \r" if live else "\n", flush=True)


def names_in(folder):
    """Return the names of results in a folder, () if it has none of ours."""
    try:
        with open(Path(folder, TABLE), "rb") as table:
            head = table.read(3 * len(FIRST_COLUMNS))
    except OSError:
        return ()
    # a program that shows tables may have saved it in a form of its own
    plain = head.removeprefix(codecs.BOM_UTF8).translate(ANY_COMMA, b'"')
    return NAMES if plain.startswith(FIRST_COLUMNS) else ()


def rows_in(out):
    """Return the rows of the table in OUT, a dict by file, {} without."""
    try:
        text = (out / TABLE).read_text("utf-8-sig", "surrogateescape")
        comma = max(",;\t", key=text.partition("\n")[0].count)
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=comma)
        return {row["file"]: row for row in rows}
    except (OSError, KeyError, csv.Error):
        return {}


def keep_apart(images, folders, out):
    """Refuse an OUT that would write among the images, by any path or link.

    images: a folder or an image; folders: the real paths of all folders that
    were read. Beside a single image there may be a folder for results.
    """
    real = Path(os.path.realpath(images))
    for result in (images, *images.parents, real, *real.parents):
        if result.name in names_in(result.parent):
            raise Refused(
                f"{images} is a result of this command, no image: give the "
                "images themselves as IMAGES."
            )
    for name in (".", *PICTURES):
        target = Path(os.path.realpath(out / name))
        above = target.parents if os.path.isdir(images) else ()
        inside = folders & {target, *above}
        around = name != "." and any(target in f.parents for f in folders)
        if inside or around:
            home = real if os.path.isdir(real) else real.parent
            where = f"where the images are ({home})"
            raise Refused(f"{out} would write {where}: give another OUT.")


def protect(out):
    """Refuse an OUT that holds files of these names of another origin."""
    if names_in(out):
        return
    for name in NAMES:
        path = out / name
        with refusing(path, "cannot be looked into"):
            if os.path.isdir(path) and not os.listdir(path):
                continue
        if os.path.lexists(path):
            other = f"{path} was not written by this command"
            raise Refused(f"{other}: move it, or give another OUT.")


@contextlib.contextmanager
def refusing(path, what):
    """Turn an OSError into a Refused that names a path in OUT."""
    try:
        yield
    except OSError as error:
        problem = f"{path} {what} ({error.strerror})"
        raise Refused(f"{problem}: give another OUT.") from None


def put(contents):
    """Write files, {path: bytes}, each seen only when whole; else Refused."""
    try:
        with contextlib.ExitStack() as together:
            for path, data in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = together.enter_context(files.replacing(path))
                partial.write_bytes(data)
    except OSError as error:
        raise Refused(
            f"{error.filename2 or path} could not be written "
            f"({error.strerror}): make room, or give another OUT. What was "
            "written before is whole."
        ) from None


def put_table(path, rows, columns):
    """Write rows, a list of dicts, as a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    # names may be in any encoding
    put({path: text.getvalue().encode(errors="surrogateescape")})


def unwritten(out, written):
    """Return the paths of pictures and reports in OUT of earlier runs."""
    found = [p for name in PICTURES for p in (out / name).rglob("*")]
    return sorted(p for p in found if p.is_file() and p not in written)


def names_of(folder, paths):
    """Return a name for each image's outputs: its path without suffix.

    With it where two share a name, as x.png and X.jpg do. One that is too long
    for a further suffix is cut, and gets a few letters of its SHA-256.
    """
    whole = [os.path.relpath(path, folder) for path in paths]
    short = [os.path.splitext(name)[0] for name in whole]
    seen = Counter(name.casefold() for name in whole + short)
    pairs = zip(short, whole, strict=True)
    return [_cut(s if seen[s.casefold()] == 1 else w) for s, w in pairs]


def _cut(name):
    folder, last = os.path.split(name)
    if len(os.fsencode(last)) > LONGEST:
        digest = hashlib.sha256(os.fsencode(last)).hexdigest()[:8]
        # a letter has 4 bytes at most
        last = f"{last[: LONGEST // 5]}-{digest}"
    return os.path.join(folder, last)


def listed(names):
    """Return "a, b, c and 7 more"."""
    shown, more = ", ".join(names[:3]), len(names) - 3
    return f"{shown} and {more} more" if more > 0 else shown
