"""Find the BUSI data set, check it, list its cases, and read them as arrays.

Files are named as follows, in folders named like the class:

    <class> (<number>).png            image
    <class> (<number>)_mask.png       mask of its first lesion, black if normal
    <class> (<number>)_mask_<k>.png   masks of further lesions
"""

import hashlib
import itertools
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import files
from . import archives, masks

LABELS = ("benign", "malignant", "normal")
NAME = re.compile(
    r"(?P<label>benign|malignant|normal) \((?P<number>\d+)\)"
    r"(?P<mask>_mask(_(?P<part>\d+))?)?\.png",
    re.IGNORECASE,
)
IGNORED = {"phantom.json", "thumbs.db", "desktop.ini"}
COLUMNS = ["case", "label", "image", "masks", "height", "width"]
PROBLEM = ["severity", "file", "problem", "remedy"]
SEVERITIES = ["fatal", "error", "warning"]
IMAGE, FIRST_MASK = -2, -1  # before masks 1, 2, ...


class DataError(ValueError):
    """The data set cannot be used; the message says what to do."""


def find(where):
    """Return the folder that holds benign/, malignant/ and normal/.

    where: it, a folder up to two levels above it, or Kaggle's zip, which is
    unpacked into the cache. DataError: it is missing or holds something else.
    """
    where = Path(where).expanduser().absolute()
    try:
        if where.is_file():
            return _find_below(archives.unpack(where), where)
        if not where.is_dir():
            remedy = "give BUSI's folder or zip as DATA."
            raise DataError(f"{where} does not exist: {remedy}")
        return _find_below(where, where)
    except archives.ArchiveError as error:
        raise DataError(str(error)) from None
    except PermissionError as error:
        raise _closed(error.filename or where) from None


def _closed(path):
    return DataError(f"{path} may not be read: change its permissions.")


def _find_below(folder, named):
    """Return the folder with the most class folders, at most two below."""
    level, locked = [folder], []
    for _ in range(3):
        counts = [_class_folders(candidate, locked) for candidate in level]
        if any(counts):
            return level[counts.index(max(counts))]
        below = [path for above in level for path in _listing(above, locked)]
        level = [p for p in below if not p.name.startswith((".", "__MACOSX"))]
        level = [p for p in level if os.path.isdir(p)]
    if locked:
        raise _closed(locked[0])
    wanted = "benign/, malignant/ or normal/ with files like 'benign (1).png'"
    problem = f"{named} does not hold the BUSI data set: no folder {wanted}"
    raise DataError(f"{problem} was found in it; see data/README.md.")


def _class_folders(folder, locked):
    """Return how many class folders with files of the pattern are in one."""
    inside = [_listing(folder / label, locked) for label in LABELS]
    return sum(any(NAME.fullmatch(p.name) for p in paths) for paths in inside)


def _listing(folder, locked):
    """Return the sorted paths in a folder; a closed one joins `locked`."""
    try:
        return sorted(folder.iterdir())
    except PermissionError:
        locked.append(folder)
    except (FileNotFoundError, NotADirectoryError):
        pass
    return []


def index(root):
    """Return a DataFrame of the usable cases, sorted by class and number.

    Columns: case ("benign (1)"), label, image (path), masks (tuple of paths),
    height and width (pixels). DataError: `find` refuses `root`, or no case is
    left without those that `check` lists as an error.
    """
    cases, _ = _scan(find(root))
    if cases.empty:
        raise DataError(f"{root} holds no usable case: see `make check-data`.")
    return cases


def check(root):
    """Return what is wrong: DataFrame[severity, file, problem, remedy].

    severity: "fatal", the set cannot be used; "error", the case is left out;
    "warning", the case is kept. Never raises for bad data.
    """
    try:
        return _scan(find(root))[1]
    except DataError as error:
        problem = [("fatal", str(root), str(error), "see data/README.md")]
        return pd.DataFrame(problem, columns=PROBLEM)


def _scan(root):
    """Return (cases, problems): the one place where the rules are."""
    items, problems = [], []
    for label in LABELS:
        found, wrong = _list_class(root / label, label)
        items += found
        problems += wrong
    reported = {file for severity, file, *_ in problems if severity == "fatal"}
    results = in_threads(examine, items, "reading images")
    cases = [case for case, _ in results if case is not None]
    problems += [problem for _, wrong in results for problem in wrong]
    known = reported | {case["label"] for case in cases}
    no_case = "no usable case of this class", "add them"
    missing = [label for label in LABELS if label not in known]
    problems += [("fatal", label, *no_case) for label in missing]
    problems.sort(key=lambda row: SEVERITIES.index(row[0]))
    cases = pd.DataFrame(cases, columns=COLUMNS)
    return cases, pd.DataFrame(problems, columns=PROBLEM)


def _list_class(folder, label):
    """Return (items, problems) of a class folder.

    items: (label, number, {IMAGE, FIRST_MASK, 1, ...: path}), by number.
    """
    cases, problems = {}, []
    try:
        names = sorted(path.name for path in folder.iterdir())
    except PermissionError:
        fatal = "may not be read", "change its permissions"
        return [], [("fatal", label, *fatal)]
    except (FileNotFoundError, NotADirectoryError):
        fatal = "folder is missing", "fetch the set again"
        return [], [("fatal", label, *fatal)]

    def warn(name, problem, remedy):
        problems.append(("warning", f"{label}/{name}", problem, remedy))

    for name in names:
        match = NAME.fullmatch(name)
        if name.startswith(".") or name.lower() in IGNORED:
            continue
        if match is None or match["label"].lower() != label:
            remedy = "remove it, or name it like 'benign (1).png'"
            warn(name, "unknown file name", remedy)
            continue
        case = cases.setdefault(int(match["number"]), {})  # "01" is "1"
        part = int(match["part"] or FIRST_MASK) if match["mask"] else IMAGE
        if part in case:
            same = f"{case[part].name} is the same file of the same case"
            warn(name, f"not used, since {same}", "keep one of them")
            continue
        case[part] = folder / name
    return [(label, n, case) for n, case in sorted(cases.items())], problems


def examine(item):
    """Return (row of a case or None, its problems), all of its files read."""
    label, number, paths = item
    image = paths.get(IMAGE)
    mask_paths = [paths[part] for part in sorted(paths) if part != IMAGE]
    pictures, problems = {}, []

    def add(path, problem, remedy):
        problems.append(
            ("error", f"{path.parent.name}/{path.name}", problem, remedy)
        )

    if image is None:
        for path in mask_paths:
            remedy = "fetch the image or remove the mask"
            add(path, "mask without an image", remedy)
        return None, problems
    for path in [image, *mask_paths]:
        try:
            pictures[path] = _decode(path)
        except ValueError as error:
            add(path, str(error), "fetch the file again, as an 8-bit PNG")
    if not mask_paths:
        add(image, "image without a mask", "fetch its _mask.png")
    if problems:
        return None, problems
    height, width = pictures[image].shape[:2]
    for path in mask_paths:
        h, w = pictures[path].shape[:2]
        if (h, w) != (height, width):
            problem = f"mask is {w}x{h}, image {width}x{height}"
            add(path, problem, "fetch both again")
    lesions = [masks.from_picture(pictures[path]) for path in mask_paths]
    has_lesion = any(map(np.any, lesions))
    if label == "normal" and has_lesion:
        problem = "normal image with a lesion in its mask"
        add(mask_paths[0], problem, "check its class")
    if label != "normal" and not has_lesion:
        problem = f"{label} image with an empty mask"
        add(mask_paths[0], problem, "fetch the mask again")
    if problems:
        return None, problems
    case, mask_paths = f"{label} ({number})", tuple(map(str, mask_paths))
    row = case, label, str(image), mask_paths, height, width
    return dict(zip(COLUMNS, row, strict=True)), []


def _decode(path):
    """Return a PNG as decoded by OpenCV; ValueError says what it is else."""
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
        raise ValueError(f"picture has {8 * picture.itemsize} bits, not 8")
    return picture


def read_image(path):
    """Return an image's grey values, uint8 (height, width).

    ValueError: the file is not a whole 8-bit PNG.
    """
    try:
        picture = _decode(path)
    except ValueError as error:
        remedy = "fetch it again, as an 8-bit PNG"
        raise ValueError(f"{path}: {error}; {remedy}") from None
    if picture.ndim == 2:
        return picture
    return cv2.cvtColor(picture[..., :3], cv2.COLOR_BGR2GRAY)


def read_square(case, size):
    """Return (image, mask), uint8 and bool (size, size), of a row of `index`.

    ValueError: a file is damaged, or the masks do not fit each other.
    """
    image, _ = masks.letterbox(read_image(case.image), size)
    mask, _ = masks.letterbox(masks.merge(case.masks), size)
    return image, mask


def in_threads(function, items, what=None):
    """Return [function(item), ...]; with `what`, somebody may see a bar."""
    quiet = what is None or "BUSI_UNATTENDED" in os.environ
    bar = {"delay": 2, "mininterval": 1, "leave": False, "disable": quiet}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(function, items)
        return list(tqdm(results, what, len(items), **bar))


def fingerprint(root):
    """Return the hex SHA-256 of the names and contents of the set's PNGs."""
    root = find(root)
    paths = [p for label in LABELS for p in _listing(root / label, [])]
    paths = [path for path in paths if path.suffix.lower() == ".png"]
    return digest_of(paths)


def digest_of(paths):
    """Return the hex SHA-256 of the names and contents of files."""
    pairs = zip(paths, in_threads(_digest, paths), strict=True)
    lines = [f"{path.parent.name}/{path.name} {sha}\n" for path, sha in pairs]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(path):
    try:
        return files.sha256(path)
    except OSError:
        return "unreadable"


def load_arrays(cases, size, cache=None):
    """Return letterboxed (images, labels), both uint8 (n, size, size).

    labels: 0 background, 1 benign, 2 malignant. cache: a folder that keeps the
    arrays until the files or the code that resizes them change. ValueError:
    there are no cases, or a file is damaged.
    """
    if not len(cases):
        raise ValueError("there are no cases to load: see what `check` says")
    path = Path(cache) / f"arrays-{_key(cases, size)}.npz" if cache else None
    if path and path.exists():
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays["images"], arrays["labels"]
        except Exception as error:  # damaged bytes raise many kinds
            problem = f"is damaged ({type(error).__name__})"
            print(f"{path} {problem}: building it again.")

    def read(case):
        image, mask = read_square(case, size)
        return image, masks.target(mask, case.label)

    pairs = in_threads(read, [*cases.itertuples()], "building arrays")
    images, labels = map(np.stack, zip(*pairs, strict=True))
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as partial:
            np.savez(partial, images=images, labels=labels)
    return images, labels


def _key(cases, size):
    """Return a hash of the size, the classes and the content of all files."""
    groups = [(case.image, *case.masks) for case in cases.itertuples()]
    paths = [*itertools.chain(*groups), masks.__file__]
    digests = in_threads(_digest, paths)
    text = f"{size} {list(cases['label'])} {list(map(len, groups))} {digests}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
