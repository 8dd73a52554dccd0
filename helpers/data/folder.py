"""Index a data set of one's own: images/, masks/ and labels.csv.

    images/a1.png    8-bit PNG
    masks/a1.png     of the same name and size: lesion white, all else black
    labels.csv       file,label[,patient,scanner]: a1.png,benign,p07,Aplio 300

label is benign, malignant or normal (whose mask is black). With patients,
intervals and folds go by patient.
"""

import io
import warnings
from pathlib import Path

import pandas as pd

from . import busi
from .busi_folder import is_junk

TABLE = "labels.csv"
WANTED = "images/, masks/ and labels.csv with the columns file and label"
OPTIONAL = ["patient", "scanner"]


def scan(root):
    """Return (cases, problems) as `examined` does, of the folder's table.

    case: the file's name without .png; patient (str) and scanner, if the table
    has them; then group is the patient. An image that the table does not name
    is a warning. `busi.DataError`: something is wrong with the table.
    """
    root = Path(root).expanduser().absolute()
    table = read_table(root / TABLE, ["file", "label"])
    table["label"] = table["label"].str.lower()
    for column in {"file", "label", *OPTIONAL} & set(table):
        empty = table.index[table[column].eq("")]
        if len(empty):
            raise busi.DataError(
                f"{root / TABLE}, line {empty[0] + 2}: {column} is empty; "
                "fill it in, or leave the column out if it is optional."
            )
    names = table["file"].str.removesuffix(".png")
    if names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        raise busi.DataError(f"{root / TABLE} names {twice} twice: keep one.")
    kept = [column for column in ("label", *OPTIONAL) if column in table]
    rows = table[kept].assign(case=names)
    for folder in ("image", "mask"):
        rows[folder] = [root / f"{folder}s" / f"{name}.png" for name in names]
    cases, problems = examined(rows, root / TABLE)
    named = {path.name for path in rows["image"]}
    paths = sorted((root / "images").glob("*"))
    found = [p.name for p in paths if p.name not in named and not is_junk(p)]
    what = f"not in {TABLE}", "add it, or remove it"
    more = [("warning", f"images/{name}", *what) for name in found]
    more = pd.DataFrame(more, columns=busi.PROBLEM)
    return cases, pd.concat([problems, more], ignore_index=True)


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

    table: the path that they are from. `busi.DataError`: an unknown label.

    Each file is read and judged as one of BUSI. cases: without those that have
    a problem; further columns are kept, and group is the patient, if any.
    """
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
