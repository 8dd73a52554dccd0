"""Check the BUSI data set, list its cases, and read them as arrays."""

import hashlib
import itertools
import os
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from tqdm import tqdm

from .. import environment, files
from . import busi_folder, dicom, masks, pictures
from .busi_folder import LABELS, NAME, DataError, class_folder, find, is_junk

COLUMNS = ["case", "label", "image", "masks", "height", "width"]
PROBLEM = ["severity", "file", "problem", "remedy"]
SEVERITIES = ["fatal", "error", "warning"]
PICTURES = pictures.SUFFIXES | dicom.SUFFIXES | {".jp2"}
MASK_WORD = re.compile("mask|label|truth|gt|seg|lesion|annot|roi", re.I)
NO_LESION = "has fewer than two usable cases with a lesion"
LEAST = 8  # cases of each kind of lesion, for five folds and their validation
IMAGE, FIRST_MASK = -2, -1  # before masks 1, 2, ...


def index(root):
    """Return a DataFrame of the usable cases, sorted by class and number.

    Columns: case ("benign (1)"), label, image (path), masks (tuple of paths),
    height and width (pixels). DataError: `find` refuses `root`, or what is
    left without those that `check` lists as an error is fewer than two cases
    with a lesion.
    """
    return usable(root, *examine(find(root)))


def usable(root, cases, _problems):
    """Return the cases that `examine` found, or raise the DataError."""
    if no_lesion(cases):
        raise DataError(f"{root} {NO_LESION}: see `make check-data`.")
    return cases


def with_files(cases, root):
    """Return known cases with their files: columns image and masks.

    cases: DataFrame with the column case, of `index`, kept without the paths,
    which differ from machine to machine. No picture is opened.
    """
    found = {}
    for label in LABELS:
        items, _ = _list_class(class_folder(root, label), label)
        for _, number, paths in items:
            found[f"{label} ({number})"] = _image_and_masks(paths)
    image, mask_paths = zip(*map(found.get, cases["case"]), strict=True)
    return cases.assign(image=image, masks=mask_paths)


def _image_and_masks(paths):
    """Return (path, tuple of paths) of an item of `_list_class`, as texts."""
    parts = sorted(part for part in paths if part != IMAGE)
    return str(paths.get(IMAGE)), tuple(str(paths[part]) for part in parts)


def no_lesion(cases):
    """Tell whether there is too little of which anything could be learned."""
    return (cases["label"] != "normal").sum() < 2


def check(root):
    """Return what is wrong: DataFrame[severity, file, problem, remedy].

    severity: "fatal", the set cannot be used; "error", the case is left out;
    "warning", the case is kept. Never raises for bad data.
    """
    try:
        return examine(find(root))[1]
    except DataError as error:
        problem = [("fatal", str(root), str(error), "see data/README.md")]
        return pd.DataFrame(problem, columns=PROBLEM)


def too_few(cases):
    """Return why notebooks 2 to 9 cannot work with these cases, or "".

    They tell benign from malignant, and deal the cases into folds.
    """
    counts = [int((cases["label"] == label).sum()) for label in LABELS[:2]]
    if min(counts) >= LEAST:
        return ""
    need = f"{LEAST} benign and {LEAST} malignant cases"
    here = f"here are {counts[0]} and {counts[1]}"
    return f"notebooks 2 to 9 need {need}; {here}"


def examine(root):
    """Return (cases, problems) as `index` and `check` do, of a set's folder.

    The one place where the rules are; raises nothing for bad data.
    """
    items, problems = [], _beside(root)
    for label in LABELS:
        found, wrong = _list_class(class_folder(root, label), label)
        items += found
        problems += wrong
    results = in_threads(examine_case, items, "reading images")
    cases = [case for case, _ in results if case is not None]
    problems += [problem for _, wrong in results for problem in wrong]
    cases = pd.DataFrame(cases, columns=COLUMNS)
    problems += _lacking(root, cases, problems)
    problems.sort(key=lambda row: SEVERITIES.index(row[0]))
    return cases, pd.DataFrame(problems, columns=PROBLEM)


def _lacking(root, cases, problems):
    """Return the problems of a set that lacks a class."""
    if no_lesion(cases):
        add = "add benign or malignant cases, or mend those called errors"
        return [("fatal", root.name, NO_LESION, add)]
    remedy = "add some, or what asks for them stays empty (NaN)"
    what = "no usable case of this class", remedy
    known = {file for _, file, *_ in problems} | set(cases["label"])
    return [("warning", x, *what) for x in LABELS if x not in known]


def _beside(root):
    """Return a warning for each folder or picture that lies beside a class."""
    known = {class_folder(root, label) for label in LABELS}
    remedy = "move its files into benign/, malignant/ or normal/"
    what = "is beside the classes: not read", f"{remedy} if they belong"
    return [
        ("warning", path.name, *what)
        for path in busi_folder.listing(root, [])
        if path not in known and not is_junk(path)
        if path.is_dir() or path.suffix.lower() in PICTURES
    ]


def _list_class(folder, label):
    """Return (items, problems) of a class folder.

    items: (label, number, {IMAGE, FIRST_MASK, 1, ...: path}), by number.
    """
    cases, problems, locked = {}, [], []
    paths = busi_folder.listing(folder, locked)
    if locked:
        fatal = "may not be read", "change its permissions"
        return [], [("fatal", label, *fatal)]
    for path in paths:
        match, advice = NAME.fullmatch(path.name), ()
        if is_junk(path):
            continue
        if match is None or match["label"].lower() != label:
            advice = _stranger(path, label)
        else:
            case = cases.setdefault(int(match["number"]), {})  # "01" is "1"
            part = int(match["part"] or FIRST_MASK) if match["mask"] else IMAGE
            first = case.setdefault(part, path)
            same = f"{first.name} is the same file of the same case"
            if first != path:
                advice = f"not used, since {same}", "keep one of them"
        if advice:
            problems.append(("warning", f"{label}/{path.name}", *advice))
    return [(label, n, case) for n, case in sorted(cases.items())], problems


def _stranger(path, label):
    """Return (problem, remedy) of a name that is not of a class's pattern."""
    other = NAME.fullmatch(path.name)
    if path.is_dir():
        return "folder is not read", f"move its files up into {label}/"
    if other:
        other = other["label"].lower()
        remedy = f"move it to {other}/, or name it '{label} (...)' if it is"
        return f"is named {other}: not read", remedy
    if path.suffix.lower() not in PICTURES:
        return "is no picture: not read", "remove it"
    if NAME.fullmatch(f"{path.stem}.png"):
        remedy = "save it as a PNG; another name alone does not help"
        return f"is a {path.suffix} file: not read", remedy
    mask = "_mask" if MASK_WORD.search(path.stem) else ""
    number = next(iter(re.findall(r"\d+", path.stem)), 1)
    name = f"{label} ({int(number)}){mask}.png"
    return "unknown name: not read", f"name it like '{name}', or remove it"


def examine_case(item):
    """Return (row of a case or None, its problems), all of its files read."""
    label, number, paths = item
    image = paths.get(IMAGE)
    mask_paths = [paths[part] for part in sorted(paths) if part != IMAGE]
    case, decoded, problems = f"{label} ({number})", {}, []

    def add(path, problem, remedy):
        where = f"{path.parent.name}/{path.name}"
        problems.append(("error", where, problem, remedy))

    if image is None:
        for path in mask_paths:
            remedy = f"fetch {case}.png, or remove the mask"
            add(path, "mask without an image", remedy)
        return None, problems
    for path in [image, *mask_paths]:
        try:
            decoded[path] = _grey(path) if path == image else _decode(path)
        except ValueError as error:
            add(path, str(error), "fetch the file again, as an 8-bit PNG")
    if not mask_paths:
        add(image, "image without a mask", f"add '{case}_mask.png'")
    if not problems:
        grey = decoded.pop(image)
        for problem in _misfits(label, (image, grey), decoded):
            add(*problem)
    if problems:
        return None, problems
    height, width = grey.shape
    row = case, label, *_image_and_masks(paths), height, width
    return dict(zip(COLUMNS, row, strict=True)), []


def _misfits(label, image, mask_pictures):
    """Return (path, problem, remedy) of what a case's pictures cannot be.

    image: (path, grey values); mask_pictures: {path: picture}.
    """
    where, grey = image
    height, width = grey.shape
    found = []
    if len(np.unique(grey[::4, ::4])) <= 2 and len(np.unique(grey)) <= 2:
        problem = "image has two grey values at most"
        found.append((where, problem, "fetch it again; is it the mask?"))
    for path, mask in mask_pictures.items():
        h, w = mask.shape[:2]
        flat = mask
        if mask.ndim > 2:
            flat = cv2.cvtColor(mask[..., :3], cv2.COLOR_BGR2GRAY)
        if (h, w) != (height, width):
            problem = f"mask is {w}x{h}, image {width}x{height}"
            found.append((path, problem, "fetch both again"))
        elif np.array_equal(flat, grey) and grey.any():
            problem = "mask is the image itself"
            found.append((path, problem, "fetch the mask again"))
        elif why := masks.fault(mask):
            remedy = "save it as black (0) with the lesion white (255)"
            found.append((path, why, remedy))
    if found:
        return found
    path = next(iter(mask_pictures))
    lesions = map(masks.from_picture, mask_pictures.values())
    has_lesion = any(map(np.any, lesions))
    if label == "normal" and has_lesion:
        problem = "normal image with a lesion in its mask"
        return [(path, problem, "check its class")]
    if label != "normal" and not has_lesion:
        problem = f"{label} image with an empty mask"
        return [(path, problem, "fetch the mask again")]
    return []


def _grey(path):
    """Return an image's grey values as `read_image` does, of 8 bits only."""
    data = _png(path)
    if data[24:25] == b"\x10":  # of the header
        raise ValueError("picture has 16 bits, not 8")
    return pictures.decoded(data).grey


def _decode(path):
    """Return a mask as decoded by OpenCV; ValueError says what it is else."""
    picture = masks.decode(np.frombuffer(_png(path), np.uint8))
    if picture is None:
        raise ValueError("picture is damaged")
    if picture.dtype != np.uint8:
        raise ValueError(f"picture has {8 * picture.itemsize} bits, not 8")
    return picture


def _png(path):
    """Return the bytes of a whole PNG; ValueError says what it is else."""
    try:
        data = np.fromfile(path, np.uint8).tobytes()
    except OSError as error:
        raise ValueError(f"file cannot be read ({error.strerror})") from None
    if not data:
        raise ValueError("file is empty")
    if pictures.kind(data) != "PNG":
        raise ValueError("file is not a PNG picture")
    if b"IEND" not in data:
        raise ValueError("file is cut off")
    if b"eXIf" in data and pictures.is_turned(data):
        # a mask has no such tag, so which way it lies is unknown
        raise ValueError("picture has a tag that turns it")
    return data


def read_image(path):
    """Return an image's grey values, uint8 (height, width).

    ValueError: the file is not a whole PNG.
    """
    try:
        return pictures.decoded(_png(path)).grey
    except ValueError as error:
        remedy = "fetch it again, as an 8-bit PNG"
        raise ValueError(f"{path}: {error}; {remedy}") from None


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
    # each thread changes the filters of warnings for a moment; they cross
    restored = warnings.catch_warnings()
    with restored, ThreadPoolExecutor(environment.cores()) as pool:
        results = pool.map(function, items)
        return list(tqdm(results, what, len(items), **bar))


def fingerprint(root):
    """Return the hex SHA-256 of the names and contents of the set's PNGs."""
    root = find(root)
    folders = [class_folder(root, label) for label in LABELS]
    lists = [busi_folder.listing(folder, []) for folder in folders]
    paths = itertools.chain(*lists)
    return digest_of([p for p in paths if p.suffix.lower() == ".png"])


def digest_of(paths):
    """Return the hex SHA-256 of the names and contents of files, no junk."""
    paths = [path for path in paths if not is_junk(path)]
    pairs = zip(paths, in_threads(_digest, paths), strict=True)
    lines = [f"{path.parent.name}/{path.name} {sha}\n" for path, sha in pairs]
    whole = "".join(lines).encode(errors="surrogateescape")
    return hashlib.sha256(whole).hexdigest()


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

    images, labels = np.empty((2, len(cases), size, size), np.uint8)

    def read(numbered):
        k, case = numbered
        images[k], mask = read_square(case, size)
        labels[k] = masks.target(mask, case.label)

    in_threads(read, [*enumerate(cases.itertuples())], "building arrays")
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
