"""Data sets with random faults: no traceback, and no case changes unsaid."""

import contextlib
import hashlib
import io
import random
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from picture_files import smooth
from PIL import Image

from helpers.data import busi, busi_folder, masks
from tools import check_data

FIRST = "benign/benign (1).png"
CASES = ["benign (1)", "benign (2)", "benign (3)", "malignant (1)"]
CASES += ["malignant (2)", "normal (1)", "normal (2)"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A sound small set; tests copy it."""
    folder = tmp_path_factory.mktemp("sound") / "BUSI"
    for n, case in enumerate(CASES):
        label = case.split()[0]
        (folder / label).mkdir(parents=True, exist_ok=True)
        image = smooth(48, 64, seed=n, sigma=2)
        mask = np.zeros_like(image)
        if label != "normal":
            cv2.ellipse(mask, ((16 + 3 * n, 20), (20, 12), 30), 255, -1)
        for end, pixels in (("", image), ("_mask", mask)):
            Image.fromarray(pixels).save(folder / label / f"{case}{end}.png")
    return folder


def damaged(rng, data):
    """Return bytes that were cut, overwritten or flipped."""
    kind, at = rng.randrange(4), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        flipped = bytes([data[at] ^ 1 << rng.randrange(8)])
        return data[:at] + flipped + data[at + 1 :]
    if kind == 2:
        return data[:at] + rng.randbytes(20) + data[at + 20 :]
    others = [b"", b"<html>403</html>", b"\xff\xd8\xff" + data, data * 2]
    return rng.choice(others)


def saved(rng, path):
    """Save the picture at a path in another form."""
    image = Image.open(path).convert("L")
    form = rng.choice(["RGB", "RGBA", "LA", "P", "1", "I;16", "jpg", "thumb"])
    if form == "I;16":
        image = Image.fromarray(np.array(image).astype(np.uint16) * 257)
    elif form == "thumb":
        image = image.resize((20, 30))
    elif form == "jpg":
        target = io.BytesIO()
        image.save(target, "JPEG")
        other = path.with_suffix(rng.choice([".jpg", ".png", ".JPEG"]))
        path.unlink()
        other.write_bytes(target.getvalue())
        return
    else:
        image = image.convert(form)
    image.save(path)


def repainted(rng, path):
    """Change the pixels of a picture as a wrong export would."""
    image = np.array(Image.open(path).convert("L"))
    alpha = [np.full_like(image, 255)] * 3
    changes = [
        255 - image, image // 255, image // 128, image * 0, image * 0 + 255,
        np.dstack([*alpha, image]), image // 3, image // 255 * 2,
    ]  # fmt: skip
    Image.fromarray(rng.choice(changes)).save(path)


def renamed(rng, path):
    """Give a file another name."""
    names = [
        path.name.upper(), path.name.replace("_mask", "-mask"),
        path.name.replace(" ", ""), path.name.replace("(", "(0"),
        path.name.replace("benign", "malignant"), f".{path.name}",
        f"Copy of {path.name}", path.name.replace("1", "2"), path.stem,
    ]  # fmt: skip
    new = path.with_name(rng.choice(names))
    if not new.exists():
        path.rename(new)


def added(rng, root):
    """Put something strange beside the files."""
    where = rng.choice([root, root.parent, root / "benign", root / "normal"])
    name = rng.choice(
        [".DS_Store", "Thumbs.db", "notes.txt", "a.png", "benign (7).png",
         "__MACOSX/._a.png", ".ipynb_checkpoints/benign (1).png",
         "images/benign (1).png", "train/benign/benign (9).png",
         "archive.zip", "BUSI.rar", "benign (1)_mask_1.png"]
    )  # fmt: skip
    path = where / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_bytes(rng.choice([b"", b"x", (root / FIRST).read_bytes()]))


def moved(rng, root):
    """Move, link, copy or remove files and folders."""
    label = rng.choice(busi.LABELS)
    folder, kind = root / label, rng.randrange(9)
    path = rng.choice(sorted(folder.iterdir()))
    if kind == 0:
        path.unlink()
    elif kind == 1:
        shutil.rmtree(folder)
    elif kind == 2:
        folder.rename(root / rng.choice([label.upper(), f"{label}s", "x"]))
    elif kind == 3:
        folder.rename(root.parent / "elsewhere")
        folder.symlink_to(root.parent / "elsewhere")
    elif kind == 4:
        path.unlink()
        path.symlink_to(rng.choice(["nowhere", path.name, root]))
    elif kind == 5:
        shutil.copytree(root, root.parent / "second", symlinks=True)
    elif kind == 6:
        shutil.copytree(folder, root.parent / "second" / label)
    elif kind == 7:
        (folder / "loop").symlink_to(folder)
    else:
        (root / "more").mkdir(exist_ok=True)
        path.rename(root / "more" / path.name)


def packed(rng, root):
    """Return an archive of the set in place of its folder, perhaps damaged."""
    form = rng.choice(["zip", "zip", "zip", "gztar", "tar", "zip in a zip"])
    made = shutil.make_archive(root.parent / "all", form.split()[0], root)
    if "in" in form:
        (root.parent / "outer").mkdir()
        shutil.move(made, root.parent / "outer" / "inner.zip")
        made = shutil.make_archive(made[:-4], "zip", root.parent / "outer")
    archive = Path(made)
    if rng.random() < 0.4:
        archive.write_bytes(damaged(rng, archive.read_bytes()))
    return archive


def mutated(rng, root):
    """Put one to three faults into a set; return what to give as DATA."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        files = [p for p in sorted(root.rglob("*.png")) if p.is_file()]
        path = rng.choice(files)
        masks_only = [p for p in files if "_mask" in p.name] or files
        kind = rng.randrange(6)
        with contextlib.suppress(OSError, ValueError, IndexError):
            if kind == 0:
                path.write_bytes(damaged(rng, path.read_bytes()))
            elif kind < 5:
                given = None, path, rng.choice(masks_only), path, root
                change = None, saved, repainted, renamed, added
                change[kind](rng, given[kind])
            else:
                moved(rng, root)
    if rng.random() < 0.2:
        return packed(rng, root)
    return rng.choice([root, root.parent])


def verdict(where):
    """Return ({case: hash of its pixels}, rows of problems, how)."""
    root, others = busi_folder.choose(where)
    cases, problems = busi.examine(root)
    found = {}
    for case in cases.itertuples():
        shown = busi.read_image(case.image), masks.merge(case.masks)
        digest = hashlib.sha256(b"".join(a.tobytes() for a in shown))
        found[case.case] = digest.hexdigest()
    return found, [*problems.itertuples()], others


def named(case, problems):
    """Tell whether a row is on a case, its class, or what is of no case."""
    for row in problems:
        file = row.file.replace("(0", "(")
        of_case = re.search(r"(benign|malignant|normal) \(\d+\)", file)
        if not of_case or of_case[0] == case or case in row.problem:
            return True
    return False


def fault_of(seed, sound, home):
    """Return what went wrong with the mutated set of a seed, or ""."""
    rng = random.Random(seed)
    root = home / str(seed) / "BUSI"
    shutil.copytree(sound, root)
    where = mutated(rng, root)
    try:
        found, problems, others = verdict(where)
    except busi.DataError:
        return ""
    expected = verdict(sound)[0]
    lost = [c for c, d in expected.items() if found.get(c) != d]
    silent = [c for c in lost if not others and not named(c, problems)]
    if silent:
        return f"{silent} changed, and no problem names them"
    fatal = any(row.severity == "fatal" for row in problems)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            check_data.main(str(where))
            refused = False
        except busi.DataError:
            refused = True
    if refused != fatal:
        return "check-data and the list of problems do not agree"
    return ""


MANY = pytest.param(range(40, 500), marks=pytest.mark.research)


@pytest.mark.parametrize("seeds", [range(40), MANY], ids=["few", "many"])
def test_mutated_sets(seeds, sound, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = {}
    for seed in seeds:
        if said := fault_of(seed, sound, tmp_path):
            found[seed] = said
        shutil.rmtree(tmp_path / str(seed), ignore_errors=True)
    assert found == {}
