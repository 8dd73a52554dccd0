"""Index a data set of one's own: images/, masks/ and labels.csv.

    images/a1.png    8-bit PNG
    masks/a1.png     of the same name and size: lesion white, all else black
    labels.csv       file,label[,patient,scanner]: a1.png,benign,p07,Aplio 300

label is benign, malignant or normal (whose mask is black). With patients,
intervals and folds go by patient.
"""

import io
import os
import warnings

import pandas as pd

from .. import files
from . import busi
from .busi_folder import is_junk

TABLE = "labels.csv"
WANTED = "images/, masks/ and labels.csv with the columns file and label"
OPTIONAL = ["patient", "scanner"]
UNKNOWN = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "-"]


def scan(root):
    """Return (cases, problems) as `examined` does, of the folder's table.

    case: the file's name without .png; patient (str) and scanner, if the table
    has them; then group is the patient. An image that the table does not name
    is a warning. `busi.DataError`: something is wrong with the table.
    """
    root = files.absolute(root)
    table = read_table(root / TABLE, ["file", "label"])
    table["label"] = table["label"].str.lower()
    refuse_values(table, root / TABLE)
    names = table["file"].str.removesuffix(".png")
    kept = [column for column in ("label", *OPTIONAL) if column in table]
    rows = table[kept].assign(case=names)
    for folder in ("image", "mask"):
        rows[folder] = [root / f"{folder}s" / f"{name}.png" for name in names]
    cases, problems = examined(rows, root / TABLE)
    more = pd.DataFrame(unknown_patients(table), columns=busi.PROBLEM)
    return cases, pd.concat([problems, more], ignore_index=True)


def refuse_values(table, path):
    """Raise `busi.DataError` for a value that labels.csv may not have."""

    def refuse(column, wrong, problem):
        if wrong.any():
            where = f"{path}, line {wrong.idxmax() + 2}"
            raise busi.DataError(f"{where}: {column} {problem}.")

    for column in table.columns.intersection(["file", "label", *OPTIONAL]):
        fill = "fill it in, or leave the column out if it is optional"
        refuse(column, table[column] == "", f"is empty; {fill}")
    files_named = table["file"]
    plain = files_named.map(lambda name: os.path.basename(name) == name)
    refuse("file", ~plain, "is no name of a file; give it without a folder")
    ends = files_named.str.lower().str.extract(r"(\.[a-z]+)$")[0]
    other = ends.isin(busi.PICTURES) & ~files_named.str.endswith(".png")
    refuse("file", other, "does not end in .png; save the picture as PNG")
    if "scanner" in table:
        problem = "is called 'all', as all of them are here; name it otherwise"
        refuse("scanner", table["scanner"] == "all", problem)


def unknown_patients(table):
    """Return a warning for each name of a patient that may say "unknown"."""
    if "patient" not in table:
        return []
    counts = table["patient"].value_counts()
    remedy = "leave the column out if it means that the patient is unknown"
    return [
        ("warning", TABLE, f"patient {name!r} has {n} images", remedy)
        for name, n in counts[counts.index.isin(UNKNOWN)].items()
        if n > 1
    ]


def read_table(path, columns):
    """Return a CSV file (comma or semicolon) as a DataFrame of str.

    `busi.DataError`: it is missing, no table, has no rows or lacks columns.
    """
    if not path.is_file():
        lacks = f"{path.parent} holds no {path.name}"
        raise busi.DataError(f"{lacks}: see data/README.md for the layout.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        head = text.partition("\n")[0]
        sep = ";" if head.count(";") > head.count(",") else ","
        how = {"index_col": False, "keep_default_na": False}
        with warnings.catch_warnings():
            # of rows longer than the first it would drop the rest
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(io.StringIO(text), sep=sep, dtype=str, **how)
        table = table.apply(lambda column: column.str.strip())
    except (OSError, ValueError, pd.errors.ParserWarning) as error:
        first = str(error).split("\n")[0]
        problem = f"{path} is no table ({first})"
        remedy = "save it as CSV UTF-8, with one value a column."
        raise busi.DataError(f"{problem}: {remedy}") from None
    missing = [name for name in columns if name not in table]
    if missing or table.empty:
        lacks = f"no column {missing[0]}" if missing else "no row"
        has = f"it has {', '.join(map(str, table))}"
        raise busi.DataError(f"{path} has {lacks} ({has}).")
    return table


def examined(rows, table):
    """Return (cases, problems) of DataFrame[case, label, image, mask ...].

    table: the path that they are from. `busi.DataError`: an unknown label, or
    a case that stands there twice.

    Each file is read and judged as one of BUSI; an image that the table does
    not name is a warning. cases: without those that have a problem; further
    columns are kept, and group is the patient, if any.
    """
    if rows["case"].duplicated().any():
        twice = rows["case"][rows["case"].duplicated()].iloc[0]
        raise busi.DataError(f"{table} names {twice} twice: keep one.")
    wrong = rows[~rows["label"].isin(busi.LABELS)]
    if len(wrong):
        row, known = wrong.iloc[0], ", ".join(busi.LABELS)
        one = f"label of {row['case']} is {row['label']!r}"
        raise busi.DataError(f"{table}: {one}; use {known}.")
    items = [
        (r.label, r.case, {busi.IMAGE: r.image, busi.FIRST_MASK: r.mask})
        for r in rows.itertuples()
    ]
    found = busi.in_threads(busi.examine_case, items, "reading images")
    problems = [problem for _, wrong in found for problem in wrong]
    named = set(rows["image"])
    what = f"not in {table.name}", "add it, or remove it"
    for path in sorted(rows["image"].iloc[0].parent.glob("*")):
        if path not in named and not is_junk(path):
            where = f"{path.parent.name}/{path.name}"
            problems.append(("warning", where, *what))
    good = [case is not None for case, _ in found]
    cases = pd.DataFrame([c for c, _ in found if c], columns=busi.COLUMNS)
    kept = rows[good].reset_index(drop=True)
    cases["case"] = kept["case"]
    for column in kept.columns.difference(["mask", *cases], sort=False):
        cases[column] = kept[column]
    if "patient" in cases:
        cases["group"] = "patient " + cases["patient"].astype(str)
    return cases, pd.DataFrame(problems, columns=busi.PROBLEM)


def whole(root, cases, problems):
    """Return the cases if no file has a problem, else raise `busi.DataError`.

    Who reports on a set must not leave out cases in silence.
    """
    errors = problems[problems["severity"] == "error"]
    if len(errors):
        first = "{file}: {problem}; {remedy}.".format(**errors.iloc[0])
        problem = f"{len(errors)} files cannot be used, first {first}"
        raise busi.DataError(f"{root}: {problem}")
    return cases
