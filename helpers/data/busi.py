"""Find the BUSI data set, check it, list its cases, and read them as arrays.

Files are named by this pattern, in folders named like the class:

    <class> (<number>).png                image
    <class> (<number>)_mask.png           mask of its first lesion (all black if normal)
    <class> (<number>)_mask_<k>.png       masks of further lesions
"""

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from . import archives, masks

LABELS = ("benign", "malignant", "normal")
NAME = re.compile(
    r"(?P<case>(?P<label>benign|malignant|normal) \((?P<number>\d+)\))"
    r"(?P<mask>_mask(_(?P<part>\d+))?)?\.png",
    re.IGNORECASE,
)
IGNORED = {"phantom.json", "thumbs.db", "desktop.ini"}
COLUMNS = ["case", "label", "image", "masks", "height", "width"]
PROBLEM = ["severity", "file", "problem", "remedy"]


class DataError(ValueError):
    """The data set cannot be used; the message is one sentence with what to do."""


def find(where, unpack_to=None):
    """Return the folder that holds benign/, malignant/ and normal/.

    where: that folder, a folder up to two levels above it, or Kaggle's zip,
    which is unpacked once into `unpack_to` (default: the user's cache folder).

    Raises:
        DataError: there is no such folder or zip, or it holds something else.
    """
    where = Path(where).expanduser().absolute()
    try:
        if where.is_file():
            return _find_below(archives.unpack(where, unpack_to), where)
        if not where.is_dir():
            raise DataError(
                f"{where} does not exist: give BUSI's folder or zip as DATA."
            )
        return _find_below(where, where)
    except archives.ArchiveError as error:
        raise DataError(str(error)) from None
    except PermissionError as error:
        raise DataError(
            f"{error.filename or where} may not be read: change its permissions."
        ) from None


def _find_below(folder, named):
    """Return the folder with the most class folders, at most two levels down."""
    level, locked = [folder], []
    for _ in range(3):
        counts = [_class_folders(candidate, locked) for candidate in level]
        if any(counts):
            return level[counts.index(max(counts))]
        below = [path for above in level for path in _listing(above, locked)]
        level = [p for p in below if not p.name.startswith((".", "__MACOSX"))]
        level = [p for p in level if os.path.isdir(p)]
    if locked:
        raise DataError(
            f"{locked[0]} may not be read: change its permissions."
        )
    raise DataError(
        f"{named} does not hold the BUSI data set: no folder benign/, malignant/ or "
        "normal/ with files like 'benign (1).png' was found in it; see data/README.md."
    )


def _class_folders(folder, locked):
    """Return how many class folders with a file named by the pattern are in a folder."""
    inside = [_listing(folder / label, locked) for label in LABELS]
    return sum(
        any(NAME.fullmatch(path.name) for path in paths) for paths in inside
    )


def _listing(folder, locked):
    """Return the sorted paths in a folder; one that may not be read joins `locked`."""
    try:
        return sorted(folder.iterdir())
    except PermissionError:
        locked.append(folder)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return []


def index(root):
    """Return the usable cases as a DataFrame, one row each, by class and number.

    Columns: case ("benign (1)"), label, image (path), masks (tuple of paths),
    height and width (pixels). Cases that `check` lists as an error are left
    out.

    Raises:
        DataError: `root` is nothing that `find` accepts, or holds no usable
        case.
    """
    cases, _ = _scan(find(root))
    if cases.empty:
        raise DataError(f"{root} holds no usable case: see `make check-data`.")
    return cases


def check(root):
    """Return what is wrong as a DataFrame [severity, file, problem, remedy].

    severity: "fatal", the set cannot be used; "error", the case is left out;
    "warning", the case is kept. An empty table means that nothing is wrong.
    Never raises for bad data.
    """
    try:
        return _scan(find(root))[1]
    except DataError as error:
        problem = [("fatal", str(root), str(error), "see data/README.md")]
        return pd.DataFrame(problem, columns=PROBLEM)


def _scan(root):
    """Return (cases, problems): the one place where the rules are."""
    problems, files = [], {}
    for label in LABELS:
        _list_class(root / label, label, files, problems)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(
            _progress(
                pool.map(_examine, files.items()), len(files), "reading images"
            )
        )
    cases = [case for case, _ in results if case is not None]
    told = {file for severity, file, *_ in problems if severity == "fatal"}
    problems += [problem for _, found in results for problem in found]
    for label in LABELS:
        if label not in told and not any(
            case["label"] == label for case in cases
        ):
            problems.append(
                ("fatal", label, "no usable case of this class", "add them")
            )
    order = {"fatal": 0, "error": 1, "warning": 2}
    problems.sort(key=lambda row: order[row[0]])
    return pd.DataFrame(cases, columns=COLUMNS), pd.DataFrame(
        problems, columns=PROBLEM
    )


def _list_class(folder, label, files, problems):
    """Add a class folder's files to `files`: {(label, number): {"image": ..., "masks"}}."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except PermissionError:
        problems.append(
            ("fatal", label, "may not be read", "change its permissions")
        )
        return
    except (FileNotFoundError, NotADirectoryError):
        problems.append(
            ("fatal", label, "folder is missing", "fetch the set again")
        )
        return
    seen = {}
    for name in names:
        match = NAME.fullmatch(name)
        if name.startswith(".") or name.lower() in IGNORED:
            continue
        if match is None or match["label"].lower() != label:
            remedy = "remove it, or name it like 'benign (1).png'"
            problems.append(
                ("warning", f"{label}/{name}", "unknown file name", remedy)
            )
            continue
        number, part = int(match["number"]), int(match["part"] or -1)
        key = (
            number,
            bool(match["mask"]),
            part,
        )  # "Benign (01)" is "benign (1)"
        if key in seen:
            problem = f"not used, since {seen[key]} is the same file of the same case"
            problems.append(
                ("warning", f"{label}/{name}", problem, "keep one of them")
            )
            continue
        seen[key] = name
        case = files.setdefault((label, number), {"masks": []})
        if match["mask"]:
            case["masks"].append((part, folder / name))
        else:
            case["image"] = folder / name
    for key in sorted(key for key in files if key[0] == label):
        files[key] = files.pop(
            key
        )  # by number: "benign (2)" before "benign (10)"


def _examine(item):
    """Return (row of the case or None, its problems) after opening all of its files."""
    (label, number), files = item
    case, problems = f"{label} ({number})", []

    def problem(path, what, remedy, severity="error"):
        problems.append((severity, f"{label}/{path.name}", what, remedy))

    paths = [path for _, path in sorted(files["masks"])]
    if "image" not in files:
        for path in paths:
            problem(
                path,
                "mask without an image",
                "fetch the image or remove the mask",
            )
        return None, problems
    pictures = {}
    for path in [files["image"], *paths]:
        try:
            pictures[path] = _decode(path)
        except ValueError as error:
            problem(path, str(error), "fetch the file again, as an 8-bit PNG")
    if not paths:
        problem(files["image"], "image without a mask", "fetch its _mask.png")
    if problems:
        return None, problems
    height, width = pictures[files["image"]].shape[:2]
    for path in paths:
        if pictures[path].shape[:2] != (height, width):
            size = "x".join(map(str, pictures[path].shape[1::-1]))
            problem(
                path,
                f"mask is {size}, image {width}x{height}",
                "fetch both again",
            )
    marked = any(masks.from_picture(pictures[path]).any() for path in paths)
    if not marked and label != "normal":
        problem(
            paths[0],
            f"{label} image with an empty mask",
            "fetch the mask again",
        )
    if marked and label == "normal":
        problem(
            paths[0],
            "normal image with a lesion in its mask",
            "check its class",
        )
    if problems:
        return None, problems
    row = [
        case,
        label,
        str(files["image"]),
        tuple(map(str, paths)),
        height,
        width,
    ]
    return dict(zip(COLUMNS, row, strict=True)), problems


def _decode(path):
    """Return a PNG as decoded by OpenCV; ValueError says in a few words what it is."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise ValueError(f"file cannot be read ({error.strerror})") from None
    if not len(data):
        raise ValueError("file is empty")
    if bytes(data[:8]) != b"\x89PNG\r\n\x1a\n":
        raise ValueError("file is not a PNG picture")
    if b"IEND" not in data.tobytes():
        raise ValueError("file is cut off")
    picture = masks.decode(data)
    if picture is None:
        raise ValueError("picture is damaged")
    if picture.dtype != np.uint8:
        raise ValueError(
            f"picture has {picture.dtype.itemsize * 8} bits, not 8"
        )
    return picture


def read_image(path):
    """Return an image as uint8 (height, width) of grey values.

    Raises:
        ValueError: the file is not a whole 8-bit PNG.
    """
    try:
        picture = _decode(path)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}; fetch it again, as an 8-bit PNG"
        ) from None
    if picture.ndim == 2:
        return picture
    return cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2GRAY)


def _progress(items, total, what):
    """Show a bar if it takes more than two seconds and somebody is looking."""
    quiet = "BUSI_UNATTENDED" in os.environ
    return tqdm(
        items, what, total, delay=2, mininterval=1, disable=quiet, leave=False
    )


def fingerprint(root):
    """Return the hex SHA-256 of the names and contents of all PNG files of the set."""
    root = find(root)
    paths = [p for label in LABELS for p in _listing(root / label, [])]
    paths = [path for path in paths if path.suffix.lower() == ".png"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = pool.map(_digest, paths)
        lines = [
            f"{path.parent.name}/{path.name} {digest}\n"
            for path, digest in zip(paths, digests, strict=True)
        ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(path):
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def load_arrays(cases, size, cache=None):
    """Return (images, labels), both uint8 (n, size, size): letterboxed grey and classes.

    labels: 0 background, 1 benign, 2 malignant. cache: a folder that keeps the
    arrays, keyed by the content of the files and of the code that resizes
    them, so that a change of either rebuilds them.

    Raises:
        ValueError: there are no cases, or a file is damaged.
    """
    if not len(cases):
        raise ValueError(
            "there are no cases to load: see `check` for what is wrong"
        )
    path = Path(cache) / f"arrays-{_key(cases, size)}.npz" if cache else None
    if path and path.exists():
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays["images"], arrays["labels"]
        except Exception as error:  # damaged bytes raise many kinds
            print(
                f"{path} is damaged ({type(error).__name__}): building it again."
            )
    rows = list(cases.itertuples())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pairs = pool.map(lambda case: _square(case, size), rows)
        pairs = list(_progress(pairs, len(rows), "building arrays"))
    images, labels = (np.stack(part) for part in zip(*pairs, strict=True))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".partial-{path.name}")
        np.savez(partial, images=images, labels=labels)
        os.replace(partial, path)
    return images, labels


def _square(case, size):
    """Return one case's image and class map as squares."""
    image, _ = masks.letterbox(read_image(case.image), size)
    lesion, _ = masks.letterbox(masks.merge(case.masks), size)
    return image, masks.target(lesion, case.label)


def _key(cases, size):
    """Return a hash of the size, the classes and the content of every file."""
    groups = [(case.image, *case.masks) for case in cases.itertuples()]
    paths = [Path(path) for group in groups for path in group] + [
        Path(masks.__file__)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = list(pool.map(_digest, paths))
    text = f"{size} {list(cases['label'])} {list(map(len, groups))} {digests}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
